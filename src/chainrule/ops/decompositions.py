"""Matrices as products: Cholesky, QR, eigenvalues of symmetric matrices, singular values.

The gradients exist where the factors are smooth functions of the matrix: distinct eigenvalues or singular values, full
rank. Factors are only determined up to signs; the gradients are those of the factors as computed, and mean something
where the loss does not depend on the choice. Source of the rules: Giles, "An extended collection of matrix derivative
results" (2008); Walter & Lehmann, "Algorithmic differentiation of linear algebra functions" (2012).
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import numpy as np

from chainrule.errors import ConfigError
from chainrule.graph import FUNCTIONS, Tensor, as_tensor, op, per_input
from chainrule.ops.solving import of_lapack, solve_triangular, well_conditioned

__all__ = ["cholesky", "eigh", "eigvalsh", "qr", "svd", "svdvals"]


class Qr(NamedTuple):
    """A matrix as Q · R: orthonormal columns times an upper triangle."""

    Q: Tensor
    R: Tensor


class Eigh(NamedTuple):
    """The eigenvalues in ascending order, and the eigenvectors as columns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class Svd(NamedTuple):
    """A matrix as U · diag(S) · Vh."""

    U: Tensor
    S: Tensor
    Vh: Tensor


def _symmetric(x: Any) -> Any:
    return 0.5 * (x + x.mT)


def _hermitian(xp: Any, x: Any) -> Any:
    x = of_lapack(x)
    return 0.5 * (x + xp.conj(xp.matrix_transpose(x)))


def _diagonal(x: Any) -> Any:
    """Vectors as diagonal matrices."""
    return x[..., None] * np.eye(x.shape[-1], dtype=x.dtype)


def _cholesky_gradient(g: Any, y: Any, x: Any, upper: bool) -> Any:
    lower, g = (y.mT, g.mT) if upper else (y, g)
    weights = np.tril(np.ones(x.shape[-2:], x.dtype)) - 0.5 * np.eye(x.shape[-1], dtype=x.dtype)
    inner = FUNCTIONS["matmul"](lower.mT, g) * weights
    left = solve_triangular(lower.mT, inner, upper=True)  # L⁻ᵀ · inner · L⁻¹
    return _symmetric(solve_triangular(lower.mT, left.mT, upper=True).mT)


def _definite(rng: np.random.Generator, *shape: int) -> np.ndarray:
    x = rng.normal(size=shape)
    return x @ np.swapaxes(x, -1, -2) + 2.0 * np.eye(shape[-1])


@op(
    backward=per_input(_cholesky_gradient),
    samples=lambda rng: [((_definite(rng, 3, 3),), {}), ((_definite(rng, 2, 3, 3),), {"upper": True})],
    quiet=True,
)
def cholesky(xp: Any, x: Any, /, *, upper: bool = False) -> Any:
    """The lower triangular L with L · Lᵀ = x, or its transpose, of symmetric positive definite matrices.

    The symmetric part (x + xᵀ) / 2 is decomposed, so the gradient is symmetric too.

    Raises:
        NonFiniteError: (a LinAlgError too) where x is not positive definite; compiled, the result is nan.

    Example:
        >>> import chainrule as cr
        >>> cr.linalg.cholesky(cr.tensor([[4.0, 0.0], [0.0, 9.0]])).tolist()
        [[2.0, 0.0], [0.0, 3.0]]
    """
    lower = xp.linalg.cholesky(_hermitian(xp, x))
    return xp.conj(xp.matrix_transpose(lower)) if upper else lower


# -- QR ----------------------------------------------------------------------------------------------------------------


def _qr_square(gq: Any, gr: Any, q: Any, r: Any) -> Any:
    matmul = FUNCTIONS["matmul"]
    inner = matmul(r, gr.mT) - matmul(gq.mT, q)
    mirrored = FUNCTIONS["tril"](inner) + FUNCTIONS["tril"](inner, k=-1).mT
    return solve_triangular(r, (gq + matmul(q, mirrored)).mT, upper=True).mT


def _qr_gradient(g: Any, y: Any, x: Any) -> Any:
    (gq, gr), (q, r) = g, y
    rows, columns = x.shape[-2:]
    if rows >= columns:
        return _qr_square(gq, gr, q, r)
    # A wide matrix [A B] = Q [R S]: Q and R are those of A, and S = Qᵀ · B.
    matmul = FUNCTIONS["matmul"]
    rest, gs = x[..., rows:], gr[..., rows:]
    first = _qr_square(gq + matmul(rest, gs.mT), gr[..., :rows], q, r[..., :rows])
    return FUNCTIONS["concat"]([first, matmul(q, gs)], axis=-1)


@op(
    backward=per_input(_qr_gradient),
    several=True,
    samples=lambda rng: [
        ((well_conditioned(rng, 3, 3),), {}),
        ((rng.normal(size=(2, 4, 2)),), {}),
        ((rng.normal(size=(2, 4)),), {}),
    ],
)
def _qr(xp: Any, x: Any, /) -> Any:
    return tuple(xp.linalg.qr(of_lapack(x), mode="reduced"))


@op(several=True, samples=lambda rng: [((rng.normal(size=(4, 2)),), {})])
def _qr_complete(xp: Any, x: Any, /) -> Any:
    # Without a rule: the columns of Q beyond those of x are free to turn.
    return tuple(xp.linalg.qr(of_lapack(x), mode="complete"))


def qr(x: Any, /, *, mode: str = "reduced") -> Qr:
    """x (…, M, N) = Q · R with orthonormal columns in Q and an upper triangle R; K = min(M, N).

    The gradient needs the first K columns of x to be linearly independent.

    Arguments:
        mode: "reduced" gives Q (…, M, K) and R (…, K, N); "complete" Q (…, M, M) and R (…, M, N), without a gradient
            where M > N.

    Example:
        >>> import chainrule as cr
        >>> cr.linalg.qr(cr.ones((4, 2))).R.shape
        (2, 2)
    """
    if mode not in ("reduced", "complete"):
        raise ConfigError(f"The mode of qr is 'reduced' or 'complete', not {mode!r}.")
    x = as_tensor(x)
    record = _qr_complete if mode == "complete" and x.ndim > 1 and x.shape[-2] > x.shape[-1] else _qr
    return Qr(*cast(tuple[Tensor, Tensor], record(x)))


# -- eigenvalues -------------------------------------------------------------------------------------------------------


def _inverse_differences(values: Any) -> Any:
    """1 / (values[j] - values[i]) at [i, j], and 0 where the two are equal."""
    difference = values[..., None, :] - values[..., :, None]
    same = difference == 0.0
    where = FUNCTIONS["where"]
    return where(same, 0.0, 1.0 / where(same, 1.0, difference))


def _eigh_gradient(g: Any, y: Any, x: Any) -> Any:
    (gw, gv), (w, v) = g, y
    matmul = FUNCTIONS["matmul"]
    inner = matmul(v.mT, gv) * _inverse_differences(w) + _diagonal(gw)
    return _symmetric(matmul(matmul(v, inner), v.mT))


def _separated(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Symmetric matrices with eigenvalues about 1 apart."""
    x = rng.normal(size=shape)
    return 0.1 * (x + np.swapaxes(x, -1, -2)) + np.diag(np.arange(1.0, shape[-1] + 1.0))


@op(
    backward=per_input(_eigh_gradient),
    several=True,
    samples=lambda rng: [((_separated(rng, 3, 3),), {}), ((_separated(rng, 2, 2, 2),), {})],
)
def _eigh(xp: Any, x: Any, /) -> Any:
    return tuple(xp.linalg.eigh(_hermitian(xp, x)))


def eigh(x: Any, /) -> Eigh:
    """Eigenvalues and orthonormal eigenvectors of symmetric matrices: x = V · diag(w) · Vᵀ, w ascending.

    The symmetric part (x + xᵀ) / 2 is decomposed. The gradient through eigenvectors needs distinct eigenvalues (equal
    ones pass nothing to each other), and a loss that does not depend on the signs of the eigenvectors.

    Example:
        >>> import chainrule as cr
        >>> cr.linalg.eigh(cr.tensor([[2.0, 0.0], [0.0, 1.0]])).eigenvalues.tolist()
        [1.0, 2.0]
    """
    return Eigh(*cast(tuple[Tensor, Tensor], _eigh(x)))


def _eigvalsh_gradient(g: Any, y: Any, x: Any) -> Any:
    v = eigh(x).eigenvectors
    return FUNCTIONS["matmul"](v * g[..., None, :], v.mT)


@op(
    backward=per_input(_eigvalsh_gradient),
    samples=lambda rng: [((_separated(rng, 3, 3),), {}), ((_separated(rng, 2, 2, 2),), {})],
)
def eigvalsh(xp: Any, x: Any, /) -> Any:
    """The eigenvalues of symmetric matrices, ascending; the gradient of each is v · vᵀ of its eigenvector."""
    return xp.linalg.eigvalsh(_hermitian(xp, x))


# -- singular values ---------------------------------------------------------------------------------------------------


def _svd_gradient(g: Any, y: Any, x: Any) -> Any:
    (gu, gs, gvh), (u, s, vh) = g, y
    matmul = FUNCTIONS["matmul"]
    gv, v = gvh.mT, vh.mT
    inverse = _inverse_differences(s * s)
    turned_u, turned_v = matmul(u.mT, gu), matmul(v.mT, gv)
    inner = (turned_u - turned_u.mT) * inverse * s[..., None, :] + s[..., :, None] * inverse * (turned_v - turned_v.mT)
    dx = matmul(matmul(u, inner + _diagonal(gs)), vh)
    rows, columns = x.shape[-2:]
    if rows > columns:  # what the gradient asks of U outside of its columns
        dx = dx + matmul((gu - matmul(u, turned_u)) / s[..., None, :], vh)
    if columns > rows:
        dx = dx + matmul(u, ((gv - matmul(v, turned_v)) / s[..., None, :]).mT)
    return dx


def _spread_out(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """A matrix with singular values about 1 apart."""
    x = 0.1 * rng.normal(size=(rows, columns))
    k = min(rows, columns)
    x[:k, :k] += np.diag(np.arange(k, 0.0, -1.0))
    return x


def _svd_samples(rng: np.random.Generator) -> list[Any]:
    batch = np.stack([_spread_out(rng, 3, 2), _spread_out(rng, 3, 2)])
    return [((_spread_out(rng, 3, 3),), {}), ((batch,), {}), ((_spread_out(rng, 2, 4),), {})]


@op(backward=per_input(_svd_gradient), several=True, samples=_svd_samples)
def _svd(xp: Any, x: Any, /) -> Any:
    return tuple(xp.linalg.svd(of_lapack(x), full_matrices=False))


@op(several=True, samples=lambda rng: [((rng.normal(size=(4, 2)),), {})])
def _svd_full(xp: Any, x: Any, /) -> Any:
    # Without a rule: the columns beyond the K first are free to turn.
    return tuple(xp.linalg.svd(of_lapack(x), full_matrices=True))


def svd(x: Any, /, *, full_matrices: bool = True) -> Svd:
    """x (…, M, N) = U · diag(S) · Vh with orthonormal columns in U, rows in Vh, and S ≥ 0 descending; K = min(M, N).

    The gradient needs singular values that are distinct and not 0, and a loss that does not depend on the common signs
    of a column of U and its row of Vh.

    Arguments:
        full_matrices: whether U is (…, M, M) and Vh (…, N, N), without a gradient where M ≠ N; else (…, M, K) and (…,
            K, N).

    Example:
        >>> import chainrule as cr
        >>> cr.linalg.svd(cr.ones((4, 2)), full_matrices=False).U.shape
        (4, 2)
    """
    x = as_tensor(x)
    record = _svd_full if full_matrices and x.ndim > 1 and x.shape[-2] != x.shape[-1] else _svd
    return Svd(*cast(tuple[Tensor, Tensor, Tensor], record(x)))


def _svdvals_gradient(g: Any, y: Any, x: Any) -> Any:
    u, _, vh = svd(x, full_matrices=False)
    return FUNCTIONS["matmul"](u * g[..., None, :], vh)


@op(backward=per_input(_svdvals_gradient), samples=_svd_samples)
def svdvals(xp: Any, x: Any, /) -> Any:
    """The singular values of matrices, descending; the gradient of each is u · vᵀ of its vectors.

    Example:
        >>> import chainrule as cr
        >>> cr.linalg.svdvals(cr.tensor([[0.0, 2.0], [1.0, 0.0]])).tolist()
        [2.0, 1.0]
    """
    return xp.linalg.svdvals(of_lapack(x))
