"""Gradient accumulation: ragged micro-batches are one batch, whatever the rule and however it is run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule import losses, nn, optim
from chainrule.errors import GradientError


def made(rule: str, **options: Any) -> tuple[Any, optim.Optimizer]:
    cr.random.seed(0)
    model = nn.Sequential(nn.Linear(3, 5, dtype="float64"), nn.Tanh(), nn.Linear(5, 4, dtype="float64"))
    model.unused = nn.Parameter([1.0, 2.0])
    return model, optim.make(rule, model.parameters(), lr=0.05, **options)


def compare(one: Any, two: Any, rtol: float = 1e-9) -> None:
    for name, value in one.state_dict().items():
        np.testing.assert_allclose(two.state_dict()[name], value, rtol=rtol, atol=1e-12, err_msg=name)


@given(
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    rule=st.sampled_from(["sgd", "momentum", "adam", "adamw", "rmsprop", "radam"]),
    clip=st.sampled_from([None, 0.1]),
)
def test_ragged_micro_batches_are_one_batch(sizes: list[int], rule: str, clip: float | None) -> None:
    rng = np.random.default_rng(1)
    one, first = made(rule, clip_norm=clip)
    two, second = made(rule, clip_norm=clip)
    accumulator = optim.Accumulator(second)
    for _ in range(3):
        x, t = cr.asarray(rng.normal(size=(sum(sizes), 3))), rng.integers(0, 4, sum(sizes))
        expected = first.minimize(losses.cross_entropy(one(x), t))
        end = 0
        for size in sizes:
            part = slice(end, end := end + size)
            accumulator.add(losses.cross_entropy(two(x[part]), t[part]), weight=size)
        assert float(accumulator.step()) == pytest.approx(float(expected), rel=1e-9)
    compare(one, two, 1e-8)
    assert two.unused.tolist() == [1.0, 2.0]  # no gradient, so no decay and no step either
    assert int(second.count) == 3


@pytest.mark.parametrize("together", [True, False])
def test_compiled_with_padded_tokens(together: bool) -> None:
    """Sentences of different lengths: each micro-batch counts by its tokens, and the mean is over all tokens."""
    rng = np.random.default_rng(2)
    x, t = rng.normal(size=(6, 4, 3)), rng.integers(0, 4, (6, 4))
    mask = np.arange(4) < np.array([4, 1, 2, 1, 3, 1])[:, None]
    one, first = made("adam")
    two, second = made("adam")
    accumulator = optim.Accumulator(second)

    def add(x: Any, t: Any, mask: Any) -> Any:
        return accumulator.add(losses.cross_entropy(two(x), t, weights=mask), cr.astype(mask, "float64").sum())

    def both(*parts: Any) -> Any:
        for part in parts:
            add(*part)
        return accumulator.step()

    add_step, take = cr.compile(add), cr.compile(accumulator.step)
    whole = cr.compile(both)
    for _ in range(3):
        first.minimize(losses.cross_entropy(one(cr.asarray(x)), t, weights=mask))
        parts = [(cr.asarray(x[i : i + 2]), cr.asarray(t[i : i + 2]), cr.asarray(mask[i : i + 2])) for i in (0, 2, 4)]
        if together:
            whole(*parts)
        else:
            for part in parts:
                add_step(*part)
            take()
    compare(one, two)
    assert [len(f.compilations) for f in ((whole,) if together else (add_step, take))] == [1] * (1 if together else 2)


def test_embeddings_are_added_up_densely() -> None:
    tables = [nn.Embedding(6, 2, dtype="float64") for _ in range(2)]
    tables[1].load_state_dict(tables[0].state_dict())
    first = optim.Adam(tables[0].parameters(), 0.1, lazy=False)
    accumulator = optim.Accumulator(optim.Adam(tables[1].parameters(), 0.1))
    for ids in (np.array([0, 1, 1]), np.array([2, 1, 5])):
        first.minimize(cr.square(tables[0](ids)).mean())
        accumulator.add(cr.square(tables[1](ids[:1])).mean(), 1)
        accumulator.add(cr.square(tables[1](ids[1:])).mean(), 2)
        accumulator.step()
    compare(tables[0], tables[1])


def test_batch_normalisation_is_warned_of_once_and_only_in_training() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm(3))
    accumulator = optim.Accumulator(optim.SGD(model.parameters(), 0.1))
    x = cr.random.normal((4, 2))
    model.eval()
    accumulator.add(cr.square(model(x)).mean(), 4)
    model.train()
    with pytest.warns(UserWarning, match="batch normalisation"):
        accumulator.add(cr.square(model(x)).mean(), 4)
    accumulator.add(cr.square(model(x)).mean(), 4)
    accumulator.step()


def test_what_cannot_be_is_refused_and_a_step_leaves_nothing() -> None:
    w, other = nn.Parameter([1.0]), nn.Parameter([1.0])
    accumulator = optim.Accumulator(optim.SGD([w], 0.5))
    with pytest.raises(GradientError, match="No micro-batch"):
        accumulator.step()
    with pytest.raises(GradientError, match="none of the 1 parameters"):
        accumulator.add((other * 2.0).sum())
    accumulator.add((w * 2.0).sum(), 3)
    accumulator.step()
    assert w.tolist() == [0.0]
    with pytest.raises(GradientError, match="No micro-batch"):
        accumulator.step()
