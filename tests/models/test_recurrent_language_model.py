"""Recurrent language models: state from piece to piece, generation, learning."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule import losses, models, optim
from chainrule.errors import ConfigError, ShapeError

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_reading_in_pieces_is_reading_the_whole(cell: str) -> None:
    model = models.RecurrentLanguageModel(11, cell=cell, width=8, layers=2, dtype="float64")
    tokens = cr.asarray(RNG.integers(0, 11, (3, 9)))
    whole = model(tokens)
    before, state = model.read(tokens[:, :4])
    after, _ = model.read(tokens[:, 4:], state)
    np.testing.assert_allclose(cr.concat([before, after], axis=1).numpy(), whole.numpy(), rtol=1e-10)
    np.testing.assert_allclose(model(tokens, model.initial_state(3)).numpy(), whole.numpy(), rtol=1e-12)
    cache = model.start(3)
    for begin, end in ((0, 3), (3, 4), (4, 9)):
        scores, cache = model.next(tokens[:, begin:end], cache)
        np.testing.assert_allclose(scores.numpy(), whole[:, end - 1].numpy(), rtol=1e-10)


@given(
    st.sampled_from(["rnn", "lstm", "gru"]),
    st.integers(1, 2),
    st.lists(st.integers(1, 3), min_size=1, max_size=4),
    st.integers(0, 2**16),
)
def test_the_scores_with_a_state_are_those_without(cell: str, layers: int, parts: list[int], seed: int) -> None:
    model = models.RecurrentLanguageModel(7, cell=cell, width=4, layers=layers, dtype="float64")
    tokens = cr.asarray(np.random.default_rng(seed).integers(0, 7, (2, sum(parts))))
    whole, cache, end = model(tokens), model.start(2), 0
    for length in parts:
        end += length
        scores, cache = model.next(tokens[:, end - length : end], cache)
        np.testing.assert_allclose(scores.numpy(), whole[:, end - 1].numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_generates_with_and_without_its_state_the_same(cell: str) -> None:
    model = models.RecurrentLanguageModel(11, cell=cell, width=8, dropout=0.2)
    prompt = RNG.integers(0, 11, (2, 3))
    drawn = models.generate(model, prompt, 6, stream=5)
    assert drawn.shape == (2, 9)
    np.testing.assert_array_equal(drawn, models.generate(model, prompt, 6, stream=5, use_cache=False))
    assert model.training


def test_learns_a_text_by_truncated_backpropagation() -> None:
    cr.random.seed(0)
    text = np.tile([0, 1, 2, 0, 2, 1, 3], 200)  # what follows 0, 1 and 2 depends on what came before
    model = models.RecurrentLanguageModel(4, cell="gru", width=16, layers=1)
    optimizer = optim.Adam(model.parameters(), lr=0.02)

    @cr.compile
    def step(tokens: Any, state: Any) -> Any:
        logits, after = model.read(tokens[:, :-1], state)
        return optimizer.minimize(losses.cross_entropy(logits, tokens[:, 1:])), after.detach()

    state, loss = model.initial_state(1), 9.0
    for i in range(80):
        piece = text[i * 14 : i * 14 + 15][None]
        value, state = step(piece, state)
        loss = float(value)
    assert loss < 0.05
    assert len(step.compilations) == 1
    assert models.generate(model, text[:7], 7, temperature=0.0).tolist() == text[:14].tolist()


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"cell 'lsmt'.*lstm"):
        models.RecurrentLanguageModel(5, cell="lsmt")
    with pytest.raises(ShapeError, match=r"got \(4,\): tokens are \(N, T\)"):
        models.RecurrentLanguageModel(5, width=4)(cr.zeros((4,), dtype="int32"))
