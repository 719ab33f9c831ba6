"""The coverage table of the array API standard: complete, true, and the committed page as the code would write it."""

from __future__ import annotations

from pathlib import Path

import array_api_strict
import pytest

import chainrule as cr
from chainrule.ops.coverage import METHODS, STANDARD, page


def names(section: str) -> set[str]:
    return set(STANDARD[section].split())


def test_the_committed_page_is_what_the_code_says(repository: Path) -> None:
    written = (repository / "docs" / "array-api.md").read_text(encoding="utf-8")
    assert written == page(), "write it again: python -m chainrule.ops.coverage > docs/array-api.md"


def test_nothing_of_the_standard_is_left_out() -> None:
    listed = set().union(*(names(s) for s in STANDARD if not s.startswith("Extension")))
    # what is the reference implementation's own, or newer than 2024.12
    own = {
        n
        for n in array_api_strict.__all__
        if "array_api_strict" in n or n in ("ArrayAPIStrictFlags", "Device", "__version__")
    }
    newer = {"broadcast_shapes", "isin"}
    assert set(array_api_strict.__all__) - own - newer - {"linalg", "fft"} == listed
    assert set(array_api_strict.linalg.__all__) == names("Extension linalg")
    assert set(array_api_strict.fft.__all__) == names("Extension fft")


@pytest.mark.parametrize("section", STANDARD)
def test_every_name_is_there(section: str) -> None:
    holder = {"Extension linalg": cr.linalg, "Extension fft": cr.fft}.get(section, cr)
    missing = [name for name in sorted(names(section)) if not hasattr(holder, name)]
    assert not missing


def test_every_attribute_and_method_is_there() -> None:
    listed = " ".join(METHODS.values()).split()
    assert [name for name in listed if not hasattr(cr.Tensor, name)] == []
    reference = [
        n for n in dir(array_api_strict.ones(1)) if not hasattr(object(), n) and (n[:2] == "__" or n[0] != "_")
    ]
    inplace = {n for n in reference if n.startswith("__i") and n not in ("__invert__", "__int__", "__index__")}
    unlisted = {
        "__array_priority__",
        "__buffer__",
        "__iter__",
        "__len__",
        "__array__",
        "__hash__",
        "__slots__",
        "__weakref__",
    }
    missing = set(reference) - set(listed) - inplace - unlisted - {"__module__", "__dict__", "__annotations__"}
    assert not missing


def test_whatever_has_no_gradient_says_why() -> None:
    rows = [line.split(" | ") for line in page().splitlines() if line.startswith("| `")]
    assert rows
    silent = [row[0] for row in rows if row[2] == "no" and row[3].strip(" |") in ("", "unknown")]
    assert not silent
