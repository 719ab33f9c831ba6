"""Penalties: values, gradients, what they leave out, and exact zeros by the proximal step."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule import losses, nn, optim
from chainrule.errors import ConfigError


def test_values_and_gradients() -> None:
    w = nn.Parameter([1.0, -2.0, 0.0])
    losses.elastic_net([w], l1=0.5, l2=0.25).backward()
    assert w.grad.tolist() == [1.0, -1.5, 0.0]
    assert float(losses.l1(w, 2.0)) == 6.0 and float(losses.l2(w, 2.0)) == 10.0


def test_biases_and_normalisations_do_not_count() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm(4), nn.PReLU(), nn.LayerNorm(4), nn.Embedding(5, 2))
    expected = float(cr.square(model[0].weight).sum()) + float(cr.square(model[4].weight).sum())
    assert float(losses.l2(model, 1.0)) == pytest.approx(expected)
    everything = sum(float(cr.square(p).sum()) for p in model.parameters())
    assert float(losses.l2(model, 1.0, every=True)) == pytest.approx(everything)
    assert float(losses.ElasticNet(l2=1.0)(model.parameters())) == pytest.approx(expected)
    assert float(losses.l1(nn.LayerNorm(3), 1.0)) == 0.0


def test_l2_is_weight_decay_of_twice_the_strength() -> None:
    start = np.array([1.0, -3.0])
    a, b = nn.Parameter(start, dtype="float64"), nn.Parameter(start, dtype="float64")
    one, two = optim.SGD([a], 0.1), optim.SGD([b], 0.1, weight_decay=0.04)
    for _ in range(5):
        one.minimize(cr.sin(a).sum() + losses.l2([a], 0.02))
        two.minimize(cr.sin(b).sum())
    np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12)


def test_the_proximal_step_is_the_minimiser_and_gives_zeros() -> None:
    x = np.linspace(-1, 1, 41)
    w = nn.Parameter(x, dtype="float64")
    losses.shrink([w], lr=0.5, l1=0.3, l2=0.2)
    theta = np.linspace(-1.2, 1.2, 240001)
    for start, found in zip(x[::5], w.numpy()[::5], strict=True):
        objective = 0.5 * (theta - start) ** 2 + 0.5 * (0.3 * np.abs(theta) + 0.2 * theta**2)
        assert found == pytest.approx(theta[objective.argmin()], abs=2e-5)
    assert (w.numpy()[np.abs(x) < 0.149] == 0).all()


def test_the_lasso_path_has_exact_zeros_where_the_subgradient_has_none() -> None:
    rng = np.random.default_rng(0)
    x = cr.asarray(rng.normal(size=(200, 6)))
    y = x @ cr.asarray(np.array([2.0, -1.0, 0.0, 0.0, 0.0, 0.0]))

    def fit(proximal: bool) -> np.ndarray:
        w = nn.Parameter(np.zeros(6), dtype="float64")
        optimizer = optim.SGD([w], 0.1)
        penalty = losses.ElasticNet(l1=0.2)

        @cr.compile
        def step(x: cr.Tensor, y: cr.Tensor) -> cr.Tensor:
            loss = 0.5 * losses.mse(x @ w, y)
            optimizer.minimize(loss if proximal else loss + penalty([w]))
            if proximal:
                penalty.shrink([w], optimizer.lr)
            return loss

        for _ in range(200):
            step(x, y)
        return w.numpy()

    exact, rough = fit(True), fit(False)
    assert (exact[2:] == 0).all() and not (rough[2:] == 0).any()
    np.testing.assert_allclose(exact, rough, atol=0.05)


def test_frozen_parameters_are_not_shrunk_and_nonsense_is_refused() -> None:
    w = nn.Parameter([1.0], requires_grad=False)
    losses.shrink([w], 0.1, 1.0)
    assert w.tolist() == [1.0]
    for strength in (-1.0, "a", float("nan")):
        with pytest.raises(ConfigError, match="at least 0"):
            losses.l1([w], strength)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="no parameters"):
        losses.l2([], 1.0)


@pytest.mark.parametrize(("alpha", "ratio"), [(0.1, 0.5), (0.5, 0.9), (1.0, 0.2)])
def test_the_elastic_net_is_scikit_learns(alpha: float, ratio: float) -> None:
    """½·mse + λ₁Σ|w| + λ₂Σw² with λ₁ = α·ratio and λ₂ = ½α(1 − ratio) is scikit-learn's objective."""
    from sklearn.linear_model import ElasticNet

    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 8)) @ rng.normal(0.3, 0.3, (8, 8))
    y = x @ np.array([2.0, -1.0, 0.5, 0, 0, 0, 0, 1.0]) + 3.0 + rng.normal(0, 0.3, 100)
    expected = ElasticNet(alpha=alpha, l1_ratio=ratio, tol=1e-10, max_iter=100_000).fit(x, y)
    model = nn.Linear(8, 1, dtype="float64")
    penalty = losses.ElasticNet(l1=alpha * ratio, l2=0.5 * alpha * (1 - ratio))
    optimizer = optim.SGD(model.parameters(), lr=0.5 / np.linalg.eigvalsh(x.T @ x / 100).max())

    @cr.compile
    def step(x: cr.Tensor, y: cr.Tensor) -> cr.Tensor:
        loss = optimizer.minimize(0.5 * losses.mse(model(x)[:, 0], y))
        penalty.shrink(model, optimizer.lr)
        return loss

    inputs = cr.asarray(x), cr.asarray(y)
    for _ in range(1500):
        step(*inputs)
    np.testing.assert_allclose(model.weight.numpy()[:, 0], expected.coef_, atol=1e-3)
    assert model.bias is not None
    assert float(model.bias[0]) == pytest.approx(expected.intercept_, abs=1e-3)
    assert ((model.weight.numpy()[:, 0] == 0) == (expected.coef_ == 0)).all()
