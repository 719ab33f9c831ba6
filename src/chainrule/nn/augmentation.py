"""Random changes of images while training, so that a network sees every image in many ways."""

from __future__ import annotations

import numpy as np

from chainrule import ops
from chainrule.errors import ConfigError, ShapeError
from chainrule.graph import Tensor
from chainrule.graph.random import Stream, default_stream
from chainrule.nn.checks import fraction
from chainrule.nn.module import Module

__all__ = ["RandomFlip", "RandomShift"]


class _Random(Module):
    """What the layers here share: a stream of their own, and images as input."""

    def __init__(self, stream: Stream | None) -> None:
        super().__init__()
        self.stream = Stream(int(default_stream().integers(0, 2**32))) if stream is None else stream

    def _check(self, x: Tensor) -> None:
        if x.ndim != 4:
            raise ShapeError(f"{self.label()} got {x.shape}: it takes images (N, H, W, C).")


class RandomFlip(_Random):
    """In training, each image is mirrored left to right with probability p; else y = x.

    Right for things that have no side; wrong for letters and digits.

    Arguments:
        p: the probability.
        stream: where the draws come from; by default a stream of the layer's own, as `Dropout`'s.

    Shapes:
        x (N, H, W, C) → y of the same shape.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.RandomFlip(1.0)(cr.tensor([[[[1.0], [2.0], [3.0]]]])).tolist()
        [[[[3.0], [2.0], [1.0]]]]
    """

    def __init__(self, p: float = 0.5, *, stream: Stream | None = None) -> None:
        super().__init__(stream)
        self.p = fraction(p, "p")

    def forward(self, x: Tensor) -> Tensor:
        self._check(x)
        if not self.training:
            return x
        mirrored = self.stream.uniform((x.shape[0], 1, 1, 1)) < self.p
        return ops.where(mirrored, ops.flip(x, axis=2), x)

    def extra_repr(self) -> str:
        return f"p={self.p}"


class RandomShift(_Random):
    """In training, each image is moved by up to so many pixels, up or down and left or right; what comes in from
    outside repeats the edge. Else y = x.

    Arguments:
        pixels: the farthest, in either direction; each number of pixels is as likely as any other.
        stream: where the draws come from; by default a stream of the layer's own, as `Dropout`'s.

    Shapes:
        x (N, H, W, C) → y of the same shape.

    Differs from padding by zeros and cropping: the edge is repeated, so that standardised images get no frame of a
    colour of its own.

    Source: Krizhevsky et al., "ImageNet Classification with Deep Convolutional Neural Networks" (2012), section 4.1.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.RandomShift(2)(cr.ones((4, 8, 8, 1))).shape
        (4, 8, 8, 1)
    """

    def __init__(self, pixels: int = 2, *, stream: Stream | None = None) -> None:
        super().__init__(stream)
        if pixels < 0:
            raise ConfigError(f"RandomShift moves by 0 pixels or more, got {pixels}.")
        self.pixels = pixels

    def forward(self, x: Tensor) -> Tensor:
        self._check(x)
        if not self.training or not self.pixels:
            return x
        n, height, width, _ = x.shape
        moved = self.stream.integers(-self.pixels, self.pixels + 1, (2, n, 1))
        rows = ops.clip(moved[0] + np.arange(height), 0, height - 1)
        columns = ops.clip(moved[1] + np.arange(width), 0, width - 1)
        return x[np.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]

    def extra_repr(self) -> str:
        return f"pixels={self.pixels}"
