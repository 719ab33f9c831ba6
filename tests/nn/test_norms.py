"""GroupNorm, RMSNorm and LayerNorm: special cases, and what must hold for any input; PyTorch's answers stand in
tests/reference.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule import nn
from chainrule.errors import ConfigError, DtypeError, ShapeError

seeds = st.integers(0, 2**16)


def draw(seed: int, *shape: int) -> Any:
    return cr.asarray(np.random.default_rng(seed).normal(1.0, 3.0, shape))


@given(seeds, st.integers(1, 3), st.integers(2, 4), st.integers(1, 3))
def test_every_group_of_an_example_has_mean_zero_and_variance_one(seed: int, n: int, places: int, groups: int) -> None:
    x = draw(seed, n, places, places, 2 * groups)
    y = nn.GroupNorm(groups, 2 * groups, dtype="float64")(x).numpy().reshape(n, -1, groups, 2)
    np.testing.assert_allclose(y.mean((1, 3)), 0.0, atol=1e-9)
    np.testing.assert_allclose(y.var((1, 3)), 1.0, rtol=1e-3)


@given(seeds, st.integers(1, 4))
def test_one_group_of_one_place_is_a_layer_norm(seed: int, n: int) -> None:
    x = draw(seed, n, 6)
    own = nn.GroupNorm(1, 6, dtype="float64")(x).numpy()
    np.testing.assert_allclose(own, nn.LayerNorm(6, dtype="float64")(x).numpy(), rtol=1e-9, atol=1e-12)


@given(seeds, st.floats(0.01, 100.0))
def test_normalisations_do_not_see_the_scale(seed: int, scale: float) -> None:
    x = draw(seed, 3, 4, 6)
    for layer in (nn.GroupNorm(2, 6, 1e-12), nn.RMSNorm(6, 1e-12), nn.LayerNorm(6, 1e-12)):
        layer.to("float64")
        np.testing.assert_allclose(layer(x * scale).numpy(), layer(x).numpy(), rtol=1e-6, atol=1e-8)


@given(seeds)
def test_rms_norm_of_centred_rows_is_a_layer_norm(seed: int) -> None:
    x = draw(seed, 3, 6)
    x = x - x.mean(axis=-1, keepdims=True)
    own = nn.RMSNorm(6, 1e-5, dtype="float64")(x).numpy()
    np.testing.assert_allclose(own, nn.LayerNorm(6, dtype="float64")(x).numpy(), rtol=1e-9, atol=1e-12)


def test_examples_do_not_mix() -> None:
    layer, x = nn.GroupNorm(2, 4, dtype="float64"), draw(0, 3, 5, 4)
    np.testing.assert_allclose(layer(x).numpy()[1:2], layer(x[1:2]).numpy())


def test_a_layer_norm_may_have_no_bias() -> None:
    layer = nn.LayerNorm(4, bias=False)
    assert [name for name, _ in layer.named_parameters()] == ["weight"]
    assert not list(nn.LayerNorm(4, affine=False).parameters())


def test_scale_and_shift_are_not_penalised() -> None:
    for layer in (nn.GroupNorm(1, 2), nn.RMSNorm(2)):
        assert all(not p.penalised for p in layer.parameters())


def test_bad_input_is_explained() -> None:
    with pytest.raises(ConfigError, match="no multiple of 4"):
        nn.GroupNorm(4, 6)
    with pytest.raises(ShapeError, match="channels on the last axis"):
        nn.GroupNorm(2, 4)(cr.zeros((1, 4, 8, 8)))
    with pytest.raises(ShapeError, match="num_channels should be 6"):
        nn.GroupNorm(2, 4)(cr.zeros((1, 6)))
    with pytest.raises(ShapeError, match="normalized_shape should be"):
        nn.RMSNorm(4)(cr.zeros((1, 6)))
    with pytest.raises(DtypeError, match="float64"):
        nn.RMSNorm(6)(cr.zeros((1, 6), dtype="float64"))
    with pytest.raises(ConfigError, match="epsilon"):
        nn.RMSNorm(6, 0.0)
    with pytest.raises(ConfigError, match="epsilon"):
        nn.GroupNorm(1, 6, -1.0)
