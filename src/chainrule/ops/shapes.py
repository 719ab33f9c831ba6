"""Operations that rearrange: reshaping, moving and repeating axes, joining and splitting, and changing the dtype."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import OutOfBoundsError, ShapeError
from chainrule.graph import FUNCTIONS, Tensor, as_tensor, op, per_input

__all__ = [
    "broadcast_arrays",
    "broadcast_shapes",
    "broadcast_to",
    "concat",
    "expand_dims",
    "flip",
    "matrix_transpose",
    "moveaxis",
    "permute_dims",
    "repeat",
    "reshape",
    "roll",
    "squeeze",
    "stack",
    "tile",
    "unstack",
]


def _shape(shape: Any) -> tuple[int, ...]:
    return (int(shape),) if isinstance(shape, int | np.integer) else tuple(int(n) for n in shape)


@op(
    backward=per_input(lambda g, y, x, shape, copy: FUNCTIONS["reshape"](g, x.shape)),
    samples=lambda rng: [
        ((rng.normal(size=(3, 4)),), {"shape": (2, 6)}),
        ((rng.normal(size=(2, 3)),), {"shape": (-1,)}),
    ],
)
def reshape(xp: Any, x: Any, /, shape: int | tuple[int, ...], *, copy: bool | None = None) -> Any:
    """The same entries in row-major order under another shape; one length may be -1.

    Example:
        >>> import chainrule as cr
        >>> cr.reshape(cr.arange(6), (2, -1)).tolist()
        [[0, 1, 2], [3, 4, 5]]
    """
    if copy is None or xp.name == "jax":
        return xp.reshape(x, shape if type(shape) is tuple else _shape(shape))
    return np.reshape(x, _shape(shape), copy=copy)


@op(
    backward=per_input(lambda g, y, x, shape: g),
    samples=lambda rng: [((rng.normal(size=(3, 1)),), {"shape": (2, 3, 4)}), ((rng.normal(size=()),), {"shape": (2,)})],
)
def broadcast_to(xp: Any, x: Any, /, shape: tuple[int, ...]) -> Any:
    """x repeated to the shape, by the broadcasting rules.

    Example:
        >>> import chainrule as cr
        >>> cr.broadcast_to(cr.asarray([1, 2]), (2, 2)).tolist()
        [[1, 2], [1, 2]]
    """
    return xp.broadcast_to(x, _shape(shape))


def broadcast_arrays(*arrays: Any) -> list[Tensor]:
    """The arrays, each broadcast to their common shape."""
    tensors = [as_tensor(a) for a in arrays]
    shape = np.broadcast_shapes(*(t.shape for t in tensors))
    return [FUNCTIONS["broadcast_to"](t, shape) for t in tensors]


def broadcast_shapes(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that arrays of these shapes broadcast to."""
    return np.broadcast_shapes(*shapes)


@op(
    backward=per_input(
        lambda g, y, x, axes: FUNCTIONS["permute_dims"](g, tuple(np.argsort([a % g.ndim for a in axes]).tolist()))
    ),
    samples=lambda rng: [
        ((rng.normal(size=(2, 3, 4)),), {"axes": (2, 0, 1)}),
        ((rng.normal(size=(2, 3)),), {"axes": (-1, 0)}),
    ],
)
def permute_dims(xp: Any, x: Any, /, axes: tuple[int, ...]) -> Any:
    """The axes in another order: axis i of the result is axis axes[i] of x.

    Example:
        >>> import chainrule as cr
        >>> cr.permute_dims(cr.zeros((2, 3, 4)), (2, 0, 1)).shape
        (4, 2, 3)
    """
    return xp.permute_dims(x, axes)


@op(
    backward=per_input(lambda g, y, x: FUNCTIONS["matrix_transpose"](g)),
    samples=lambda rng: [((rng.normal(size=(2, 3, 4)),), {})],
)
def matrix_transpose(xp: Any, x: Any, /) -> Any:
    """The last two axes exchanged."""
    return x.mT


def moveaxis(x: Any, source: int | Sequence[int], destination: int | Sequence[int], /) -> Tensor:
    """The source axes moved to the destinations, the others in their order.

    Example:
        >>> import chainrule as cr
        >>> cr.moveaxis(cr.zeros((2, 3, 4)), 0, -1).shape
        (3, 4, 2)
    """
    x = as_tensor(x)
    sources = _axes(source, x.ndim)
    destinations = _axes(destination, x.ndim)
    if len(sources) != len(destinations):
        raise ShapeError(f"moveaxis needs as many destinations as sources, got {source} and {destination}.")
    order = [a for a in range(x.ndim) if a not in sources]
    for to, frm in sorted(zip(destinations, sources, strict=True)):
        order.insert(to, frm)
    return FUNCTIONS["permute_dims"](x, tuple(order))


def _axes(axis: int | Sequence[int], ndim: int) -> tuple[int, ...]:
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    for a in axes:
        if not -ndim <= a < ndim:
            raise OutOfBoundsError(f"There is no axis {a} in a Tensor with {ndim} axes.")
    return tuple(a % ndim for a in axes)


@op(
    backward=per_input(lambda g, y, x, axis: FUNCTIONS["reshape"](g, x.shape)),
    samples=lambda rng: [((rng.normal(size=(3, 4)),), {"axis": 1}), ((rng.normal(size=(3,)),), {"axis": -1})],
)
def expand_dims(xp: Any, x: Any, /, *, axis: int = 0) -> Any:
    """A new axis of length 1 at the position.

    Example:
        >>> import chainrule as cr
        >>> cr.expand_dims(cr.zeros((3,)), axis=-1).shape
        (3, 1)
    """
    return xp.expand_dims(x, axis=axis)


@op(
    backward=per_input(lambda g, y, x, axis: FUNCTIONS["reshape"](g, x.shape)),
    samples=lambda rng: [((rng.normal(size=(1, 3, 1)),), {"axis": (0, 2)}), ((rng.normal(size=(3, 1)),), {"axis": -1})],
)
def squeeze(xp: Any, x: Any, /, axis: int | tuple[int, ...]) -> Any:
    """Without the given axes of length 1.

    Example:
        >>> import chainrule as cr
        >>> cr.squeeze(cr.zeros((1, 3)), 0).shape
        (3,)
    """
    return xp.squeeze(x, axis=axis)


@op(
    backward=per_input(lambda g, y, x, axis: FUNCTIONS["flip"](g, axis=axis)),
    samples=lambda rng: [((rng.normal(size=(3, 4)),), {"axis": 1}), ((rng.normal(size=(3, 4)),), {"axis": None})],
)
def flip(xp: Any, x: Any, /, *, axis: int | tuple[int, ...] | None = None) -> Any:
    """The entries in reverse along the axes; None means all."""
    return xp.flip(x, axis=axis)


def _backwards(shift: Any) -> Any:
    return tuple(-s for s in shift) if isinstance(shift, tuple | list) else -shift


@op(
    backward=per_input(lambda g, y, x, shift, axis: FUNCTIONS["roll"](g, _backwards(shift), axis=axis)),
    samples=lambda rng: [
        ((rng.normal(size=(3, 4)),), {"shift": 1, "axis": 1}),
        ((rng.normal(size=(3, 4)),), {"shift": 2, "axis": None}),
    ],
)
def roll(xp: Any, x: Any, /, shift: int | tuple[int, ...], *, axis: int | tuple[int, ...] | None = None) -> Any:
    """The entries shifted along the axes; what leaves at one end comes back at the other.

    Example:
        >>> import chainrule as cr
        >>> cr.roll(cr.asarray([1, 2, 3]), 1).tolist()
        [3, 1, 2]
    """
    return xp.roll(x, shift, axis=axis)


def _repeat_gradient(g: Any, y: Any, x: Any, repeats: Any, axis: int | None) -> Any:
    flat = axis is None
    axis = 0 if axis is None else axis % x.ndim
    length = x.size if flat else x.shape[axis]
    rows = np.repeat(np.arange(length), repeats)
    moved = FUNCTIONS["moveaxis"](g, axis, 0)
    summed = FUNCTIONS["rows_to_dense"](as_tensor(rows), moved, (length, *moved.shape[1:]))
    return FUNCTIONS["reshape"](FUNCTIONS["moveaxis"](summed, 0, axis), x.shape)


@op(
    backward=per_input(_repeat_gradient),
    samples=lambda rng: [
        ((rng.normal(size=(3, 2)),), {"repeats": 2, "axis": 0}),
        ((rng.normal(size=(3,)),), {"repeats": (1, 0, 2), "axis": 0}),
        ((rng.normal(size=(2, 2)),), {"repeats": 2, "axis": None}),
    ],
)
def _repeat(xp: Any, x: Any, /, *, repeats: int | tuple[int, ...], axis: int | None) -> Any:
    counts = repeats if isinstance(repeats, int) else np.asarray(repeats, np.int64)
    total = x.shape[axis or 0] * repeats if isinstance(repeats, int) and axis is not None else None
    if xp.name == "jax" and total is None:
        total = x.size * repeats if isinstance(repeats, int) else int(np.sum(counts))
        return xp.repeat(x, counts, axis=axis, total_repeat_length=total)
    return xp.repeat(x, counts, axis=axis)


def repeat(x: Any, repeats: Any, /, *, axis: int | None = None) -> Tensor:
    """Each entry repeated, the given number of times or each its own number of times, along an axis or of the flat
    array.

    Example:
        >>> import chainrule as cr
        >>> cr.repeat(cr.asarray([1, 2]), (1, 3)).tolist()
        [1, 2, 2, 2]
    """
    counts = repeats.tolist() if isinstance(repeats, Tensor | np.ndarray) else repeats
    if isinstance(counts, list | tuple):
        counts = tuple(int(c) for c in counts)
        counts = counts[0] if len(counts) == 1 else counts
    return _repeat(x, repeats=counts, axis=axis)


def tile(x: Any, repetitions: tuple[int, ...], /) -> Tensor:
    """x laid out again and again along each axis.

    Example:
        >>> import chainrule as cr
        >>> cr.tile(cr.asarray([1, 2]), (2,)).tolist()
        [1, 2, 1, 2]
    """
    x = as_tensor(x)
    rank = max(x.ndim, len(repetitions))
    shape = (1,) * (rank - x.ndim) + x.shape
    times = (1,) * (rank - len(repetitions)) + tuple(repetitions)
    between = [n for pair in zip((1,) * rank, shape, strict=True) for n in pair]
    wide = [n for pair in zip(times, shape, strict=True) for n in pair]
    stretched = FUNCTIONS["broadcast_to"](FUNCTIONS["reshape"](x, tuple(between)), tuple(wide))
    return FUNCTIONS["reshape"](stretched, tuple(t * n for t, n in zip(times, shape, strict=True)))


def _pieces(node: Any, g: Any) -> list[Any]:
    axis = node.attributes["axis"]
    pieces: list[Any] = []
    start = 0
    for x, needed in zip(node.inputs, node.needs, strict=True):
        length = x.size if axis is None else x.shape[axis]
        if needed:
            place: list[Any] = [slice(None)] * g.ndim
            place[0 if axis is None else axis] = slice(start, start + length)
            piece = g[tuple(place)]
            pieces.append(FUNCTIONS["reshape"](piece, x.shape) if axis is None else piece)
        else:
            pieces.append(None)
        start += length
    return pieces


@op(backward=_pieces, samples=lambda rng: [((rng.normal(size=(2, 3)), rng.normal(size=(2, 1))), {"axis": 1})])
def _concat(xp: Any, *arrays: Any, axis: int | None) -> Any:
    return xp.concat(arrays, axis=axis)


def concat(arrays: Sequence[Any], /, *, axis: int | None = 0) -> Tensor:
    """The arrays joined along an existing axis; None joins the flat ones.

    Example:
        >>> import chainrule as cr
        >>> cr.concat([cr.asarray([1, 2]), cr.asarray([3])]).tolist()
        [1, 2, 3]
    """
    return _concat(*arrays, axis=axis)


def stack(arrays: Sequence[Any], /, *, axis: int = 0) -> Tensor:
    """The arrays joined along a new axis.

    Example:
        >>> import chainrule as cr
        >>> cr.stack([cr.asarray([1, 2]), cr.asarray([3, 4])], axis=1).tolist()
        [[1, 3], [2, 4]]
    """
    return concat([FUNCTIONS["expand_dims"](a, axis=axis) for a in arrays], axis=axis)


def unstack(x: Any, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """The slices along an axis.

    Example:
        >>> import chainrule as cr
        >>> [int(x) for x in cr.unstack(cr.asarray([1, 2]))]
        [1, 2]
    """
    x = as_tensor(x)
    axis = _axes(axis, x.ndim)[0]
    return tuple(x[(slice(None),) * axis + (i,)] for i in range(x.shape[axis]))


def flatten_leading(x: Any) -> Any:
    """(…, n) as a matrix (product of …, n), the form in which XLA multiplies fastest."""
    return x if x.ndim == 2 else FUNCTIONS["reshape"](x, (-1, x.shape[-1]))
