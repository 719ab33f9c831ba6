"""Flatten: several axes become one."""

from __future__ import annotations

import math

from chainrule import ops
from chainrule.errors import ShapeError
from chainrule.graph import Tensor
from chainrule.nn.module import Module

__all__ = ["Flatten"]


class Flatten(Module):
    """The axes from start to end as one, in row-major order.

    Arguments:
        start_axis: the first of them; 1 keeps the batch.
        end_axis: the last of them.

    Shapes:
        (N, H, W, C) → (N, H·W·C) by default. `Flatten(0)` makes (N, 1) into (N,), what a target of single numbers
        needs.

    Example:
        >>> import chainrule as cr
        >>> cr.nn.Flatten()(cr.ones((2, 3, 4))).shape
        (2, 12)
    """

    def __init__(self, start_axis: int = 1, end_axis: int = -1) -> None:
        super().__init__()
        self.start_axis = start_axis
        self.end_axis = end_axis

    def forward(self, x: Tensor) -> Tensor:
        try:
            start, end = range(x.ndim)[self.start_axis], range(x.ndim)[self.end_axis]
        except IndexError:
            raise ShapeError(
                f"{self.label()} got {x.shape}, which has no axis {self.start_axis} or {self.end_axis}."
            ) from None
        if start > end:
            raise ShapeError(f"{self.label()} got {x.shape}: its start axis {start} comes after its end axis {end}.")
        return ops.reshape(x, (*x.shape[:start], math.prod(x.shape[start : end + 1]), *x.shape[end + 1 :]))

    def extra_repr(self) -> str:
        return f"start_axis={self.start_axis}, end_axis={self.end_axis}"
