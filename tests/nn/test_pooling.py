"""Pooling: ties, nan, large windows, compiled, and bad input; all options are compared with PyTorch elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule import nn, ops
from chainrule.errors import ConfigError, ShapeError
from chainrule.ops import pooling

RNG = np.random.default_rng(0)


def value_and_gradient(layer: Any, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    leaf = cr.tensor(x, requires_grad=True)
    y = layer(leaf)
    y.backward(cr.asarray(np.arange(1.0, y.size + 1, dtype=x.dtype).reshape(y.shape)))
    return y.numpy(), leaf.grad.numpy()


def test_of_equal_entries_the_first_gets_the_gradient() -> None:
    x = np.array([[1, 1, 0], [1, 1, 2], [2, 0, 2]], np.float32)[None, :, :, None]
    y, dx = value_and_gradient(nn.MaxPool2d(2, 1), x)
    assert y[0, ..., 0].tolist() == [[1, 2], [2, 2]]
    assert dx[0, ..., 0].tolist() == [[1, 0, 0], [0, 0, 2 + 4], [3, 0, 0]]


@pytest.mark.parametrize("layer", [nn.MaxPool2d(2), nn.MaxPool2d(2, 1), nn.AdaptiveMaxPool2d(1), nn.MaxPool2d(3, 1, 1)])
def test_nan_is_not_hidden(layer: Any) -> None:
    x = np.ones((1, 4, 4, 1), np.float32)
    x[0, 1, 2] = np.nan
    assert np.isnan(layer(x).numpy()).any()
    assert np.isnan(cr.compile(layer)(x).numpy()).any()


def test_padding_is_below_all_numbers() -> None:
    assert (nn.MaxPool1d(3, 1, 1)(cr.full((1, 4, 1), -7.0)).numpy() == -7.0).all()
    assert nn.MaxPool1d(3, 1, 1)(cr.asarray(np.full((1, 2, 1), -7))).tolist() == [[[-7], [-7]]]


@given(st.sampled_from(["MaxPool2d", "AvgPool2d"]), st.integers(1, 4), st.integers(1, 5), st.integers(0, 100))
def test_large_windows_one_axis_after_the_other_give_the_same(name: str, stride: int, size: int, seed: int) -> None:
    layer: Any = getattr(nn, name)(size, stride)
    x = np.random.default_rng(seed).integers(0, 3, (2, 6, 7, 1)).astype("float32")
    x = np.concatenate([x, x[:, ::-1]], axis=-1)
    whole = value_and_gradient(layer, x)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pooling, "_TAPS", 0)
        for a, b in zip(value_and_gradient(layer, x), whole, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5)


@pytest.mark.parametrize(
    "layer",
    [
        nn.MaxPool2d(2),
        nn.MaxPool2d(3, 2, 1),
        nn.MaxPool2d(7, 2, 3),
        nn.AvgPool2d(2),
        nn.AvgPool2d(3, 2, 1, count_include_pad=False),
        nn.AdaptiveMaxPool2d(1),
        nn.AdaptiveMaxPool2d((3, 2)),
        nn.AdaptiveAvgPool2d((3, 2)),
        nn.GlobalAvgPool(),
        nn.GlobalMaxPool(),
    ],
    ids=repr,
)
def test_the_same_compiled(layer: nn.Module) -> None:
    x = RNG.integers(-2, 3, (2, 8, 8, 3)).astype(np.float32)

    def run(x: Any) -> Any:
        x = x * 1.0
        x.requires_grad = True
        y = layer(x)
        y.backward(cr.ones(y.shape))
        return y, x.grad

    compiled = cr.compile(run)
    for a, b in zip(compiled(x), run(cr.asarray(x)), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6)
    assert len(compiled.compilations) == 1


def test_global_pools_serve_any_number_of_axes() -> None:
    for shape in ((2, 5, 3), (2, 5, 4, 3), (2, 5, 4, 2, 3)):
        x = RNG.normal(size=shape).astype(np.float32)
        axes = tuple(range(1, len(shape) - 1))
        np.testing.assert_allclose(nn.GlobalAvgPool()(x).numpy(), x.mean(axis=axes), rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(nn.GlobalMaxPool()(x).numpy(), x.max(axis=axes))


def test_adaptive_pools_to_one_are_the_global_ones() -> None:
    x = RNG.normal(size=(2, 7, 6, 3)).astype(np.float32)
    for adaptive, whole in (
        (nn.AdaptiveAvgPool2d(1), nn.GlobalAvgPool()),
        (nn.AdaptiveMaxPool2d(1), nn.GlobalMaxPool()),
    ):
        for a, b in zip(value_and_gradient(adaptive, x), value_and_gradient(whole, x), strict=True):
            np.testing.assert_allclose(a.reshape(b.shape), b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("layer", "shape", "words"),
    [
        (nn.MaxPool2d(2), (4, 28, 28), r"needs 4 axes.*\n.*channels last"),
        (nn.MaxPool2d(5), (4, 4, 28, 1), r"4 long, and the window 5"),
        (nn.AvgPool1d(5), (4, 4, 1), r"4 long, and the window 5"),
        (nn.AdaptiveAvgPool2d(5), (4, 4, 28), r"needs 4 axes"),
        (nn.GlobalAvgPool(), (4, 4), r"needs a spatial axis"),
    ],
)
def test_bad_shapes(layer: nn.Module, shape: tuple[int, ...], words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        layer(cr.ones(shape))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nn.MaxPool2d(2, padding=2), "at most half of the window"),
        (lambda: nn.MaxPool2d(0), "kernel_size is a whole number"),
        (lambda: nn.AvgPool2d(2, divisor_override=0), "cannot be 0"),
        (lambda: nn.AdaptiveAvgPool2d((1, 2, 3)), "output_size"),
        (lambda: nn.AdaptiveAvgPool2d(0), "output_size"),
    ],
)
def test_bad_options(make: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        make()


def test_the_operations_refuse_what_does_not_fit() -> None:
    with pytest.raises(ShapeError, match="is larger than x"):
        ops.max_pool(cr.ones((1, 2, 1)), 3)
    with pytest.raises(ShapeError, match="2 spatial axes"):
        ops.sum_pool(cr.ones((1, 2, 1)), (3, 3))
