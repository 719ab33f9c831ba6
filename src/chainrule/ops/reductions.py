"""Reductions: many numbers into few, and the running sums and products.

Where several entries share the maximum or the minimum, the gradient is split equally among them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.graph import FUNCTIONS, Tensor, op, per_input
from chainrule.ops.samplers import each_axis

__all__ = [
    "all",
    "any",
    "cumulative_prod",
    "cumulative_sum",
    "diff",
    "logsumexp",
    "max",
    "mean",
    "min",
    "prod",
    "std",
    "sum",
    "var",
]


def axes_of(axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes as non-negative numbers; None means all."""
    if axis is None:
        return tuple(range(ndim))
    return tuple(a % ndim if ndim else a for a in (axis if isinstance(axis, tuple | list) else (axis,)))


def spread(g: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """A reduction's result or its gradient, shaped so that it broadcasts against the input."""
    if keepdims or g.ndim == 0:
        return g
    reduced = axes_of(axis, x.ndim)
    return FUNCTIONS["reshape"](g, tuple(1 if i in reduced else n for i, n in enumerate(x.shape)))


def _count(x: Any, axis: Any) -> int:
    return math.prod(x.shape[a] for a in axes_of(axis, x.ndim))


def _sum_gradient(g: Any, y: Any, x: Any, axis: Any, keepdims: bool, dtype: Any) -> Any:
    return FUNCTIONS["broadcast_to"](spread(g, x, axis, keepdims), shape=x.shape)


def _axis(axis: Any) -> Any:
    return tuple(axis) if isinstance(axis, list) else axis


@op(backward=per_input(_sum_gradient), samples=each_axis())
def sum(
    xp: Any, x: Any, /, *, axis: int | tuple[int, ...] | None = None, dtype: Any = None, keepdims: bool = False
) -> Any:
    """Σ x over the axes.

    Example:
        >>> import chainrule as cr
        >>> cr.sum(cr.asarray([[1, 2], [3, 4]]), axis=0).tolist()
        [4, 6]
    """
    return xp.sum(x, axis=_axis(axis), dtype=dtype, keepdims=keepdims)


@op(
    backward=per_input(lambda h, y, g, shape, count: h / count),
    samples=lambda rng: [((rng.normal(size=(3, 1)),), {"shape": (3, 4), "count": 4})],
)
def _shared(xp: Any, g: Any, /, *, shape: tuple[int, ...], count: int) -> Any:
    """g divided among the entries that it is broadcast to: the gradient of `mean`."""
    return xp.broadcast_to(g / count, shape)


def _mean_gradient(g: Any, y: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    count = x.size if axis is None else _count(x, axis)
    return _shared(spread(g, x, axis, keepdims), shape=x.shape, count=count or 1)


@op(backward=per_input(_mean_gradient), samples=each_axis(), quiet=True)
def mean(xp: Any, x: Any, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Any:
    """The arithmetic mean over the axes; nan of nothing.

    Example:
        >>> import chainrule as cr
        >>> float(cr.mean(cr.tensor([1.0, 2.0, 6.0])))
        3.0
    """
    return xp.mean(x, axis=_axis(axis), keepdims=keepdims)


def _prod_gradient(g: Any, y: Any, x: Any, axis: Any, keepdims: bool, dtype: Any) -> Any:
    # The product of all others, from running products on either side: right where entries are 0, unlike g·y/x.
    reduced = axes_of(axis, x.ndim)
    kept = tuple(a for a in range(x.ndim) if a not in reduced)
    flat = FUNCTIONS["reshape"](
        FUNCTIONS["permute_dims"](x, (*kept, *reduced)), (*(x.shape[a] for a in kept), _count(x, axis))
    )
    ones = FUNCTIONS["ones_like"](flat[..., :1])
    before = FUNCTIONS["cumulative_prod"](FUNCTIONS["concat"]([ones, flat[..., :-1]], axis=-1), axis=-1)
    backwards = FUNCTIONS["flip"](flat, axis=-1)
    after = FUNCTIONS["flip"](
        FUNCTIONS["cumulative_prod"](FUNCTIONS["concat"]([ones, backwards[..., :-1]], axis=-1), axis=-1), axis=-1
    )
    others = FUNCTIONS["reshape"](before * after, tuple(x.shape[a] for a in (*kept, *reduced)))
    return spread(g, x, axis, keepdims) * FUNCTIONS["permute_dims"](
        others, tuple(np.argsort((*kept, *reduced)).tolist())
    )


@op(backward=per_input(_prod_gradient), samples=each_axis(-1.5, 1.5))
def prod(
    xp: Any, x: Any, /, *, axis: int | tuple[int, ...] | None = None, dtype: Any = None, keepdims: bool = False
) -> Any:
    """∏ x over the axes; the gradient is right where entries are 0."""
    return xp.prod(x, axis=_axis(axis), dtype=dtype, keepdims=keepdims)


def _extreme_gradient(g: Any, y: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    chosen = FUNCTIONS["astype"](x == spread(y.detach(), x, axis, keepdims), g.dtype)
    share = chosen / chosen.sum(axis=axis, keepdims=True) if x.ndim else chosen
    return spread(g, x, axis, keepdims) * share


max_ = max
"""Python's own, which the operation below hides."""


@op(backward=per_input(_extreme_gradient), samples=each_axis(spread=True))
def max(xp: Any, x: Any, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Any:
    """The largest entry over the axes; equal ones share the gradient.

    Example:
        >>> import chainrule as cr
        >>> cr.max(cr.tensor([[1.0, 2.0], [3.0, 0.0]]), axis=1, keepdims=True).tolist()
        [[2.0], [3.0]]
    """
    return xp.max(x, axis=_axis(axis), keepdims=keepdims)


@op(backward=per_input(_extreme_gradient), samples=each_axis(spread=True))
def min(xp: Any, x: Any, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Any:
    """The smallest entry over the axes; equal ones share the gradient."""
    return xp.min(x, axis=_axis(axis), keepdims=keepdims)


def _freedom(x: Any, axis: Any, correction: float) -> float:
    """What the squares are divided by: n - correction, nan where nothing is left."""
    left = _count(x, axis) - correction
    return left if left > 0 else math.nan


def _nan(xp: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    return xp.abs(xp.sum(x, axis=_axis(axis), keepdims=keepdims)) * math.nan


def _var_gradient(g: Any, y: Any, x: Any, axis: Any, correction: float, keepdims: bool) -> Any:
    centred = x - FUNCTIONS["mean"](x, axis=axis, keepdims=True)
    return spread(g, x, axis, keepdims) * centred * (2.0 / _freedom(x, axis, correction))


@op(backward=per_input(_var_gradient), samples=each_axis(correction=1.0), quiet=True)
def var(
    xp: Any, x: Any, /, *, axis: int | tuple[int, ...] | None = None, correction: float = 0.0, keepdims: bool = False
) -> Any:
    """Σ (x - mean)² / (n - correction) over the axes; nan where n ≤ correction.

    Differs from PyTorch: correction is 0 by default, as the array API standard says.

    Example:
        >>> import chainrule as cr
        >>> float(cr.var(cr.tensor([1.0, 3.0]), correction=1))
        2.0
    """
    if math.isnan(_freedom(x, axis, correction)):
        return _nan(xp, x, axis, keepdims)
    return xp.var(x, axis=_axis(axis), correction=correction, keepdims=keepdims)


def _std_gradient(g: Any, y: Any, x: Any, axis: Any, correction: float, keepdims: bool) -> Any:
    centred = x - FUNCTIONS["mean"](x, axis=axis, keepdims=True)
    return spread(g / y, x, axis, keepdims) * centred * (1.0 / _freedom(x, axis, correction))


@op(backward=per_input(_std_gradient), samples=each_axis(correction=1.0), quiet=True)
def std(
    xp: Any, x: Any, /, *, axis: int | tuple[int, ...] | None = None, correction: float = 0.0, keepdims: bool = False
) -> Any:
    """√var; the gradient of equal entries, where std is 0, is nan."""
    if math.isnan(_freedom(x, axis, correction)):
        return _nan(xp, x, axis, keepdims)
    return xp.std(x, axis=_axis(axis), correction=correction, keepdims=keepdims)


@op(
    backward=per_input(
        lambda g, y, x, axis, keepdims: (
            spread(g, x, axis, keepdims) * FUNCTIONS["exp"](x - spread(y, x, axis, keepdims))
        )
    ),
    samples=each_axis(),
    quiet=True,
)
def logsumexp(xp: Any, x: Any, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Any:
    """log Σ eˣ over the axes, without overflow: the maximum is taken out first.

    Example:
        >>> import chainrule as cr
        >>> float(cr.ops.logsumexp(cr.tensor([1000.0, -1000.0])))
        1000.0
    """
    axis = _axis(axis)
    top = xp.max(x, axis=axis, keepdims=True)
    top = xp.where(xp.isfinite(top), top, xp.zeros_like(top))
    total = xp.log(xp.sum(xp.exp(x - top), axis=axis, keepdims=True)) + top
    return total if keepdims or x.ndim == 0 else xp.squeeze(total, axis=axes_of(axis, x.ndim))


_WHETHER = "a truth value has no gradient"


@op(constant=_WHETHER, samples=each_axis())
def all(xp: Any, x: Any, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Any:
    """Whether all entries over the axes are true."""
    return xp.all(x, axis=_axis(axis), keepdims=keepdims)


@op(constant=_WHETHER, samples=each_axis())
def any(xp: Any, x: Any, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Any:
    """Whether any entry over the axes is true."""
    return xp.any(x, axis=_axis(axis), keepdims=keepdims)


def _cumulative_sum_gradient(g: Any, y: Any, x: Any, axis: int | None, dtype: Any, include_initial: bool) -> Any:
    axis = 0 if axis is None else axis
    if include_initial:
        index = [slice(None)] * g.ndim
        index[axis] = slice(1, None)
        g = g[tuple(index)]
    return FUNCTIONS["flip"](FUNCTIONS["cumulative_sum"](FUNCTIONS["flip"](g, axis=axis), axis=axis), axis=axis)


@op(
    backward=per_input(_cumulative_sum_gradient),
    samples=lambda rng: [
        ((rng.normal(size=(5,)),), {}),
        ((rng.normal(size=(3, 4)),), {"axis": 1}),
        ((rng.normal(size=(3, 4)),), {"axis": -2, "include_initial": True}),
    ],
)
def cumulative_sum(
    xp: Any, x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Any:
    """The running sum along an axis; `include_initial` puts a 0 in front.

    Example:
        >>> import chainrule as cr
        >>> cr.cumulative_sum(cr.asarray([1, 2, 3]), include_initial=True).tolist()
        [0, 1, 3, 6]
    """
    return xp.cumulative_sum(x, axis=axis, dtype=dtype, include_initial=include_initial)


def _cumulative_prod_gradient(g: Any, y: Any, x: Any, axis: int | None, dtype: Any, include_initial: bool) -> Any:
    # dx_k = Σ_{j≥k} g_j ∏_{i≤j, i≠k} x_i, from the matrix of x with its k-th entry replaced by 1: right where entries
    # are 0.
    where, last = 0 if axis is None else axis, -1
    x, g = FUNCTIONS["moveaxis"](x, where, last), FUNCTIONS["moveaxis"](g, where, last)
    if include_initial:
        g = g[..., 1:]
    n = x.shape[-1]
    eye = np.eye(n, dtype=bool)
    replaced = FUNCTIONS["where"](eye, 1.0, x[..., None, :])
    products = FUNCTIONS["cumulative_prod"](replaced, axis=-1)
    from_k_on = np.triu(np.ones((n, n), bool))
    dx = FUNCTIONS["where"](from_k_on, g[..., None, :] * products, 0.0).sum(axis=-1)
    return FUNCTIONS["moveaxis"](dx, last, where)


@op(
    backward=per_input(_cumulative_prod_gradient),
    samples=lambda rng: [
        ((rng.uniform(-1.5, 1.5, (5,)),), {}),
        ((rng.uniform(-1.5, 1.5, (3, 4)),), {"axis": 1, "include_initial": True}),
    ],
)
def cumulative_prod(
    xp: Any, x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Any:
    """The running product along an axis; `include_initial` puts a 1 in front."""
    return xp.cumulative_prod(x, axis=axis, dtype=dtype, include_initial=include_initial)


def diff(x: Tensor, /, *, axis: int = -1, n: int = 1, prepend: Any = None, append: Any = None) -> Tensor:
    """The n-th difference between neighbours along an axis.

    Example:
        >>> import chainrule as cr
        >>> cr.diff(cr.asarray([1, 4, 9])).tolist()
        [3, 5]
    """
    parts = [p for p in (prepend, x, append) if p is not None]
    x = FUNCTIONS["concat"](parts, axis=axis) if len(parts) > 1 else x
    axis %= x.ndim
    for _ in range(n):
        lower, upper = [slice(None)] * x.ndim, [slice(None)] * x.ndim
        lower[axis], upper[axis] = slice(None, -1), slice(1, None)
        minus = FUNCTIONS["not_equal"] if x.dtype == bool else FUNCTIONS["subtract"]
        x = minus(x[tuple(upper)], x[tuple(lower)])
    return x
