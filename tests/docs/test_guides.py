"""The guides: what a page shows for chainrule and beside it for PyTorch gives the same numbers.

Each tab leaves its numbers in `answer`. The pages themselves are executed when the documentation is built.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

GUIDES = sorted((Path(__file__).parents[2] / "docs" / "guides").glob("*.md"))
_TAB = re.compile(r'^=== "(chainrule|PyTorch)"\n\n(    ```python[^\n]*\n(?:(?:    [^\n]*)?\n)*?    ```)$', re.MULTILINE)


def tabs(guide: Path) -> list[tuple[str, str]]:
    """The code of every tab, in order."""
    found = _TAB.findall(guide.read_text(encoding="utf-8"))
    return [(name, "\n".join(textwrap.dedent(code).splitlines()[1:-1])) for name, code in found]


def compare(ours: Any, theirs: Any, place: str) -> None:
    if isinstance(ours, dict):
        assert ours.keys() == theirs.keys(), place
        for key in ours:
            compare(ours[key], theirs[key], f"{place}[{key!r}]")
    elif isinstance(ours, list | tuple):
        assert len(ours) == len(theirs), place
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            compare(a, b, f"{place}[{i}]")
    else:
        a, b = np.asarray(ours), np.asarray(theirs)
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5 * float(np.abs(b).max(initial=0)), err_msg=place)


@pytest.mark.torch
@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)
def test_chainrule_and_pytorch_give_the_same_numbers(guide: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = tabs(guide)
    assert [name for name, _ in found] == ["chainrule", "PyTorch"] * (len(found) // 2)
    assert found, f"{guide.name} shows no code of PyTorch beside its own"
    ours: dict[str, Any] = {}
    theirs: dict[str, Any] = {}
    for i in range(0, len(found), 2):
        for (name, code), space in zip(found[i : i + 2], (ours, theirs), strict=True):
            exec(compile(code, f"{guide.name}, {name}", "exec"), space)
        compare(ours["answer"], theirs["answer"], f"answer {i // 2 + 1}")


def test_a_wrong_number_is_noticed() -> None:
    compare({"a": [1.0, np.ones(3)]}, {"a": [1.0, np.ones(3)]}, "answer")
    with pytest.raises(AssertionError):
        compare({"a": [1.0, np.ones(3)]}, {"a": [1.0, np.ones(3) * 1.001]}, "answer")
