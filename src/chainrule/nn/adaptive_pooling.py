"""Adaptive pooling: windows of whatever size makes the result as large as is asked for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.graph import Tensor, wrap
from chainrule.nn.module import Module
from chainrule.nn.windows import check_spatial, whole_numbers

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
]


class _AdaptivePool(Module):
    """What all six share; window i of o along an axis of n entries is ⌊i·n/o⌋ … ⌈(i + 1)·n/o⌉ − 1."""

    spatial: int

    def __init__(self, output_size: int | tuple[int | None, ...] | None) -> None:
        super().__init__()
        sizes = output_size if isinstance(output_size, list | tuple) else (output_size,) * self.spatial
        whole_numbers([1 if n is None else n for n in sizes], "output_size", self.spatial)
        self.output_size = tuple(sizes)

    def _sizes(self, x: Tensor) -> list[tuple[int, int]]:
        """The length of each spatial axis and of its result."""
        check_spatial(self, x, self.spatial)
        return [(n, n if o is None else o) for n, o in zip(x.shape[1:-1], self.output_size, strict=True)]

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


def _edges(n: int, out: int) -> tuple[Any, Any]:
    """The first entry of each window, and the first after it."""
    places = np.arange(out)
    return places * n // out, -(-(places + 1) * n // out)


class _AdaptiveAvgPool(_AdaptivePool):
    def forward(self, x: Tensor) -> Tensor:
        sizes = self._sizes(x)
        if all(n % out == 0 for n, out in sizes):
            window = tuple(n // out for n, out in sizes)
            return ops.sum_pool(x, window) * (1.0 / math.prod(window))
        for axis, (n, out) in enumerate(sizes, start=1):
            start, end = _edges(n, out)
            inside = (np.arange(n) >= start[:, None]) & (np.arange(n) < end[:, None])
            weights = wrap((inside / (end - start)[:, None]).astype(x.dtype))
            before, after = x.shape[:axis], x.shape[axis + 1 :]
            columns = ops.reshape(x, (math.prod(before), n, math.prod(after)))
            x = ops.reshape(ops.matmul(weights, columns), (*before, out, *after))
        return x


class _AdaptiveMaxPool(_AdaptivePool):
    def forward(self, x: Tensor) -> Tensor:
        sizes = self._sizes(x)
        window = []
        for axis, (n, out) in enumerate(sizes, start=1):
            start, end = _edges(n, out)
            window.append(int((end - start).max()))
            if n % out:
                # All windows as long as the longest: the last entry of the shorter ones again, which changes nothing.
                places = np.minimum(start[:, None] + np.arange(window[-1]), end[:, None] - 1)
                x = ops.take(x, places.reshape(-1), axis=axis)
        return ops.max_pool(x, tuple(window))


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """`AdaptiveAvgPool2d` along one axis: (N, T, C) → (N, output_size, C).

    Example:
        >>> import chainrule as cr
        >>> cr.nn.AdaptiveAvgPool1d(2)(cr.tensor([[[1.0], [3.0], [2.0]]])).tolist()
        [[[2.0], [2.5]]]
    """

    spatial = 1


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """The mean of windows that cover x evenly: y[n, h, …] = mean of x[n, ⌊h·H/H'⌋ … ⌈(h + 1)·H/H'⌉ − 1, …]; they
    overlap where H' does not divide H.

    Arguments:
        output_size: H' and W', or one number for both; None keeps the length.

    Shapes:
        (N, H, W, C) → (N, H', W', C).

    Raises:
        ShapeError: for another number of axes.

    Differs from PyTorch: images are (N, H, W, C). `GlobalAvgPool` is the shorter form of output_size=1, without the
    axes of length 1.

    Example:
        >>> import chainrule as cr
        >>> cr.nn.AdaptiveAvgPool2d((3, 5))(cr.ones((2, 7, 10, 4))).shape
        (2, 3, 5, 4)
    """

    spatial = 2


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """`AdaptiveAvgPool2d` with one spatial axis more: (N, D, H, W, C) → (N, D', H', W', C).

    Example:
        >>> import chainrule as cr
        >>> cr.nn.AdaptiveAvgPool3d(2)(cr.ones((1, 4, 5, 6, 3))).shape
        (1, 2, 2, 2, 3)
    """

    spatial = 3


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """`AdaptiveMaxPool2d` along one axis: (N, T, C) → (N, output_size, C).

    Example:
        >>> import chainrule as cr
        >>> cr.nn.AdaptiveMaxPool1d(2)(cr.tensor([[[1.0], [3.0], [2.0]]])).tolist()
        [[[3.0], [3.0]]]
    """

    spatial = 1


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The largest entry of windows that cover x evenly: those of `AdaptiveAvgPool2d`, whose arguments, shapes and
    errors it shares. The gradient goes to the largest entry, of equal ones to the first.

    Example:
        >>> import chainrule as cr
        >>> cr.nn.AdaptiveMaxPool2d((3, None))(cr.ones((2, 7, 10, 4))).shape
        (2, 3, 10, 4)
    """

    spatial = 2


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """`AdaptiveMaxPool2d` with one spatial axis more: (N, D, H, W, C) → (N, D', H', W', C).

    Example:
        >>> import chainrule as cr
        >>> cr.nn.AdaptiveMaxPool3d(2)(cr.ones((1, 4, 5, 6, 3))).shape
        (1, 2, 2, 2, 3)
    """

    spatial = 3
