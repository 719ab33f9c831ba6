"""Initialisers: widths, bounds, orthogonality, and draws that follow their stream."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import init
from chainrule.errors import ConfigError, ShapeError
from chainrule.graph.random import Stream

SHAPE = (3, 3, 40, 60)
FAN_IN, FAN_OUT = 360, 540


@pytest.mark.parametrize(
    ("make", "std", "bound"),
    [
        (lambda: init.normal(SHAPE, 0.0, 0.3), 0.3, None),
        (lambda: init.uniform(SHAPE, -0.6, 0.6), 0.6 / 3**0.5, 0.6),
        (lambda: init.truncated_normal(SHAPE, std=0.5), 0.5 * 0.8796, 1.0),
        (lambda: init.xavier_uniform(SHAPE), (2 / (FAN_IN + FAN_OUT)) ** 0.5, (6 / (FAN_IN + FAN_OUT)) ** 0.5),
        (lambda: init.xavier_normal(SHAPE, 2.0), 2 * (2 / (FAN_IN + FAN_OUT)) ** 0.5, None),
        (lambda: init.he_normal(SHAPE), (2 / FAN_IN) ** 0.5, None),
        (lambda: init.he_normal(SHAPE, fan="out"), (2 / FAN_OUT) ** 0.5, None),
        (lambda: init.he_normal(SHAPE, 0.5), (2 / 1.25 / FAN_IN) ** 0.5, None),
        (lambda: init.he_uniform(SHAPE), (2 / FAN_IN) ** 0.5, (6 / FAN_IN) ** 0.5),
    ],
)
def test_widths_and_bounds(make: Any, std: float, bound: float | None) -> None:
    cr.random.seed(11)
    x = make().numpy()
    assert x.shape == SHAPE and x.dtype == np.float32
    assert x.std() == pytest.approx(std, rel=0.02)
    assert abs(x.mean()) < 4 * std / x.size**0.5
    if bound is not None:
        assert 0.99 * bound < np.abs(x).max() <= bound


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5), (3, 3, 2, 7), (2, 2, 8, 4)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    w = init.orthogonal(shape, 2.0, dtype="float64").numpy()
    assert w.shape == shape
    m = w.reshape(-1, shape[-1])
    gram = m.T @ m if m.shape[0] >= m.shape[1] else m @ m.T
    np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), atol=1e-12)


def test_orthogonal_favours_no_sign() -> None:
    stream = Stream(0)
    draws = np.array([init.orthogonal((2, 2), stream=stream).numpy()[0, 0] for _ in range(300)])
    assert 0.4 < (draws > 0).mean() < 0.6


@pytest.mark.parametrize(
    "make",
    [
        init.normal,
        init.truncated_normal,
        init.uniform,
        init.xavier_normal,
        init.xavier_uniform,
        init.he_normal,
        init.he_uniform,
        init.orthogonal,
    ],
)
def test_draws_follow_the_seed_or_the_stream(make: Any) -> None:
    cr.random.seed(3)
    a, b = make((4, 5)).numpy(), make((4, 5)).numpy()
    cr.random.seed(3)
    np.testing.assert_array_equal(make((4, 5)).numpy(), a)
    assert (a != b).any()
    before = cr.random.default_stream().state.tolist()
    c, d = (make((4, 5), stream=Stream(8), dtype="float64").numpy() for _ in range(2))
    np.testing.assert_array_equal(c, d)
    assert c.dtype == np.float64
    assert cr.random.default_stream().state.tolist() == before


def test_constants() -> None:
    assert init.zeros((2, 1)).tolist() == [[0.0], [0.0]]
    assert init.ones((1,), dtype="float64").dtype == cr.float64
    assert init.constant((2,), 3).tolist() == [3.0, 3.0] and init.constant((1,), 3).dtype == cr.float32


def test_what_has_no_fans() -> None:
    assert init.fans((5, 7)) == (5, 7) and init.fans((4, 2, 3)) == (8, 12)
    for make in (init.he_normal, init.xavier_uniform, init.orthogonal):
        with pytest.raises(ShapeError, match="axes"):
            make((3,))
    with pytest.raises(ConfigError, match="'in'"):
        init.he_normal((3, 3), fan="avg")
    with pytest.raises(ConfigError, match="dialect"):
        init.linear(2, 2, dialect="jax")


def test_equal_first_values_keep_units_equal() -> None:
    """Symmetry: hidden units that start the same stay the same, those drawn at random do not."""

    def distinct(first: Any) -> int:
        w1, w2 = cr.nn.Parameter(first((2, 4))), cr.nn.Parameter(first((4, 1)))
        optimizer = cr.optim.SGD([w1, w2], 0.1)
        x, y = cr.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), cr.tensor([[1.0], [1.0], [0.0]])
        for _ in range(20):
            optimizer.minimize(cr.losses.mse(cr.tanh(x @ w1) @ w2, y))
        return len(np.unique(w1.numpy(), axis=1).T)

    assert distinct(lambda shape: init.constant(shape, 0.5)) == 1
    assert distinct(init.he_normal) == 4


def test_a_truncated_normal_stays_inside_on_one_side_too() -> None:
    x = init.truncated_normal((2000,), 1.0, 2.0, low=0.0, high=30.0, dtype="float64").numpy()
    assert x.min() >= 0.0 and x.max() > 4.0 and x.dtype == np.float64
    with pytest.raises(ConfigError, match="hardly anything"):
        init.truncated_normal((2,), 0.0, 1.0, low=4.0, high=5.0)
    with pytest.raises(ConfigError, match="hardly anything"):
        init.truncated_normal((2,), 0.0, 1.0, low=1.0, high=-1.0)


@pytest.mark.torch
def test_gains_are_pytorchs() -> None:
    torch = pytest.importorskip("torch")

    for name in ("linear", "sigmoid", "tanh", "relu", "selu"):
        assert init.gain(name) == pytest.approx(torch.nn.init.calculate_gain(name), rel=1e-12)
    assert init.gain("leaky_relu", 0.3) == pytest.approx(torch.nn.init.calculate_gain("leaky_relu", 0.3), rel=1e-12)


def test_an_unknown_gain_points_to_what_measures_it() -> None:
    with pytest.raises(ConfigError, match=r"init\.lsuv"):
        init.gain("gelu")


def deep(activation: str) -> cr.nn.Sequential:
    layers: list[cr.nn.Module] = []
    for _ in range(8):
        layers += [cr.nn.Linear(20, 20, dialect="pytorch"), cr.nn.activation(activation)]
    return cr.nn.Sequential(*layers, cr.nn.Linear(20, 3))


@pytest.mark.parametrize("activation", ["gelu", "tanh", "relu"])
def test_lsuv_brings_every_layer_to_variance_1(activation: str) -> None:
    cr.random.seed(0)
    model, x = deep(activation), 5.0 + 10.0 * cr.random.normal((300, 20))
    biases = [layer.bias.numpy() for layer in model.modules() if isinstance(layer, cr.nn.Linear)]
    variances = init.lsuv(model, x)
    assert list(variances) == ["0", "2", "4", "6", "8", "10", "12", "14", "16"]
    outputs: dict[str, float] = {}
    with cr.nn.watch(lambda path, module, inputs, y: outputs.update({path: float(y.numpy().var())})):
        model(x)
    for path, variance in variances.items():
        assert abs(variance - 1) < 0.1 and outputs[path] == pytest.approx(variance, rel=1e-3)
    first = model[0].weight.numpy()
    np.testing.assert_allclose(first.T @ first / (first.T @ first)[0, 0], np.eye(20), atol=1e-4)
    after = [layer.bias.numpy() for layer in model.modules() if isinstance(layer, cr.nn.Linear)]
    assert all((a == b).all() for a, b in zip(biases, after, strict=True)) and model.training


def test_lsuv_of_a_model_it_cannot_help() -> None:
    with pytest.raises(ConfigError, match="no layer with a weight matrix"):
        init.lsuv(cr.nn.ReLU(), cr.ones((2, 3)))
    with pytest.raises(cr.errors.NonFiniteError, match="layer '0'"):
        init.lsuv(cr.nn.Sequential(cr.nn.Linear(3, 2)), cr.zeros((4, 3)))
