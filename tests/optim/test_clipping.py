"""Clipping of gradients by norm and by value."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.errors import ConfigError


def test_the_common_norm_is_scaled_down_to_the_limit() -> None:
    a, b = nn.Parameter([0.0, 0.0]), nn.Parameter([0.0])
    optimizer = optim.SGD([a, b], lr=1.0, clip_norm=1.0)
    optimizer.minimize((a * cr.tensor([2.0, 3.0])).sum() + 6.0 * b.sum())
    np.testing.assert_allclose(np.concatenate([a.numpy(), b.numpy()]), -np.array([2.0, 3.0, 6.0]) / 7, rtol=1e-6)


def test_a_small_gradient_is_left_exactly_as_it_is() -> None:
    a = nn.Parameter([0.0])
    optim.SGD([a], lr=1.0, clip_norm=5.0).minimize((a * 0.3).sum())
    assert a.numpy().tolist() == [np.float32(-0.3)]


def test_by_value() -> None:
    a = nn.Parameter([0.0, 0.0, 0.0])
    optim.SGD([a], lr=1.0, clip_value=0.5).minimize((a * cr.tensor([-3.0, 0.2, 3.0])).sum())
    np.testing.assert_allclose(a.numpy(), [0.5, -0.2, -0.5], rtol=1e-6)


def test_clip_grad_norm_returns_the_norm_and_passes_over_missing_gradients() -> None:
    a, b = nn.Parameter([0.0, 0.0]), nn.Parameter([1.0])
    (a * cr.tensor([3.0, 4.0])).sum().backward()
    assert float(optim.clip_grad_norm([a, b], 10.0)) == 5.0
    assert a.grad.tolist() == [3.0, 4.0] and b.grad is None
    assert float(optim.clip_grad_norm([a, b], 0.5)) == 5.0
    np.testing.assert_allclose(a.grad.numpy(), [0.3, 0.4], rtol=1e-6)
    assert float(optim.clip_grad_norm([b], 1.0)) == 0.0
    with pytest.raises(ConfigError, match="max_norm"):
        optim.clip_grad_norm([a], 0.0)


def test_a_gradient_of_zeros_stays_zero() -> None:
    a = nn.Parameter([1.0])
    for dialect in ("paper", "pytorch"):
        optim.SGD([a], clip_norm=1.0, dialect=dialect).minimize((a * 0.0).sum())
    assert a.tolist() == [1.0]
