"""Maxout and GLU: activations that take several numbers for each that they give."""

from __future__ import annotations

from chainrule import ops
from chainrule.errors import ShapeError
from chainrule.graph import Tensor
from chainrule.nn.checks import positive
from chainrule.nn.module import Module

__all__ = ["GLU", "Maxout"]


class Maxout(Module):
    """y_j = the largest of x_{jk} … x_{jk+k−1}: after a `Linear(in, k·out)` each unit is the largest of k linear ones,
    which can bend into any convex function.

    Arguments:
        pieces: k.

    Shapes:
        x (…, k·C) → (…, C). Of equally large pieces each gets an equal part of the gradient.

    Raises:
        ShapeError: when the last axis is no multiple of k.

    Source: Goodfellow et al., "Maxout Networks" (2013), section 3.

    Example:
        >>> import chainrule as cr
        >>> cr.nn.Maxout(2)(cr.tensor([1.0, 3.0, -2.0, -5.0])).tolist()
        [3.0, -2.0]
    """

    def __init__(self, pieces: int = 2) -> None:
        super().__init__()
        self.pieces = positive(pieces, "pieces")

    def forward(self, x: Tensor) -> Tensor:
        if not x.shape or x.shape[-1] % self.pieces:
            raise ShapeError(
                f"{self.label()} takes the largest of every {self.pieces} and got {x.shape}.",
                fix=f"a last axis that is a multiple of {self.pieces}",
            )
        return ops.max(ops.reshape(x, (*x.shape[:-1], x.shape[-1] // self.pieces, self.pieces)), axis=-1)

    def extra_repr(self) -> str:
        return f"pieces={self.pieces}"


class GLU(Module):
    """y = a · σ(b), where a and b are the two halves of x.

    Arguments:
        axis: what is halved (PyTorch: dim).

    Raises:
        ShapeError: when the axis has an odd size.

    Source: Dauphin et al., "Language Modeling with Gated Convolutional Networks" (2017), equation 1.

    Example:
        >>> import chainrule as cr
        >>> cr.nn.GLU()(cr.tensor([4.0, 2.0, 0.0, 100.0])).tolist()
        [2.0, 2.0]
    """

    def __init__(self, axis: int = -1) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, x: Tensor) -> Tensor:
        if not x.shape or x.shape[self.axis] % 2:
            raise ShapeError(
                f"{self.label()} halves axis {self.axis} and got {x.shape}.", fix="an even size of this axis"
            )
        half = x.shape[self.axis] // 2
        index: list[slice] = [slice(None)] * x.ndim
        index[self.axis] = slice(None, half)
        first = x[tuple(index)]
        index[self.axis] = slice(half, None)
        return first * ops.sigmoid(x[tuple(index)])

    def extra_repr(self) -> str:
        return f"axis={self.axis}"
