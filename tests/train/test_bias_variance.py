"""Bias and variance against closed forms: of least squares and ridge regression, and of votes counted by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule import losses, models, optim, train
from chainrule.errors import ConfigError, ShapeError

SIGMA, ROWS = 0.5, 40


def problem(degree, strength, truth_degree=3):
    """A polynomial regression whose expectation and variance are known: f = H y with H of the design alone."""
    rng = np.random.default_rng(0)
    x, new = rng.uniform(-1, 1, ROWS), rng.uniform(-1, 1, 25)
    signal = np.polynomial.Polynomial(rng.normal(size=truth_degree + 1) * 2)
    a, b = np.vander(x, degree + 1), np.vander(new, degree + 1)
    hat = b @ np.linalg.solve(a.T @ a + strength * np.eye(degree + 1), a.T)
    bias = (hat @ signal(x) - signal(new)) ** 2
    variance = SIGMA**2 * (hat**2).sum(axis=1)

    def fit(x, y):
        weights = np.linalg.solve(a.T @ a + strength * np.eye(degree + 1), a.T @ y)
        return lambda new: np.vander(new, degree + 1) @ weights

    def draw(rng):
        return x, signal(x) + SIGMA * rng.normal(size=ROWS)

    return fit, draw, (new, signal(new)), float(bias.mean()), float(variance.mean())


@pytest.mark.parametrize(("degree", "strength"), [(1, 0.0), (3, 0.0), (6, 0.0), (6, 1.0), (6, 10.0)])
def test_polynomials_and_ridge_regression_have_the_bias_and_variance_of_the_closed_form(degree, strength):
    fit, draw, test, bias, variance = problem(degree, strength)
    found = train.bias_variance(fit, draw, test, resamples=2000)
    assert found.variance == pytest.approx(variance, rel=0.05)
    assert found.bias == pytest.approx(bias, rel=0.05, abs=0.002)
    assert found.error == pytest.approx(found.bias + found.variance, rel=1e-9)


def test_capacity_trades_bias_for_variance_and_a_penalty_trades_it_back():
    by_degree = [train.bias_variance(*problem(d, 0.0)[:3], resamples=100) for d in (0, 1, 2, 3, 7)]
    assert [f.bias for f in by_degree[:4]] == sorted((f.bias for f in by_degree[:4]), reverse=True)
    assert [f.variance for f in by_degree] == sorted(f.variance for f in by_degree)
    by_penalty = [train.bias_variance(*problem(7, s)[:3], resamples=100) for s in (1e-3, 0.1, 1.0, 10.0, 100.0)]
    assert [f.variance for f in by_penalty] == sorted((f.variance for f in by_penalty), reverse=True)
    assert by_penalty[-1].bias > by_penalty[0].bias
    errors = [f.error for f in by_degree]
    assert min(errors) == errors[3]  # of the degree that the data have


def test_noise_of_the_target_is_told_apart_where_the_truth_is_known():
    fit, draw, (new, truth), bias, variance = problem(1, 0.0)
    rng = np.random.default_rng(5)
    new, truth = np.tile(new, 400), np.tile(truth, 400)
    noisy = truth + SIGMA * rng.normal(size=len(truth))
    found = train.bias_variance(fit, draw, (new, noisy), resamples=200, truth=truth)
    assert found.noise == pytest.approx(SIGMA**2, rel=0.05)
    assert found.error == pytest.approx(bias + variance + SIGMA**2, rel=0.05)
    blind = train.bias_variance(fit, draw, (new, noisy), resamples=200)
    assert blind.bias == pytest.approx(bias + SIGMA**2, rel=0.05) and blind.noise == 0.0
    assert "noise" in str(found)


def test_votes_counted_by_hand():
    votes = iter([[0, 1, 1, 2], [0, 1, 0, 2], [1, 0, 0, 1], [0, 1, 2, 2], [0, 0, 0, 0]])

    def fit(x, y):
        vote = np.array(next(votes))
        return lambda new: vote

    found = train.bias_variance(fit, ([0.0], [0]), (np.zeros(4), np.array([0, 0, 1, 2])), resamples=5, loss="zero-one")
    assert found.main.tolist() == [0, 1, 0, 2]
    assert found.bias == 2 / 4
    assert found.variance == pytest.approx((1 + 2 + 2 + 2) / 20)
    assert found.net_variance == pytest.approx((1 - 2 - 1 + 2) / 20)
    assert found.error == pytest.approx((1 + 3 + 4 + 2) / 20)


@given(st.integers(0, 10**6), st.integers(2, 9), st.integers(2, 4))
def test_the_parts_of_a_zero_one_loss_make_up_the_error(seed, resamples, classes):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, 12)

    def fit(x, y):
        return lambda new: rng.integers(0, classes, 12)

    found = train.bias_variance(fit, ([0.0], [0]), (np.zeros(12), y), resamples=resamples, loss="zero-one")
    assert found.error == pytest.approx(found.bias + found.net_variance)
    assert -found.bias <= found.net_variance <= found.variance + 1e-12


def test_of_networks_on_rows_drawn_again():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 2)).astype(np.float32)
    y = (x[:, 0] + 0.3 * rng.normal(size=80) > 0).astype(np.int32)

    def fit(x, y):
        cr.random.seed(0)
        model = models.MLP(2, [], 2)
        trainer = cr.Trainer(model, losses.CrossEntropy(), optim.Adam(model.parameters(), lr=0.05), progress=False)
        trainer.fit((x, y), epochs=5)
        return trainer.predict

    for size in (None, 20):
        found = train.bias_variance(fit, (x[:60], y[:60]), (x[60:], y[60:]), resamples=3, size=size, loss="zero-one")
        assert found.error == pytest.approx(found.bias + found.net_variance)


def test_what_does_not_fit_is_refused():
    def fit(x, y):
        return lambda new: np.zeros((len(new), 1))

    pair = (np.zeros(5), np.zeros(5))
    with pytest.raises(ConfigError, match=r"no loss 'square'.*squared"):
        train.bias_variance(fit, pair, pair, loss="square")
    with pytest.raises(ConfigError, match="resamples=1"):
        train.bias_variance(fit, pair, pair, resamples=1)
    with pytest.raises(ConfigError, match="size=6"):
        train.bias_variance(fit, pair, pair, size=6)
    with pytest.raises(ShapeError, match=r"shape \(5,\), a prediction \(5, 1\)"):
        train.bias_variance(fit, pair, pair)
