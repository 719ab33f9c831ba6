"""The steps of `scan` as functions of arrays alone: what they use from outside is passed in, what they assign stays
inside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chainrule.array import is_floating
from chainrule.graph import FUNCTIONS, TRACE, RowSparse, Tensor, Variable, enable_grad, gradients, is_recording, wrap

__all__ = ["Inside", "Loop", "compiling", "floating"]


class Inside:
    """The trace within a step: Variables have the values that the loop carries, and what is assigned stays in here."""

    def __init__(self, outer: Any, held: dict[int, Any]) -> None:
        self.outer = outer
        self.held = held
        self.written: dict[int, Variable] = {}
        self.grads: dict[int, tuple[Variable, Any]] = {}

    def read(self, variable: Variable) -> Any:
        if id(variable) in self.held:
            return self.held[id(variable)]
        return variable._value if self.outer is None else self.outer.read(variable)

    def write(self, variable: Variable, value: Any) -> None:
        self.held[id(variable)] = value
        self.written[id(variable)] = variable

    def read_grad(self, variable: Variable) -> Any:
        return self.grads.get(id(variable), (variable, None))[1]

    def write_grad(self, variable: Variable, grad: Any) -> None:
        self.grads[id(variable)] = (variable, grad)

    def leaf_grad(self, tensor: Any) -> None:
        if self.outer is not None:
            self.outer.leaf_grad(tensor)

    def guard(self, holder: Any, attribute: str, value: Any) -> None:
        if self.outer is not None:
            self.outer.guard(holder, attribute, value)

    def refuse_new_variable(self) -> None:
        if self.outer is not None:
            self.outer.refuse_new_variable()

    def used(self, op: str) -> None:
        if self.outer is not None:
            self.outer.used(op)


def compiling() -> bool:
    """Whether a program is being built, around the steps that run now."""
    trace: Any = TRACE.get()
    while isinstance(trace, Inside):
        trace = trace.outer
    return trace is not None


@dataclass(eq=False)
class Loop:
    """What a loop does, apart from the numbers.

    Attributes:
        step: `step(carry, x)` on lists of Tensors gives the next carry and the outputs, two lists.
        carried: how many Tensors the carry has, apart from Variables.
        captured: what the step uses from outside and what needs a gradient.
        written: the Variables that the step assigns to, whose values are carried too.
        length, reverse: as of `scan`.
    """

    step: Callable[[list[Any], list[Any]], tuple[list[Any], list[Any]]]
    carried: int
    captured: tuple[Tensor, ...]
    written: tuple[Variable, ...]
    length: int
    reverse: bool

    def divide(self, inputs: Sequence[Any]) -> tuple[list[Any], list[Any], list[Any]]:
        """Carry (with Variables), sequences and what is captured, of all inputs of the operation."""
        first, last = self.carried + len(self.written), len(inputs) - len(self.captured)
        return list(inputs[:first]), list(inputs[first:last]), list(inputs[last:])

    def run(self, carry: list[Any], x: list[Any], captured: list[Any]) -> tuple[list[Any], list[Any]]:
        """One step as a function of arrays alone: what is captured has the values given, without a history.

        Gives the next carry, with the values of Variables, and the outputs.
        """
        held = {id(v): value for v, value in zip(self.captured, captured, strict=True) if isinstance(v, Variable)}
        held |= {id(v): value for v, value in zip(self.written, carry[self.carried :], strict=True)}
        tensors = [(t, value) for t, value in zip(self.captured, captured, strict=True) if not isinstance(t, Variable)]
        before = [(t._data, t._node, t._index) for t, _ in tensors]
        token = TRACE.set(Inside(TRACE.get(), held))
        try:
            for t, value in tensors:
                t._data, t._node, t._index = value, None, 0
            new, outputs = self.step([wrap(c) for c in carry[: self.carried]], [wrap(v) for v in x])
            return [*(t._data for t in new), *(held[id(v)] for v in self.written)], [y._data for y in outputs]
        finally:
            TRACE.reset(token)
            for (t, _), (data, node, index) in zip(tensors, before, strict=True):
                t._data, t._node, t._index = data, node, index

    def back(self, needs: Sequence[bool]) -> Callable[[list[Any], list[Any]], Any]:
        """The step of the loop back, in which a step is computed again and differentiated.

        It carries the gradients of the carry and the sums of those of what is captured. Its sequences are what was
        carried before each step, the sequences, and the gradients of the outputs and, if any, of what was carried; its
        outputs the gradients of the sequences that need one.
        """

        def step(carried: list[Any], parts: list[Any]) -> tuple[list[Any], list[Any]]:
            higher = is_recording()
            size = self.carried + len(self.written)
            held = {id(v): c._data for v, c in zip(self.written, parts[self.carried : size], strict=True)}
            token = TRACE.set(Inside(TRACE.get(), held))
            try:
                with enable_grad():
                    carry = [_marked(c) for c in parts[: self.carried]]
                    x = [_marked(v) if needed else v for v, needed in zip(parts[size:], needs, strict=False)]
                    new, outputs = self.step(carry, x)
                    results, before = floating(new), floating(carry)
                    count = len(results)
                    results += floating(outputs)
                    arrived = parts[size + len(x) :]
                    seeds = [*carried[:count], *arrived[: len(results) - count]]
                    pairs = [(y, g) for y, g in zip(results, seeds, strict=True) if y.requires_grad]
                    sources = [v for v, needed in zip(x, needs, strict=True) if needed]
                    found = gradients(
                        [y for y, _ in pairs],
                        [g for _, g in pairs],
                        wanted=[*before, *sources, *self.captured],
                        create_graph=higher,
                    )
                    dense = [_dense(g, t) for t, g in found]
                    added = [*arrived[len(results) - count :], *carried[count:]]  # to both ends of what was found
                    dx = dense[count : count + len(sources)]
                    dcarry = [*dense[:count], *dense[count + len(sources) :]]
                    skipped = len(dcarry) - len(added)
                    return [*dcarry[:skipped], *(d + a for d, a in zip(dcarry[skipped:], added, strict=True))], dx
            finally:
                TRACE.reset(token)

        return step


def floating(tensors: Sequence[Any]) -> list[Any]:
    """Those that gradients can reach."""
    return [t for t in tensors if is_floating(t.dtype)]


def _marked(x: Any) -> Any:
    """The Tensor as one to differentiate by; while gradients are recorded it stays linked to where it comes from."""
    if not is_floating(x.dtype):
        return x
    return FUNCTIONS["positive"](x) if x.requires_grad else wrap(x._data, requires_grad=True)


def _dense(g: Any, like: Any) -> Any:
    if g is None:
        return FUNCTIONS["zeros_like"](like.detach())
    return g.dense() if isinstance(g, RowSparse) else g
