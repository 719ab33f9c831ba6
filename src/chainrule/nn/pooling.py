"""Pooling: the largest or the mean of what a window meets at every place, of each channel by itself."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.errors import ConfigError, ShapeError
from chainrule.graph import Tensor, wrap
from chainrule.nn.module import Module
from chainrule.nn.windows import Pairs, check_spatial, whole_numbers

__all__ = ["AvgPool1d", "AvgPool2d", "AvgPool3d", "MaxPool1d", "MaxPool2d", "MaxPool3d"]


class _Pool(Module):
    """What all six share: the window, and where it stands; `spatial` is the number of axes it moves along."""

    spatial: int

    def __init__(self, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> None:
        super().__init__()
        self.kernel_size = whole_numbers(kernel_size, "kernel_size", self.spatial)
        self.stride = self.kernel_size if stride is None else whole_numbers(stride, "stride", self.spatial)
        self.padding = whole_numbers(padding, "padding", self.spatial, 0)
        self.dilation = whole_numbers(dilation, "dilation", self.spatial)
        self.ceil_mode = bool(ceil_mode)
        for p, k, d in zip(self.padding, self.kernel_size, self.dilation, strict=True):
            if p > ((k - 1) * d + 1) // 2:
                raise ConfigError(
                    f"padding is at most half of the window, got {padding} for kernel_size {kernel_size}: some windows "
                    "would meet nothing but padding."
                )

    def _around(self, x: Tensor) -> Pairs:
        """The padding before and after each axis; `ceil_mode` adds what a last window that starts inside lacks."""
        around = []
        for n, k, s, p, d in zip(
            x.shape[1:-1], self.kernel_size, self.stride, self.padding, self.dilation, strict=True
        ):
            length, window = n + 2 * p, (k - 1) * d + 1
            if length < window:
                raise ShapeError(
                    f"{self.label()} got {x.shape}: with padding, an axis of it is {length} long, and the window "
                    f"{window}.",
                    fix="larger inputs, a smaller kernel_size, or fewer layers that shrink x before it",
                )
            last = -(-(length - window) // s) if self.ceil_mode else (length - window) // s
            if last * s >= n + p:
                last -= 1
            around.append((p, p + max(0, last * s + window - length)))
        return tuple(around)

    def extra_repr(self) -> str:
        parts = [f"kernel_size={self.kernel_size}, stride={self.stride}"]
        parts += [f"padding={self.padding}"] if any(self.padding) else []
        parts += [f"dilation={self.dilation}"] if any(d != 1 for d in self.dilation) else []
        parts += ["ceil_mode=True"] if self.ceil_mode else []
        return ", ".join(parts)


class _MaxPool(_Pool):
    def __init__(
        self,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] | None = None,
        padding: int | tuple[int, ...] = 0,
        dilation: int | tuple[int, ...] = 1,
        *,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__(kernel_size, stride, padding, dilation, ceil_mode)

    def forward(self, x: Tensor) -> Tensor:
        check_spatial(self, x, self.spatial)
        return ops.max_pool(x, self.kernel_size, stride=self.stride, padding=self._around(x), dilation=self.dilation)


class MaxPool1d(_MaxPool):
    """`MaxPool2d` along one axis: (N, T, C) → (N, T', C).

    Example:
        >>> import chainrule as cr
        >>> cr.nn.MaxPool1d(2)(cr.tensor([[[1.0], [3.0], [2.0], [0.0]]])).tolist()
        [[[3.0], [2.0]]]
    """

    spatial = 1


class MaxPool2d(_MaxPool):
    """y[n, h, w, c] = max over (i, j) of x[n, h·stride + i·dilation − padding, w·stride + j·dilation − padding, c].

    The gradient goes to the largest entry, of equal ones to the first in row-major order.

    Arguments:
        kernel_size: of the window: a number, or (height, width); so are the following.
        stride: the steps in which it moves; its size by default.
        padding: how much −∞ is put all around x, at most half of the window.
        dilation: 2 leaves out one entry of x between those of a window.
        ceil_mode: whether a last window that starts inside x and reaches over its end counts.

    Shapes:
        (N, H, W, C) → (N, H', W', C), H' = ⌊(H + 2·padding − dilation·(height − 1) − 1) / stride⌋ + 1, or ⌈…⌉.

    Raises:
        ShapeError: for another number of axes, and for a window larger than the padded x.
        ConfigError: for padding of more than half of the window.

    Differs from PyTorch: images are (N, H, W, C); there is no return_indices.

    Source: Zhou & Chellappa, "Computation of Optical Flow Using a Neural Network" (1988).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.MaxPool2d(2)(cr.ones((2, 28, 28, 8))).shape
        (2, 14, 14, 8)
    """

    spatial = 2


class MaxPool3d(_MaxPool):
    """`MaxPool2d` with one spatial axis more: (N, D, H, W, C) → (N, D', H', W', C).

    Example:
        >>> import chainrule as cr
        >>> cr.nn.MaxPool3d(2)(cr.ones((2, 4, 6, 8, 3))).shape
        (2, 2, 3, 4, 3)
    """

    spatial = 3


class _AvgPool(_Pool):
    def __init__(
        self,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] | None = None,
        padding: int | tuple[int, ...] = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__(kernel_size, stride, padding, 1, ceil_mode)
        self.count_include_pad = bool(count_include_pad)
        if divisor_override is not None and not divisor_override:
            raise ConfigError("divisor_override is what sums are divided by; it cannot be 0.")
        self.divisor_override = divisor_override

    def forward(self, x: Tensor) -> Tensor:
        check_spatial(self, x, self.spatial)
        y = ops.sum_pool(x, self.kernel_size, stride=self.stride, padding=self._around(x))
        if self.divisor_override is not None:
            return y / self.divisor_override
        counts = functools.reduce(np.multiply.outer, self._counts(x.shape[1:-1], y.shape[1:-1]))
        if (counts == counts.flat[0]).all():
            return y * (1.0 / int(counts.flat[0]))
        return y * wrap((1.0 / counts[..., None]).astype(x.dtype))

    def _counts(self, lengths: tuple[int, ...], places: tuple[int, ...]) -> list[np.ndarray]:
        """Along each axis, how many entries the window has at each place."""
        found = []
        for n, out, k, s, p in zip(lengths, places, self.kernel_size, self.stride, self.padding, strict=True):
            start = np.arange(out) * s - p
            end = np.minimum(start + k, n + p)
            found.append(end - start if self.count_include_pad else np.minimum(end, n) - np.maximum(start, 0))
        return found

    def extra_repr(self) -> str:
        parts = [super().extra_repr()]
        parts += [] if self.count_include_pad else ["count_include_pad=False"]
        parts += [] if self.divisor_override is None else [f"divisor_override={self.divisor_override}"]
        return ", ".join(parts)


class AvgPool1d(_AvgPool):
    """`AvgPool2d` along one axis: (N, T, C) → (N, T', C).

    Example:
        >>> import chainrule as cr
        >>> cr.nn.AvgPool1d(2)(cr.tensor([[[1.0], [3.0], [2.0], [0.0]]])).tolist()
        [[[2.0], [1.0]]]
    """

    spatial = 1


class AvgPool2d(_AvgPool):
    """y[n, h, w, c] = mean over (i, j) of x[n, h·stride + i − padding, w·stride + j − padding, c].

    Arguments:
        kernel_size: of the window: a number, or (height, width); so are stride and padding.
        stride: the steps in which it moves; its size by default.
        padding: how many zeros are put all around x, at most half of the window.
        ceil_mode: whether a last window that starts inside x and reaches over its end counts; what it meets beyond the
            padding is not counted.
        count_include_pad: whether the zeros of the padding count as entries.
        divisor_override: what to divide the sums by, in place of the number of entries.

    Shapes:
        (N, H, W, C) → (N, H', W', C), H' = ⌊(H + 2·padding − height) / stride⌋ + 1, or ⌈…⌉.

    Raises:
        ShapeError: for another number of axes, and for a window larger than the padded x.
        ConfigError: for padding of more than half of the window, or a divisor of 0.

    Differs from PyTorch: images are (N, H, W, C). Keras's padding="same" is count_include_pad=False.

    Source: LeCun et al., "Gradient-Based Learning Applied to Document Recognition" (1998), section II.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.AvgPool2d(3, stride=2, padding=1)(cr.ones((2, 28, 28, 8))).shape
        (2, 14, 14, 8)
    """

    spatial = 2


class AvgPool3d(_AvgPool):
    """`AvgPool2d` with one spatial axis more: (N, D, H, W, C) → (N, D', H', W', C).

    Example:
        >>> import chainrule as cr
        >>> cr.nn.AvgPool3d(2)(cr.ones((2, 4, 6, 8, 3))).shape
        (2, 2, 3, 4, 3)
    """

    spatial = 3
