"""The guides: what a page shows for chainrule and beside it for PyTorch gives the same numbers.

Each tab leaves its numbers in `answer`. The pages themselves are executed when the documentation is built.
"""

from __future__ import annotations

import functools
import re
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule import metrics

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


@functools.cache
def left_behind(guide: str) -> dict[str, Any]:
    """The names that a guide's own tabs leave behind, those of PyTorch not run."""
    names: dict[str, Any] = {}
    for name, code in tabs(next(page for page in GUIDES if page.stem == guide)):
        if name == "chainrule":
            exec(compile(code, guide, "exec"), names)
    return names


def test_momentum_and_noise_get_out_of_a_local_minimum() -> None:
    names = left_behind("gradient-descent")
    found, first = names["found"], {name: path[-1, 0] for name, path in names["rolled"].items()}
    assert found["full batch"] < 0.7
    assert found["with momentum 0.9"] > found["full batch"] + 0.1
    assert found["single samples"] > found["mini-batches of 4"] > found["full batch"]
    assert first["full batch"] < 1 < 2 < first["with momentum 0.9"]


def test_a_cliff_in_time_throws_off_what_is_not_clipped() -> None:
    names = left_behind("vanishing-gradients")
    free, clipped = names["walks"].values()
    assert abs(np.diff(free)).max() > 1
    assert abs(np.diff(clipped)).max() <= 0.1 + 1e-9
    at_the_end = [float(names["loss"](w[-1])) for w in (free, clipped)]
    assert at_the_end[0] > 1 > 0.05 > at_the_end[1]


def test_adagrad_learns_what_is_rare_without_following_the_noise() -> None:
    slow, fast, adagrad = left_behind("optimizer-paths")["learned"].values()
    assert slow[-1, 2] < 0.6
    assert abs(adagrad[-1] - 1).max() < 0.2
    assert adagrad[2000:, 0].std() < 0.5 * fast[2000:, 0].std()


def test_two_moons_need_more_than_one_bend() -> None:
    names = left_behind("depth-and-width")
    points, label = names["points"][200:], names["label"][200:]
    errors = [
        np.mean((names["classify"](widths)(points).numpy() > 0) != label)  # on points that were not learned from
        for widths in ([1], [64], [16, 16])
    ]
    assert errors[0] > 0.08 > max(errors[1:])


def test_a_rare_class_is_found_sooner_by_weights_and_resampling_and_what_differs_is_the_cut() -> None:
    names = left_behind("class-imbalance")
    x, y = names["unseen"].inputs[0], names["unseen"].target
    learned = {name: names["learn"](*names["ways"][name], epochs=200) for name in ("nothing", "weights", "resampling")}
    early, late = ({name: kept[e](x).numpy() for name, kept in learned.items()} for e in (50, 200))
    areas = {name: metrics.average_precision(z, y) for name, z in early.items()}
    assert min(areas["weights"], areas["resampling"]) > areas["nothing"] + 0.05
    moved = metrics.balanced_accuracy(1 / (1 + np.exp(-late["nothing"] - np.log(20))), y)
    for name in ("weights", "resampling"):
        assert metrics.balanced_accuracy(1 / (1 + np.exp(-late[name])), y) == pytest.approx(moved, abs=0.03)
        losses = [metrics.log_loss(1 / (1 + np.exp(-z)), y) for z in (late[name], late[name] - np.log(20))]
        assert losses[0] > 0.15 and losses[1] < 0.1


def test_vectors_of_vowels_consonants_and_punctuation_come_apart() -> None:
    names = left_behind("attention")
    signs, vectors = names["signs"], names["table"].weight.numpy()
    kind = np.array([0 if c in "aeiou" else 1 if c.isalpha() else 2 for c in signs])
    right = 0
    for k in range(len(signs)):
        others = np.arange(len(signs)) != k  # the mean of a kind without the sign itself
        means = np.stack([vectors[others & (kind == which)].mean(axis=0) for which in range(3)])
        right += np.linalg.norm(means - vectors[k], axis=1).argmin() == kind[k]
    assert right / len(signs) > 0.75  # that of all consonants: 0.58
