"""Searching: where the extremes, the entries that are not 0, and the places of new entries in a sorted list are."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import ConfigError
from chainrule.graph import Tensor, op
from chainrule.ops.samplers import each_axis

__all__ = ["argmax", "argmin", "count_nonzero", "nonzero", "searchsorted"]

_POSITIONS = "positions have no gradient"


@op(constant=_POSITIONS, samples=each_axis(many=False, spread=True))
def argmax(xp: Any, x: Any, /, *, axis: int | None = None, keepdims: bool = False) -> Any:
    """The index of the largest entry along an axis, or of the flat array; the first of equal ones, or of the first nan;
    int64.

    Example:
        >>> import chainrule as cr
        >>> cr.argmax(cr.asarray([[1, 9], [8, 2]]), axis=1).tolist()
        [1, 0]
    """
    return xp.argmax(x, axis=axis, keepdims=keepdims)


@op(constant=_POSITIONS, samples=each_axis(many=False, spread=True))
def argmin(xp: Any, x: Any, /, *, axis: int | None = None, keepdims: bool = False) -> Any:
    """The index of the smallest entry along an axis, or of the flat array; the first of equal ones, or of the first
    nan; int64.
    """
    return xp.argmin(x, axis=axis, keepdims=keepdims)


@op(constant="a count has no gradient", samples=each_axis())
def count_nonzero(xp: Any, x: Any, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Any:
    """How many entries over the axes are not 0, int64."""
    return xp.sum(xp.not_equal(x, 0), axis=axis, keepdims=keepdims, dtype=np.dtype("int64"))


@op(constant=_POSITIONS, several=True, samples=lambda rng: [((rng.integers(0, 2, (3, 4)),), {})])
def _nonzero(xp: Any, x: Any, /) -> Any:
    if x.ndim == 0:
        raise ValueError("a 0-d array has no positions")
    return xp.nonzero(x)


def nonzero(x: Any, /) -> tuple[Tensor, ...]:
    """The indices of the entries that are not 0, one array for each axis, int64.

    Their shape depends on values, so a compiled function cannot use it.

    Raises:
        ShapeError: for a 0-d Tensor.

    Example:
        >>> import chainrule as cr
        >>> cr.nonzero(cr.asarray([0, 5, 0, 7]))[0].tolist()
        [1, 3]
    """
    return _nonzero(x)  # type: ignore[return-value]


@op(
    constant=_POSITIONS,
    samples=lambda rng: [
        ((np.sort(rng.normal(size=6)), rng.normal(size=(2, 3)), None), {}),
        ((np.array([1.0, 2.0, 2.0, 3.0]), np.array([2.0, 0.0, 5.0]), None), {"side": "right"}),
        ((np.array([3.0, 1.0, 2.0]), np.array([1.5, 2.0]), np.array([1, 2, 0])), {}),
    ],
)
def _searchsorted(xp: Any, x1: Any, x2: Any, sorter: Any, /, *, side: str = "left") -> Any:
    return xp.searchsorted(x1 if sorter is None else xp.take(x1, sorter, axis=0), x2, side=side)


def searchsorted(x1: Any, x2: Any, /, *, side: str = "left", sorter: Any = None) -> Tensor:
    """The places in the sorted x1 at which the entries of x2 would keep it sorted, int64.

    Arguments:
        x1: one-dimensional, ascending (or brought into that order by `sorter`).
        x2: any shape; the result has the same.
        side: "left" gives the first such place, "right" the last.
        sorter: the indices that sort x1, such as `cr.argsort(x1)`.

    Example:
        >>> import chainrule as cr
        >>> cr.searchsorted(cr.tensor([1.0, 2.0, 3.0]), cr.tensor([2.0, 2.5])).tolist()
        [1, 2]
    """
    if side not in ("left", "right"):
        raise ConfigError(f"The side is 'left' or 'right', not {side!r}.")
    return _searchsorted(x1, x2, sorter, side=side)
