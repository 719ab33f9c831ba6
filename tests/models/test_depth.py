"""What depth does: folds for which one layer needs exponentially many units, and gradients that only skips hand on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import losses, nn, optim


def tents(depth: int) -> nn.Sequential:
    """x ↦ 1 − |2x − 1|, `depth` times in a row, with two ReLU units each."""
    layers: list[nn.Module] = []
    for _ in range(depth):
        first, second = nn.Linear(1, 2, dtype="float64"), nn.Linear(2, 1, bias=False, dtype="float64")
        first.weight.assign([[1.0, 1.0]])
        assert first.bias is not None
        first.bias.assign([0.0, -0.5])
        second.weight.assign([[2.0], [-4.0]])
        layers += [first, nn.ReLU(), second]
    return nn.Sequential(*layers)


def pieces(model: Any) -> int:
    """Straight pieces of a function on [0, 1]."""
    x = cr.asarray(np.linspace(0, 1, 2**12 + 1)[:, None])
    slopes = np.diff(model(x).numpy()[:, 0])
    return 1 + int((np.abs(np.diff(slopes)) > 1e-9).sum())


@pytest.mark.parametrize("depth", [1, 2, 5, 8])
def test_every_layer_of_two_units_doubles_the_pieces(depth: int) -> None:
    assert pieces(tents(depth)) == 2**depth


@pytest.mark.parametrize("units", [2, 8, 16])
def test_one_layer_bends_once_for_each_unit(units: int) -> None:
    """So that the folds of 8 layers with 16 units in all would take it 255 units."""
    cr.random.seed(units)
    model = nn.Sequential(nn.Linear(1, units, dtype="float64"), nn.ReLU(), nn.Linear(units, 1, dtype="float64"))
    bends = 2**-6 * np.round(np.random.default_rng(units).permutation(60)[:units] + 2)  # on the grid, all different
    model[0].bias.assign(cr.asarray(-model[0].weight.numpy()[0] * bends))
    assert pieces(model) == units + 1


def test_very_deep_networks_learn_with_skips_and_not_without() -> None:
    """60 layers on a smooth function: without skips it is no better than the mean, and its first layer hears little."""
    x = np.linspace(-1, 1, 64)[:, None].astype(np.float32)
    y = np.sin(3 * x)

    def train(residual: bool) -> tuple[float, float]:
        cr.random.seed(0)
        blocks = [nn.Sequential(nn.Linear(8, 8), nn.Tanh()) for _ in range(60)]
        middle = [nn.Residual(block) if residual else block for block in blocks]
        model = nn.Sequential(nn.Linear(1, 8), *middle, nn.Linear(8, 1))
        for block in blocks:  # small first values, as residual branches have them
            block[0].weight.assign(block[0].weight * 0.3)
        inputs, targets = cr.asarray(x), cr.asarray(y)
        losses.mse(model(inputs), targets).backward()
        heard = float(cr.abs(model[0].weight.grad).max())
        model.zero_grad()
        optimizer = optim.Adam(model.parameters(), 3e-3)
        step = cr.compile(lambda: optimizer.minimize(losses.mse(model(inputs), targets)))
        for _ in range(150):
            step()
        return heard, float(losses.mse(model(inputs), targets)) / float(np.var(y))

    heard, left = train(residual=False)
    heard_with, left_with = train(residual=True)
    assert heard < 1e-6 * heard_with
    assert left > 0.9 and left_with < 0.05
