"""The learning-rate range test: rates that grow, a loss that answers, and everything as it was afterwards."""

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import data, losses, nn, optim, train
from chainrule.errors import ConfigError, NonFiniteError


def parabola(n=256, scale=3.0):
    x = np.random.default_rng(0).normal(size=(n, 4)).astype(np.float32)
    return x, (x @ np.full((4, 1), scale)).astype(np.float32)


def made(rule=optim.SGD):
    cr.random.seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm(8), nn.Dropout(0.1), nn.Linear(8, 1))
    return model, rule(model.parameters(), lr=0.05)


@pytest.mark.parametrize("rule", [optim.SGD, optim.Adam, optim.Momentum])
def test_everything_is_afterwards_what_it_was(rule):
    model, optimizer = made(rule)
    model[1].eval()
    optimizer.minimize(losses.mse(model(parabola()[0]), parabola()[1]))
    before = (model.state_dict(), optimizer.state_dict(), cr.random.default_stream().state.numpy().copy())
    modes = [module.training for module in model.modules()]
    found = train.learning_rate_range(model, losses.MSE(), optimizer, parabola(), steps=40)
    after = (model.state_dict(), optimizer.state_dict(), cr.random.default_stream().state.numpy())
    for old, new in zip(before[:2], after[:2], strict=True):
        assert set(old) == set(new)
        for name in old:
            np.testing.assert_array_equal(old[name], new[name])
    np.testing.assert_array_equal(before[2], after[2])
    assert [module.training for module in model.modules()] == modes
    assert len(np.unique(found.losses)) > 4  # it did train in between


def test_rates_grow_by_a_factor_and_the_losses_are_those_of_the_steps():
    cr.random.seed(1)
    model, (x, y) = nn.Linear(4, 1), parabola(32)
    other = nn.Linear(4, 1)
    other.load_state_dict(model.state_dict())
    options: dict[str, Any] = {"lowest": 1e-4, "highest": 0.1, "steps": 12, "batch_size": 32}
    rule = optim.SGD(model.parameters(), lr=1.0)
    found = train.learning_rate_range(model, losses.MSE(), rule, (x, y), **options)
    np.testing.assert_allclose(found.rates, 1e-4 * 1000 ** (np.arange(12) / 11))
    peer = optim.SGD(other.parameters(), lr=1.0)
    for rate, loss in zip(found.rates, found.losses, strict=True):
        peer.lr = float(rate)
        now = losses.mse(other(x), y)
        peer.minimize(now)
        assert float(now) == pytest.approx(loss, rel=1e-4)


def test_the_suggestion_lies_below_the_rate_at_which_descent_diverges():
    cr.random.seed(2)
    model, (x, y) = nn.Linear(4, 1, bias=False), parabola(1024)
    rule = optim.SGD(model.parameters(), lr=1.0)
    found = train.learning_rate_range(model, losses.MSE(), rule, (x, y), batch_size=1024, steps=200)
    # gradient descent on a parabola converges below 2 / its largest curvature
    limit = 2.0 / np.linalg.eigvalsh(2 * x.T @ x / len(x)).max()
    assert limit / 100 < found.steepest < limit
    assert limit / 50 < found.tenth < limit
    assert found.rates[-1] < 10.0  # it ended when the loss broke out
    assert found.losses[-1] > 4 * found.losses.min()
    assert f"{found.steepest:.2g}" in str(found)


def test_balanced_samples_are_balanced_here_too():
    x, y = parabola(32)[0], np.repeat([0, 1], [28, 4])
    rows = data.Balanced(data.Dataset(x, y), "weights")
    cr.random.seed(3)
    model = nn.Linear(4, 2)
    expected = float((losses.cross_entropy(model(x), y, reduction="none") * rows.class_weights[y]).mean())
    rule = optim.SGD(model.parameters(), lr=1.0)
    found = train.learning_rate_range(model, losses.CrossEntropy(), rule, rows, steps=10)
    assert found.losses[0] == pytest.approx(expected, rel=1e-5)
    assert expected != pytest.approx(float(losses.cross_entropy(model(x), y)), rel=1e-2)


def test_smoothing_shifts_no_place():
    from chainrule.train.range_test import _smooth

    peak = np.zeros(21)
    peak[10] = 1.0
    smoothed = _smooth(peak, 3)
    assert smoothed.argmax() == 10
    np.testing.assert_allclose(smoothed, smoothed[::-1])
    np.testing.assert_allclose(_smooth(np.full(9, 2.0), 3), 2.0)


def test_what_cannot_be_is_refused():
    model, optimizer = made()
    refused: tuple[tuple[dict[str, Any], str], ...] = (
        ({"lowest": 1.0, "highest": 0.1}, "goes up from above 0"),
        ({"lowest": 0.0}, "goes up from above 0"),
        ({"steps": 5}, "at least 10 steps"),
    )
    for options, words in refused:
        with pytest.raises(ConfigError, match=words):
            train.learning_rate_range(model, losses.MSE(), optimizer, parabola(), **options)
    before = model.state_dict()
    with np.errstate(all="ignore"), pytest.raises(NonFiniteError, match="no number after"):
        train.learning_rate_range(model, losses.MSE(), optimizer, parabola(), lowest=1e37, highest=1e38)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
