"""Pooling: the largest, or the sum, of what a window meets at every place.

Windows are compared as strided slices of x, one for each entry of the window: XLA turns those into one pass over the
data, as it does not its own window reductions and their gradients.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from chainrule.errors import ShapeError
from chainrule.graph import OPS, Node, is_recording, op, per_input, wrap
from chainrule.graph.op import values

__all__ = ["max_pool", "sum_pool"]

Pairs = tuple[tuple[int, int], ...]

_TAPS = 16
"""Windows with more entries than this are not compared as that many slices."""


def _places(
    shape: tuple[int, ...], size: tuple[int, ...], stride: tuple[int, ...], padding: Pairs, dilation: tuple[int, ...]
) -> tuple[int, ...]:
    """How many places a window has along each spatial axis."""
    if len(shape) != len(size) + 2:
        raise ShapeError(
            f"A window of the size {size} is moved over x (N, *spatial, C) with {len(size)} spatial axes, got {shape}."
        )
    out = tuple(
        (n + low + high - (k - 1) * step - 1) // move + 1
        for n, k, move, (low, high), step in zip(shape[1:-1], size, stride, padding, dilation, strict=True)
    )
    if min(out) < 1:
        raise ShapeError(
            f"A window of the size {size}, dilated by {dilation}, is larger than x {shape}, padded by {padding}.",
            fix="a smaller window, or more padding",
        )
    return out


def _taps(
    out: tuple[int, ...], size: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]
) -> list[tuple[slice, ...]]:
    """For each entry of the window, in row-major order, what it meets in the padded x."""
    along = [
        [slice(i * step, i * step + (n - 1) * move + 1, move) for i in range(k)]
        for n, k, move, step in zip(out, size, stride, dilation, strict=True)
    ]
    return [(slice(None), *places) for places in itertools.product(*along)]


def _padded(xp: Any, x: Any, padding: Pairs, fill: Any) -> Any:
    if all(pair == (0, 0) for pair in padding):
        return x
    return xp.pad(x, ((0, 0), *padding, (0, 0)), constant_values=fill)


def _cropped(x: Any, padding: Pairs, shape: tuple[int, ...]) -> Any:
    return x[tuple(slice(low, low + n) for n, (low, _) in zip(shape, ((0, 0), *padding, (0, 0)), strict=True))]


def _side_by_side(
    shape: tuple[int, ...],
    size: tuple[int, ...],
    stride: tuple[int, ...],
    padding: Pairs,
    dilation: tuple[int, ...] = (1,),
) -> bool:
    """Whether the windows cover x without gaps and overlaps."""
    return (
        size == stride
        and all(step == 1 for step in dilation)
        and all(pair == (0, 0) for pair in padding)
        and all(n % k == 0 for n, k in zip(shape[1:-1], size, strict=True))
    )


def _apart(size: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of x with an axis for the places and one for the window in place of each spatial axis."""
    return (shape[0], *(m for n, k in zip(shape[1:-1], size, strict=True) for m in (n // k, k)), shape[-1])


def _held(y: Any, size: tuple[int, ...]) -> Any:
    """y with an axis of length 1 after each spatial axis, to be met by every entry of its window."""
    return y[(slice(None), *(slice(None), None) * len(size), slice(None))]


def _winners(xp: Any, x: Any, size: Any, stride: Any, padding: Pairs, dilation: Any) -> tuple[Any, Any]:
    """The largest entry of every window, and which one it is; the first of equal ones, and nan above all numbers."""
    out = _places(x.shape, size, stride, padding, dilation)
    kind = np.int8 if math.prod(size) <= 127 else np.int32
    if _side_by_side(x.shape, size, stride, padding, dilation) and math.prod(size) > _TAPS:
        windows = _windows(xp, x, size)
        return xp.max(windows, axis=-1), xp.astype(xp.argmax(windows, axis=-1), kind)
    x = _padded(xp, x, padding, _least(x.dtype))
    largest: Any = None
    index: Any = None
    for number, tap in enumerate(_taps(out, size, stride, dilation)):
        met = x[tap]
        if largest is None:
            largest, index = met, xp.zeros(met.shape, dtype=kind)
            continue
        index = xp.where((met > largest) | (met != met), kind(number), index)
        largest = xp.maximum(largest, met)
    return largest, index


def _windows(xp: Any, x: Any, size: tuple[int, ...]) -> Any:
    """The windows that cover x, each as a row: (N, *places, C, entries)."""
    n = len(size)
    apart = xp.reshape(x, _apart(size, x.shape))
    rows = xp.permute_dims(apart, (0, *range(1, 2 * n, 2), 2 * n + 1, *range(2, 2 * n + 1, 2)))
    return xp.reshape(rows, (*rows.shape[: n + 2], math.prod(size)))


def _least(dtype: Any) -> Any:
    return -math.inf if dtype.kind not in "iu" else np.iinfo(dtype).min


def _max_rule(node: Node, g: Any) -> list[Any]:
    attributes = node.attributes
    _, (x,) = values(node)
    index = _max_pool_index(x, **attributes) if is_recording() or node.saved is None else wrap(node.saved)
    return [_to_winners(g, index, shape=x.shape, **attributes)]


def _samples(rng: np.random.Generator) -> list[Any]:
    def draw(*shape: int) -> Any:
        return rng.permutation(np.linspace(-3.0, 3.0, math.prod(shape))).reshape(shape)

    return [
        ((draw(2, 4, 6, 2),), {"size": (2, 3), "stride": (2, 3), "padding": ((0, 0), (0, 0)), "dilation": (1, 1)}),
        ((draw(2, 5, 5, 1),), {"size": (3, 2), "stride": (2, 1), "padding": ((1, 1), (0, 1)), "dilation": (1, 2)}),
        ((draw(1, 7, 3),), {"size": (2,), "stride": (3,), "padding": ((0, 0),), "dilation": (1,)}),
        (
            (draw(1, 3, 2, 4, 1),),
            {"size": (2, 1, 3), "stride": (1, 1, 1), "padding": ((0, 0),) * 3, "dilation": (1,) * 3},
        ),
        ((draw(1, 4, 15, 2),), {"size": (4, 5), "stride": (4, 5), "padding": ((0, 0), (0, 0)), "dilation": (1, 1)}),
        ((draw(1, 6, 2),), {"size": (2,), "stride": (2,), "padding": ((0, 0),), "dilation": (2,)}),
        ((np.zeros((0, 4, 2)),), {"size": (2,), "stride": (2,), "padding": ((0, 0),), "dilation": (1,)}),
    ]  # fmt: skip


@op(backward=_max_rule, samples=_samples, saves=True)
def _max_pool(xp: Any, x: Any, /, *, size: Any, stride: Any, padding: Pairs, dilation: Any) -> Any:
    return _winners(xp, x, size, stride, padding, dilation)


@op(constant="which entry is the largest does not change by small steps", samples=_samples)
def _max_pool_index(xp: Any, x: Any, /, *, size: Any, stride: Any, padding: Pairs, dilation: Any) -> Any:
    """Which entry of its window is the largest, counted in row-major order."""
    return _winners(xp, x, size, stride, padding, dilation)[1]


def _index_samples(rng: np.random.Generator) -> list[Any]:
    found = []
    for (x,), attributes in _samples(rng):
        out = (x.shape[0], *_places(x.shape, **attributes), x.shape[-1])
        index = rng.integers(0, math.prod(attributes["size"]), out).astype(np.int32)
        found.append(((rng.normal(size=out), index), {**attributes, "shape": x.shape}))
    return found


@op(
    backward=per_input(
        lambda h, y, g, index, shape, **attributes: _of_winners(h, index, shape=shape, **attributes), None
    ),
    samples=_index_samples,
)
def _to_winners(
    xp: Any, g: Any, index: Any, /, *, shape: Any, size: Any, stride: Any, padding: Pairs, dilation: Any
) -> Any:
    """The gradient of `max_pool`: g of each window at the entry that was the largest."""
    if _side_by_side(shape, size, stride, padding, dilation):
        numbers = np.arange(math.prod(size), dtype=index.dtype).reshape([m for k in size for m in (1, k)] + [1])
        return xp.reshape(xp.where(_held(index, size) == numbers, _held(g, size), g.dtype.type(0)), shape)
    padded = (shape[0], *(n + low + high for n, (low, high) in zip(shape[1:-1], padding, strict=True)), shape[-1])
    total: Any = xp.zeros(padded, dtype=g.dtype)
    for number, tap in enumerate(_taps(g.shape[1:-1], size, stride, dilation)):
        total = total + xp.place(xp.where(index == number, g, g.dtype.type(0)), (*tap, slice(None)), padded)
    return _cropped(total, padding, shape)


def _of_winners_samples(rng: np.random.Generator) -> list[Any]:
    return [
        ((rng.normal(size=attributes["shape"]), index), attributes) for (_, index), attributes in _index_samples(rng)
    ]


@op(
    backward=per_input(
        lambda g, y, h, index, shape, **attributes: OPS["to_winners"](g, index, shape=shape, **attributes), None
    ),
    samples=_of_winners_samples,
)
def _of_winners(
    xp: Any, h: Any, index: Any, /, *, shape: Any, size: Any, stride: Any, padding: Pairs, dilation: Any
) -> Any:
    """What stands in h at the entry of each window that was the largest."""
    if _side_by_side(shape, size, stride, padding, dilation):
        numbers = np.arange(math.prod(size), dtype=index.dtype)
        return xp.sum(xp.where(index[..., None] == numbers, _windows(xp, h, size), h.dtype.type(0)), axis=-1)
    h = _padded(xp, h, padding, 0)
    total: Any = 0
    for number, tap in enumerate(_taps(index.shape[1:-1], size, stride, dilation)):
        total = total + xp.where(index == number, h[tap], h.dtype.type(0))
    return total


def _sum_samples(rng: np.random.Generator) -> list[Any]:
    return [
        ((x,), {name: v for name, v in attributes.items() if name != "dilation"}) for (x,), attributes in _samples(rng)
    ]


@op(
    backward=per_input(lambda g, y, x, **attributes: OPS["spread_sum"](g, shape=x.shape, **attributes)),
    samples=_sum_samples,
)
def _sum_pool(xp: Any, x: Any, /, *, size: Any, stride: Any, padding: Pairs) -> Any:
    out = _places(x.shape, size, stride, padding, (1,) * len(size))
    x = _padded(xp, x, padding, 0)
    total: Any = 0
    for tap in _taps(out, size, stride, (1,) * len(size)):
        total = total + x[tap]
    return total


def _spread_samples(rng: np.random.Generator) -> list[Any]:
    found = []
    for (x,), attributes in _sum_samples(rng):
        out = (x.shape[0], *_places(x.shape, **attributes, dilation=(1,) * len(attributes["size"])), x.shape[-1])
        found.append(((rng.normal(size=out),), {**attributes, "shape": x.shape}))
    return found


@op(
    backward=per_input(lambda h, y, g, shape, **attributes: _sum_pool(h, **attributes)),
    samples=_spread_samples,
)
def _spread_sum(xp: Any, g: Any, /, *, shape: Any, size: Any, stride: Any, padding: Pairs) -> Any:
    """The gradient of `sum_pool`: g of each window at all of its entries."""
    if _side_by_side(shape, size, stride, padding):
        return xp.reshape(xp.broadcast_to(_held(g, size), _apart(size, shape)), shape)
    padded = (shape[0], *(n + low + high for n, (low, high) in zip(shape[1:-1], padding, strict=True)), shape[-1])
    total: Any = xp.zeros(padded, dtype=g.dtype)
    for tap in _taps(g.shape[1:-1], size, stride, (1,) * len(size)):
        total = total + xp.place(g, (*tap, slice(None)), padded)
    return _cropped(total, padding, shape)


def max_pool(
    x: Any,
    /,
    size: int | tuple[int, ...],
    *,
    stride: int | tuple[int, ...] | None = None,
    padding: int | Pairs = 0,
    dilation: int | tuple[int, ...] = 1,
) -> Any:
    """The largest entry of every window, of each channel by itself; its gradient goes to that entry, of equal ones to
    the first in row-major order.

    Arguments:
        x: (N, *spatial, C).
        size: of the window, along each spatial axis.
        stride: the steps in which the window moves; its size by default.
        padding: how much −∞ is put around x: a number for all sides, or (before, after) of each axis.
        dilation: 2 leaves out one entry between those of a window.

    Returns:
        (N, *places, C).

    Raises:
        ShapeError: when a window is larger than the padded x.

    Example:
        >>> import chainrule as cr
        >>> cr.ops.max_pool(cr.tensor([1.0, 3.0, 2.0, 0.0]).reshape((1, 4, 1)), 2).tolist()
        [[[3.0], [2.0]]]
    """
    return _by_axis(_max_pool, x, **_window(x, size, stride, padding), dilation=_each(dilation, x.ndim - 2))


def sum_pool(
    x: Any,
    /,
    size: int | tuple[int, ...],
    *,
    stride: int | tuple[int, ...] | None = None,
    padding: int | Pairs = 0,
) -> Any:
    """The sum of every window, of each channel by itself; arguments and errors are those of `max_pool`, padding is 0.

    Example:
        >>> import chainrule as cr
        >>> cr.ops.sum_pool(cr.tensor([1.0, 3.0, 2.0, 0.0]).reshape((1, 4, 1)), 2).tolist()
        [[[4.0], [2.0]]]
    """
    return _by_axis(_sum_pool, x, **_window(x, size, stride, padding))


def _each(value: int | tuple[int, ...], spatial: int) -> tuple[int, ...]:
    return (value,) * spatial if isinstance(value, int) else tuple(value)


def _window(x: Any, size: Any, stride: Any, padding: Any) -> dict[str, Any]:
    spatial = x.ndim - 2
    size = _each(size, spatial)
    return {
        "size": size,
        "stride": size if stride is None else _each(stride, spatial),
        "padding": ((padding, padding),) * spatial
        if isinstance(padding, int)
        else tuple((low, high) for low, high in padding),
    }


def _by_axis(pool: Any, x: Any, **attributes: Any) -> Any:
    """Large windows that overlap one axis after the other: k + k slices in place of k · k.

    From the last axis to the first, so that the first of equal entries is still the first in row-major order.
    """
    size = attributes["size"]
    whole = _side_by_side(x.shape, **attributes)
    if math.prod(size) <= _TAPS or sum(k > 1 for k in size) < 2 or whole:
        return pool(x, **attributes)
    neutral = {"size": 1, "stride": 1, "padding": (0, 0), "dilation": 1}
    for axis in reversed(range(len(size))):
        x = pool(
            x,
            **{
                name: tuple(value[i] if i == axis else neutral[name] for i in range(len(size)))
                for name, value in attributes.items()
            },
        )
    return x
