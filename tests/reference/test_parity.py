"""Layers, losses, update rules and schedules against PyTorch in float64, relative error at most 1e-6.

Everywhere against the committed answers, eagerly and compiled; live with fresh random inputs where PyTorch is
installed.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from reference.cases import Arrays, Case, assert_same, cases
from reference.generate import TABLE, rng_of

CASES = {case.name: case for case in cases()}


@functools.cache
def committed() -> dict[str, np.ndarray]:
    with np.load(TABLE, allow_pickle=False) as archive:
        return {key: archive[key] for key in archive.files}


def of(case: Case, which: str) -> Arrays:
    prefix = f"{case.name}/{which}/"
    found = {key.removeprefix(prefix): value for key, value in committed().items() if key.startswith(prefix)}
    assert found, f"{case.name} is not in the table: run tests/reference/generate.py"
    return found


def plain(function: Any) -> Any:
    return function


@pytest.mark.parametrize("name", CASES)
def test_agrees_with_the_committed_answers(name: str) -> None:
    case = CASES[name]
    assert_same(case.ours(of(case, "in"), plain), of(case, "out"))


# What keeps state or chooses by shape is compiled every time; the rest is single operations, whose records are compared
# compiled too.
QUICK = (
    "optimizer/",
    "layer/batch",
    "layer/embedding_padding",
    "layer/mlp",
    "loss/cross_entropy_everything_mean",
    "loss/nll_ignore",
)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name.startswith(QUICK) else pytest.mark.slow)
        for name in CASES
        if not name.startswith("schedule/")
    ],
)
def test_agrees_compiled_with_one_compilation(name: str) -> None:
    case = CASES[name]
    made: list[Any] = []

    def compiled(function: Any) -> Any:
        made.append(cr.compile(function))
        return made[-1]

    assert_same(case.ours(of(case, "in"), compiled), of(case, "out"))
    assert [len(function.compilations) for function in made] == [1]


def test_the_table_is_small_and_has_no_leftovers() -> None:
    assert TABLE.stat().st_size < 1_000_000
    assert {"/".join(key.split("/")[:2]) for key in committed()} == set(CASES)


def test_a_wrong_answer_is_noticed() -> None:
    case = CASES["optimizer/adam"]
    wrong = of(case, "out")
    wrong["w1"] = wrong["w1"] * (1 + 2e-6)
    with pytest.raises(AssertionError):
        assert_same(case.ours(of(case, "in"), plain), wrong)


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore:Sparse invariant checks are implicitly disabled")
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", CASES)
def test_agrees_with_pytorch_on_fresh_inputs(name: str, seed: int) -> None:
    case = CASES[name]
    inputs = case.draw(rng_of(case, seed))
    assert_same(case.ours(inputs, plain), case.theirs(inputs))
