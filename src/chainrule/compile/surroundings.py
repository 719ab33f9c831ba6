"""What a compiled function depends on besides its arguments and Variables: names outside of it, settings of objects."""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable, Iterator
from types import CellType, CodeType, ModuleType
from typing import Any

import numpy as np

from chainrule.graph import Tensor, Variable, changed
from chainrule.graph.context import Trace

__all__ = ["Followed", "Name", "names_of", "same"]

_VALUES = frozenset((bool, int, float, complex, str, bytes, type(None)))
_MISSING = object()


def same(a: Any, b: Any) -> bool:
    """Whether a program made with one would do for the other: the same object, or an equal number or text."""
    return a is b or (type(a) is type(b) and type(a) in _VALUES and a == b)


class Name:
    """A name that a function reads from outside of itself, and what it stood for when the program was made.

    Arguments:
        name: the name.
        place: the globals, or the cell of an enclosing function, where it is looked up.
    """

    __slots__ = ("name", "place", "value")

    def __init__(self, name: str, place: dict[str, Any] | CellType) -> None:
        self.name = name
        self.place = place
        self.value = self.now()

    def now(self) -> Any:
        """What it stands for now."""
        if isinstance(self.place, dict):
            return self.place.get(self.name, _MISSING)
        try:
            return self.place.cell_contents
        except ValueError:  # of an enclosing function that has not set it yet
            return _MISSING


def names_of(function: Callable[..., Any]) -> list[Name]:
    """The names that the function's own code reads from outside, but for those of modules and built-ins."""
    function = inspect.unwrap(function)
    function = getattr(function, "__func__", function)
    code = getattr(function, "__code__", None)
    if code is None:
        return []
    found = [Name(name, function.__globals__) for name in sorted(set(_globals_read(code)))]
    found += [Name(name, cell) for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True)]
    return [name for name in found if name.value is not _MISSING and not isinstance(name.value, ModuleType)]


def _globals_read(code: CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname == "LOAD_GLOBAL":
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _globals_read(constant)


class Followed:
    """A base for objects with settings, such as layers and update rules: compiled functions follow changes of them.

    Settings are the attributes without an underscore in front, arrays and results left out.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        before = vars(self).get(name, _MISSING)
        object.__setattr__(self, name, value)
        if not same(before, vars(self).get(name, _MISSING)):  # a property has changed what it sets by itself
            changed()

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        changed()

    @property
    def _attributes(self) -> str:
        """The names of the settings: one may be added or taken away."""
        return ", ".join(name for name in vars(self) if name[0] != "_")

    def _tell_settings(self, trace: Trace) -> None:
        """Reports the settings to the program that is being made."""
        trace.guard(self, "_attributes", self._attributes)
        for name, value in vars(self).items():
            if name[0] != "_" and (isinstance(value, Variable) or not isinstance(value, Tensor | np.ndarray)):
                trace.guard(self, name, value)
