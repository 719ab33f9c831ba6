"""What the reference pages need beyond reading docstrings as they are."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Function, Object


class Docstrings(Extension):
    """Shows an `Example:` as code, and operations with the arguments that a caller gives."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """The docstring parser knows only the plural of the section; most of our docstrings hold one example."""
        if obj.docstring is not None:
            obj.docstring.value = re.sub(r"^(\s*)Example:$", r"\1Examples:", obj.docstring.value, flags=re.MULTILINE)

    def on_function(self, *, func: Function, **_: Any) -> None:
        """An operation's array namespace comes from the engine, not from the caller."""
        decorated = any(str(decorator.value).startswith("op(") for decorator in func.decorators)
        if decorated and "xp" in func.parameters:
            del func.parameters["xp"]
