"""Point neurons: the equations in NumPy, the surrogate gradient by hand, and a task that spikes solve."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import losses, nn, optim
from chainrule.errors import ConfigError, ShapeError

RNG = np.random.default_rng(0)


def simulated(x: np.ndarray, beta: float, threshold: float, reset: str) -> tuple[np.ndarray, np.ndarray]:
    u, s = np.zeros(x[:, 0].shape), np.zeros(x[:, 0].shape)
    spikes, membrane = np.zeros(x.shape), np.zeros(x.shape)
    for t in range(x.shape[1]):
        u = beta * u - threshold * s + x[:, t] if reset == "subtract" else beta * u * (1 - s) + x[:, t]
        s = (u >= threshold) * 1.0
        spikes[:, t], membrane[:, t] = s, u
    return spikes, membrane


@pytest.mark.parametrize("reset", ["subtract", "zero"])
@pytest.mark.parametrize("how", [lambda f: f, cr.compile])
def test_the_equations(how: Any, reset: str) -> None:
    x = RNG.normal(0.4, 0.5, (3, 20, 2))
    layer = nn.LeakyIntegrateAndFire(0.8, threshold=0.7, reset=reset)
    spikes, membrane = how(lambda x: layer(x))(cr.asarray(x))
    expected = simulated(x, 0.8, 0.7, reset)
    np.testing.assert_array_equal(spikes.numpy(), expected[0])  # exactly 0 or 1
    np.testing.assert_allclose(membrane.numpy(), expected[1], rtol=1e-12)
    assert 0.1 < expected[0].mean() < 0.9


@pytest.mark.parametrize("how", [lambda f: f, cr.compile])
def test_the_surrogate_gradient(how: Any) -> None:
    """Backpropagation through time by hand, with 1 / (1 + k|u − θ|)² in place of the step's derivative."""
    x, weights = RNG.normal(0.4, 0.5, (1, 6, 1)), RNG.normal(size=(1, 6, 1))
    layer = nn.LeakyIntegrateAndFire(0.8, threshold=0.7, sharpness=4.0)

    def slope(x: Any) -> Any:
        return cr.grad(lambda x: (layer(x)[0] * weights).sum())(x)

    _, membrane = simulated(x, 0.8, 0.7, "subtract")
    surrogate = 1 / (1 + 4.0 * np.abs(membrane - 0.7)) ** 2
    expected, du = np.zeros(x.shape), np.zeros((1, 1))
    for t in reversed(range(6)):
        # u of the next step has 0.8·u of this one and −0.7·s of this one
        du = 0.8 * du + surrogate[:, t] * (weights[:, t] - 0.7 * du)
        expected[:, t] = du
    np.testing.assert_allclose(how(slope)(cr.asarray(x)).numpy(), expected, rtol=1e-10)


def test_a_constant_input_spikes_as_often_as_the_formula_says() -> None:
    """Without a leak, a current I makes I/θ spikes for each step."""
    x = cr.ones((1, 1000, 1)) * 0.125
    spikes, _ = nn.LeakyIntegrateAndFire(1.0)(x)
    assert float(spikes.sum()) == 125


def test_trains_on_how_often_each_input_fires() -> None:
    """Two classes of spike trains, told apart by their rates: learned by surrogate gradients."""
    cr.random.seed(0)
    model = nn.ModuleDict({"inner": nn.Linear(6, 12), "outer": nn.Linear(12, 2)})
    neurons = nn.LeakyIntegrateAndFire(tau=10.0)
    optimizer = optim.Adam(model.parameters(), lr=0.02)

    def draw(n: int) -> tuple[Any, Any]:
        labels = RNG.integers(0, 2, n)
        rates = np.where(labels[:, None] == np.arange(6) % 2, 0.5, 0.2)
        return (RNG.random((n, 25, 6)) < rates[:, None]).astype("float32"), labels

    def scores(x: Any) -> Any:
        return neurons(model["outer"](neurons(model["inner"](x))[0]))[0].mean(axis=1) * 10.0

    @cr.compile
    def step(x: Any, y: Any) -> Any:
        return optimizer.minimize(losses.cross_entropy(scores(x), y))

    for _ in range(60):
        step(*draw(32))
    x, y = draw(300)
    assert (np.argmax(scores(cr.tensor(x)).numpy(), axis=1) == y).mean() > 0.95


def test_the_rate_unit_follows_its_input() -> None:
    layer = nn.LeakyRate(tau=5.0, activation="identity")
    y = layer(cr.ones((1, 10, 1)) * 2.0)[0, :, 0].numpy()
    np.testing.assert_allclose(y, 2.0 * (1 - np.exp(-np.arange(1, 11) / 5.0)), rtol=1e-5)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ConfigError, match="beta"):
        nn.LeakyIntegrateAndFire(1.5)
    with pytest.raises(ConfigError, match="time constant"):
        nn.LeakyRate(tau=0.0)
    with pytest.raises(ConfigError, match="reset"):
        nn.LeakyIntegrateAndFire(reset="none")
    with pytest.raises(ConfigError, match="threshold"):
        nn.LeakyIntegrateAndFire(threshold=0.0)
    with pytest.raises(ShapeError, match=r"LeakyIntegrateAndFire.*got \(5,\)"):
        nn.LeakyIntegrateAndFire()(cr.ones((5,)))
