"""Operations that pick out and put back: indexing, taking along an axis, choosing by a condition."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.array import Array
from chainrule.errors import DtypeError, ShapeError
from chainrule.graph import FUNCTIONS, Tensor, as_tensor, op, per_input
from chainrule.ops.samplers import binary

__all__ = ["getitem", "rows_to_dense", "take", "take_along_axis", "where"]


class _Slot:
    """Stands in a key for the index array that is an input of its own."""

    def __repr__(self) -> str:
        return "array"


_SLOT = _Slot()


def _filled(key: tuple[Any, ...], arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    rest = iter(arrays)
    return tuple(next(rest) if part is _SLOT else part for part in key)


def _keys(rng: np.random.Generator) -> list[Any]:
    x = rng.normal(size=(4, 5))
    return [
        ((x,), {"key": (slice(1, 3), None, -1)}),
        ((x,), {"key": (Ellipsis, slice(None, None, -2))}),
        ((x,), {"key": (2,)}),
        ((x,), {"key": (slice(-1, 0, -2), slice(1, 5, 3))}),
        ((x,), {"key": (None, slice(3, 3), 0)}),
        ((x,), {"key": (-4, -1)}),
        ((x,), {"key": (Ellipsis, None)}),
        ((x, np.array([0, 2, 2, -1])), {"key": (_SLOT,)}),
        ((x, np.array([[0], [3]]), np.array([1, 1])), {"key": (_SLOT, _SLOT)}),
        ((x, np.array([1, 1])), {"key": (slice(None), _SLOT)}),
    ]


def _getitem_gradient(g: Any, y: Any, x: Any, *arrays: Any, key: tuple[Any, ...]) -> Any:
    return _place(g, *arrays, key=key, shape=x.shape)


@op(backward=per_input(_getitem_gradient, None), samples=_keys)
def _getitem(xp: Any, x: Any, *arrays: Any, key: tuple[Any, ...]) -> Any:
    return xp.getitem(x, _filled(key, arrays))


def _place_samples(rng: np.random.Generator) -> list[Any]:
    found = []
    for (x, *arrays), attributes in _keys(rng):
        values = x[_filled(attributes["key"], tuple(arrays))]
        found.append(((values, *arrays), {"key": attributes["key"], "shape": x.shape}))
    return found


@op(
    backward=per_input(lambda g, y, values, *arrays, key, shape: _getitem(g, *arrays, key=key), None),
    samples=_place_samples,
)
def _place(xp: Any, values: Any, *arrays: Any, key: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    # Zeros of the shape with the values added at the key: the gradient of _getitem.
    return xp.place(values, _filled(key, arrays), shape)


def getitem(x: Tensor, key: Any, /) -> Tensor:
    """x[key]: numbers, slices, None, Ellipsis, integer arrays and truth masks, with NumPy's meaning.

    A truth mask gives a result whose shape depends on its values, so it cannot be used while compiling: `cr.where` can.

    Raises:
        ShapeError: (an IndexError too) for an index outside its axis.
    """
    parts = []
    arrays = []
    for part in key if isinstance(key, tuple) else (key,):
        if isinstance(part, Tensor | np.ndarray | list):
            index = as_tensor(part)
            if index.size == 0 and isinstance(part, list):
                index = FUNCTIONS["astype"](index, np.dtype("int64"))
            if index.dtype.kind not in "iub":
                raise DtypeError(f"An index must be integers or truth values, not {index.dtype}.")
            arrays.append(index)
            parts.append(_SLOT)
        elif isinstance(part, slice):
            parts.append(slice(*(None if v is None else int(v) for v in (part.start, part.stop, part.step))))
        else:
            parts.append(part)
    return _getitem(x, *arrays, key=tuple(parts))


def take(x: Any, indices: Any, /, *, axis: int | None = None) -> Tensor:
    """The entries at the indices of an axis; the axis may be left out for one-dimensional x.

    Raises:
        ShapeError: (an IndexError too) for an index outside the axis. While compiling, values are unknown: such an
            entry is nan.

    Example:
        >>> import chainrule as cr
        >>> cr.take(cr.asarray([[1, 2], [3, 4]]), cr.asarray([1, 0]), axis=0).tolist()
        [[3, 4], [1, 2]]
    """
    x = as_tensor(x)
    if axis is None:
        if x.ndim != 1:
            raise ShapeError(f"take needs an axis for an array of {x.ndim} dimensions.")
        axis = 0
    axis = range(x.ndim)[axis]
    return _getitem(x, indices, key=(slice(None),) * axis + (_SLOT,))


def _take_along_gradient(g: Any, y: Any, x: Any, indices: Any, axis: int) -> Any:
    axis %= x.ndim
    grid = list(np.ogrid[tuple(slice(n) for n in indices.shape)])
    grid[axis] = indices
    return _place(g, *grid, key=(_SLOT,) * x.ndim, shape=x.shape)


@op(
    backward=per_input(_take_along_gradient, None),
    samples=lambda rng: [
        ((rng.normal(size=(3, 4)), rng.integers(0, 4, (3, 2))), {"axis": -1}),
        ((rng.normal(size=(3, 4)), rng.integers(0, 3, (5, 4))), {"axis": 0}),
    ],
)
def take_along_axis(xp: Any, x: Any, indices: Any, /, *, axis: int = -1) -> Any:
    """For each place of `indices`, the entry of x at that index along the axis.

    Example:
        >>> import chainrule as cr
        >>> x = cr.asarray([[3, 1], [1, 2]])
        >>> cr.take_along_axis(x, cr.argsort(x), axis=-1).tolist()
        [[1, 3], [1, 2]]
    """
    return xp.take_along_axis(x, indices, axis=axis)


def _rows_samples(rng: np.random.Generator) -> list[Any]:
    return [((np.array([1, 3, 1]), rng.normal(size=(3, 2))), {"shape": (4, 2)})]


@op(backward=per_input(None, lambda g, y, rows, values, shape: _getitem(g, rows, key=(_SLOT,))), samples=_rows_samples)
def rows_to_dense(xp: Any, rows: Array, values: Array, /, shape: tuple[int, ...]) -> Any:
    """A table of zeros with the values added to the given rows of its first axis."""
    return xp.add_rows(xp.zeros(shape, dtype=values.dtype), rows, values)


@op(
    backward=per_input(
        None,
        lambda g, y, condition, x1, x2: FUNCTIONS["where"](condition, g, 0.0),
        lambda g, y, condition, x1, x2: FUNCTIONS["where"](condition, 0.0, g),
    ),
    samples=lambda rng: [((rng.random(a.shape) < 0.5, a, b), {}) for (a, b), _ in binary()(rng)],
)
def where(xp: Any, condition: Any, x1: Any, x2: Any, /) -> Any:
    """x1 where the condition holds, else x2; a gradient only reaches the chosen one.

    Both are computed, and a nan in the gradient of the one not chosen still spreads: make that one's input harmless
    first.

    Example:
        >>> import chainrule as cr
        >>> x = cr.tensor([-1.0, 2.0])
        >>> cr.where(x > 0, x, 0.0).tolist()
        [0.0, 2.0]
    """
    return xp.where(condition, x1, x2)
