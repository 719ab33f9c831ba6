"""The operations as a namespace: what is written for the arrays of a library then works on Tensors, too."""

from __future__ import annotations

from typing import Any

from chainrule.graph import FUNCTIONS

__all__ = ["operations"]


class _Operations:
    """The operations on Tensors under the names of an array namespace: a forward computed with it leaves a graph."""

    name = "operations"

    def __getattr__(self, name: str) -> Any:
        if name not in FUNCTIONS:
            raise AttributeError(f"There is no operation {name!r}.", name=name)
        return FUNCTIONS[name]

    def scan(self, step: Any, carry: Any, sequence: Any, length: int, reverse: bool = False) -> Any:
        return FUNCTIONS["scan"](step, carry, sequence, length=length, reverse=reverse)


operations = _Operations()
