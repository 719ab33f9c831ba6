"""Transformer blocks and stacks: masks, modes, dropout, caches, and PyTorch's names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule import nn
from chainrule.errors import ConfigError, ShapeError

seeds = st.integers(0, 2**16)
KINDS = [{"norm_first": False}, {"norm_first": True, "activation": "gelu", "rotary": True}]


def draw(seed: int, *shape: int) -> Any:
    return cr.asarray(np.random.default_rng(seed).normal(size=shape))


def encoder(layers: int = 2, **options: Any) -> nn.TransformerEncoder:
    cr.random.seed(0)
    return nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 12, 0.0, dtype="float64", **options), layers)


def decoder_layer(**options: Any) -> nn.TransformerDecoderLayer:
    cr.random.seed(0)
    return nn.TransformerDecoderLayer(8, 2, 12, 0.0, dtype="float64", **options)


@settings(max_examples=20)
@given(seeds, st.sampled_from(KINDS), st.integers(2, 5), st.data())
def test_causal_stacks_never_leak(seed: int, kind: dict[str, Any], t: int, data: Any) -> None:
    place = data.draw(st.integers(1, t - 1))
    x, memory = draw(seed, 2, t, 8), draw(seed + 1, 2, 3, 8)
    other = cr.concat([x[:, :place], draw(seed + 2, 2, t - place, 8)], axis=1)
    stack, layer = encoder(**kind), decoder_layer(**kind)
    for run in (lambda x: stack(x, causal=True), lambda x: layer(x, memory, tgt_causal=True)):
        before, after = run(x).numpy(), run(other).numpy()
        np.testing.assert_array_equal(before[:, :place], after[:, :place])
        assert (before[:, place:] != after[:, place:]).any()


@settings(max_examples=20)
@given(seeds, st.sampled_from(KINDS), st.integers(1, 4), st.integers(0, 4))
def test_padding_never_changes_a_result(seed: int, kind: dict[str, Any], t: int, padded: int) -> None:
    x = draw(seed, 2, t, 8)
    longer = cr.concat([x, 100 * draw(seed + 1, 2, padded, 8)], axis=1)
    mask = np.arange(t + padded) >= np.full((2, 1), t)
    stack, layer, tgt = encoder(**kind), decoder_layer(**kind), draw(seed + 2, 2, 3, 8)
    y = stack(longer, src_key_padding_mask=mask)[:, :t].numpy()
    np.testing.assert_allclose(y, stack(x).numpy(), rtol=1e-9, atol=1e-9)
    y = layer(tgt, longer, memory_key_padding_mask=mask).numpy()
    np.testing.assert_allclose(y, layer(tgt, x).numpy(), rtol=1e-9, atol=1e-9)


@settings(max_examples=20)
@given(seeds, st.integers(1, 5))
def test_without_positions_order_does_not_matter(seed: int, t: int) -> None:
    x, order = draw(seed, 2, t, 8), np.random.default_rng(seed).permutation(t)
    stack = encoder()
    np.testing.assert_allclose(stack(x[:, order]).numpy(), stack(x).numpy()[:, order], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_with_a_cache_as_without(kind: dict[str, Any]) -> None:
    x, memory = draw(0, 2, 5, 8), draw(1, 2, 3, 8)
    encoding: Any = encoder(1, **kind).layers[0]
    decoding = decoder_layer(**kind)
    for layer, inputs, whole in (
        (encoding, (), encoding(x, causal=True)),
        (decoding, (memory,), decoding(x, memory, tgt_causal=True)),
    ):
        cache = layer.self_attn.make_cache(2, 5)
        for t in range(5):
            y, cache = layer(x[:, t : t + 1], *inputs, cache=cache)
            np.testing.assert_allclose(y.numpy()[:, 0], whole.numpy()[:, t], rtol=1e-9, atol=1e-9)


def test_blocks_of_a_stack_differ_in_values_and_dropout() -> None:
    stack: Any = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 1, 4, dropout=0.5), 2)
    first, second = stack.layers
    assert (first.linear1.weight.numpy() != second.linear1.weight.numpy()).any()
    assert (first.dropout1.stream.state.numpy() != second.dropout1.stream.state.numpy()).any()
    x = cr.ones((2, 3, 4))
    assert (stack(x).numpy() != stack(x).numpy()).any()
    stack.eval()
    np.testing.assert_array_equal(stack(x).numpy(), stack(x).numpy())


def test_names_are_those_of_pytorch_but_for_the_projections() -> None:
    stack = nn.TransformerDecoder(nn.TransformerDecoderLayer(4, 1, 4), 1, nn.LayerNorm(4))
    names = {name.rpartition(".")[0] for name, _ in stack.named_parameters()}
    attention = {f"layers.0.{a}.{p}_proj" for a in ("self_attn", "multihead_attn") for p in ("q", "k", "v", "out")}
    others = {f"layers.0.{name}" for name in ("linear1", "linear2", "norm1", "norm2", "norm3")}
    assert names == attention | others | {"norm"}


def test_without_biases_there_are_none() -> None:
    stack = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 1, 4, bias=False), 2)
    assert not [name for name, _ in stack.named_parameters() if name.endswith("bias")]


def test_compiled_as_eager() -> None:
    layer = decoder_layer(norm_first=True)
    x, memory = draw(0, 2, 5, 8), draw(1, 2, 3, 8)
    fast = cr.compile(lambda x, memory: layer(x, memory, tgt_causal=True))
    np.testing.assert_allclose(fast(x, memory).numpy(), layer(x, memory, tgt_causal=True).numpy(), rtol=1e-9, atol=1e-9)


def test_bad_input_is_explained() -> None:
    with pytest.raises(ConfigError, match="no multiple of 3"):
        nn.TransformerEncoderLayer(8, 3)
    with pytest.raises(ConfigError, match="gelu"):
        nn.TransformerEncoderLayer(8, 2, activation="geluu")
    with pytest.raises(ConfigError, match="num_layers"):
        nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2), 0)
    with pytest.raises(ShapeError, match="in_features"):
        encoder()(cr.zeros((1, 3, 6), dtype="float64"))
    with pytest.raises(ShapeError, match="attn_mask"):
        encoder()(draw(0, 1, 3, 8), np.zeros((2, 2), bool))
