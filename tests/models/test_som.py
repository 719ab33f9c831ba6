"""Self-organising maps against Kohonen's formulas in plain NumPy."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import chainrule as cr
from chainrule import models
from chainrule.errors import ConfigError, NonFiniteError, ShapeError

RNG = np.random.default_rng(0)
X = (RNG.normal(size=(60, 3)) * [3.0, 1.0, 0.3] + [5.0, 0.0, -2.0]).astype(np.float32)


def sheet(rows: int = 4, columns: int = 3, **options: object) -> models.SOM:
    cr.random.seed(0)
    return models.SOM(rows, columns, 3, **options)  # type: ignore[arg-type]


def distances_on_the_sheet(rows: int, columns: int, hexagonal: bool) -> np.ndarray:
    places = np.array(
        [(c + 0.5 * (r % 2), r * np.sqrt(3) / 2) if hexagonal else (c, r) for r in range(rows) for c in range(columns)]
    )
    return np.linalg.norm(places[:, None] - places[None], axis=2)


def decay(first: float, last: float, step: int, steps: int) -> float:
    return first * (last / first) ** (step / (steps - 1))


@pytest.mark.parametrize("grid", ["rectangular", "hexagonal"])
def test_batch_learning_is_kohonens_formula(grid: str) -> None:
    som = sheet(grid=grid)
    m = som.weight.numpy().astype(np.float64)
    d = distances_on_the_sheet(4, 3, grid == "hexagonal")
    epochs = 6
    for epoch in range(epochs):
        sigma = decay(2.0, 0.6, epoch, epochs)
        winners = np.array([np.argmin(np.linalg.norm(x - m, axis=1)) for x in X])
        h = np.exp(-(d[winners] ** 2) / (2 * sigma**2))
        m = np.array([(h[:, i : i + 1] * X).sum(axis=0) / h[:, i].sum() for i in range(12)])
    som.fit(X, epochs, radius=(2.0, 0.6))
    np.testing.assert_allclose(som.weight.numpy(), m, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("grid", ["rectangular", "hexagonal"])
def test_online_learning_is_kohonens_formula(grid: str) -> None:
    som = sheet(grid=grid)
    order = copy.deepcopy(som.stream)
    m = som.weight.numpy().astype(np.float64)
    d = distances_on_the_sheet(4, 3, grid == "hexagonal")
    epochs, step = 3, 0
    for _ in range(epochs):
        for row in order.permutation(60).numpy():
            sigma, eta = decay(2.0, 0.6, step, epochs * 60), decay(0.4, 0.05, step, epochs * 60)
            winner = np.argmin(np.linalg.norm(X[row] - m, axis=1))
            m = m + eta * np.exp(-(d[winner] ** 2) / (2 * sigma**2))[:, None] * (X[row] - m)
            step += 1
    som.fit(X, epochs, mode="online", radius=(2.0, 0.6), rate=(0.4, 0.05))
    np.testing.assert_allclose(som.weight.numpy(), m, rtol=1e-3, atol=1e-4)


def test_errors_and_pictures_are_as_defined() -> None:
    som = sheet()
    som.start_from(X, "samples")
    m = som.weight.numpy().astype(np.float64)
    apart = np.linalg.norm(X[:, None] - m[None], axis=2)
    assert som.quantization_error(X) == pytest.approx(apart.min(axis=1).mean(), rel=1e-5)
    np.testing.assert_array_equal(som(X).numpy(), apart.argmin(axis=1))
    assert som.hits(X).sum() == 60 and som.hits(X).shape == (4, 3)
    d = distances_on_the_sheet(4, 3, False)
    two = np.argsort(apart, axis=1, kind="stable")[:, :2]
    assert som.topographic_error(X) == pytest.approx(np.mean(d[two[:, 0], two[:, 1]] > 1.5))
    u = [np.mean([np.linalg.norm(m[i] - m[j]) for j in range(12) if 0 < d[i, j] < 1.5]) for i in range(12)]
    np.testing.assert_allclose(som.u_matrix().reshape(-1), u)


def test_neighbours_on_the_two_grids() -> None:
    square, honeycomb = sheet(5, 5)._adjacent(), sheet(5, 5, grid="hexagonal")._adjacent()
    assert square[12].sum() == 8 and np.flatnonzero(square[0]).tolist() == [1, 5, 6]
    assert honeycomb[12].sum() == 6 and (honeycomb == honeycomb.T).all()
    assert sheet(1, 1).topographic_error(X) == 0.0 and sheet(1, 1).u_matrix().tolist() == [[0.0]]


def test_the_first_sheet_lies_in_the_plane_of_the_first_components() -> None:
    som = sheet(3, 7)
    som.start_from(X)
    m = som.weight.numpy().astype(np.float64)
    mean = X.mean(axis=0, dtype=np.float64)
    values, axes = np.linalg.eigh(np.cov(X.T.astype(np.float64)))
    third, first = axes[:, 0], axes[:, 2]
    np.testing.assert_allclose((m - mean) @ third, 0.0, atol=1e-4)
    along = np.abs((m - mean) @ first).reshape(3, 7)
    np.testing.assert_allclose(along[:, 0], 2.0 * np.sqrt(values[2]), rtol=1e-4)  # the longer side, to two deviations
    np.testing.assert_allclose(along[:, 3], 0.0, atol=1e-4)
    one = models.SOM(1, 4, 1)
    one.start_from(X[:, :1])
    assert np.ptp(one.weight.numpy()) > 1.0


@pytest.mark.parametrize(
    ("grid", "mode"), [("rectangular", "batch"), ("hexagonal", "batch"), ("rectangular", "online")]
)
def test_it_unfolds_over_a_square(grid: str, mode: str) -> None:
    cr.random.seed(0)
    x = np.random.default_rng(1).random((400, 2)).astype(np.float32)
    som = models.SOM(7, 7, 2, grid=grid)
    seen: list[int] = []
    som.fit(x, 30 if mode == "batch" else 10, mode=mode, callback=lambda epoch, _: seen.append(epoch))
    assert seen == list(range(len(seen))) and len(seen) in (10, 30)
    assert som.quantization_error(x) < 0.07  # half a unit's share of the square
    assert som.topographic_error(x) < 0.12
    assert (som.hits(x) > 0).mean() > 0.9


def test_the_u_matrix_shows_the_border_between_clusters() -> None:
    rng = np.random.default_rng(2)
    x = np.concatenate([rng.normal(size=(100, 3)), rng.normal(size=(100, 3)) + 8.0]).astype(np.float32)
    som = sheet(4, 10)
    som.start_from(x)
    som.fit(x, 20)
    u = som.u_matrix().mean(axis=0)
    assert u[3:7].max() > 3.0 * max(u[0], u[-1])
    left, right = set(som(x[:100]).numpy().tolist()), set(som(x[100:]).numpy().tolist())
    assert not left & right


def test_the_state_is_the_weights_and_nothing_of_the_data() -> None:
    som = sheet()
    som.fit(X, 2)
    assert sorted(som.state_dict()) == ["places", "stream", "weight"]
    again = sheet()
    again.load_state_dict(som.state_dict())
    np.testing.assert_array_equal(again(X).numpy(), som(X).numpy())


def test_what_does_not_fit_is_an_error() -> None:
    som = sheet()
    with pytest.raises(ShapeError, match=r"expected \(N, 3\)"):
        som.fit(X[:, :2])
    with pytest.raises(NonFiniteError, match="row 1"):
        som.fit(np.array([[0, 0, 0], [0, np.nan, 0]], np.float32))
    with pytest.raises(ConfigError, match="mode 'stochastic'"):
        som.fit(X, mode="stochastic")
    with pytest.raises(ConfigError, match="radius"):
        som.fit(X, radius=(1.0, 0.0))
    with pytest.raises(ConfigError, match="'pca' or 'samples'"):
        som.start_from(X, "random")
    with pytest.raises(ConfigError, match="rows is a whole number"):
        models.SOM(0, 3, 3)
    with pytest.raises(ConfigError, match="'rectangular' or 'hexagonal'"):
        sheet(grid="torus")
