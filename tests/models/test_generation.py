"""Generation: filters against plain NumPy, cache and window, streams, and bad input."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule import models, nn
from chainrule.errors import ConfigError, LabelError, ShapeError
from chainrule.models import generation

seeds = st.integers(0, 2**16)


def expected_probabilities(
    logits: np.ndarray, temperature: float, top_k: int | None, top_p: float | None
) -> np.ndarray:
    """One row, one token after the other, as the papers say."""
    p = np.exp((logits - logits.max()) / temperature)
    p /= p.sum()
    order = sorted(range(len(p)), key=lambda i: (-logits[i], i))
    if top_k is not None:
        order = order[:top_k]
    p = np.array([p[i] if i in order else 0.0 for i in range(len(p))])
    p /= p.sum()
    if top_p is not None:
        kept, mass = [], 0.0
        for i in order:
            if mass >= top_p:
                break
            kept.append(i)
            mass += p[i]
        p = np.array([p[i] if i in kept else 0.0 for i in range(len(p))])
    return p / p.sum()


@settings(max_examples=40)
@given(
    seeds, st.integers(1, 9), st.floats(0.2, 3.0), st.sampled_from([None, 1, 3, 20]), st.sampled_from([None, 0.3, 0.8,
1.0]) )  # fmt: skip
def test_tokens_are_drawn_with_the_probabilities_of_the_papers(
    seed: int, vocabulary: int, temperature: float, top_k: int | None, top_p: float | None
) -> None:
    """Evenly spread shares meet every token as often as its probability says, up to one."""
    logits = np.random.default_rng(seed).normal(0, 2, vocabulary)
    if vocabulary > 2:
        logits[1] = logits[2]  # a tie
    n = 400
    shares = cr.asarray((np.arange(n) + 0.5) / n)
    rows = cr.asarray(np.tile(logits, (n, 1)))
    drawn = models.choose_token(rows, shares, temperature=temperature, top_k=top_k, top_p=top_p).numpy()
    share = np.bincount(drawn, minlength=vocabulary) / n
    np.testing.assert_allclose(share, expected_probabilities(logits, temperature, top_k, top_p), atol=1.5 / n)


def test_temperature_zero_takes_the_likeliest() -> None:
    logits = np.random.default_rng(0).normal(size=(5, 7))
    for share in (0.0, 0.999):
        drawn = models.choose_token(cr.asarray(logits), cr.asarray(np.full(5, share)), temperature=0)
        np.testing.assert_array_equal(drawn.numpy(), logits.argmax(-1))
    nearly = models.choose_token(cr.asarray(logits), cr.asarray(np.full(5, 0.5)), temperature=1e-6)
    np.testing.assert_array_equal(nearly.numpy(), logits.argmax(-1))


def test_the_last_share_before_one_draws_a_token_that_is_left() -> None:
    share = cr.tensor([np.nextafter(np.float32(1), np.float32(0))])
    logits = cr.log(cr.tensor([[0.1] * 10]))
    assert int(models.choose_token(logits, share, top_p=0.25)[0]) == 2
    assert int(models.choose_token(logits, share, top_k=4)[0]) == 3


# -- whole sequences --------------------------------------------------------------------------------------------------


def make(positions: str = "learned", context: int = 8) -> models.TransformerLanguageModel:
    cr.random.seed(1)
    options: dict[str, Any] = {"context": context, "positions": positions, "tie_weights": False}  # tied ones repeat
    model = models.TransformerLanguageModel(13, width=8, layers=2, heads=2, **options)
    for p in model.parameters():
        p.assign(cr.random.normal(p.shape, std=0.5))
    return model


PROMPT = np.array([[1, 2, 3], [4, 5, 6]])


@pytest.mark.parametrize("positions", ["learned", "rotary"])
@pytest.mark.parametrize("length", [4, 14])
def test_the_cache_changes_nothing(positions: str, length: int) -> None:
    """Within the context and past it, where the window has to move."""
    model = make(positions)
    options: dict[str, Any] = {"temperature": 0.8, "top_k": 5, "top_p": 0.9, "stream": 3}
    fast = models.generate(model, PROMPT, length, **options)
    slow = models.generate(model, PROMPT, length, use_cache=False, **options)
    np.testing.assert_array_equal(fast, slow)
    assert fast.shape == (2, 3 + length) and fast.dtype == np.int64
    np.testing.assert_array_equal(fast[:, :3], PROMPT)


def test_greedy_is_the_likeliest_token_of_the_window_each_time() -> None:
    model = make()
    prompts = np.random.default_rng(0).integers(0, 13, (64, 3))
    found = models.generate(model, prompts, 12, temperature=0)
    first = 0
    for end in range(3, 15):
        if end - first > 8:
            first = end - 4
        logits = model(cr.asarray(found[:, first:end])).numpy()[:, -1]
        np.testing.assert_array_equal(found[:, end], logits.argmax(-1), err_msg=str(end))


def test_a_long_prompt_is_read_from_its_end() -> None:
    model = make()
    prompt = np.random.default_rng(0).integers(0, 13, (1, 20))
    a = models.generate(model, prompt, 3, temperature=0)[:, 20:]
    b = models.generate(model, prompt[:, 12:], 3, temperature=0)[:, 8:]
    np.testing.assert_array_equal(a, b)


def test_each_program_is_compiled_once() -> None:
    model = make()
    for seed, temperature in ((0, 1.0), (1, 0.5), (2, 2.0)):
        models.generate(model, PROMPT, 14, temperature=temperature, top_p=0.9 if seed else 0.8, stream=seed)
    made = generation._draw_next.__get__(model).compilations
    assert len(made) == 3  # for the prompt, for one token, and for half of a window


def test_the_stream_decides() -> None:
    model = make()
    a, b, c = (models.generate(model, [1, 2], 20, stream=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()
    stream = cr.random.Stream(0)
    np.testing.assert_array_equal(models.generate(model, [1, 2], 20, stream=stream), a)
    assert (models.generate(model, [1, 2], 20, stream=stream) != a).any()  # it goes on


def test_rows_do_not_see_each_other() -> None:
    model = make()
    together = models.generate(model, PROMPT, 6, temperature=0)
    for row, prompt in zip(together, PROMPT, strict=True):
        np.testing.assert_array_equal(models.generate(model, prompt, 6, temperature=0), row)


def test_modes_are_as_before_and_dropout_is_off() -> None:
    cr.random.seed(0)
    model = models.TransformerLanguageModel(13, width=8, layers=1, heads=2, context=8, dropout=0.5)
    model.dropout.eval()
    before = [m.training for m in model.modules()]
    a, b = (models.generate(model, [1, 2, 3], 6, stream=0) for _ in range(2))
    np.testing.assert_array_equal(a, b)
    assert [m.training for m in model.modules()] == before


def test_a_model_that_has_generated_can_be_copied() -> None:
    model = make()
    expected = models.generate(model, [1], 3, temperature=0)
    other = copy.deepcopy(model)
    np.testing.assert_array_equal(models.generate(other, [1], 3, temperature=0), expected)
    other.tokens.weight.assign(-other.tokens.weight)
    np.testing.assert_array_equal(models.generate(model, [1], 3, temperature=0), expected)
    assert set(model.state_dict()) == set(make().state_dict())


class Counting(nn.Module):
    """A model without a limit: the next token is the sum of all so far, whose last digit the cache holds."""

    def start(self, batch: int) -> Any:
        return cr.zeros((batch,), dtype="int64")

    def next(self, tokens: Any, cache: Any) -> Any:
        cache = (cache + tokens.sum(axis=-1)) % 10
        return cr.astype(cache[:, None] == cr.arange(10), "float32"), cache


def test_any_model_with_start_and_next_can_generate() -> None:
    found = models.generate(Counting(), [1, 1], 6, temperature=0)
    assert found.tolist() == [1, 1, 2, 4, 8, 6, 2, 4]


def test_nothing_asked_for_is_the_prompt() -> None:
    assert models.generate(make(), [1, 2], 0).tolist() == [1, 2]


def test_bad_input_is_explained() -> None:
    model = make()
    with pytest.raises(ShapeError, match="at least one token"):
        models.generate(model, [], 3)
    with pytest.raises(LabelError, match="token 13; the model knows 0 to 12"):
        models.generate(model, [1, 13], 3)
    with pytest.raises(LabelError, match="token -1"):
        models.generate(model, [-1], 3)
    with pytest.raises(ConfigError, match="integer tokens"):
        models.generate(model, [1.5], 3)
    with pytest.raises(ConfigError, match="length"):
        models.generate(model, [1], -1)
    with pytest.raises(ConfigError, match="temperature"):
        models.generate(model, [1], 3, temperature=-1.0)
    with pytest.raises(ConfigError, match="top_k"):
        models.generate(model, [1], 3, top_k=0)
    with pytest.raises(ConfigError, match="top_p"):
        models.generate(model, [1], 3, top_p=1.5)
