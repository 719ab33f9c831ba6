"""Program: one XLA program, what it depends on, and how it is run on the Variables it reads and writes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import starmap
from sys import getrefcount
from typing import Any

import numpy as np

from chainrule.array import import_jax
from chainrule.compile.memory import CALLS
from chainrule.compile.structure import rebuild_result
from chainrule.compile.surroundings import Name, same
from chainrule.graph import RowSparse, Variable, changes, wrap

__all__ = ["Compilation", "Program", "dense"]


@dataclass(frozen=True)
class Compilation:
    """What one compilation was about.

    Attributes:
        reason: why it was needed.
        arguments: each argument's place and what it was, such as `("images", "float32[32, 64]")`.
        seconds: the time to trace and compile.
        variables: how many Variables the program reads; `written`: how many of them it also writes.
        ops: the operations in it.
    """

    reason: str
    arguments: tuple[tuple[str, str], ...]
    seconds: float
    variables: int
    written: int
    ops: frozenset[str]


@dataclass
class Program:
    """One XLA program, with where its inputs come from and where its outputs go."""

    compiled: Any
    call: Any
    if_often: Callable[[], Any] | None
    written: list[Variable]
    read: list[Variable]
    with_grad: list[Variable]
    grads_before: list[tuple[Variable, bool]]
    grads_after: list[tuple[Variable, str]]
    result: Any
    guards: list[tuple[Any, str, Any]]
    names: list[Name]
    compilation: Compilation
    in_64_bits: bool
    changes_seen: int = field(default=-1)
    calls: int = field(default=0)

    def broken_guard(self) -> str | None:
        """Which name, setting, mode or flag differs from when the program was made, or None."""
        for name in self.names:
            now = name.now()
            if now is not name.value and not same(now, name.value):
                what = _shown(now)
                if what == _shown(name.value):
                    return f"{name.name}, which the function uses, is another {type(now).__name__} now"
                return f"{name.name}, which the function uses, was {_shown(name.value)} and is {what} now"
        seen = changes()
        if self.changes_seen != seen:
            for holder, attribute, value in self.guards:
                now = getattr(holder, attribute, None)
                if not same(now, value):
                    name = getattr(holder, "name", "") or type(holder).__name__
                    return f"{attribute.lstrip('_')} of {name} changed from {_shown(value)} to {_shown(now)}"
            self.changes_seen = seen
        for variable, had in self.grads_before:
            if (variable._grad is not None) is not had:
                return (
                    f"the gradient of {variable.name or 'a Variable'} was {'there' if had else 'None'} and now is not"
                )
        return None

    def run(self, leaves: list[Any]) -> Any:
        """The function's result for these inputs; Variables and gradients are changed as it says."""
        if self.if_often is not None:
            self._count()
        changing = self.written or self.grads_after or self.with_grad
        if not changing and not self.in_64_bits:  # JAX's mode takes a microsecond to set
            return self._look(leaves)
        with import_jax().enable_x64(True):
            if not changing:
                return self._look(leaves)
            with _WRITING:
                return self._run(leaves)

    def _count(self) -> None:
        """Where the program is called often, goes on with the one that takes longer to get and less to run."""
        with _WRITING:
            self.calls += 1
            if self.calls >= CALLS and self.if_often is not None:
                self.compiled = self.call = self.if_often()
                self.if_often = None

    def _look(self, leaves: list[Any]) -> Any:
        """The result where nothing is changed."""
        try:
            _, arrays, _ = self.call([], _placed(self.read), [], leaves)
        except (RuntimeError, ValueError):
            with _WRITING:  # another thread may have donated what was being read; this program changes nothing itself
                _, arrays, _ = self.call([], _placed(self.read), [], leaves)
        self._call_directly()
        return rebuild_result(self.result, iter(arrays))

    def _run(self, leaves: list[Any]) -> Any:
        written = [v._value for v in self.written]
        if written and max(map(getrefcount, written)) > _ALONE:
            written = _own(written)
        read = _placed(self.read)
        grads = [dense(v) for v in self.with_grad]
        # The program has taken over the Variables' memory, so Ctrl-C must not come between its results and them. Called
        # by `extend`, it leaves the results in the list before Python looks for signals; then they are taken over, if
        # need be again.
        answer: list[Any] = []
        try:
            answer.extend(starmap(self.call, ((written, read, grads, leaves),)))
            self._take_over(answer)
        except BaseException:
            self._take_over(answer)
            raise
        self._call_directly()
        return rebuild_result(self.result, iter(answer[0][1]))

    def _call_directly(self) -> None:
        """What JAX made of the program at its first call runs without a Python frame, in which Ctrl-C could lose the
        results.
        """
        if self.call is self.compiled:
            self.call = getattr(self.compiled, "_call", None) or self.compiled

    def _take_over(self, answer: list[Any]) -> None:
        """Gives the Variables and gradients the values that the program computed, if it did."""
        for new, _, new_grads in answer:
            for variable, value in zip(self.written, new, strict=True):
                variable._value = value
            arrays = iter(new_grads)
            for variable, kind in self.grads_after:
                if kind == "none":
                    variable._grad = None
                elif kind == "dense":
                    variable._grad = wrap(next(arrays))
                else:
                    variable._grad = RowSparse(wrap(next(arrays)), wrap(next(arrays)), variable.shape)


def _shown(value: Any) -> str:
    """A value in a reason: numbers and texts as they are, objects by what they are."""
    return repr(value) if isinstance(value, bool | int | float | str | np.dtype | None) else f"a {type(value).__name__}"


def _placed(variables: list[Variable]) -> list[Any]:
    """The values where programs find them without a copy: moved there once, not at every call."""
    values = [v._value for v in variables]
    if np.ndarray not in map(type, values):
        return values
    jax = import_jax()
    with jax.enable_x64(True):
        placed = [jax.device_put(value) if type(value) is np.ndarray else value for value in values]
    with _WRITING:
        for variable, value, there in zip(variables, values, placed, strict=True):
            if variable._value is value:  # and not what another thread has written meanwhile
                variable._value = there
    return placed


def dense(variable: Variable) -> Any:
    """The array of a gradient, which programs take in dense."""
    if isinstance(variable._grad, RowSparse):
        variable._grad = variable._grad.dense()
    return variable._grad._data  # type: ignore[union-attr]


_WRITING = threading.RLock()
"""Held while a program that changes Variables runs: it takes over their memory, so no other may use it meanwhile."""


class _Holder:
    value: object


def _alone() -> int:
    """What `getrefcount` says of an object that one attribute and one list hold."""
    holder = _Holder()
    holder.value = object()
    return max(map(getrefcount, [holder.value]))


_ALONE = _alone()


def _own(arrays: list[Any]) -> list[Any]:
    """The arrays, copied where somebody else holds one too, such as a detached Tensor or a second Variable."""
    counts = list(map(getrefcount, arrays))
    return [
        array.copy() if count > _ALONE and not isinstance(array, np.ndarray) else array
        for array, count in zip(arrays, counts, strict=True)
    ]
