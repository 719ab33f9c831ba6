"""Transformer models: causality, padding, cache, first values, what they learn, and bad input."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule import losses, models, nn, optim
from chainrule.errors import ConfigError, LabelError, ShapeError

KINDS = ("learned", "sinusoidal", "rotary", "none")
seeds = st.integers(0, 2**16)


def language_model(positions: str = "learned", seed: int = 0, **options: Any) -> models.TransformerLanguageModel:
    cr.random.seed(seed)
    model = models.TransformerLanguageModel(
        11, width=8, layers=2, heads=2, context=8, positions=positions, dtype="float64", **options
    )
    for p in model.parameters():  # larger than the first values, so that attention is not even
        p.assign(cr.random.normal(p.shape, dtype="float64"))
    return model


def tokens(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 11, shape)


# -- the language model -----------------------------------------------------------------------------------------------


@settings(max_examples=20)
@given(seeds, st.sampled_from(KINDS), st.integers(2, 8), st.data())
def test_later_tokens_change_nothing_before_them(seed: int, positions: str, t: int, data: Any) -> None:
    model = language_model(positions)
    x = tokens(seed, 2, t)
    place = data.draw(st.integers(1, t - 1))
    other = x.copy()
    other[:, place:] = (other[:, place:] + 1) % 11
    before, after = model(cr.asarray(x)).numpy(), model(cr.asarray(other)).numpy()
    np.testing.assert_array_equal(before[:, :place], after[:, :place])
    assert (before[:, place:] != after[:, place:]).any()


@settings(max_examples=20)
@given(seeds, st.sampled_from(KINDS), st.booleans(), st.lists(st.integers(1, 3), min_size=1, max_size=4))
def test_with_a_cache_as_without(seed: int, positions: str, tied: bool, parts: list[int]) -> None:
    model = language_model(positions, tie_weights=tied)
    x = tokens(seed, 2, min(sum(parts), 8))
    logits = model(cr.asarray(x)).numpy()
    cache, start = model.start(2), 0
    for size in parts:
        part = x[:, start : start + size]
        start += part.shape[1]
        if part.shape[1]:
            last, cache = model.next(cr.asarray(part), cache)
            np.testing.assert_allclose(last.numpy(), logits[:, start - 1], rtol=1e-6, atol=1e-8)


def test_order_matters_with_positions() -> None:
    x = np.array([[3, 3, 3, 5], [5, 3, 3, 5]])
    for positions in KINDS[:3]:
        y = language_model(positions)(cr.asarray(x)).numpy()
        turned = language_model(positions)(cr.asarray(x[:, [1, 0, 2, 3]])).numpy()
        assert np.abs(y[1, -1] - turned[1, -1]).max() > 1e-6, positions
    cr.random.seed(0)
    one = models.TransformerLanguageModel(11, width=8, layers=1, heads=2, context=8, positions="none", dtype="float64")
    y, turned = (one(cr.asarray(x[1:, order])).numpy()[:, -1] for order in ([0, 1, 2, 3], [1, 0, 2, 3]))
    np.testing.assert_allclose(y, turned)  # a second block would see how many came before the others


def test_first_values_are_those_of_gpt_2() -> None:
    cr.random.seed(0)
    model = models.TransformerLanguageModel(300, width=64, layers=8, heads=4)
    for path, p in model.named_parameters():
        value = p.numpy()
        if p.ndim == 1:
            assert set(np.unique(value)) == ({1.0} if path.endswith("weight") else {0.0}), path
        else:
            std = 0.02 / math.sqrt(16) if "out_proj" in path or "linear2" in path else 0.02
            assert value.std() == pytest.approx(std, rel=0.05), path
    x = np.random.default_rng(0).integers(0, 300, (2, 16))
    loss = losses.cross_entropy(model(cr.asarray(x)), np.random.default_rng(1).integers(0, 300, x.shape))
    assert float(loss) == pytest.approx(math.log(300), rel=0.05)  # no token is expected more than another


def test_tied_weights_are_one_parameter() -> None:
    tied, apart = language_model(), language_model(tie_weights=False)
    assert sum(p.size for p in apart.parameters()) - sum(p.size for p in tied.parameters()) == 11 * 8


@pytest.mark.parametrize("positions", KINDS)
def test_it_learns_and_is_the_same_compiled(positions: str) -> None:
    def run(compiled: bool) -> list[float]:
        cr.random.seed(0)
        model = models.TransformerLanguageModel(11, width=16, layers=1, heads=2, context=8, positions=positions)
        optimizer = optim.AdamW(model.parameters(), lr=1e-2, dialect="pytorch")
        x = np.arange(24).reshape(3, 8) % 11

        def step(x: Any, y: Any) -> Any:
            loss = losses.cross_entropy(model(x), y)
            optimizer.minimize(loss)
            return loss

        fast = cr.compile(step) if compiled else step
        return [float(fast(cr.asarray(x[:, :-1]), cr.asarray(x[:, 1:]))) for _ in range(30)]

    eager = run(False)
    assert eager[-1] < 0.3 * eager[0]
    if positions in ("learned", "rotary"):
        np.testing.assert_allclose(run(True), eager, rtol=1e-2)


def test_bad_input_of_the_language_model_is_explained() -> None:
    model = language_model()
    with pytest.raises(ShapeError, match="context of 8 tokens and got a sequence of 9"):
        model(cr.zeros((1, 9), dtype="int32"))
    _, cache = model.next(cr.zeros((1, 6), dtype="int32"), model.start(1))
    with pytest.raises(ShapeError, match="got a sequence of 9"):
        model.next(cr.zeros((1, 3), dtype="int32"), cache)
    with pytest.raises(ShapeError, match=r"tokens are \(N, T\)"):
        model(cr.zeros((5,), dtype="int32"))
    with pytest.raises(LabelError, match="id 11"):
        model(cr.asarray([[11]]))
    with pytest.raises(ConfigError, match="Did you mean 'rotary'"):
        language_model("rotatory")


# -- the classifier ---------------------------------------------------------------------------------------------------


def classifier(positions: str = "learned", **options: Any) -> models.TransformerClassifier:
    cr.random.seed(0)
    options = options or {"vocabulary": 11, "padding_idx": 0}
    model = models.TransformerClassifier(
        3, width=8, layers=2, heads=2, context=12, dropout=0.0, positions=positions, dtype="float64", **options
    )
    for p in model.parameters():
        p.assign(cr.random.normal(p.shape, dtype="float64"))
    return model


@settings(max_examples=20)
@given(seeds, st.sampled_from(KINDS), st.integers(1, 6), st.integers(0, 6))
def test_padding_never_changes_a_class(seed: int, positions: str, t: int, padded: int) -> None:
    model = classifier(positions)
    x = tokens(seed, 2, t)
    longer = np.concatenate([x, np.zeros((2, padded), x.dtype)], axis=1)
    np.testing.assert_allclose(model(cr.asarray(longer)).numpy(), model(cr.asarray(x)).numpy(), rtol=1e-9, atol=1e-9)


@settings(max_examples=20)
@given(seeds, st.integers(1, 6), st.integers(0, 6), st.booleans())
def test_padding_of_vectors_never_changes_a_class(seed: int, t: int, padded: int, by_lengths: bool) -> None:
    model = classifier(features=5)
    rng = np.random.default_rng(seed)
    x, rest = rng.normal(size=(2, t, 5)), 100 * rng.normal(size=(2, padded, 5))
    lengths = np.full(2, t)
    said = {"lengths": lengths} if by_lengths else {"padding": np.arange(t + padded) >= lengths[:, None]}
    padded_y = model(cr.asarray(np.concatenate([x, rest], axis=1)), **said)
    np.testing.assert_allclose(padded_y.numpy(), model(cr.asarray(x)).numpy(), rtol=1e-9, atol=1e-9)


@settings(max_examples=20)
@given(seeds, st.integers(1, 8))
def test_without_positions_the_order_does_not_matter(seed: int, t: int) -> None:
    x = tokens(seed, 2, t)
    turned = x[:, np.random.default_rng(seed).permutation(t)]
    model = classifier("none")
    np.testing.assert_allclose(model(cr.asarray(turned)).numpy(), model(cr.asarray(x)).numpy(), rtol=1e-9, atol=1e-9)
    if t == 8 and (turned != x).any():
        model = classifier("sinusoidal")
        assert (model(cr.asarray(turned)).numpy() != model(cr.asarray(x)).numpy()).any()


def test_nothing_but_padding_is_finite() -> None:
    model = classifier()
    x = cr.asarray([[0, 0], [1, 0]])
    y = model(x)
    assert np.isfinite(y.numpy()).all()
    (y**2).sum().backward()
    for p in model.parameters():
        grad = p.grad.dense() if isinstance(p.grad, cr.graph.RowSparse) else p.grad
        assert grad is not None
        assert np.isfinite(grad.numpy()).all(), p.name


def test_it_classifies_what_only_a_pair_tells() -> None:
    """Whether two marks stand in one order or the other: no single position says it."""
    cr.random.seed(0)
    rng = np.random.default_rng(0)
    x = np.full((256, 8), 2)
    y = rng.integers(0, 2, 256)
    for row, label in zip(x, y, strict=True):
        first, second = sorted(rng.choice(8, 2, replace=False))
        row[first], row[second] = (0, 1) if label else (1, 0)
    model = models.TransformerClassifier(2, vocabulary=3, width=16, layers=2, heads=2, context=8, dropout=0.0)
    optimizer = optim.Adam(model.parameters(), lr=3e-3)

    @cr.compile
    def step(x: Any, y: Any) -> Any:
        loss = losses.cross_entropy(model(x), y)
        optimizer.minimize(loss)
        return loss

    found = [float(step(x, y)) for _ in range(150)]
    assert found[-1] < 0.1


def test_bad_input_of_the_classifier_is_explained() -> None:
    with pytest.raises(ConfigError, match="either the number of tokens or that of the features"):
        models.TransformerClassifier(3)
    with pytest.raises(ShapeError, match="T up to 12"):
        classifier()(cr.zeros((1, 13), dtype="int32"))
    with pytest.raises(ShapeError, match="vectors"):
        classifier(features=5)(cr.zeros((1, 4), dtype="float64"))


def test_attention_can_be_watched_for_pictures() -> None:
    model = language_model()
    found: dict[str, Any] = {}
    with nn.watch(lambda path, module, inputs, outputs: found.setdefault(path, (module, inputs))):
        model(cr.asarray(tokens(0, 1, 5)))
    attention, inputs = found["blocks.0.self_attn"]
    _, weights = attention(*inputs, causal=True, need_weights=True)
    np.testing.assert_allclose(weights.numpy().sum(-1), 1.0)
