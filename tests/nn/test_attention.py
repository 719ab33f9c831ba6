"""Attention: special values, masks, the cache, and what must hold for any input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule import nn, ops
from chainrule.errors import ConfigError, ShapeError
from chainrule.ops import attention_heads

seeds = st.integers(0, 2**16)


def draw(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def make(seed: int = 0, heads: int = 2, **options: Any) -> nn.MultiHeadAttention:
    cr.random.seed(seed)
    layer = nn.MultiHeadAttention(4 * heads, heads, dtype="float64", **options)
    for p in layer.parameters():
        p.assign(cr.random.normal(p.shape, dtype="float64"))
    return layer


def call(layer: nn.Module, *inputs: np.ndarray, **masks: Any) -> np.ndarray:
    return layer(*[cr.asarray(x) for x in inputs], **masks).numpy()


# -- the operation ----------------------------------------------------------------------------------------------------


def formula(q: np.ndarray, k: np.ndarray, v: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Row by row; (N, T, H, d) with allowed (T, S)."""
    y = np.zeros((*q.shape[:3], v.shape[-1]))
    for n, t, h in np.ndindex(*q.shape[:3]):
        seen = np.flatnonzero(allowed[t])
        if seen.size:
            e = np.exp(k[n, seen, h] @ q[n, t, h] / np.sqrt(q.shape[-1]))
            y[n, t, h] = e / e.sum() @ v[n, seen, h]
    return y


@given(seeds, st.integers(1, 5), st.integers(1, 5), st.booleans())
def test_the_operation_is_the_formula(seed: int, t: int, s: int, causal: bool) -> None:
    q, k, v = draw(seed, 2, t, 2, 3), draw(seed + 1, 2, s, 2, 3), draw(seed + 2, 2, s, 2, 4)
    allowed = np.random.default_rng(seed).random((t, s)) < 0.5
    y = ops.attention(cr.asarray(q), cr.asarray(k), cr.asarray(v), cr.asarray(allowed), causal=causal)
    seen = allowed & np.tril(np.ones((t, s), bool), s - t) if causal else allowed
    np.testing.assert_allclose(y.numpy(), formula(q, k, v, seen), atol=1e-12)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_query_without_keys_gives_zero_and_no_gradient(compiled: bool) -> None:
    q, k, v = (cr.asarray(draw(i, 1, 3, 1, 2)) for i in range(3))
    mask = cr.asarray(np.array([[True, True, True], [False, False, False], [True, False, False]]))

    def run(q: Any) -> Any:
        return cr.value_and_grad(lambda q: (ops.attention(q, k, v, mask) ** 2).sum())(q)

    loss, dq = (cr.compile(run) if compiled else run)(q)
    y = ops.attention(q, k, v, mask)
    assert y[0, 1].numpy().tolist() == [[0.0, 0.0]]
    assert np.isfinite(loss.numpy())
    assert np.isfinite(dq.numpy()).all() and not dq.numpy()[0, 1].any() and dq.numpy()[0, 0].any()


def test_large_scores_do_not_overflow() -> None:
    q = cr.tensor([[[[1e10]], [[-1e10]]]])
    y = ops.attention(q, q, cr.tensor([[[[1.0]], [[2.0]]]]))
    assert y.numpy().ravel().tolist() == [1.0, 2.0]


def test_nan_is_not_hidden() -> None:
    q = cr.tensor([[[[np.nan]], [[1.0]]]])
    y = ops.attention(q, cr.ones((1, 2, 1, 1)), cr.ones((1, 2, 1, 1)))
    assert np.isnan(y.numpy().ravel()).tolist() == [True, False]


def test_no_keys_at_all_give_zero() -> None:
    y = ops.attention(cr.ones((1, 2, 1, 3)), cr.ones((1, 0, 1, 3)), cr.ones((1, 0, 1, 3)))
    assert y.numpy().tolist() == np.zeros((1, 2, 1, 3)).tolist()


def test_dropped_weights_and_their_gradient() -> None:
    q, k, v = (cr.asarray(draw(i, 1, 2, 1, 2)) for i in range(3))
    factors = cr.asarray(np.array([[[[0.0, 2.0], [2.0, 0.0]]]]))
    p = ops.attention_weights(q, k, None)
    expected = (p * factors)[0, 0] @ v[0, :, 0]
    np.testing.assert_allclose(ops.attention(q, k, v, None, factors).numpy()[0, :, 0], expected.numpy())
    cr.gradcheck(lambda q, k, v: ops.attention(q, k, v, None, factors), [q, k, v], order=2)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("dropped", [False, True])
@pytest.mark.parametrize("t", [4, 7, 12])
def test_long_causal_attention_is_computed_in_parts(
    monkeypatch: pytest.MonkeyPatch, t: int, dropped: bool, compiled: bool
) -> None:
    rng = np.random.default_rng(t)
    shapes = [(2, t, 3, 4), (2, t, 3, 4), (2, t, 3, 5), *([(2, 3, t, t)] if dropped else [])]
    inputs = [cr.asarray(rng.normal(size=shape), dtype="float64") for shape in shapes]

    def both(*inputs: Any) -> Any:
        y, back = cr.vjp(lambda q, k, v, f=None: ops.attention(q, k, v, None, f, causal=True), *inputs)
        return y, *back(y * y)

    whole = both(*inputs)
    monkeypatch.setattr(attention_heads, "_TOGETHER", 2)
    parts = (cr.compile(both) if compiled else both)(*inputs)
    for part, expected in zip(parts, whole, strict=True):
        np.testing.assert_allclose(part.numpy(), expected.numpy(), atol=1e-12)


def test_the_second_derivative_of_attention_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    q = cr.asarray(draw(0, 1, 5, 2, 3))
    monkeypatch.setattr(attention_heads, "_TOGETHER", 2)
    cr.gradcheck(lambda q: ops.attention(q, q * 0.5, cr.sin(q), causal=True), [q], order=2)


# -- the layer --------------------------------------------------------------------------------------------------------


@given(seeds, st.integers(2, 6), st.data())
def test_causal_attention_never_leaks(seed: int, t: int, data: Any) -> None:
    """Changing what comes later leaves everything before as it was, bit for bit."""
    layer = make(seed, rotary=bool(seed % 2))
    x = draw(seed, 2, t, 8)
    place = data.draw(st.integers(1, t - 1))
    other = x.copy()
    other[:, place:] = draw(seed + 1, 2, t - place, 8)
    before, after = call(layer, x, causal=True), call(layer, other, causal=True)
    np.testing.assert_array_equal(before[:, :place], after[:, :place])
    assert (before[:, place:] != after[:, place:]).any()


@given(seeds, st.integers(1, 5), st.integers(1, 5))
def test_padding_never_changes_a_result(seed: int, t: int, padded: int) -> None:
    layer = make(seed)
    x = draw(seed, 2, t, 8)
    longer = np.concatenate([x, 1e3 * draw(seed + 1, 2, padded, 8)], axis=1)
    mask = np.arange(t + padded) >= np.full((2, 1), t)
    np.testing.assert_allclose(call(layer, longer, key_padding_mask=mask)[:, :t], call(layer, x), rtol=1e-9, atol=1e-12)


@given(seeds, st.integers(1, 6))
def test_without_positions_order_does_not_matter(seed: int, t: int) -> None:
    layer, x = make(seed), draw(seed, 2, t, 8)
    order = np.random.default_rng(seed).permutation(t)
    np.testing.assert_allclose(call(layer, x[:, order]), call(layer, x)[:, order], rtol=1e-9, atol=1e-12)


@given(seeds, st.lists(st.integers(1, 3), min_size=1, max_size=4), st.integers(0, 3), st.booleans())
def test_with_a_cache_as_without(seed: int, parts: list[int], spare: int, rotary: bool) -> None:
    layer = make(seed, rotary=rotary)
    t = sum(parts)
    x = draw(seed, 2, t, 8)
    cache = layer.make_cache(2, t + spare)
    found = []
    for start, size in zip(np.cumsum([0, *parts]), parts, strict=False):
        y, cache = layer(cr.asarray(x[:, start : start + size]), cache=cache)
        found.append(y.numpy())
    assert int(cache.length) == t
    assert not cache.keys.numpy()[:, t:].any() and not cache.values.numpy()[:, t:].any()
    np.testing.assert_allclose(np.concatenate(found, 1), call(layer, x, causal=True), rtol=1e-9, atol=1e-12)


def test_a_step_with_a_cache_compiles_once() -> None:
    layer = make()
    cache = layer.make_cache(1, 5)
    step = cr.compile(lambda x, cache: layer(x, cache=cache))
    x = draw(0, 1, 5, 8)
    found = []
    for t in range(5):
        y, cache = step(cr.asarray(x[:, t : t + 1]), cache)
        found.append(y.numpy())
    assert len(step.compilations) == 1
    np.testing.assert_allclose(np.concatenate(found, 1), call(layer, x, causal=True), rtol=1e-9, atol=1e-12)


def test_weights_are_given_for_pictures() -> None:
    x = cr.asarray(draw(0, 2, 3, 8))
    y, weights = make()(x, need_weights=True, causal=True)
    assert y.shape == (2, 3, 8)
    np.testing.assert_allclose(weights.numpy().sum(-1), 1.0)
    assert (weights.numpy()[..., 0, 1:] == 0).all()


def test_masks_of_truth_values_and_of_numbers_mean_the_same() -> None:
    layer, x = make(), draw(0, 2, 4, 8)
    mask, padding = np.triu(np.ones((4, 4), bool), 1), np.array([[False] * 4, [False, False, True, True]])
    expected = call(layer, x, attn_mask=mask, key_padding_mask=padding)
    np.testing.assert_allclose(call(layer, x, causal=True, key_padding_mask=padding), expected)
    added = np.where(mask, -np.inf, 0.0)
    np.testing.assert_allclose(call(layer, x, attn_mask=added, key_padding_mask=padding), expected)
    np.testing.assert_allclose(
        call(layer, x, attn_mask=np.repeat(mask[None], 4, 0), key_padding_mask=np.where(padding, -np.inf, 0.0)),
        expected,
    )


def test_dropout_is_of_the_weights_and_only_in_training() -> None:
    layer = make(dropout=0.5)
    x = draw(0, 1, 6, 8)
    assert (call(layer, x) != call(layer, x)).any()
    layer.eval()
    np.testing.assert_array_equal(call(layer, x), call(layer, x))


def test_eager_and_compiled_agree_in_values_and_gradients() -> None:
    layer = make(rotary=True)

    def run(x: Any) -> Any:
        loss = (layer(x, causal=True) ** 2).sum()
        return loss, [g for _, g in cr.graph.gradients([loss], [None], wanted=list(layer.parameters()))]

    x = cr.asarray(draw(0, 2, 5, 8))
    (loss, grads), (fast, fast_grads) = run(x), cr.compile(run)(x)
    np.testing.assert_allclose(fast.numpy(), loss.numpy())
    for a, b in zip(grads, fast_grads, strict=True):
        np.testing.assert_allclose(b.numpy(), a.numpy(), rtol=1e-9, atol=1e-9)


def test_bad_input_is_explained() -> None:
    with pytest.raises(ConfigError, match="no multiple of 3"):
        nn.MultiHeadAttention(8, 3)
    with pytest.raises(ConfigError, match="dialect"):
        nn.MultiHeadAttention(8, 2, dialect="tensorflow")
    layer = make()
    x = cr.asarray(draw(0, 2, 3, 8))
    with pytest.raises(ShapeError, match="query"):
        layer(x[0])
    with pytest.raises(ShapeError, match="key_padding_mask"):
        layer(x, key_padding_mask=np.zeros((2, 4), bool))
    with pytest.raises(ShapeError, match="attn_mask"):
        layer(x, attn_mask=np.zeros((4, 3), bool))
    with pytest.raises(ShapeError, match="in_features"):
        layer(x[..., :4])
    with pytest.raises(ShapeError, match="room for 2"):
        layer(x, cache=layer.make_cache(2, 2))
    with pytest.raises(ConfigError, match="without other masks"):
        layer(x, cache=layer.make_cache(2, 3), attn_mask=np.zeros((3, 3), bool))
    with pytest.raises(ConfigError, match="or weights"):
        layer(x, cache=layer.make_cache(2, 3), need_weights=True)
