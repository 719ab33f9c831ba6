"""Convolutions: the same small linear map at every place of a sequence, an image or a volume."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import init, ops
from chainrule.errors import ConfigError, ShapeError, suggest
from chainrule.graph import Tensor
from chainrule.nn.checks import check_dtype, positive
from chainrule.nn.module import Module
from chainrule.nn.variables import Parameter
from chainrule.nn.windows import check_spatial, pairs, same_padding, whole_numbers

__all__ = ["Conv1d", "Conv2d", "Conv3d"]

_MODES = {"zeros": "", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


class _Convolution(Module):
    """What Conv1d, Conv2d and Conv3d share; `spatial` is the number of axes that the kernel moves along."""

    spatial: int
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: Any = 0,
        dilation: int | tuple[int, ...] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
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
        self.dilation = whole_numbers(dilation, "dilation", self.spatial)
        if padding == "same" and any(s != 1 for s in self.stride):
            raise ConfigError(f'padding="same" keeps the lengths only at stride 1, got {stride}.', fix="padding=1, say")
        if isinstance(padding, str) and padding not in ("same", "valid"):
            raise ConfigError(f'padding is numbers, "same" or "valid", got {padding!r}.')
        if padding == "same":
            self.padding = same_padding(self.kernel_size, self.dilation)
        else:
            self.padding = pairs(0 if padding == "valid" else padding, "padding", self.spatial)
        if padding_mode not in _MODES:
            raise ConfigError(
                f"There is no padding_mode {padding_mode!r}.{suggest(padding_mode, _MODES)}",
                fix=f"one of {', '.join(_MODES)}",
            )
        self.padding_mode = padding_mode
        shape = (*self.kernel_size, in_channels // groups, out_channels)
        weight, first_bias = init.convolution(shape, dialect=dialect, dtype=dtype)
        self.weight = Parameter(weight)
        self.bias = Parameter(first_bias, penalised=False) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        check_spatial(self, x, self.spatial, self.in_channels)
        check_dtype(self, x, self.weight)
        padding = self.padding
        for n, k, step, (low, high) in zip(x.shape[1:-1], self.kernel_size, self.dilation, padding, strict=True):
            if n + low + high < (k - 1) * step + 1:
                raise ShapeError(
                    f"{self.label()} got {x.shape}: with padding, an axis of it is {n + low + high} long, and the "
                    f"kernel {(k - 1) * step + 1}.",
                    fix="larger inputs, a smaller kernel_size, more padding, or fewer layers that shrink x before it",
                )
        if self.padding_mode != "zeros":
            x = self._around(x)
            padding = ((0, 0),) * self.spatial
        y = ops.convolve(
            x, self.weight, stride=self.stride, padding=padding, dilation=self.dilation, groups=self.groups
        )
        return y if self.bias is None else y + self.bias

    def _around(self, x: Tensor) -> Tensor:
        """x with its own entries as padding."""
        for axis, (low, high) in enumerate(self.padding, start=1):
            n = x.shape[axis]
            most = n - 1 if self.padding_mode == "reflect" else n
            if self.padding_mode != "replicate" and max(low, high) > most:
                raise ShapeError(
                    f"{self.label()} got {x.shape}: {self.padding_mode} padding of {max(low, high)} needs an axis "
                    f"longer than {n}.",
                    fix=f"padding of at most {most}",
                )
            if low or high:
                mode: Any = _MODES[self.padding_mode]
                x = ops.take(x, np.pad(np.arange(n), (low, high), mode=mode), axis=axis)
        return x

    def from_pytorch(self, entries: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """PyTorch's (out, in / groups, *size) as (*size, in / groups, out)."""
        return {
            n: value.transpose(*range(2, value.ndim), 1, 0) if n == "weight" else value for n, value in entries.items()
        }

    def extra_repr(self) -> str:
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        parts += [f"padding={self.padding}"] if any(p != (0, 0) for p in self.padding) else []
        parts += [f"dilation={self.dilation}"] if any(d != 1 for d in self.dilation) else []
        parts += [f"groups={self.groups}"] if self.groups != 1 else []
        parts += ["bias=False"] if self.bias is None else []
        parts += [f"padding_mode={self.padding_mode!r}"] if self.padding_mode != "zeros" else []
        return ", ".join(parts)


def check_groups(in_channels: int, out_channels: int, groups: int) -> None:
    """Refuses groups that do not divide the channels."""
    if in_channels % groups or out_channels % groups:
        raise ConfigError(
            f"{groups} groups need in_channels and out_channels to be multiples of {groups}, got {in_channels} and "
            f"{out_channels}."
        )


class Conv1d(_Convolution):
    """y[n, t, o] = Σ_j Σ_c x[n, t·stride + j·dilation − padding, c] · weight[j, c, o] + bias[o].

    Arguments and errors are those of `Conv2d`, with one number where it has two.

    Shapes:
        x (N, T, in_channels) → y (N, T', out_channels), T' = ⌊(T + padding before and after − dilation·(size − 1) − 1)
        / stride⌋ + 1. weight (size, in_channels / groups, out_channels), bias (out_channels,).

    Differs from PyTorch: sequences are (N, T, C), and the first values are He's.

    Source: Waibel et al., "Phoneme Recognition Using Time-Delay Neural Networks" (1989).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.Conv1d(3, 8, 5, padding="same")(cr.ones((2, 10, 3))).shape
        (2, 10, 8)
    """

    spatial = 1


class Conv2d(_Convolution):
    """y[n, h, w, o] = Σ_ij Σ_c x[n, h·stride + i·dilation − padding, w·stride + j·dilation − padding, c] ·
    weight[i, j, c, o] + bias[o].

    Arguments:
        in_channels: C, the size of the last axis of x.
        out_channels: how many filters there are.
        kernel_size: of the filters: a number, or (height, width); so are stride and dilation.
        stride: the steps in which they move.
        padding: around x: a number, one for each axis, (before, after) of each axis, "valid" for none, or "same" for
            what keeps the size at stride 1.
        dilation: 2 leaves out one entry of x between those that a filter meets.
        groups: the channels are split into so many groups, each with its own part of the filters; in_channels makes a
            depthwise convolution.
        bias: whether there is one.
        padding_mode: what the padding is: "zeros", "reflect", "replicate" or "circular".
        dialect: how the first values are drawn; see `init.convolution`. "paper" is He's, with bias 0.

    Shapes:
        x (N, H, W, in_channels) → y (N, H', W', out_channels), H' = ⌊(H + padding before and after −
        dilation·(height − 1) − 1) / stride⌋ + 1. weight (height, width, in_channels / groups, out_channels), bias
        (out_channels,).

    Raises:
        ShapeError: for another number of axes or channels (it sees where channels come first), and for a kernel larger
            than the padded x.
        ConfigError: for groups that do not divide the channels, or an unknown padding.
        DtypeError: when x has another dtype than the weight.

    Differs from PyTorch: images are (N, H, W, C) and the weight (height, width, in, out); the first values are He's;
    padding may be given before and after; a batch is needed.

    Source: LeCun et al., "Gradient-Based Learning Applied to Document Recognition" (1998), section II.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> layer = nn.Conv2d(1, 8, 3, stride=2, padding=1)
        >>> layer(cr.ones((2, 28, 28, 1))).shape
        (2, 14, 14, 8)
    """

    spatial = 2


class Conv3d(_Convolution):
    """`Conv2d` with one spatial axis more; arguments and errors are the same.

    Shapes:
        x (N, D, H, W, in_channels) → y (N, D', H', W', out_channels). weight (depth, height, width, in_channels /
        groups, out_channels), bias (out_channels,).

    Differs from PyTorch: volumes are (N, D, H, W, C), and the first values are He's.

    Source: Tran et al., "Learning Spatiotemporal Features with 3D Convolutional Networks" (2015), section 3.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.Conv3d(1, 4, 3)(cr.ones((2, 5, 6, 7, 1))).shape
        (2, 3, 4, 5, 4)
    """

    spatial = 3
