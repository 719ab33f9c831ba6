"""Maxout, random slopes, and what the smaller activations refuse; their values are compared with PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import ConfigError, ShapeError


def test_maxout_is_the_largest_piece_and_bends_into_any_convex_function() -> None:
    x = np.random.default_rng(0).normal(size=(5, 2, 12))
    found = nn.Maxout(3)(cr.asarray(x)).numpy()
    np.testing.assert_array_equal(found, np.stack([x[..., 3 * j : 3 * j + 3].max(-1) for j in range(4)], -1))
    absolute = nn.Sequential(nn.Linear(1, 2, bias=False), nn.Maxout(2))
    absolute[0].weight.assign([[1.0, -1.0]])
    assert absolute(cr.tensor([[-2.0], [3.0]])).tolist() == [[2.0], [3.0]]


def test_random_slopes_lie_between_their_bounds_and_are_fresh() -> None:
    layer = nn.RReLU(0.2, 0.4)
    x = -cr.ones((1000,))
    one, two = layer(x).numpy(), layer(x).numpy()
    assert (one >= -0.4).all() and (one <= -0.2).all() and (one != two).any()
    assert -one.mean() == pytest.approx(0.3, abs=0.01)
    assert layer(-x).tolist() == [1.0] * 1000
    step = cr.compile(lambda x: layer(x))
    assert (step(x).numpy() != step(x).numpy()).any()


def test_large_numbers_neither_overflow_nor_lose_their_gradient() -> None:
    for layer in (nn.Mish(), nn.CELU(), nn.SELU(), nn.LogSigmoid(), nn.Softsign(), nn.Tanhshrink(), nn.Softmin()):
        x = cr.tensor([-1e4, -1.0, 1.0, 1e4], requires_grad=True)
        y = layer(x)
        y.sum().backward()
        assert np.isfinite(y.numpy()).all() and np.isfinite(x.grad.numpy()).all(), layer


@pytest.mark.parametrize("name", ["mish", "selu", "celu", "softsign", "hardtanh", "hardsigmoid", "hardswish", "relu6"])
def test_by_name(name: str) -> None:
    assert nn.activation(name)(cr.tensor([0.5])).shape == (1,)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: nn.Maxout(3)(cr.zeros((2, 4))), ShapeError, "multiple of 3"),
        (lambda: nn.GLU()(cr.zeros((2, 3))), ShapeError, "even size"),
        (lambda: nn.Hardtanh(1.0, 1.0), ConfigError, "min_val < max_val"),
        (lambda: nn.RReLU(0.5, 0.1), ConfigError, "lower"),
        (lambda: nn.Softshrink(-1.0), ConfigError, "lambd"),
        (lambda: nn.CELU(0.0), ConfigError, "alpha"),
    ],
)
def test_nonsense_is_refused(make: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        make()
