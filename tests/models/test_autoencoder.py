"""Autoencoders: principal components without an activation, less error with one, tied weights and corruption."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import data, losses, models, optim
from chainrule.errors import ConfigError, ShapeError


def trained(model: models.Autoencoder, x: np.ndarray, steps: int, lr: float = 0.01) -> float:
    """Full-batch training with a learning rate that falls to 0; the mean squared error at the end, in evaluation."""
    optimizer = optim.Adam(model.parameters(), lr=lr)
    held = cr.Variable(x)

    @cr.compile
    def step(rate: Any) -> Any:
        optimizer.lr = rate
        loss = losses.mse(model(held), held)
        optimizer.minimize(loss)
        return loss

    step.scan(lr * 0.5 * (1.0 + np.cos(np.pi * np.arange(steps) / steps)))
    model.eval()
    return float(losses.mse(model(cr.asarray(x)), x))


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The images of digits as rows around their mean, and their principal directions with the variance of each."""
    x = data.bundled("digits").inputs[0].reshape(-1, 64)[:600] / 8.0
    x = x - x.mean(axis=0)
    _, spread, directions = np.linalg.svd(x.astype(np.float64), full_matrices=False)
    return x, directions, spread**2 / x.size


@pytest.mark.parametrize("tied", [False, True])
def test_without_an_activation_it_finds_the_principal_components(tied: bool, digits: Any) -> None:
    """Baldi & Hornik 1989: the only minimum spans the first components; everything else is a saddle."""
    x, directions, shares = digits
    cr.random.seed(0)
    model = models.Autoencoder(64, [4], tied=tied)
    error = trained(model, x, 1500, lr=0.02)
    assert error == pytest.approx(shares[4:].sum(), rel=1e-3)
    layer: Any = next(iter(model.encoder if tied else model.decoder))
    weight = layer.weight.numpy() if tied else layer.weight.numpy().T
    basis, _ = np.linalg.qr(weight.astype(np.float64))
    cosines = np.linalg.svd(directions[:4] @ basis, compute_uv=False)
    assert cosines.min() > 0.995  # of the angles between the two subspaces


def test_with_activations_it_reconstructs_better_than_as_many_components(digits: Any) -> None:
    x, _, shares = digits
    cr.random.seed(0)
    error = trained(models.Autoencoder(64, [64, 4]), x, 600)
    assert error < 0.75 * shares[4:].sum()


def test_it_learns_to_fill_in_what_was_left_out(digits: Any) -> None:
    x, _, _ = digits
    cr.random.seed(0)
    plain, denoising = models.Autoencoder(64, [64]), models.Autoencoder(64, [64], corruption=0.5)
    trained(plain, x, 300)
    trained(denoising, x, 300)
    gaps = x * (np.random.default_rng(0).random(x.shape) < 0.5)
    errors = [float(losses.mse(model(gaps.astype(np.float32)), x)) for model in (plain, denoising)]
    assert errors[1] < 0.75 * errors[0]
    once = denoising(x).numpy()
    np.testing.assert_array_equal(once, denoising(x).numpy())  # nothing is left out in evaluation
    denoising.train()
    assert (denoising(x).numpy() != once).any()


def test_shapes_and_shared_weights() -> None:
    x = cr.ones((5, 8, 8, 1))
    model = models.Autoencoder((8, 8, 1), [32, 4], activation="tanh", tied=True)
    assert model(x).shape == x.shape and model.encode(x).shape == (5, 4)
    np.testing.assert_array_equal(model.decode(model.encode(x)).numpy(), model(x).numpy())
    assert sum(p.size for p in model.parameters()) == 64 * 32 + 32 * 4 + 32 + 4 + 32 + 64
    assert sum(p.size for p in models.Autoencoder(64, [32, 4]).parameters()) == 2 * (64 * 32 + 32 * 4) + 36 + 96
    state = model.state_dict()
    other = models.Autoencoder((8, 8, 1), [32, 4], activation="tanh", tied=True)
    other.load_state_dict(state)
    np.testing.assert_array_equal(other(x).numpy(), model(x).numpy())


def test_what_does_not_fit_is_an_error() -> None:
    with pytest.raises(ConfigError, match="layer of its code"):
        models.Autoencoder(64, [])
    with pytest.raises(ConfigError, match="corruption"):
        models.Autoencoder(64, [8], corruption=1.0)
    with pytest.raises(ShapeError, match=r"expected \(N, 8, 8, 1\)"):
        models.Autoencoder((8, 8, 1), [8])(cr.ones((2, 64)))
