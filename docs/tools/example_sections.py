"""Shows a docstring's `Example:` as code, as it does `Examples:`; for the reference pages."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object


class ExampleSections(Extension):
    """The docstring parser knows only the plural; most of our docstrings hold one example."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Puts the section's title into the plural."""
        if obj.docstring is not None:
            obj.docstring.value = re.sub(r"^(\s*)Example:$", r"\1Examples:", obj.docstring.value, flags=re.MULTILINE)
