"""Products of vectors, matrices and higher arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from chainrule.errors import ShapeError
from chainrule.graph import FUNCTIONS, OPS, Tensor, as_tensor, op, per_input
from chainrule.ops.shapes import flatten_leading

__all__ = ["inner_products", "matmul", "outer_sum", "tensordot", "vecdot"]


def _left(g: Any, y: Any, x1: Any, x2: Any) -> Any:
    if x2.ndim == 1:
        return g[..., None] * x2 if x1.ndim > 1 else g * x2
    if x1.ndim == 1:
        return matmul(x2, g[..., None])[..., 0] if x2.ndim == 2 else (x2 * g[..., None, :]).sum(axis=-1)
    if x2.ndim == 2 and x1.ndim > 2:
        return FUNCTIONS["reshape"](inner_products(flatten_leading(g), x2), x1.shape)
    return inner_products(g, x2) if x1.ndim == x2.ndim == 2 else matmul(g, x2.mT)


def _right(g: Any, y: Any, x1: Any, x2: Any) -> Any:
    if x1.ndim == 1:
        return x1[:, None] * g[..., None, :] if x2.ndim > 1 else g * x1
    if x2.ndim == 1:
        return matmul(flatten_leading(x1).mT, FUNCTIONS["reshape"](g, (-1,)))
    if x2.ndim == 2:
        return outer_sum(flatten_leading(x1), flatten_leading(g))
    return matmul(x1.mT, g)


_SHAPES = (
    ((3, 4), (4, 2)),
    ((2, 3, 4), (4, 2)),
    ((2, 3, 4), (2, 4, 2)),
    ((4,), (4, 2)),
    ((3, 4), (4,)),
    ((4,), (4,)),
    ((2, 3, 4), (4,)),
    ((4,), (2, 4, 3)),
    ((2, 1, 3, 4), (5, 4, 2)),
    ((0, 3, 4), (4, 2)),
    ((3, 0), (0, 2)),
)


@op(
    backward=per_input(_left, _right),
    samples=lambda rng: [((rng.normal(size=a), rng.normal(size=b)), {}) for a, b in _SHAPES],
)
def matmul(xp: Any, x1: Any, x2: Any, /) -> Any:
    """The matrix product of the last two axes, broadcast over the others.

    A vector is a row on the left and a column on the right.

    Example:
        >>> import chainrule as cr
        >>> cr.matmul(cr.tensor([[1.0, 2.0]]), cr.tensor([[3.0], [4.0]])).tolist()
        [[11.0]]
    """
    if x2.ndim == 2 and x1.ndim > 2:  # one large product instead of many small ones
        rows = math.prod(x1.shape[:-1])
        return xp.reshape(xp.matmul(xp.reshape(x1, (rows, x1.shape[-1])), x2), (*x1.shape[:-1], x2.shape[-1]))
    return xp.matmul(x1, x2)


@op(
    backward=per_input(lambda h, y, x, g: inner_products(g, h), lambda h, y, x, g: matmul(x, h)),
    samples=lambda rng: [((rng.normal(size=(n, 3)), rng.normal(size=(n, 2))), {}) for n in (4, 0)],
)
def outer_sum(xp: Any, x: Any, g: Any, /) -> Any:
    """Σₙ xₙ gₙᵀ = xᵀ · g, of rows x (N, K) and g (N, M) → (K, M): the gradient of a weight of a linear layer.

    Example:
        >>> import chainrule as cr
        >>> cr.ops.outer_sum(cr.tensor([[1.0, 2.0], [3.0, 4.0]]), cr.tensor([[1.0], [10.0]])).tolist()
        [[31.0], [42.0]]
    """
    return xp.outer_sum(x, g)


@op(
    backward=per_input(lambda g, y, x, w: matmul(g, w), lambda g, y, x, w: OPS["outer_sum"](g, x)),
    samples=lambda rng: [((rng.normal(size=(n, 3)), rng.normal(size=(2, 3))), {}) for n in (4, 0)],
)
def inner_products(xp: Any, x: Any, w: Any, /) -> Any:
    """xₙ · wₘ = x · wᵀ, of rows x (N, K) and w (M, K) → (N, M): the gradient of what a linear layer is given.

    Example:
        >>> import chainrule as cr
        >>> cr.ops.inner_products(cr.tensor([[1.0, 2.0]]), cr.tensor([[1.0, 10.0], [3.0, 4.0]])).tolist()
        [[21.0, 11.0]]
    """
    return xp.inner_products(x, w)


@op(
    backward=per_input(
        lambda g, y, x1, x2, axis: FUNCTIONS["expand_dims"](g, axis=axis) * x2,
        lambda g, y, x1, x2, axis: FUNCTIONS["expand_dims"](g, axis=axis) * x1,
    ),
    samples=lambda rng: [
        ((rng.normal(size=(3, 4)), rng.normal(size=(3, 4))), {}),
        ((rng.normal(size=(4, 2)), rng.normal(size=(3, 4, 1))), {"axis": -2}),
        ((rng.normal(size=(4,)), rng.normal(size=(3, 4))), {}),
    ],
)
def vecdot(xp: Any, x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """Σ conj(x1) · x2 along an axis, broadcast over the others.

    Example:
        >>> import chainrule as cr
        >>> float(cr.vecdot(cr.tensor([1.0, 2.0]), cr.tensor([3.0, 4.0])))
        11.0
    """
    return xp.vecdot(x1, x2, axis=axis)


def tensordot(x1: Any, x2: Any, /, *, axes: int | tuple[Sequence[int], Sequence[int]] = 2) -> Tensor:
    """The sum of products over pairs of axes: the last n of x1 with the first n of x2, or those that are named.

    Arguments:
        axes: n, or one sequence of axes of x1 and one of x2.

    Raises:
        ShapeError: when a pair of axes differs in length.

    Example:
        >>> import chainrule as cr
        >>> cr.tensordot(cr.ones((2, 3)), cr.ones((3, 4)), axes=1).shape
        (2, 4)
    """
    x1, x2 = as_tensor(x1), as_tensor(x2)
    if isinstance(axes, int):
        if axes < 0 or axes > min(x1.ndim, x2.ndim):
            raise ShapeError(f"tensordot over {axes} axes of Tensors with {x1.ndim} and {x2.ndim} axes is not defined.")
        first, second = list(range(x1.ndim - axes, x1.ndim)), list(range(axes))
    else:
        first = [range(x1.ndim)[a] for a in axes[0]]
        second = [range(x2.ndim)[a] for a in axes[1]]
    lengths1, lengths2 = [x1.shape[a] for a in first], [x2.shape[a] for a in second]
    if lengths1 != lengths2:
        raise ShapeError(
            f"tensordot needs axes of equal lengths, got {lengths1} of {x1.shape} and {lengths2} of {x2.shape}."
        )
    free1 = [a for a in range(x1.ndim) if a not in first]
    free2 = [a for a in range(x2.ndim) if a not in second]
    shape1, shape2 = tuple(x1.shape[a] for a in free1), tuple(x2.shape[a] for a in free2)
    inner = math.prod(lengths1)
    permute, reshape = FUNCTIONS["permute_dims"], FUNCTIONS["reshape"]
    left = reshape(permute(x1, tuple(free1 + first)), (math.prod(shape1), inner))
    right = reshape(permute(x2, tuple(second + free2)), (inner, math.prod(shape2)))
    return reshape(matmul(left, right), shape1 + shape2)
