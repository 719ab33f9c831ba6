"""What training and evaluation do differently, for inputs and options drawn at random: dropout, normalisation by the
batch and augmentation act in training; in evaluation a model is a function of each example alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule import nn

seeds = st.integers(0, 2**16)
shares = st.floats(0.05, 0.95)


def drawn(seed: int, *shape: int) -> Any:
    return cr.asarray(np.random.default_rng(seed).normal(1.0, 2.0, shape))


def network(seed: int, p: float) -> nn.Module:
    """Everything at once that has two modes, with statistics of some batches."""
    cr.random.seed(seed)
    model = nn.Sequential(
        nn.RandomFlip(0.5),
        nn.RandomShift(1),
        nn.Conv2d(2, 4, 3, padding=1, dtype="float64"),
        nn.BatchNorm(4, dtype="float64"),
        nn.ReLU(),
        nn.Dropout(p),
        nn.Residual(nn.RReLU(), nn.Dropout(p)),
        nn.GlobalAvgPool(),
        nn.Linear(4, 3, dtype="float64"),
    )
    for i in range(2):
        model(drawn(seed + i, 4, 5, 4, 2))
    return model


@settings(max_examples=25)
@given(seeds, shares, st.integers(1, 5))
def test_in_evaluation_each_example_stands_alone_and_nothing_changes(seed: int, p: float, n: int) -> None:
    model = network(seed, p).eval()
    before = model.state_dict()
    x = drawn(seed + 7, n, 5, 4, 2)
    together = model(x).numpy()
    np.testing.assert_array_equal(model(x).numpy(), together)
    one_by_one = np.concatenate([model(x[i : i + 1]).numpy() for i in range(n)])
    np.testing.assert_allclose(one_by_one, together, rtol=1e-10, atol=1e-12)
    after = model.state_dict()
    assert all(np.array_equal(after[key], before[key]) for key in before)


@settings(max_examples=25)
@given(seeds, st.floats(0.3, 0.7))
def test_in_training_every_forward_is_another(seed: int, p: float) -> None:
    model = network(seed, p).eval()
    x = drawn(seed + 7, 8, 5, 4, 2)
    calm = model(x).numpy()
    model.train()
    first, second = model(x).numpy(), model(x).numpy()
    assert not np.allclose(first, second) and not np.allclose(first, calm)


@given(seeds, shares, st.integers(1, 40))
def test_dropout_leaves_out_or_makes_larger(seed: int, p: float, n: int) -> None:
    """Inverted: what is kept is divided by 1 − p in training, so that evaluation needs no factor."""
    cr.random.seed(seed)
    layer, x = nn.Dropout(p), drawn(seed, n, 7)
    y = layer(x).numpy()
    kept = y != 0
    np.testing.assert_allclose(y[kept], x.numpy()[kept] / (1 - p), rtol=1e-12)
    assert layer.eval()(x) is x


@given(seeds, st.integers(2, 6), st.lists(st.integers(1, 3), max_size=2), st.floats(0.01, 1.0))
def test_batch_norm_uses_the_batch_in_training_and_the_past_in_evaluation(
    seed: int, n: int, spatial: list[int], momentum: float
) -> None:
    layer = nn.BatchNorm(3, 1e-5, momentum, dtype="float64")
    images = drawn(seed, n, *spatial, 3)
    x = images.numpy()
    axes = tuple(range(x.ndim - 1))
    mean, variance = x.mean(axes), x.var(axes)
    np.testing.assert_allclose(layer(images).numpy(), (x - mean) / np.sqrt(variance + 1e-5), rtol=1e-7, atol=1e-9)
    past = momentum * mean
    spread = (1 - momentum) + momentum * x.var(axes, ddof=1)
    expected = (x - past) / np.sqrt(spread + 1e-5)
    np.testing.assert_allclose(layer.eval()(images).numpy(), expected, rtol=1e-7, atol=1e-9)


@given(seeds, st.integers(1, 4), st.integers(0, 2), st.floats(0.0, 1.0))
def test_augmentation_acts_in_training_only_and_keeps_what_an_image_is_made_of(
    seed: int, n: int, pixels: int, p: float
) -> None:
    cr.random.seed(seed)
    layers = nn.Sequential(nn.RandomFlip(p), nn.RandomShift(pixels))
    x = drawn(seed, n, 5, 4, 2)
    y = layers(x).numpy()
    for before, after in zip(x.numpy(), y, strict=True):
        assert {tuple(v) for v in after.reshape(-1, 2)} <= {tuple(v) for v in before.reshape(-1, 2)}
    np.testing.assert_array_equal(layers.eval()(x).numpy(), x.numpy())
