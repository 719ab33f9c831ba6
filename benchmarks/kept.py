"""Numbers that were measured, by name, in a file that the documentation reads."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

__all__ = ["keep", "known"]


def known(path: Path) -> dict[str, Any]:
    """The entries of a file, none where there is no such file."""
    return json.loads(path.read_text()) if path.exists() else {}


def keep(path: Path, entries: dict[str, Any], order: Iterable[str]) -> dict[str, Any]:
    """Puts entries in the place of earlier ones of the same name; those whose names are not in the order go."""
    merged = known(path) | entries
    merged = {name: merged[name] for name in order if name in merged}
    path.write_text(json.dumps(merged, indent=1, ensure_ascii=False) + "\n")
    return merged
