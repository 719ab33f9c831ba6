"""How many numbers feed into and out of a unit, from the shape of its weight."""

from __future__ import annotations

import math

from chainrule.errors import ShapeError

__all__ = ["fans"]


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """fan_in and fan_out of a weight whose last two axes are (in, out), after the axes of a kernel, if any.

    Arguments:
        shape: (in, out) of a linear layer, or (*kernel, in, out) of a convolution with channels last; there the
            kernel's size multiplies both.

    Raises:
        ShapeError: for fewer than two axes, which have no such numbers.

    Differs from PyTorch: there weights are (out, in, *kernel).

    Source: Glorot & Bengio, "Understanding the Difficulty of Training Deep Feedforward Neural Networks" (2010), section
    4.2.

    Example:
        >>> from chainrule import init
        >>> init.fans((64, 10)), init.fans((3, 3, 16, 32))
        ((64, 10), (144, 288))
    """
    if len(shape) < 2:
        raise ShapeError(
            f"fan_in and fan_out are those of a weight with the axes (…, in, out); {tuple(shape)} has too few.",
            fix="use init.zeros, init.normal or init.uniform",
        )
    kernel = math.prod(shape[:-2])
    return kernel * shape[-2], kernel * shape[-1]
