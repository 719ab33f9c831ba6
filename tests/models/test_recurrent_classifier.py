"""Recurrent classifiers: sequences of several lengths, learning, and bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule import losses, models, optim
from chainrule.errors import ConfigError, ShapeError

cells = st.sampled_from(["rnn", "lstm", "gru"])


@settings(max_examples=30)
@given(cells, st.booleans(), st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(0, 3))
def test_padding_never_changes_a_class(cell: str, both: bool, lengths: list[int], padding: int) -> None:
    model = models.RecurrentClassifier(2, 3, cell=cell, width=4, layers=2, bidirectional=both).to("float64")
    x = np.random.default_rng(len(lengths)).normal(size=(len(lengths), max(lengths) + padding, 2))
    for row, n in zip(x, lengths, strict=True):
        row[n:] = 1e3
    together = model(cr.asarray(x), np.array(lengths))
    alone = [model(cr.asarray(x[i : i + 1, :n])) for i, n in enumerate(lengths)]
    np.testing.assert_allclose(together.numpy(), np.concatenate([y.numpy() for y in alone]), rtol=1e-9, atol=1e-12)
    own = [g for _, g in cr.graph.gradients([cr.sin(together).sum()], [None], wanted=list(model.parameters()))]
    total = sum((cr.sin(y).sum() for y in alone), cr.asarray(0.0))
    for a, (_, b) in zip(own, cr.graph.gradients([total], [None], wanted=list(model.parameters())), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-8, atol=1e-10)


def test_it_learns_from_sequences_of_several_lengths() -> None:
    """Whether the first or the second number was larger on the whole, which the padding contradicts."""
    cr.random.seed(0)
    rng = np.random.default_rng(0)
    lengths = rng.integers(2, 7, 64)
    real = np.arange(6) < lengths[:, None]
    x = rng.normal(size=(64, 6, 2)).astype(np.float32)
    y = ((x[..., 0] - x[..., 1]) * real).sum(axis=1) > 0
    x[~real] = np.where(y, -9.0, 9.0).astype(np.float32)[:, None].repeat(6, 1)[~real][:, None] * [1, -1]
    model = models.RecurrentClassifier(2, 1, cell="gru", width=16, squeeze=True)
    optimizer = optim.Adam(model.parameters(), 0.02)
    step: Any = cr.compile(lambda *data: optimizer.minimize(losses.binary_cross_entropy(model(*data[:2]), data[2])))
    for _ in range(60):
        step(x, lengths, y)
    assert ((model(x, lengths).numpy() > 0) == y).mean() > 0.95
    assert len(step.compilations) == 1


def test_bad_input() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'lstm'"):
        models.RecurrentClassifier(2, 3, cell="lsmt")
    model = models.RecurrentClassifier(2, 3)
    with pytest.raises(ShapeError, match=r"\(N, T, C\)"):
        model(cr.zeros((4, 2)))
    with pytest.raises(ShapeError):
        model(cr.zeros((4, 5, 2)), np.array([1, 2]))
