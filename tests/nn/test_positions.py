"""Positions against their formulas, and what they mean for attention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule import nn
from chainrule.errors import ConfigError, DtypeError, ShapeError

seeds = st.integers(0, 2**16)


@given(seeds, st.integers(1, 6), st.integers(1, 4), st.integers(0, 100), st.sampled_from([100.0, 10000.0]))
def test_rotary_is_the_formula(seed: int, t: int, pairs: int, first: int, base: float) -> None:
    """Pair i at position m is turned by m · base^(−2i/d): a complex number times e^(i·angle)."""
    x = np.random.default_rng(seed).normal(size=(2, t, 3, 2 * pairs))
    angle = (first + np.arange(t))[:, None, None] * base ** (-2.0 * np.arange(pairs) / (2 * pairs))
    turned = (x[..., 0::2] + 1j * x[..., 1::2]) * np.exp(1j * angle)
    expected = np.stack([turned.real, turned.imag], -1).reshape(x.shape)
    layer = nn.RotaryPositions(2 * pairs, base)
    np.testing.assert_allclose(layer(cr.asarray(x), first).numpy(), expected, rtol=1e-6, atol=1e-5)
    np.testing.assert_allclose(layer(cr.asarray(x), cr.asarray(first)).numpy(), expected, rtol=1e-6, atol=1e-5)


@given(seeds, st.integers(0, 1000), st.integers(0, 30), st.integers(0, 30))
def test_rotary_products_depend_on_the_distance_alone(seed: int, shift: int, m: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    q, k = (cr.asarray(rng.normal(size=(1, 1, 1, 8))) for _ in range(2))
    layer = nn.RotaryPositions(8)

    def product(shift: int) -> float:
        return float((layer(q, m + shift) * layer(k, n + shift)).sum())

    assert product(shift) == pytest.approx(product(0), rel=1e-4, abs=1e-4)
    np.testing.assert_allclose((layer(q, m) ** 2).sum().numpy(), (q**2).sum().numpy(), rtol=1e-6)


@given(st.integers(1, 20), st.integers(1, 5), st.integers(0, 50))
def test_sinusoidal_is_the_formula(t: int, pairs: int, first: int) -> None:
    y = nn.SinusoidalPositions(2 * pairs)(cr.zeros((1, t, 2 * pairs), dtype="float64"), first).numpy()[0]
    for m in range(t):
        for i in range(pairs):
            angle = (first + m) / 10000 ** (2 * i / (2 * pairs))
            assert y[m, 2 * i] == pytest.approx(math.sin(angle), abs=1e-5)
            assert y[m, 2 * i + 1] == pytest.approx(math.cos(angle), abs=1e-5)


def test_learned_positions_are_rows_of_the_weight_and_get_its_gradient() -> None:
    layer = nn.LearnedPositions(5, 3)
    x = cr.zeros((2, 3, 3))
    np.testing.assert_array_equal(layer(x).numpy()[0], layer.weight.numpy()[:3])
    np.testing.assert_array_equal(layer(x, 2).numpy()[1], layer.weight.numpy()[2:])
    np.testing.assert_array_equal(layer(x, cr.asarray(2)).numpy()[1], layer.weight.numpy()[2:])
    layer(x, 1).sum().backward()
    assert layer.weight.grad is not None
    np.testing.assert_array_equal(layer.weight.grad.numpy(), [[0] * 3, [2] * 3, [2] * 3, [2] * 3, [0] * 3])


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: nn.LearnedPositions(6, 4), (2, 3, 4)),
        (lambda: nn.SinusoidalPositions(4), (2, 3, 4)),
        (lambda: nn.RotaryPositions(4), (2, 3, 1, 4)),
    ],
)
def test_the_first_position_may_be_known_only_when_it_runs(make: Any, shape: tuple[int, ...]) -> None:
    layer, x = make(), cr.asarray(np.random.default_rng(0).normal(size=shape).astype("float32"))
    step = cr.compile(lambda x, first: layer(x, first))
    for first in range(3):
        np.testing.assert_allclose(step(x, np.asarray(first)).numpy(), layer(x, first).numpy(), atol=1e-6)
    assert len(step.compilations) == 1


def test_bad_input_is_explained() -> None:
    with pytest.raises(ConfigError, match="even"):
        nn.SinusoidalPositions(3)
    with pytest.raises(ConfigError, match="even"):
        nn.RotaryPositions(5)
    with pytest.raises(ShapeError, match="knows 4 positions and got a sequence that reaches position 5"):
        nn.LearnedPositions(4, 2)(cr.zeros((1, 5, 2)))
    with pytest.raises(ShapeError, match="reaches position 5"):
        nn.LearnedPositions(4, 2)(cr.zeros((1, 3, 2)), 2)
    with pytest.raises(ShapeError, match=r"got \(1, 5, 3\)"):
        nn.SinusoidalPositions(4)(cr.zeros((1, 5, 3)))
    with pytest.raises(ShapeError, match="heads"):
        nn.RotaryPositions(4)(cr.zeros((1, 5, 4)))
    with pytest.raises(DtypeError, match="float64"):
        nn.LearnedPositions(4, 2)(cr.zeros((1, 3, 2), dtype="float64"))
