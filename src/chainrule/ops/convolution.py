"""Convolution: one linear operation for 1, 2 and 3 spatial axes that its own gradients are made of.

With zeros put between the entries of x (`input_dilation`), the gradient by x is again a convolution, with the kernel
turned round; only the gradient by the kernel, a sum over examples and places, is an operation of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.array.convolution import lengths_of, turned
from chainrule.errors import ShapeError
from chainrule.graph import OPS, Node, is_recording, op, per_input, wrap
from chainrule.graph.op import values
from chainrule.ops.materialised import materialised

__all__ = ["convolve"]

Pairs = tuple[tuple[int, int], ...]


def _of_x(
    g: Any,
    y: Any,
    x: Any,
    kernel: Any,
    stride: tuple[int, ...],
    padding: Pairs,
    input_dilation: tuple[int, ...],
    dilation: tuple[int, ...],
    groups: int,
) -> Any:
    """Every entry of x gets what the places that met it send back: g, spread by the stride, under the turned kernel."""
    around = []
    for n, out, k, move, (low, _), spread, step in zip(
        x.shape[1:-1], g.shape[1:-1], kernel.shape[:-2], stride, padding, input_dilation, dilation, strict=True
    ):
        before = (k - 1) * step - low
        around.append((before, (n - 1) * spread + (k - 1) * step - before - (out - 1) * move))
    return _convolve(
        g,
        _turned(kernel, groups=groups),
        stride=input_dilation,
        padding=tuple(around),
        input_dilation=stride,
        dilation=dilation,
        groups=groups,
    )


def _rule(node: Node, g: Any) -> list[Any]:
    y, (x, kernel) = values(node)
    if not is_recording():
        # Otherwise XLA repeats the whole chain of normalisations and activations before a convolution while it
        # rearranges the array for the gradient of the kernel.
        x, g = wrap(node.saved), materialised(g)
    dx = _of_x(g, y, x, kernel, **node.attributes) if node.needs[0] else None
    return [dx, _kernel_gradient(g, x, size=kernel.shape[:-2], **node.attributes) if node.needs[1] else None]


@op(
    backward=per_input(lambda g, y, kernel, groups: OPS["turned"](g, groups=groups)),
    samples=lambda rng: [
        ((rng.normal(size=(3, 2, 4)),), {"groups": 1}),
        ((rng.normal(size=(2, 3, 2, 6)),), {"groups": 3}),
    ],
)
def _turned(xp: Any, kernel: Any, /, *, groups: int) -> Any:
    """The kernel backwards along its spatial axes, from outputs to inputs: (*size, O / groups, C)."""
    return turned(kernel, groups)


def _samples(rng: np.random.Generator) -> list[Any]:
    plain: dict[str, Any] = {
        "stride": (1,),
        "padding": ((0, 0),),
        "input_dilation": (1,),
        "dilation": (1,),
        "groups": 1,
    }
    return [
        ((rng.normal(size=(2, 5, 2)), rng.normal(size=(3, 2, 3))), plain),
        ((rng.normal(size=(2, 4, 2)), rng.normal(size=(2, 1, 4))), {**plain, "groups": 2, "padding": ((-1, 2),)}),
        (
            (rng.normal(size=(2, 5, 4, 1)), rng.normal(size=(3, 2, 1, 2))),
            {
                "stride": (2, 1),
                "padding": ((1, 1), (2, 0)),
                "input_dilation": (1, 2),
                "dilation": (1, 2),
                "groups": 1,
            },
        ),
        (
            (rng.normal(size=(1, 2, 3, 2, 2)), rng.normal(size=(2, 2, 1, 1, 2))),
            {
                "stride": (1, 1, 2),
                "padding": ((0, 1), (0, 0), (0, 0)),
                "input_dilation": (1, 1, 1),
                "dilation": (1, 2, 1),
                "groups": 2,
            },
        ),
        ((rng.normal(size=(0, 4, 2)), rng.normal(size=(3, 2, 3))), plain),
    ]


@op(backward=_rule, samples=_samples, saves=True, in_loops=False)
def _convolve(
    xp: Any,
    x: Any,
    kernel: Any,
    /,
    *,
    stride: tuple[int, ...],
    padding: Pairs,
    input_dilation: tuple[int, ...],
    dilation: tuple[int, ...],
    groups: int,
) -> Any:
    spatial = x.ndim - 2
    if spatial < 1 or kernel.ndim != x.ndim or len(stride) != spatial:
        raise ShapeError(
            f"convolve got x {x.shape} and a kernel {kernel.shape}, with strides {stride}.",
            fix="x (N, *spatial, C) and a kernel (*size, C / groups, O), with as many spatial axes as strides",
        )
    if kernel.shape[-2] * groups != x.shape[-1] or kernel.shape[-1] % groups:
        raise ShapeError(
            f"convolve got x {x.shape} with {x.shape[-1]} channels, and a kernel {kernel.shape} for {groups} groups "
            f"of {kernel.shape[-2]} channels.",
            fix="x (N, *spatial, C), channels last, and a kernel (*size, C / groups, O)",
        )
    geometry = {
        "stride": stride,
        "padding": padding,
        "input_dilation": input_dilation,
        "dilation": dilation,
        "groups": groups,
    }
    if min(lengths_of(x.shape, kernel.shape[:-2], geometry)) < 1:
        raise ShapeError(
            f"convolve got x {x.shape}, padded by {padding}: a kernel of the size {kernel.shape[:-2]}, dilated by "
            f"{dilation}, is larger.",
            fix="a smaller kernel, or more padding",
        )
    x = xp.barrier(x)  # see _rule; saved, so that the gradient of the kernel uses the same
    return xp.convolve(x, kernel, geometry), x


def _gradient_samples(rng: np.random.Generator) -> list[Any]:
    found = []
    for (x, kernel), geometry in _samples(rng):
        out = lengths_of(x.shape, kernel.shape[:-2], geometry)
        g = rng.normal(size=(x.shape[0], *out, kernel.shape[-1]))
        found.append(((g, x), {**geometry, "size": kernel.shape[:-2]}))
    return found


@op(
    backward=per_input(
        lambda h, y, g, x, size, **geometry: _convolve(x, h, **geometry),
        lambda h, y, g, x, size, **geometry: _of_x(g, None, x, h, **geometry),
    ),
    samples=_gradient_samples,
    in_loops=False,
)
def _kernel_gradient(
    xp: Any,
    g: Any,
    x: Any,
    /,
    *,
    size: tuple[int, ...],
    stride: tuple[int, ...],
    padding: Pairs,
    input_dilation: tuple[int, ...],
    dilation: tuple[int, ...],
    groups: int,
) -> Any:
    """The gradient of `convolve` by its kernel: g times the x that each entry of the kernel met, summed over examples
    and places.
    """
    geometry = {
        "stride": stride,
        "padding": padding,
        "input_dilation": input_dilation,
        "dilation": dilation,
        "groups": groups,
    }
    return xp.kernel_gradient(g, x, size, geometry)


def convolve(
    x: Any,
    kernel: Any,
    /,
    *,
    stride: int | tuple[int, ...] = 1,
    padding: int | Pairs = 0,
    input_dilation: int | tuple[int, ...] = 1,
    dilation: int | tuple[int, ...] = 1,
    groups: int = 1,
) -> Any:
    """The convolution of x with a kernel, over 1, 2 or 3 spatial axes:
    y[n, p, o] = Σ_j Σ_c x[n, p·stride + j·dilation − padding, c] · kernel[j, c, o].

    The kernel is not turned round, as everywhere in deep learning (mathematicians call this a cross-correlation).

    Arguments:
        x: (N, *spatial, C).
        kernel: (*size, C / groups, O).
        stride: the steps in which the kernel moves.
        padding: zeros around x: a number for all sides, or (before, after) of each axis; negative numbers cut off.
        input_dilation: 2 puts one zero between neighbours of x, 3 two; that makes a transposed convolution.
        dilation: the same for the kernel.
        groups: into how many groups the channels are split, each with its own part of the O outputs.

    Returns:
        (N, *places, O).

    Raises:
        ShapeError: when the channels do not fit, or the kernel is larger than the padded x.

    Source: Dumoulin & Visin, "A Guide to Convolution Arithmetic for Deep Learning" (2016).

    Example:
        >>> import chainrule as cr
        >>> x = cr.tensor([1.0, 2.0, 4.0]).reshape((1, 3, 1))
        >>> cr.ops.convolve(x, cr.tensor([-1.0, 1.0]).reshape((2, 1, 1))).tolist()
        [[[1.0], [2.0]]]
    """
    spatial = kernel.ndim - 2

    def each(value: Any) -> tuple[Any, ...]:
        return (value,) * spatial if isinstance(value, int) else tuple(value)

    return _convolve(
        x,
        kernel,
        stride=each(stride),
        padding=((padding, padding),) * spatial
        if isinstance(padding, int)
        else tuple((low, high) for low, high in padding),
        input_dilation=each(input_dilation),
        dilation=each(dilation),
        groups=groups,
    )
