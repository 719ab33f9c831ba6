"""Linear equations: solutions, inverses, determinants.

Of a singular matrix the inverse and the solution do not exist: eagerly an error says so, compiled the result is inf or
nan.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import numpy as np

from chainrule.array import float32
from chainrule.graph import FUNCTIONS, Tensor, op, per_input

__all__ = ["det", "inv", "slogdet", "solve", "solve_triangular"]


class Slogdet(NamedTuple):
    """A determinant as its sign (of a complex one, a number of modulus 1) and the logarithm of its absolute value."""

    sign: Tensor
    logabsdet: Tensor


def of_lapack(x: Any) -> Any:
    """x in a dtype that LAPACK knows: integers and bfloat16 as float32."""
    return x if x.dtype.kind in "fc" else x.astype(float32)


def well_conditioned(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Square matrices far from singular."""
    return rng.normal(size=shape) * 0.5 + 2.0 * np.eye(shape[-1])


def _solve_right(g: Any, y: Any, x1: Any, x2: Any) -> Any:
    if g.ndim > 1 and x2.ndim == 1:  # one vector for a batch of matrices
        return solve(x1.mT, g[..., None])[..., 0]
    return solve(x1.mT, g)


def _solve_matrix(g: Any, y: Any, x1: Any, x2: Any) -> Any:
    dx2 = _solve_right(g, y, x1, x2)
    if x2.ndim == 1:
        return -(dx2[..., :, None] * y[..., None, :])
    return -FUNCTIONS["matmul"](dx2, y.mT)


def _solve_samples(rng: np.random.Generator) -> list[Any]:
    return [
        ((well_conditioned(rng, 3, 3), rng.normal(size=(3,))), {}),
        ((well_conditioned(rng, 3, 3), rng.normal(size=(3, 2))), {}),
        ((well_conditioned(rng, 2, 3, 3), rng.normal(size=(3,))), {}),
        ((well_conditioned(rng, 2, 3, 3), rng.normal(size=(3, 2))), {}),
        ((well_conditioned(rng, 3, 3), rng.normal(size=(2, 3, 1))), {}),
    ]


@op(backward=per_input(_solve_matrix, _solve_right), samples=_solve_samples, quiet=True)
def solve(xp: Any, x1: Any, x2: Any, /) -> Any:
    """The solution y of x1 · y = x2, for square x1 (…, M, M) and x2 (M,) or (…, M, K).

    The gradient of x2 solves with the transpose; that of x1 is -dx2 · yᵀ.

    Raises:
        NonFiniteError: (a LinAlgError too) for a singular x1.

    Example:
        >>> import chainrule as cr
        >>> cr.linalg.solve(cr.tensor([[2.0, 0.0], [0.0, 4.0]]), cr.tensor([2.0, 2.0])).tolist()
        [1.0, 0.5]
    """
    return xp.linalg.solve(of_lapack(x1), of_lapack(x2))


def _triangular_right(g: Any, y: Any, x1: Any, x2: Any, upper: bool) -> Any:
    return solve_triangular(x1.mT, g, upper=not upper)


def _triangular_matrix(g: Any, y: Any, x1: Any, x2: Any, upper: bool) -> Any:
    full = -FUNCTIONS["matmul"](_triangular_right(g, y, x1, x2, upper), y.mT)
    return FUNCTIONS["triu" if upper else "tril"](full)


@op(
    backward=per_input(_triangular_matrix, _triangular_right),
    samples=lambda rng: [
        ((well_conditioned(rng, 3, 3), rng.normal(size=(3, 2))), {}),
        ((well_conditioned(rng, 2, 3, 3), rng.normal(size=(2, 3, 2))), {"upper": True}),
    ],
    quiet=True,
)
def solve_triangular(xp: Any, x1: Any, x2: Any, /, *, upper: bool = False) -> Any:
    """The solution y of x1 · y = x2 (…, M, K), where only the lower (or upper) triangle of x1 (…, M, M) is read.

    Beyond the standard; the rules of `cholesky` and `qr` need it.
    """
    return xp.solve_triangular(of_lapack(x1), of_lapack(x2), upper)


@op(
    backward=per_input(lambda g, y, x: -FUNCTIONS["matmul"](FUNCTIONS["matmul"](y.mT, g), y.mT)),
    samples=lambda rng: [((well_conditioned(rng, 3, 3),), {}), ((well_conditioned(rng, 2, 2, 2),), {})],
    quiet=True,
)
def inv(xp: Any, x: Any, /) -> Any:
    """The inverse of square matrices; the gradient is -yᵀ·g·yᵀ.

    Raises:
        NonFiniteError: (a LinAlgError too) for a singular x.

    Example:
        >>> import chainrule as cr
        >>> cr.linalg.inv(cr.tensor([[2.0, 0.0], [0.0, 4.0]])).tolist()
        [[0.5, 0.0], [0.0, 0.25]]
    """
    return xp.linalg.inv(of_lapack(x))


@op(
    backward=per_input(lambda g, y, x: (g * y)[..., None, None] * inv(x.mT)),
    samples=lambda rng: [((well_conditioned(rng, 3, 3),), {}), ((well_conditioned(rng, 2, 2, 2),), {})],
    quiet=True,
)
def det(xp: Any, x: Any, /) -> Any:
    """The determinant of square matrices; the gradient g·y·x⁻ᵀ exists in this form for invertible ones only.

    Example:
        >>> import chainrule as cr
        >>> float(cr.linalg.det(cr.tensor([[2.0, 0.0], [0.0, 4.0]])))
        8.0
    """
    return xp.linalg.det(of_lapack(x))


@op(
    # Only the logarithm has a gradient; the sign is a step.
    backward=per_input(lambda g, y, x: g[1][..., None, None] * inv(x.mT)),
    several=True,
    samples=lambda rng: [((well_conditioned(rng, 3, 3),), {}), ((-well_conditioned(rng, 2, 3, 3),), {})],
    quiet=True,
)
def _slogdet(xp: Any, x: Any, /) -> Any:
    return tuple(xp.linalg.slogdet(of_lapack(x)))


def slogdet(x: Any, /) -> Slogdet:
    """The sign of the determinant and log |det|, which does not overflow; the gradient of the latter is g·x⁻ᵀ.

    Example:
        >>> import chainrule as cr
        >>> float(cr.linalg.slogdet(cr.tensor([[1.0, 0.0], [0.0, -1.0]])).sign)
        -1.0
    """
    return Slogdet(*cast(tuple[Tensor, Tensor], _slogdet(x)))
