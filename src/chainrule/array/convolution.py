"""Convolution on the two array libraries: what the array API standard lacks, for any number of spatial axes.

Arrays are channels last: x (N, *spatial, C), kernel (*size, C / groups, O), y (N, *spatial', O). Along each spatial
axis x is first dilated (zeros between its entries), then padded (cut off where negative), and the kernel, dilated too,
moves over it in steps of the stride.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np

from chainrule.array.onednn import convolve_onednn

__all__ = [
    "Geometry",
    "convolve_jax",
    "convolve_numpy",
    "kernel_gradient_jax",
    "kernel_gradient_numpy",
    "lengths_of",
    "turned",
]

Geometry: TypeAlias = dict[str, Any]
"""stride, padding (pairs), input_dilation and dilation of each spatial axis, and the number of groups."""

_COLUMNS = 2**18
"""How many numbers are copied for one product on NumPy: more would leave the processor's cache."""

_WITH_ZEROS = 2**26
"""Multiplications, most of them by zeros that dilate x, from which on XLA on a CPU is better spared the zeros."""


def lengths_of(shape: tuple[int, ...], size: tuple[int, ...], geometry: Geometry) -> tuple[int, ...]:
    """How many places a kernel of this size has along each spatial axis of an x of this shape."""
    return tuple(
        (max((n - 1) * spread + 1, 0) + low + high - (k - 1) * step - 1) // move + 1
        for n, k, move, (low, high), spread, step in zip(
            shape[1:-1],
            size,
            geometry["stride"],
            geometry["padding"],
            geometry["input_dilation"],
            geometry["dilation"],
            strict=True,
        )
    )


def turned(kernel: Any, groups: int) -> Any:
    """The kernel backwards along its spatial axes, from outputs to inputs: (*size, O / groups, C)."""
    *size, channels, units = kernel.shape
    last = len(size)
    split = kernel[(slice(None, None, -1),) * last].reshape(*size, channels, groups, units // groups)
    return split.transpose(*range(last), last + 2, last + 1, last).reshape(*size, units // groups, groups * channels)


def convolve_jax(lax: Any, x: Any, kernel: Any, geometry: Geometry, on_a_cpu: bool) -> Any:
    """The convolution; on a CPU, where XLA multiplies by the zeros between entries of x, large ones without them."""
    places = math.prod(lengths_of(x.shape, kernel.shape[:-2], geometry))
    large = geometry["groups"] > 1 or x.shape[0] * places * kernel.size >= _WITH_ZEROS
    return _convolve(lax, x, kernel, geometry, in_phases=on_a_cpu and large)


def _convolve(lax: Any, x: Any, kernel: Any, geometry: Geometry, in_phases: bool) -> Any:
    """The convolution, by oneDNN or else in the order of axes that XLA's fast path on a CPU wants."""
    shape = x.shape[0], *lengths_of(x.shape, kernel.shape[:-2], geometry), kernel.shape[-1]
    for axis, spread in enumerate(geometry["input_dilation"]):
        if in_phases and spread > 1 and geometry["stride"][axis] == geometry["dilation"][axis] == 1:
            return _convolve_in_phases(lax, x, kernel, geometry, axis, shape)
    y = convolve_onednn(x, kernel, shape, geometry)
    if y is not None:
        return y
    last = x.ndim - 1
    spatial = tuple(range(1, last))
    return lax.conv_general_dilated(
        x,
        kernel,
        window_strides=geometry["stride"],
        padding=geometry["padding"],
        lhs_dilation=geometry["input_dilation"],
        rhs_dilation=geometry["dilation"],
        dimension_numbers=lax.ConvDimensionNumbers(
            (0, last, *spatial), (last, last - 1, *range(last - 1)), (0, last, *spatial)
        ),
        feature_group_count=geometry["groups"],
    )


def _convolve_in_phases(lax: Any, x: Any, kernel: Any, geometry: Geometry, axis: int, shape: tuple[int, ...]) -> Any:
    """The convolution where x is dilated along an axis: every so many places the same part of the kernel meets entries
    of x, and the rest zeros between them. Each part makes a convolution of its own, and their results take turns.
    """
    spread, (low, _), n = geometry["input_dilation"][axis], geometry["padding"][axis], x.shape[axis + 1]
    before, length, after = shape[: axis + 1], shape[axis + 1], shape[axis + 2 :]
    places = -(-length // spread)
    phases = []
    for place in range(spread):
        first = (low - place) % spread
        part = lax.slice_in_dim(kernel, min(first, kernel.shape[axis]), None, spread, axis)
        taps, start = part.shape[axis], (low - place - first) // spread
        if taps:
            own = {"input_dilation": 1, "padding": (start, places - 1 + taps - n - start)}
            own = {name: (*geometry[name][:axis], v, *geometry[name][axis + 1 :]) for name, v in own.items()}
            phase = _convolve(lax, x, part, geometry | own, in_phases=True)
        else:
            phase = lax.full((*before, places, *after), 0, x.dtype)
        phases.append(phase.reshape(*before, places, 1, *after))
    y = lax.concatenate(phases, axis + 2).reshape(*before, places * spread, *after)
    return lax.slice_in_dim(y, 0, length, axis=axis + 1)


def kernel_gradient_jax(
    lax: Any,
    g: Any,
    x: Any,
    size: tuple[int, ...],
    geometry: Geometry,
    on_a_cpu: bool,
    outer_sum: Callable[[Any, Any], Any],
) -> Any:
    """The gradient of the kernel: the convolution of x with g, whose examples are summed over as channels are.

    Where x is dilated, x and g change parts: what an x that is spread meets in g is what g meets in an x without zeros.

    On a CPU XLA has no fast form of it for groups, for kernels of one place, nor along three axes. There it is computed
    group by group, as sums of products of numbers where every channel is a group, and else as a product of rows, by
    `outer_sum`, for each place of the kernel.
    """
    spreads, dilations, groups = geometry["input_dilation"], geometry["dilation"], geometry["groups"]

    def again(g: Any, x: Any, other: Geometry) -> Any:
        return kernel_gradient_jax(lax, g, x, size, geometry | other, on_a_cpu, outer_sum)

    if any(spread != 1 for spread in spreads) and all(step == 1 for step in geometry["stride"]):
        around = [(d * (k - 1) - low, 0) for d, k, (low, _) in zip(dilations, size, geometry["padding"], strict=True)]
        other = {"stride": spreads, "padding": around, "input_dilation": (1,) * len(size)}
        return turned(again(x, g, other), groups)
    last, channels, units = x.ndim - 1, x.shape[-1] // groups, g.shape[-1] // groups
    if on_a_cpu and all(spread == 1 for spread in spreads):
        shape, over = (*size, channels, g.shape[-1]), tuple(range(last))
        if groups > 1 and channels > 1:
            gs, xs = (lax.split(of, (of.shape[-1] // groups,) * groups, axis=last) for of in (g, x))
            return lax.concatenate([again(*pair, {"groups": 1}) for pair in zip(gs, xs, strict=True)], last)
        if groups > 1:
            pairs = g.reshape(*g.shape[:-1], groups, units)
            found = [(met[..., None] * pairs).sum(axis=over) for met in _met(lax, x, g.shape, size, geometry)]
            return lax.concatenate(found, 0).reshape(shape)
        if math.prod(size) == 1 or last > 3:
            rows = g.reshape(-1, units)
            met = (y.reshape(-1, channels) for y in _met(lax, x, g.shape, size, geometry))
            return lax.concatenate([outer_sum(y, rows) for y in met], 0).reshape(shape)
    spatial = tuple(range(1, last))
    return lax.conv_general_dilated(
        x,
        g,
        window_strides=dilations,
        padding=_around(x.shape, g.shape, size, geometry),
        lhs_dilation=spreads,
        rhs_dilation=geometry["stride"],
        dimension_numbers=lax.ConvDimensionNumbers(
            (last, 0, *spatial), (last, 0, *spatial), (last - 1, last, *range(last - 1))
        ),
        batch_group_count=groups,
    )


def _around(
    shape: tuple[int, ...], places: tuple[int, ...], size: tuple[int, ...], geometry: Geometry
) -> list[tuple[int, int]]:
    """The padding along each spatial axis by which the kernel ends, at its last place, where x does."""
    return [
        (low, (k - 1) * dilation + (out - 1) * stride + 1 - ((n - 1) * spread + 1) - low)
        for n, out, k, stride, (low, _), spread, dilation in zip(
            shape[1:-1],
            places[1:-1],
            size,
            geometry["stride"],
            geometry["padding"],
            geometry["input_dilation"],
            geometry["dilation"],
            strict=True,
        )
    ]


def _met(lax: Any, x: Any, places: tuple[int, ...], size: tuple[int, ...], geometry: Geometry) -> Iterator[Any]:
    """What each entry of the kernel meets, (N, *places, C), in row-major order."""
    around = [(low, high, 0) for low, high in _around(x.shape, places, size, geometry)]
    x = lax.pad(x, np.zeros((), x.dtype), [(0, 0, 0), *around, (0, 0, 0)])
    stride = geometry["stride"]
    for place in np.ndindex(*size):
        first = [k * dilation for k, dilation in zip(place, geometry["dilation"], strict=True)]
        past = [at + (out - 1) * move + 1 for at, out, move in zip(first, places[1:-1], stride, strict=True)]
        yield lax.slice(x, (0, *first, 0), (x.shape[0], *past, x.shape[-1]), (1, *stride, 1))


def convolve_numpy(x: Any, kernel: Any, geometry: Geometry) -> Any:
    """The convolution as matrix products of the windows of x with the kernel."""
    groups = geometry["groups"]
    windows = _windows(x, kernel.shape[:-2], geometry)
    places = windows.shape[: x.ndim - 1]
    y = np.empty((*places, kernel.shape[-1]), np.result_type(x, kernel))
    weight = _by_group(kernel.reshape(-1, kernel.shape[-1]), groups)
    for part in _parts(windows):
        columns = _columns(windows[part], groups)
        if groups == 1:
            y[part] = (columns @ weight[0]).reshape(y[part].shape)
        else:
            y[part] = (columns @ weight).swapaxes(0, 1).reshape(y[part].shape)
    return y


def kernel_gradient_numpy(g: Any, x: Any, size: tuple[int, ...], geometry: Geometry) -> Any:
    """The gradient of the kernel as matrix products of the windows of x with g."""
    groups = geometry["groups"]
    windows = _windows(x, size, geometry, g.shape[1:-1])
    channels, units = x.shape[-1] // groups, g.shape[-1]
    dkernel = np.zeros((groups, math.prod(size) * channels, units // groups), np.result_type(x, g))
    for part in _parts(windows):
        dkernel += _columns(windows[part], groups).swapaxes(1, 2) @ _by_group(g[part].reshape(-1, units), groups)
    return dkernel.swapaxes(0, 1).reshape(*size, channels, units)


def _windows(x: Any, size: tuple[int, ...], geometry: Geometry, out: tuple[int, ...] | None = None) -> Any:
    """What the kernel meets at every place: a view (N, *out, *size, C) of x, dilated and padded."""
    spread, padding = geometry["input_dilation"], geometry["padding"]
    if any(pair != (0, 0) for pair in padding) or any(step != 1 for step in spread):
        x = _spread_and_padded(x, spread, padding)
    if out is None:
        out = tuple(
            (n - (k - 1) * dilation - 1) // stride + 1
            for n, k, stride, dilation in zip(
                x.shape[1:-1], size, geometry["stride"], geometry["dilation"], strict=True
            )
        )
    steps = x.strides[1:-1]
    strides = [
        *(step * stride for step, stride in zip(steps, geometry["stride"], strict=True)),
        *(step * dilation for step, dilation in zip(steps, geometry["dilation"], strict=True)),
    ]
    return np.lib.stride_tricks.as_strided(
        x, (x.shape[0], *out, *size, x.shape[-1]), (x.strides[0], *strides, x.strides[-1]), writeable=False
    )


def _spread_and_padded(x: Any, spread: tuple[int, ...], padding: tuple[tuple[int, int], ...]) -> Any:
    lengths, source, target = [x.shape[0]], [slice(None)], [slice(None)]
    for n, step, (low, high) in zip(x.shape[1:-1], spread, padding, strict=True):
        length = max((n - 1) * step + 1, 0) + low + high
        first = max(0, -(low // step))  # negative padding cuts off what comes before
        end = max(first, min(n, (length - 1 - low) // step + 1))
        lengths.append(length)
        source.append(slice(first, end))
        target.append(slice(low + first * step, low + end * step, step) if end > first else slice(0, 0))
    padded = np.zeros((*lengths, x.shape[-1]), x.dtype)
    padded[tuple(target)] = x[tuple(source)]
    return padded


def _parts(windows: Any) -> list[slice]:
    """As many examples at a time as fit into the cache."""
    step = max(1, _COLUMNS // max(1, math.prod(windows.shape[1:])))
    return [slice(start, start + step) for start in range(0, windows.shape[0], step)]


def _columns(windows: Any, groups: int) -> Any:
    """The windows as rows of a matrix for each group: (groups, places, size · channels)."""
    places, channels = math.prod(windows.shape[: windows.ndim // 2]), windows.shape[-1] // groups
    by_group = windows.reshape(places, -1, groups, channels)
    return by_group.transpose(2, 0, 1, 3).reshape(groups, places, by_group.shape[1] * channels)


def _by_group(matrix: Any, groups: int) -> Any:
    """(rows, columns) → (groups, rows, columns / groups)."""
    return matrix.reshape(matrix.shape[0], groups, -1).swapaxes(0, 1)
