"""Feature maps: their formulas, kernels, gradients, and what they make linear."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule import losses, models, nn, optim
from chainrule.errors import ConfigError, ShapeError


@settings(max_examples=15)
@given(features=st.integers(1, 4), degree=st.integers(1, 4), seed=st.integers(0, 1000))
def test_polynomials_are_scikit_learns(features: int, degree: int, seed: int) -> None:
    from sklearn.preprocessing import PolynomialFeatures

    x = np.random.default_rng(seed).normal(size=(5, features))
    made = models.PolynomialFeatures(features, degree)
    found = made(cr.asarray(x)).numpy()
    expected = PolynomialFeatures(degree, include_bias=False).fit_transform(x)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert made.out_features == expected.shape[1] == math.comb(features + degree, degree) - 1
    alone = models.PolynomialFeatures(features, degree, interactions=False)
    powers = np.concatenate([x**k for k in range(1, degree + 1)], axis=1)
    np.testing.assert_allclose(alone(cr.asarray(x)).numpy(), powers, rtol=1e-12)


def test_random_fourier_features_are_the_gaussian_kernel() -> None:
    cr.random.seed(0)
    features = models.FourierFeatures(3, 20_000, width=1.5, dtype="float64")
    x = cr.asarray(np.random.default_rng(0).normal(size=(6, 3)))
    phi = features(x).numpy()
    distances = np.square(x.numpy()[:, None] - x.numpy()).sum(-1)
    np.testing.assert_allclose(phi @ phi.T, np.exp(-distances / (2 * 1.5**2)), atol=4 / math.sqrt(20_000))
    assert not list(features.parameters()) and set(features.state_dict()) == {"frequencies", "phases"}


def test_radial_features_and_their_gradients() -> None:
    rng = np.random.default_rng(0)
    centres, x = rng.normal(size=(4, 2)), rng.normal(size=(3, 2))
    fixed = models.RadialFeatures(cr.asarray(centres), 0.7, dtype="float64")
    expected = np.exp(-np.square(x[:, None] - centres).sum(-1) / (2 * 0.7**2))
    np.testing.assert_allclose(fixed(cr.asarray(x)).numpy(), expected, rtol=1e-12)
    assert not list(fixed.parameters())
    learned = models.RadialFeatures(cr.asarray(centres), 0.7, learned=True, dtype="float64")
    assert [name for name, _ in learned.named_parameters()] == ["centres", "widths"]
    report = cr.gradcheck(lambda *_: learned(cr.asarray(x)), [learned.centres, learned.widths])
    assert report


@pytest.mark.parametrize("kind", ["polynomial", "fourier", "radial"])
def test_xor_is_linear_in_features(kind: str) -> None:
    cr.random.seed(1)
    corners = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    features: nn.Module = {
        "polynomial": lambda: models.PolynomialFeatures(2),
        "fourier": lambda: models.FourierFeatures(2, 50),
        "radial": lambda: models.RadialFeatures(corners, 0.5),
    }[kind]()
    model = models.FeatureMap(features, 1, squeeze=True)
    optimizer = optim.Adam(model.parameters(), 0.1)
    x, y = cr.tensor(corners), np.array([0, 1, 1, 0])
    step = cr.compile(lambda: optimizer.minimize(losses.binary_cross_entropy(model(x), y)))
    for _ in range(200):
        step()
    assert ((model(x).numpy() > 0) == y).all()
    assert models.linearly_separable(features(x), y)


def test_bad_input() -> None:
    with pytest.raises(ShapeError, match="in_features=3"):
        models.PolynomialFeatures(2)(cr.zeros((4, 3)))
    with pytest.raises(ShapeError, match=r"\(K, D\)"):
        models.RadialFeatures([1.0, 2.0])
    with pytest.raises(ConfigError, match="width"):
        models.FourierFeatures(2, 3, width=0.0)
    with pytest.raises(ConfigError, match="out_features"):
        models.FeatureMap(nn.ReLU(), 2)
    with pytest.raises(ConfigError, match="degree"):
        models.PolynomialFeatures(2, 0)
