"""Reading a saved state: every value is checked, since the file may be damaged, hostile or from another version."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from chainrule.errors import DataError

__all__ = ["State"]


class State:
    """A mapping read from JSON whose values are asked for by name and type.

    Example:
        >>> State({"mean": 2}, "preprocessing.json").number("mean")
        2.0
    """

    def __init__(self, values: Any, where: str) -> None:
        self.where = where
        if not isinstance(values, dict):
            raise DataError(f"expected names and values, got {type(values).__name__}", where=where, fix=_FIX)
        self.values = values

    def wrong(self, name: str, why: str) -> DataError:
        """The error for a value that is not what it should be."""
        return DataError(f"{name!r} {why}", where=self.where, fix=_FIX)

    def _get(self, name: str, kinds: type | tuple[type, ...], words: str) -> Any:
        if name not in self.values:
            raise self.wrong(name, "is missing")
        value = self.values[name]
        if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not bool):
            raise self.wrong(name, f"is {str(value)[:60]!r}, expected {words}")
        return value

    def text(self, name: str) -> str:
        """A text."""
        return self._get(name, str, "text")

    def texts(self, name: str) -> list[str]:
        """A list of texts."""
        values = self._get(name, list, "a list of text")
        if not all(isinstance(value, str) for value in values):
            raise self.wrong(name, "holds something else than text")
        return values

    def flag(self, name: str) -> bool:
        """True or false."""
        return self._get(name, bool, "true or false")

    def number(self, name: str) -> float:
        """A finite number."""
        value = self._get(name, (int, float), "a number")
        try:
            result = float(value)
        except OverflowError:
            result = math.inf
        if not math.isfinite(result):
            raise self.wrong(name, f"is {str(value)[:60]}, expected a finite number")
        return result

    def positive(self, name: str) -> float:
        """A finite number above 0."""
        value = self.number(name)
        if value <= 0:
            raise self.wrong(name, f"is {value}, expected more than 0")
        return value

    def whole(self, name: str, least: int = 0) -> int:
        """A whole number of at least `least`."""
        value = self._get(name, int, "a whole number")
        if value < least:
            raise self.wrong(name, f"is {value}, expected at least {least}")
        return value

    def numbers(self, name: str) -> list[float]:
        """A list of finite numbers."""
        values = self._get(name, list, "a list of numbers")
        return [State({name: value}, self.where).number(name) for value in values]

    def inner(self, name: str) -> State:
        """A state inside this one."""
        return State(self._get(name, dict, "names and values"), f"{self.where}, {name}")

    def inners(self, name: str) -> Iterator[State]:
        """The states of a list inside this one."""
        for i, value in enumerate(self._get(name, list, "a list")):
            yield State(value, f"{self.where}, {name} {i}")


_FIX = "train again, or take the file from an undamaged copy of the run"
