"""Global pooling: one number for each channel, whatever the size of the image or the length of the sequence."""

from __future__ import annotations

from chainrule import ops
from chainrule.errors import ShapeError
from chainrule.graph import Tensor
from chainrule.nn.module import Module

__all__ = ["GlobalAvgPool", "GlobalMaxPool"]


def _spatial_axes(layer: Module, x: Tensor) -> tuple[int, ...]:
    if x.ndim < 3:
        raise ShapeError(f"{layer.label()} got {x.shape}: it needs a spatial axis.", fix="inputs (N, *spatial, C)")
    return tuple(range(1, x.ndim - 1))


class GlobalAvgPool(Module):
    """The mean of each channel over all spatial axes: (N, *spatial, C) → (N, C).

    Raises:
        ShapeError: when there is no spatial axis.

    Differs from PyTorch, where it is AdaptiveAvgPool2d(1) and a flattening, and from Keras in serving any number of
    axes.

    Source: Lin et al., "Network in Network" (2013), section 3.2.

    Example:
        >>> import chainrule as cr
        >>> cr.nn.GlobalAvgPool()(cr.ones((2, 7, 7, 64))).shape
        (2, 64)
    """

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(axis=_spatial_axes(self, x))


class GlobalMaxPool(Module):
    """The largest entry of each channel over all spatial axes: (N, *spatial, C) → (N, C). The gradient is shared among
    equal ones.

    Raises:
        ShapeError: when there is no spatial axis.

    Differs from PyTorch, where it is AdaptiveMaxPool2d(1) and a flattening, whose gradient goes to the first of equal
    entries.

    Example:
        >>> import chainrule as cr
        >>> cr.nn.GlobalMaxPool()(cr.ones((2, 100, 8))).shape
        (2, 8)
    """

    def forward(self, x: Tensor) -> Tensor:
        return ops.max(x, axis=_spatial_axes(self, x))
