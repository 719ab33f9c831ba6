"""Trace: what a compilation in progress knows about the state that the traced function reads and writes."""

from __future__ import annotations

from typing import Any

from chainrule.array import current_precision, jax_namespace
from chainrule.compile.surroundings import same
from chainrule.errors import CompileError
from chainrule.graph import RowSparse, Tensor, Variable, source_of_caller, wrap
from chainrule.graph.tensor import is_tracer

__all__ = ["Discovery", "NewStateError", "Trace"]


class NewStateError(Exception):
    """The function touched a Variable in a way that was not planned for: it has to be explored again."""


class Trace:
    """State during one run of the function with tracers: reads and writes of Variables end up here, never in the
    Variables.

    Arguments:
        values: for each planned Variable (by identity) its tracer.
        written: the identities of those that may be assigned to.
        grads: for each Variable whose gradient existed before, its tracer.
    """

    def __init__(self, values: dict[int, Any], written: set[int], grads: dict[int, Any]) -> None:
        self.values = dict(values)
        self.may_write = written
        self.given_grads = grads
        self.grads: dict[int, Tensor | RowSparse | None] = {}
        self.touched_grads: dict[int, Variable] = {}
        self.read_first: dict[int, Variable] = {}
        self.leaves: dict[int, tuple[Tensor, Any]] = {}
        self.known_leaves: dict[int, tuple[Tensor, Any]] = {}
        self.guards: dict[tuple[int, str], tuple[Any, str, Any]] = {}
        self.ops: set[str] = set()
        self.rounds = False

    def read(self, variable: Variable) -> Any:
        try:
            return self.values[id(variable)]
        except KeyError:
            raise NewStateError from None

    def write(self, variable: Variable, value: Any) -> None:
        if id(variable) not in self.may_write:
            raise NewStateError
        self.values[id(variable)] = _as_traced(value)

    def read_grad(self, variable: Variable) -> Tensor | RowSparse | None:
        key = id(variable)
        if key not in self.grads:
            self.touched_grads[key] = self.read_first[key] = variable
            self.grads[key] = self._first_grad(variable)
        return self.grads[key]

    def _first_grad(self, variable: Variable) -> Tensor | None:
        if variable._grad is None:
            return None
        if id(variable) not in self.given_grads:
            raise NewStateError
        return wrap(self.given_grads[id(variable)])

    def write_grad(self, variable: Variable, grad: Tensor | RowSparse | None) -> None:
        self.touched_grads[id(variable)] = variable
        self.grads[id(variable)] = grad

    def guard(self, holder: Any, attribute: str, value: Any) -> None:
        self.guards.setdefault((id(holder), attribute), (holder, attribute, value))

    def leaf_grad(self, tensor: Tensor) -> None:
        """Notes that a Tensor with a value is about to get a gradient, which is one of this trace.

        Raises:
            CompileError: for one from outside, which is the same at every run; one made inside is a new one.
        """
        if id(tensor) in self.known_leaves:
            raise CompileError(
                "A Tensor from outside the compiled function is to get a gradient inside; only Variables can keep one.",
                where=source_of_caller(),
                fix="make it a cr.Variable(..., requires_grad=True) or an nn.Parameter, or compute with cr.grad and "
                "return the gradient",
            )
        if not is_tracer(tensor._data):
            self.leaves.setdefault(id(tensor), (tensor, tensor._grad))

    def forget_leaf_grads(self) -> None:
        """Leaves outside get back what they had: nothing of a trace outlives it."""
        for tensor, before in self.leaves.values():
            tensor._grad = before

    def lasting_guards(self) -> list[tuple[Any, str, Any]]:
        """The guards but for settings that the function changes itself, such as a counter, which would never hold."""
        return [
            (holder, attribute, value)
            for holder, attribute, value in self.guards.values()
            if attribute in ("training", "requires_grad") or same(getattr(holder, attribute, None), value)
        ]

    def used(self, op: str) -> None:
        self.ops.add(op)
        self.rounds = self.rounds or current_precision() == "bf16"

    def refuse_new_variable(self) -> None:
        raise CompileError(
            "A Variable (a parameter, buffer, optimizer or random stream) is made inside a compiled function; "
            "it would be a new one at every call.",
            where=source_of_caller(),
            fix="make it once, before the compiled function, and use it inside",
        )


class Discovery(Trace):
    """A trace that plans: it lets the function touch anything and notes what."""

    def __init__(self) -> None:
        super().__init__({}, set(), {})
        self.variables: dict[int, Variable] = {}
        self.written: dict[int, Variable] = {}
        self.with_grad: dict[int, Variable] = {}

    def read(self, variable: Variable) -> Any:
        key = id(variable)
        if key not in self.values:
            self.variables[key] = variable
            self.values[key] = jax_namespace().zeros(variable._value.shape, dtype=variable._value.dtype)
        return self.values[key]

    def write(self, variable: Variable, value: Any) -> None:
        self.variables[id(variable)] = variable
        self.written[id(variable)] = variable
        self.values[id(variable)] = _as_traced(value)

    def _first_grad(self, variable: Variable) -> Tensor | None:
        if variable._grad is None:
            return None
        self.with_grad[id(variable)] = variable
        return wrap(jax_namespace().zeros(variable.shape, dtype=variable.dtype))


def _as_traced(value: Any) -> Any:
    # A constant assigned to a Variable has to become part of the program, with the dtype it has now.
    return jax_namespace().asarray(value)
