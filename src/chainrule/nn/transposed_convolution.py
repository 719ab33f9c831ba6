"""Transposed convolutions: what a convolution does to gradients, as a layer that enlarges."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule import init, ops
from chainrule.errors import ConfigError, ShapeError
from chainrule.graph import Tensor
from chainrule.nn.checks import check_dtype, positive
from chainrule.nn.convolution import check_groups
from chainrule.nn.module import Module
from chainrule.nn.variables import Parameter
from chainrule.nn.windows import check_spatial, whole_numbers

__all__ = ["ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]


class _TransposedConvolution(Module):
    """What the transposed convolutions share; `spatial` is the number of axes that the kernel moves along."""

    spatial: int
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] = 0,
        output_padding: int | tuple[int, ...] = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: int | tuple[int, ...] = 1,
        *,
        dialect: str = "paper",
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.in_channels = positive(in_channels, "in_channels")
        self.out_channels = positive(out_channels, "out_channels")
        self.groups = positive(groups, "groups")
        check_groups(in_channels, out_channels, groups)
        self.kernel_size = whole_numbers(kernel_size, "kernel_size", self.spatial)
        self.stride = whole_numbers(stride, "stride", self.spatial)
        self.padding = whole_numbers(padding, "padding", self.spatial, 0)
        self.output_padding = whole_numbers(output_padding, "output_padding", self.spatial, 0)
        self.dilation = whole_numbers(dilation, "dilation", self.spatial)
        for extra, s, d in zip(self.output_padding, self.stride, self.dilation, strict=True):
            if extra >= max(s, d):
                raise ConfigError(
                    f"output_padding is smaller than the stride or the dilation, got {output_padding} with stride "
                    f"{stride} and dilation {dilation}.",
                    fix="it only chooses among the sizes that a convolution of this stride makes equal",
                )
        shape = (*self.kernel_size, in_channels // groups, out_channels)
        weight, first_bias = init.convolution(
            shape, dialect=dialect, fan_in=math.prod(self.kernel_size) * out_channels // groups, dtype=dtype
        )
        self.weight = Parameter(weight)
        self.bias = Parameter(first_bias, penalised=False) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        check_spatial(self, x, self.spatial, self.in_channels)
        check_dtype(self, x, self.weight)
        around = []
        for n, k, s, p, extra, d in zip(
            x.shape[1:-1],
            self.kernel_size,
            self.stride,
            self.padding,
            self.output_padding,
            self.dilation,
            strict=True,
        ):
            if (n - 1) * s + (k - 1) * d + 1 + extra - 2 * p < 1:
                raise ShapeError(
                    f"{self.label()} got {x.shape}: its padding of {p} takes away all of an axis.",
                    fix="less padding, which makes the result smaller here, or larger inputs",
                )
            around.append(((k - 1) * d - p, (k - 1) * d - p + extra))
        y = ops.convolve(
            x,
            ops.flip(self.weight, axis=tuple(range(self.spatial))),
            padding=tuple(around),
            input_dilation=self.stride,
            dilation=self.dilation,
            groups=self.groups,
        )
        return y if self.bias is None else y + self.bias

    def from_pytorch(self, entries: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """PyTorch's (in, out / groups, *size) as (*size, in / groups, out)."""
        found = dict(entries)
        if "weight" in entries:
            w = entries["weight"]
            size, each = w.shape[2:], w.shape[0] // self.groups
            split = np.moveaxis(w.reshape(self.groups, each, *w.shape[1:]), (1, 0, 2), (-3, -2, -1))
            found["weight"] = split.reshape(*size, each, -1)
        return found

    def extra_repr(self) -> str:
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        parts += [
            f"{name}={value}"
            for name, value in (("padding", self.padding), ("output_padding", self.output_padding))
            if any(value)
        ]
        parts += [f"groups={self.groups}"] if self.groups != 1 else []
        parts += [f"dilation={self.dilation}"] if any(d != 1 for d in self.dilation) else []
        parts += ["bias=False"] if self.bias is None else []
        return ", ".join(parts)


class ConvTranspose1d(_TransposedConvolution):
    """`ConvTranspose2d` along one axis; arguments and errors are the same.

    Shapes:
        x (N, T, in_channels) → y (N, T', out_channels). weight (size, in_channels / groups, out_channels).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.ConvTranspose1d(4, 2, 3, stride=2)(cr.ones((1, 5, 4))).shape
        (1, 11, 2)
    """

    spatial = 1


class ConvTranspose2d(_TransposedConvolution):
    """y = what makes a convolution of the same arguments map y's shape to x's: every entry of x, times the kernel, is
    added to y at steps of the stride.

    y[n, h·stride + i·dilation − padding, …, o] = Σ over all (h, i), … that meet there of Σ_c x[n, h, …, c] ·
    weight[i, …, c, o], + bias[o].

    Arguments:
        in_channels: C, the size of the last axis of x.
        out_channels: the size of the last axis of y.
        kernel_size: a number, or (height, width); so are the following.
        stride: how far apart in y the entries of x are: how much it enlarges.
        padding: how much is cut off all around y.
        output_padding: how much longer y is at the end, less than the stride: of the sizes that a convolution would map
            to x's, which one.
        groups: the channels are split into so many groups, each with its own part of the outputs.
        bias: whether there is one.
        dilation: distances between the entries of the kernel.
        dialect: how the first values are drawn; see `init.convolution`.

    Shapes:
        x (N, H, W, in_channels) → y (N, H', W', out_channels), H' = (H − 1)·stride − 2·padding + dilation·(height − 1)
        + output_padding + 1. weight (height, width, in_channels / groups, out_channels), bias (out_channels,).

    Raises:
        ShapeError: for another number of axes or channels (it sees where channels come first).
        ConfigError: for groups that do not divide the channels, or too large an output_padding.
        DtypeError: when x has another dtype than the weight.

    Differs from PyTorch: images are (N, H, W, C); the weight is (height, width, in / groups, out); the first values are
    He's; there is no output_size, which output_padding replaces.

    Source: Zeiler et al., "Deconvolutional Networks" (2010); Dumoulin & Visin, "A Guide to Convolution Arithmetic for
    Deep Learning" (2016), chapter 4.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.ConvTranspose2d(8, 3, 4, stride=2, padding=1)(cr.ones((2, 7, 7, 8))).shape
        (2, 14, 14, 3)
    """

    spatial = 2


class ConvTranspose3d(_TransposedConvolution):
    """`ConvTranspose2d` with one spatial axis more; arguments and errors are the same.

    Shapes:
        x (N, D, H, W, in_channels) → y (N, D', H', W', out_channels). weight (depth, height, width, in_channels /
        groups, out_channels).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.ConvTranspose3d(2, 1, 2, stride=2)(cr.ones((1, 2, 3, 4, 2))).shape
        (1, 4, 6, 8, 1)
    """

    spatial = 3
