"""Images changed at random in training, and only there."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import ConfigError, ShapeError

IMAGES = np.random.default_rng(0).normal(size=(200, 6, 5, 2)).astype(np.float32)


def shifted(image: np.ndarray, down: int, right: int) -> np.ndarray:
    rows = np.clip(np.arange(6) + down, 0, 5)
    columns = np.clip(np.arange(5) + right, 0, 4)
    return image[rows][:, columns]


@pytest.mark.parametrize("run", [lambda f: f, cr.compile], ids=["eager", "compiled"])
def test_each_image_is_mirrored_or_not(run: object) -> None:
    layer = nn.RandomFlip(0.3)
    y = run(layer)(cr.asarray(IMAGES)).numpy()  # type: ignore[operator]
    mirrored = [np.array_equal(a, b[:, ::-1]) for a, b in zip(y, IMAGES, strict=True)]
    kept = [np.array_equal(a, b) for a, b in zip(y, IMAGES, strict=True)]
    assert all(a != b for a, b in zip(mirrored, kept, strict=True))
    assert 0.18 < np.mean(mirrored) < 0.42  # four deviations


@pytest.mark.parametrize("run", [lambda f: f, cr.compile], ids=["eager", "compiled"])
def test_each_image_is_moved_by_its_own_pixels(run: object) -> None:
    y = run(nn.RandomShift(1))(cr.asarray(IMAGES)).numpy()  # type: ignore[operator]
    places = [
        [(d, r) for d in (-1, 0, 1) for r in (-1, 0, 1) if np.array_equal(a, shifted(b, d, r))]
        for a, b in zip(y, IMAGES, strict=True)
    ]
    assert all(len(found) == 1 for found in places)
    assert len({found[0] for found in places}) == 9


def test_nothing_happens_in_evaluation_and_draws_are_fresh() -> None:
    layers = nn.Sequential(nn.RandomFlip(), nn.RandomShift(2))
    x = cr.asarray(IMAGES)
    assert not np.array_equal(layers(x).numpy(), layers(x).numpy())
    assert np.array_equal(layers.eval()(x).numpy(), IMAGES)


def test_what_is_refused() -> None:
    with pytest.raises(ShapeError, match="takes images"):
        nn.RandomFlip()(cr.ones((2, 3)))
    with pytest.raises(ConfigError, match="0 pixels or more, got -1"):
        nn.RandomShift(-1)
