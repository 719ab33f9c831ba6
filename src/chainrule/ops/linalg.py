"""The linear algebra extension of the array API standard: `cr.linalg`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.errors import ConfigError, ShapeError
from chainrule.graph import FUNCTIONS, Tensor, as_tensor, op, per_input
from chainrule.ops.decompositions import cholesky, eigh, eigvalsh, qr, svd, svdvals
from chainrule.ops.products import matmul, tensordot, vecdot
from chainrule.ops.shapes import matrix_transpose
from chainrule.ops.solving import det, inv, of_lapack, slogdet, solve, solve_triangular, well_conditioned

__all__ = [
    "cholesky",
    "cross",
    "det",
    "diagonal",
    "eigh",
    "eigvalsh",
    "inv",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "matrix_transpose",
    "outer",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_triangular",
    "svd",
    "svdvals",
    "tensordot",
    "trace",
    "vecdot",
    "vector_norm",
]


def _cross_left(g: Any, y: Any, x1: Any, x2: Any, axis: int) -> Any:
    return cross(x2, g, axis=axis)


def _cross_right(g: Any, y: Any, x1: Any, x2: Any, axis: int) -> Any:
    return cross(g, x1, axis=axis)


@op(
    backward=per_input(_cross_left, _cross_right),
    samples=lambda rng: [
        ((rng.normal(size=(2, 3)), rng.normal(size=(2, 3))), {}),
        ((rng.normal(size=(3, 2)), rng.normal(size=(3, 1))), {"axis": -2}),
        ((rng.normal(size=(3,)), rng.normal(size=(2, 3))), {}),
    ],
)
def cross(xp: Any, x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """The cross product of vectors of three entries along an axis.

    Example:
        >>> import chainrule as cr
        >>> cr.linalg.cross(cr.asarray([1, 0, 0]), cr.asarray([0, 1, 0])).tolist()
        [0, 0, 1]
    """
    if x1.shape[axis] != 3 or x2.shape[axis] != 3:
        raise ShapeError(f"cross needs 3 entries along axis {axis}, got the shapes {x1.shape} and {x2.shape}.")
    return xp.linalg.cross(x1, x2, axis=axis)


def diagonal(x: Any, /, *, offset: int = 0) -> Tensor:
    """The diagonals of the matrices in the last two axes; offset > 0 lies above the main one, < 0 below.

    Example:
        >>> import chainrule as cr
        >>> cr.linalg.diagonal(cr.asarray([[1, 2], [3, 4]])).tolist()
        [1, 4]
    """
    x = _matrices(x, "diagonal")
    rows, columns = x.shape[-2:]
    length = max(0, min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns))
    first, second = max(0, -offset), max(0, offset)
    steps = np.arange(length)
    return x[..., steps + first, steps + second]


def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Tensor:
    """The sum of the diagonal of the matrices in the last two axes.

    Example:
        >>> import chainrule as cr
        >>> int(cr.linalg.trace(cr.asarray([[1, 2], [3, 4]])))
        5
    """
    return FUNCTIONS["sum"](diagonal(x, offset=offset), axis=-1, dtype=dtype)


def outer(x1: Any, x2: Any, /) -> Tensor:
    """All products of the entries of two vectors, (N,) and (M,) → (N, M).

    Example:
        >>> import chainrule as cr
        >>> cr.linalg.outer(cr.asarray([1, 2]), cr.asarray([3, 4])).tolist()
        [[3, 4], [6, 8]]
    """
    x1, x2 = as_tensor(x1), as_tensor(x2)
    if x1.ndim != 1 or x2.ndim != 1:
        raise ShapeError(f"outer is a product of two vectors, got the shapes {x1.shape} and {x2.shape}.")
    return x1[:, None] * x2[None, :]


def matrix_power(x: Any, n: int, /) -> Tensor:
    """Square matrices multiplied n times with themselves; n = 0 gives the identity, n < 0 powers of the inverse.

    Example:
        >>> import chainrule as cr
        >>> cr.linalg.matrix_power(cr.asarray([[1, 1], [0, 1]]), 5).tolist()
        [[1, 5], [0, 1]]
    """
    x = _matrices(x, "matrix_power", square=True)
    if n < 0:
        x, n = inv(x), -n
    result: Tensor | None = None
    while n:  # by squaring: about 2·log₂ n products
        if n & 1:
            result = x if result is None else matmul(result, x)
        n >>= 1
        x = matmul(x, x) if n else x
    if result is None:
        return FUNCTIONS["broadcast_to"](FUNCTIONS["eye"](x.shape[-1], dtype=x.dtype), x.shape)
    return result


def _tolerance(x: Any) -> float:
    """Below this, relative to the largest, a singular value is rounding error."""
    return max(x.shape[-2:]) * float(np.finfo(x.dtype).eps)


def _pinv_gradient(g: Any, y: Any, x: Any, rtol: Any) -> Any:
    gt, yt = g.mT, y.mT
    left = matmul(gt, matmul(y, yt))
    right = matmul(matmul(yt, y), gt)
    return -matmul(matmul(yt, g), yt) + left - matmul(x, matmul(y, left)) + right - matmul(matmul(right, y), x)


@op(
    backward=per_input(_pinv_gradient, None),
    samples=lambda rng: [
        ((well_conditioned(rng, 3, 3), None), {}),
        ((rng.normal(size=(2, 4, 2)), np.array([1e-10, 1e-9])), {}),
        ((rng.normal(size=(2, 3)), 1e-10), {}),
    ],
    quiet=True,
)
def _pinv(xp: Any, x: Any, rtol: Any, /) -> Any:
    x = of_lapack(x)
    return xp.linalg.pinv(x, rtol=_tolerance(x) if rtol is None else rtol)


def pinv(x: Any, /, *, rtol: Any = None) -> Tensor:
    """The pseudo-inverse (Moore-Penrose) of matrices (…, M, N) → (…, N, M).

    Arguments:
        rtol: singular values below rtol times the largest count as 0, a number or one for each matrix;
            max(M, N) times the dtype's eps unless given. The gradient holds while no singular value crosses that bound.

    Example:
        >>> import chainrule as cr
        >>> cr.linalg.pinv(cr.tensor([[2.0], [0.0]])).tolist()
        [[0.5, 0.0]]
    """
    return _pinv(x, rtol)


@op(
    constant="a rank is a step",
    samples=lambda rng: [
        ((np.outer(rng.normal(size=3), rng.normal(size=4)), None), {}),
        ((rng.normal(size=(2, 3, 3)), 0.1), {}),
    ],
)
def _matrix_rank(xp: Any, x: Any, rtol: Any, /) -> Any:
    if x.ndim < 2:
        raise ValueError("a rank is that of matrices")
    x = of_lapack(x)
    values = xp.linalg.svdvals(x)
    if rtol is None:
        rtol = _tolerance(x)
    largest = values[..., :1]  # they are in descending order; of an empty matrix there are none
    bound = largest * xp.expand_dims(xp.asarray(rtol, dtype=values.dtype), axis=-1)
    return xp.sum(values > bound, axis=-1, dtype=np.dtype("int64"))


def matrix_rank(x: Any, /, *, rtol: Any = None) -> Tensor:
    """The number of singular values above rtol times the largest, int64; rtol as in `pinv`.

    Example:
        >>> import chainrule as cr
        >>> int(cr.linalg.matrix_rank(cr.ones((3, 3))))
        1
    """
    return _matrix_rank(x, rtol)


# -- norms -------------------------------------------------------------------------------------------------------------


def vector_norm(
    x: Any,
    /,
    *,
    axis: int | tuple[int, ...] | None = None,
    keepdims: bool = False,
    ord: float = 2,  # noqa: A002
) -> Tensor:
    """(Σ |x|ᵖ)^(1/p) over the axes, p = ord; inf gives the largest |x|, -inf the smallest, 0 the number of entries that
    are not 0.

    The gradient of the norm (p = 2) of the zero vector is 0.

    Example:
        >>> import chainrule as cr
        >>> float(cr.linalg.vector_norm(cr.tensor([3.0, 4.0])))
        5.0
    """
    x = as_tensor(x)
    if ord == 0:
        dtype = np.dtype(f"float{x.dtype.itemsize * 4}") if x.dtype.kind == "c" else x.dtype
        return FUNCTIONS["astype"](FUNCTIONS["count_nonzero"](x, axis=axis, keepdims=keepdims), dtype)
    size = FUNCTIONS["abs"](x)
    if ord == 2:
        return _root(FUNCTIONS["sum"](size * size, axis=axis, keepdims=keepdims))
    if ord == math.inf:
        return FUNCTIONS["max"](size, axis=axis, keepdims=keepdims)
    if ord == -math.inf:
        return FUNCTIONS["min"](size, axis=axis, keepdims=keepdims)
    if ord == 1:
        return FUNCTIONS["sum"](size, axis=axis, keepdims=keepdims)
    return FUNCTIONS["sum"](size ** float(ord), axis=axis, keepdims=keepdims) ** (1.0 / ord)


def _root(x: Any) -> Tensor:
    """√x with the gradient 0 at 0."""
    where = FUNCTIONS["where"]
    zero = x == 0.0
    return where(zero, 0.0, FUNCTIONS["sqrt"](where(zero, 1.0, x)))


def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Tensor:  # noqa: A002 - the standard's name
    """A norm of the matrices in the last two axes.

    Arguments:
        ord: "fro" √Σ x²; "nuc" the sum of the singular values; 2 and -2 the largest and the smallest singular value;
            1 and -1 the largest and the smallest sum of |x| in a column; inf and -inf in a row.

    Example:
        >>> import chainrule as cr
        >>> float(cr.linalg.matrix_norm(cr.tensor([[3.0, 4.0]]), ord=1))
        4.0
    """
    x = _matrices(x, "matrix_norm")
    if ord == "fro":
        return vector_norm(x, axis=(-2, -1), keepdims=keepdims)
    if ord in ("nuc", 2, -2):
        values = svdvals(x)
        reduce = FUNCTIONS[{"nuc": "sum", 2: "max", -2: "min"}[ord]]
        norm = reduce(values, axis=-1)
    elif ord in (1, -1, math.inf, -math.inf):
        over = -2 if ord in (1, -1) else -1
        sums = FUNCTIONS["sum"](FUNCTIONS["abs"](x), axis=over)
        norm = FUNCTIONS["max" if ord > 0 else "min"](sums, axis=-1)
    else:
        raise ConfigError(f"matrix_norm has no ord {ord!r}.", fix="'fro', 'nuc', 1, -1, 2, -2, inf or -inf")
    return norm[..., None, None] if keepdims else norm


def _matrices(x: Any, name: str, square: bool = False) -> Tensor:
    x = as_tensor(x)
    if x.ndim < 2 or (square and x.shape[-1] != x.shape[-2]):
        raise ShapeError(f"{name} is about {'square ' if square else ''}matrices, got the shape {x.shape}.")
    return x
