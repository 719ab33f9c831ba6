"""The perceptron: the convergence theorem, its bound, and what it says of classes that no line separates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule import losses, models, optim
from chainrule.errors import ConfigError, LabelError, NonFiniteError, ShapeError

CORNERS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])


@settings(max_examples=8)
@given(seed=st.integers(0, 10_000), features=st.integers(1, 4), lr=st.sampled_from([0.1, 1.0]))
def test_it_converges_within_the_bound(seed: int, features: int, lr: float) -> None:
    """Novikoff: at most (R/γ)² mistakes, for any separating direction of length 1 with margin γ."""
    rng = np.random.default_rng(seed)
    direction = rng.normal(size=features + 1)
    direction /= np.linalg.norm(direction)
    x = rng.normal(size=(40, features))
    longer = np.column_stack([x, np.ones(40)])
    away = np.abs(longer @ direction) > 0.05
    x, longer = x[away], longer[away]
    y = longer @ direction > 0
    unit = models.Perceptron(features)
    ending = unit.fit(x, y, epochs=2000, lr=lr)
    bound = (np.linalg.norm(longer, axis=1).max() / np.abs(longer @ direction).min()) ** 2
    assert ending.converged and ending.separable and ending.mistakes <= bound
    np.testing.assert_array_equal(unit(cr.tensor(x)).numpy(), y)


def test_it_is_rosenblatts_rule_written_out() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(-3, 4, (12, 2)).astype(float), rng.integers(0, 2, 12)
    w, b = np.zeros(2), 0.0
    for _ in range(3):
        for sample, target in zip(x, y, strict=True):
            error = target - float(sample @ w + b >= 0)
            w, b = w + error * sample, b + error
    unit = models.Perceptron(2)
    ending = unit.fit(x, y, epochs=3)
    assert not ending.converged and ending.epochs == 3
    assert unit.weight.tolist() == w.tolist() and float(unit.bias) == b


@pytest.mark.parametrize("truth", ["0001", "0111", "1110", "0101", "1111", "0000"])
def test_what_a_line_separates(truth: str) -> None:
    y = np.array([int(c) for c in truth])
    unit = models.Perceptron(2)
    ending = unit.fit(CORNERS, y)
    assert ending.converged and "Learned in" in ending.reason
    np.testing.assert_array_equal(unit(cr.tensor(CORNERS)).numpy(), y)
    assert models.linearly_separable(CORNERS, y)


@pytest.mark.parametrize("truth", ["0110", "1001"])
def test_xor_is_refused_with_a_proof(truth: str) -> None:
    ending = models.Perceptron(2).fit(CORNERS, np.array([int(c) for c in truth]), epochs=10_000)
    assert not ending.converged and not ending.separable
    assert ending.epochs < 20 and ending.reason.startswith("Not linearly separable") and "circle" in ending.reason


def test_noise_that_repeats_late_is_decided_by_linear_programming() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 2))
    y = x[:, 0] + rng.normal(0, 0.5, 60) > 0
    ending = models.Perceptron(2).fit(x, y, epochs=5)
    assert not ending.separable and "5 epochs were not enough" in ending.reason
    ending = models.Perceptron(2).fit(x, x[:, 0] + 0.3 * x[:, 1] > 0.01, epochs=1)
    assert ending.separable and not ending.converged and "not yet learned" in ending.reason


def test_a_small_margin_far_from_0_is_still_seen() -> None:
    x = np.array([[1e6, 0.0], [1e6 + 4.0, 0.0]])
    assert models.linearly_separable(x, [0, 1])
    assert not models.linearly_separable(np.array([[1.0], [1.0]]), [0, 1])


def test_a_network_with_a_hidden_layer_learns_what_it_cannot() -> None:
    cr.random.seed(0)
    model = models.MLP(2, [8], 1, activation="tanh", squeeze=True)
    optimizer = optim.Adam(model.parameters(), 0.05)
    x, y = cr.tensor(CORNERS), np.array([0, 1, 1, 0])
    step = cr.compile(lambda: optimizer.minimize(losses.binary_cross_entropy(model(x), y)))
    for _ in range(200):
        step()
    assert ((model(x).numpy() > 0) == y).all()


def test_bad_input() -> None:
    unit = models.Perceptron(2)
    with pytest.raises(ShapeError, match=r"Perceptron\(3\)"):
        unit(cr.zeros((4, 3)))
    with pytest.raises(ShapeError, match=r"\(N, 2\) and \(N,\)"):
        unit.fit(CORNERS, [0, 1])
    with pytest.raises(LabelError, match="positive_class"):
        unit.fit(CORNERS, [0, 1, 2, 1])
    with pytest.raises(NonFiniteError):
        unit.fit(CORNERS * np.nan, [0, 1, 1, 1])
    with pytest.raises(ConfigError, match="lr > 0"):
        unit.fit(CORNERS, [0, 1, 1, 1], lr=0.0)
    with pytest.raises(ShapeError, match="linearly_separable"):
        models.linearly_separable(CORNERS, [0, 1])
