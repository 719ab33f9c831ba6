"""Restricted Boltzmann machines, small enough that all states can be enumerated."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import models, optim
from chainrule.errors import ConfigError, LabelError, ShapeError

V, H = 4, 3
STATES = np.array(list(itertools.product([0.0, 1.0], repeat=V)))
HIDDEN = np.array(list(itertools.product([0.0, 1.0], repeat=H)))


def machine(size: float = 0.8, **options: Any) -> models.RBM:
    """In float64, with parameters large enough that p is far from uniform."""
    cr.random.seed(4)
    rbm = models.RBM(V, H, dtype="float64", **options)
    rng = np.random.default_rng(0)
    for parameter in rbm.parameters():
        parameter.assign(cr.asarray(rng.normal(size=parameter.shape) * size))
    return rbm


def of(rbm: models.RBM) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return rbm.weight.numpy(), rbm.visible_bias.numpy(), rbm.hidden_bias.numpy()


def energy(rbm: models.RBM, v: np.ndarray, h: np.ndarray) -> np.ndarray:
    """E of every pair of rows."""
    w, a, b = of(rbm)
    alone = 0.5 * ((v - a) ** 2).sum(axis=1) if rbm.visible_units == "gaussian" else -v @ a
    return alone[:, None] - h @ b - v @ w @ h.T


def distribution(rbm: models.RBM) -> np.ndarray:
    """p(v) of all states, by the sum over everything."""
    joint = np.exp(-energy(rbm, STATES, HIDDEN))
    return joint.sum(axis=1) / joint.sum()


@pytest.mark.parametrize("kind", ["binary", "gaussian"])
def test_free_energy_is_the_sum_over_the_hidden_units(kind: str) -> None:
    rbm = machine(visible_units=kind)
    v = STATES if kind == "binary" else np.random.default_rng(1).normal(size=(9, V))
    summed = -np.log(np.exp(-energy(rbm, v, HIDDEN)).sum(axis=1))
    np.testing.assert_allclose(rbm.free_energy(cr.asarray(v)).numpy(), summed, rtol=1e-12)


def test_conditionals_are_those_of_the_joint_distribution() -> None:
    rbm = machine()
    joint = np.exp(-energy(rbm, STATES, HIDDEN))
    on = (joint @ HIDDEN) / joint.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(rbm.hidden_probabilities(cr.asarray(STATES)).numpy(), on, rtol=1e-12)
    on = (joint.T @ STATES) / joint.sum(axis=0)[:, None]
    np.testing.assert_allclose(rbm.visible_mean(cr.asarray(HIDDEN)).numpy(), on, rtol=1e-12)
    np.testing.assert_array_equal(rbm(cr.asarray(STATES)).numpy(), rbm.hidden_probabilities(cr.asarray(STATES)).numpy())


def test_the_gradient_is_that_of_the_likelihood_when_the_negative_phase_is_exact() -> None:
    """∇F(v) − E_p[∇F] against central differences of the mean of F(v) + log Z."""
    rbm = machine()
    data = STATES[[3, 3, 9, 14]]
    p = cr.asarray(distribution(rbm))
    rbm.zero_grad()
    (rbm.free_energy(cr.asarray(data)).mean() - (p * rbm.free_energy(cr.asarray(STATES))).sum()).backward()

    def likelihood() -> float:
        log_z = np.log(np.exp(-energy(rbm, STATES, HIDDEN)).sum())
        return float(np.mean(-np.log(np.exp(-energy(rbm, data, HIDDEN)).sum(axis=1))) + log_z)

    for path, parameter in rbm.named_parameters():
        before = parameter.numpy().copy()
        for entry in np.ndindex(before.shape):
            found = []
            for step in (1e-6, -1e-6):
                moved = before.copy()
                moved[entry] += step
                parameter.assign(cr.asarray(moved))
                found.append(likelihood())
            parameter.assign(cr.asarray(before))
            slope = (found[0] - found[1]) / 2e-6
            assert parameter.grad.numpy()[entry] == pytest.approx(slope, rel=1e-6, abs=1e-8), (path, entry)


def test_contrastive_divergence_is_hintons_rule() -> None:
    """−⟨v h⟩ of the data + ⟨v h⟩ of the samples, with the probabilities of the hidden units."""
    rbm = machine()
    data = STATES[[3, 3, 9, 14]]
    state = rbm.state_dict()
    samples = rbm.gibbs(cr.asarray(data), 2).numpy()
    rbm.load_state_dict(state)  # the stream, too: the same samples again
    rbm.zero_grad()
    models.ContrastiveDivergence(rbm, k=2)(None, cr.asarray(data)).backward()
    w, _, b = of(rbm)

    def means(v: np.ndarray) -> tuple[np.ndarray, ...]:
        h = 1.0 / (1.0 + np.exp(-(v @ w + b)))
        return v.T @ h / len(v), v.mean(axis=0), h.mean(axis=0)

    for parameter, positive, negative in zip(
        (rbm.weight, rbm.visible_bias, rbm.hidden_bias), means(data), means(samples), strict=True
    ):
        np.testing.assert_allclose(parameter.grad.numpy(), negative - positive, rtol=1e-10, atol=1e-12)


def test_weights_of_rows_leave_padding_out() -> None:
    rbm = machine()
    loss = models.ContrastiveDivergence(rbm)
    v, state = cr.asarray(STATES[:4]), rbm.state_dict()
    first = float(loss(None, v, weights=np.array([1.0, 1.0, 0.0, 0.0])))
    rbm.load_state_dict(state)
    samples = rbm.gibbs(v)
    wanted = rbm.free_energy(v[:2]).mean() - rbm.free_energy(samples).mean()
    assert first == pytest.approx(float(wanted))


@pytest.mark.parametrize("run", [lambda f: f, cr.compile])
def test_the_chain_ends_in_the_distribution(run: Any) -> None:
    rbm = machine()
    count = 20_000
    v = run(lambda v: rbm.gibbs(v, 20))(rbm._noise(count)).numpy()
    found = np.array([(v == state).all(axis=1).mean() for state in STATES])
    p = distribution(rbm)
    chi = (count * (found - p) ** 2 / p).sum()
    assert chi < 37.7  # χ² of 15 degrees of freedom is above once in 1000; the seed is fixed


def test_gaussian_units_have_the_moments_of_their_distribution() -> None:
    rbm = machine(0.5, visible_units="gaussian")
    w, a, b = of(rbm)
    # p(h) by integrating v out: v given h is N(a + W h, 1)
    shift = HIDDEN @ w.T
    weight = np.exp(HIDDEN @ b + shift @ a + 0.5 * (shift**2).sum(axis=1))
    weight /= weight.sum()
    mean = a + weight @ shift
    v = rbm.sample(20_000, 30).numpy()
    np.testing.assert_allclose(v.mean(axis=0), mean, atol=0.04)
    spread = 1.0 + weight @ shift**2 - (weight @ shift) ** 2
    np.testing.assert_allclose(v.var(axis=0), spread, rtol=0.05)


@pytest.mark.parametrize("chains", [0, 50])
def test_it_learns_a_distribution(chains: int) -> None:
    data = np.array([[1, 1, 0, 0], [0, 0, 1, 1]], np.float32).repeat(50, axis=0)
    cr.random.seed(1)
    rbm = models.RBM(V, H, chains=chains)
    rbm.fit_visible_bias(data)
    before = distribution(rbm)
    trainer = cr.Trainer(rbm, models.ContrastiveDivergence(rbm), optim.SGD(rbm.parameters(), lr=0.05), progress=False)
    trainer.fit((data, data), epochs=300, batch_size=20)
    p = distribution(rbm)
    seen = [int(np.flatnonzero((row == STATES).all(axis=1))[0]) for row in data[[0, 50]]]
    assert before[seen].sum() < 0.2
    assert p[seen].sum() > 0.8
    assert abs(p[seen[0]] - p[seen[1]]) < 0.3


def test_persistent_chains_go_on_and_belong_to_the_state() -> None:
    rbm = machine(chains=7)
    assert rbm.chains is not None and rbm.chains.shape == (7, V)
    loss = models.ContrastiveDivergence(rbm)
    before = rbm.chains.numpy().copy()
    loss(None, cr.asarray(STATES))
    after = rbm.chains.numpy().copy()
    assert (before != after).any()
    rbm.eval()
    loss(None, cr.asarray(STATES))
    np.testing.assert_array_equal(rbm.chains.numpy(), after)
    assert "chains" in rbm.state_dict()


def test_a_run_goes_on_bit_for_bit_with_its_chains(tmp_path: Path) -> None:
    v = (np.random.default_rng(0).random((60, 10)) < 0.3).astype(np.float32)

    def train(epochs: int, out: Path, resume: bool = False) -> dict[str, np.ndarray]:
        cr.random.seed(0)
        rbm = models.RBM(10, 4, chains=16)
        rule = optim.SGD(rbm.parameters(), lr=0.1)
        trainer = cr.Trainer(rbm, models.ContrastiveDivergence(rbm, k=2), rule, progress=False)
        trainer.fit((v, v), epochs=epochs, batch_size=20, out=out, resume=resume)
        return rbm.state_dict()

    whole = train(4, tmp_path / "whole")
    train(2, tmp_path / "halves")
    for path, value in train(4, tmp_path / "halves", resume=True).items():
        np.testing.assert_array_equal(value, whole[path], err_msg=path)


def test_the_visible_bias_alone_explains_the_means() -> None:
    rbm = models.RBM(3, 2)
    data = np.array([[1, 0, 0], [1, 1, 0], [1, 0, 0], [1, 0, 0]], np.float32)
    rbm.fit_visible_bias(data)
    rbm.weight.assign(cr.zeros((3, 2)))
    np.testing.assert_allclose(rbm.reconstruct(data).numpy()[0], [0.999, 0.25, 0.001], rtol=1e-4)
    gaussian = models.RBM(3, 2, visible_units="gaussian")
    gaussian.fit_visible_bias(data)
    np.testing.assert_allclose(gaussian.visible_bias.numpy(), data.mean(axis=0))


def test_ratings() -> None:
    """Two tastes: those who like the first three items dislike the others."""
    cr.random.seed(0)
    rng = np.random.default_rng(0)
    taste = rng.random(300) < 0.5
    ratings = np.where(taste[:, None], [5, 5, 4, 1, 2, 1], [1, 2, 1, 5, 4, 5]) * (rng.random((300, 6)) < 0.7)
    model = models.RatingsRBM(6, 5, 4)
    v = model.one_hot(ratings)
    assert v.shape == (300, 30)
    model.fit_visible_bias(v)
    trainer = cr.Trainer(
        model, models.ContrastiveDivergence(model), optim.SGD(model.parameters(), lr=0.2), progress=False
    )
    trainer.fit((v.numpy(), v.numpy()), epochs=60, batch_size=50)
    new = model.one_hot(np.array([[5, 5, 0, 0, 0, 0], [0, 0, 0, 0, 0, 5]]))
    guess = model.predict(new).numpy()
    assert guess[0, 2] > 3.0 > guess[0, 4]
    assert guess[1, 3] > 3.0 > guess[1, 0]
    kept = model.gibbs(v, 2).numpy().reshape(300, 6, 5).sum(axis=2)
    np.testing.assert_array_equal(kept, ratings > 0)  # what was not rated stays so


def test_ratings_that_are_missing_change_nothing() -> None:
    model = models.RatingsRBM(3, 5, 2)
    energy = model.free_energy(model.one_hot(np.zeros((1, 3), int)))
    wanted = -np.log1p(np.exp(model.hidden_bias.numpy())).sum()
    assert float(energy[0]) == pytest.approx(float(wanted))
    loss = models.ContrastiveDivergence(model)
    loss(None, model.one_hot(np.array([[5, 0, 1]]))).backward()
    assert not model.weight.grad.numpy().reshape(3, 5, 2)[1].any()


def test_what_does_not_fit_is_an_error() -> None:
    rbm = models.RBM(4, 2)
    with pytest.raises(ShapeError, match=r"expected \(N, 4\)"):
        rbm(cr.ones((2, 2, 2)))
    with pytest.raises(ConfigError, match="hidden is a number of units"):
        models.RBM(4, 0)
    with pytest.raises(ConfigError, match="visible_units is 'poisson'"):
        models.RBM(4, 2, visible_units="poisson")
    with pytest.raises(ConfigError, match="k is a number of steps"):
        models.ContrastiveDivergence(rbm, k=0)
    with pytest.raises(ConfigError, match="at least one step"):
        rbm.gibbs(cr.ones((2, 4)), 0)
    with pytest.raises(LabelError, match="from 1 to 5, 0 for a missing one"):
        models.RatingsRBM(3, 5, 2).one_hot(np.array([[6, 0, 1]]))
    with pytest.raises(ConfigError, match="no part of the model"):
        models.RatingsRBM(3, 5, 2).sample(3)
