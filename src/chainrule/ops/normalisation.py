"""Normalisations, each with a rule of its own: the differentiated formulas make several times as many passes over the
data.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from chainrule.graph import FUNCTIONS, Node, is_recording, op, wrap
from chainrule.graph.op import values
from chainrule.ops.operations import operations
from chainrule.ops.shapes import flatten_leading

__all__ = ["batch_norm", "group_norm", "layer_norm", "rms_norm"]


def _batch_norm_rule(node: Node, g: Any) -> list[Any]:
    # With r = 1/√(v + ε), n rows, and G, V the gradients of the two statistics:
    #   dβ = Σ dy, dγ = r Σ dy (x − μ), dx = γr·dy − γr³/n·(Σ dy (x − μ))(x − μ) − γr·dβ/n + G/n + 2V(x − μ)/n,
    # which is a·dy + c·(x − s) + e with one a, c and e for each channel: one pass for the sums and one for dx.
    (_, mean, variance), (x, weight, _) = values(node)
    dy, dmean, dvariance = g
    rows_g = flatten_leading(dy)
    if is_recording():
        shifted, offset = flatten_leading(x), mean
    else:
        shifted, offset = (wrap(a) for a in cast(Any, node.saved))
    n = shifted.shape[0]
    r = 1.0 / FUNCTIONS["sqrt"](variance + node.attributes["epsilon"])
    dbias = rows_g.sum(axis=0)
    if is_recording():
        covered = (rows_g * (shifted - offset)).sum(axis=0)
    else:  # a product alone is computed while it is summed; a difference from a vector XLA would write out
        covered = (rows_g * shifted).sum(axis=0) - offset * dbias
    dx = None
    if node.needs[0]:
        a = r if weight is None else weight * r
        c = dvariance * (2.0 / n) - a * (r * r) * covered * (1.0 / n)
        e = (dmean - a * dbias) * (1.0 / n) - c * offset
        dx = FUNCTIONS["reshape"](a * rows_g + c * shifted + e, x.shape)
    return [dx, r * covered if node.needs[1] else None, dbias if node.needs[2] else None]


def _batch_samples(rng: np.random.Generator) -> list[Any]:
    return [
        ((rng.normal(size=(5, 3)), rng.normal(size=3), rng.normal(size=3)), {"epsilon": 1e-5}),
        ((rng.normal(2.0, 3.0, (2, 3, 2, 2)), rng.normal(size=2), rng.normal(size=2)), {"epsilon": 1e-3}),
        ((rng.normal(size=(4, 2)), None, None), {"epsilon": 1e-5}),
    ]


@op(backward=_batch_norm_rule, several=True, saves=True, samples=_batch_samples)
def batch_norm(xp: Any, x: Any, weight: Any, bias: Any, /, *, epsilon: float) -> Any:
    """γ(x − μ)/√(v + ε) + β with mean μ and (biased) variance v of each channel, the last axis, over all others; gives
    (y, μ, v).

    x (…, C), weight γ and bias β (C,), or None for 1 and 0. The variance is Σ(x − s)²/n − (μ − s)² with s the first
    row, in one pass: without s, a mean far from 0 would cost all digits.

    Source: Ioffe & Szegedy, "Batch Normalization" (2015), algorithm 1.
    """
    rows = xp.reshape(x, (-1, x.shape[-1]))
    shift = rows[0]
    shifted = xp.barrier(rows - shift)  # written out once, and read by both sums, by y and by the gradients
    offset = xp.mean(shifted, axis=0)
    variance = xp.maximum(xp.mean(shifted * shifted, axis=0) - offset * offset, 0.0)
    mean = offset + shift
    scale = 1.0 / xp.sqrt(variance + epsilon)
    if weight is not None:
        scale = scale * weight
    y = (shifted - offset) * scale
    if bias is not None:
        y = y + bias
    return (xp.reshape(y, x.shape), mean, variance), (shifted, offset)


def _layer_norm_rule(node: Node, g: Any) -> list[Any]:
    _, (x, weight, _) = values(node)
    axes = tuple(range(-node.attributes["axes"], 0))
    if is_recording():
        mean = x.mean(axis=axes, keepdims=True)
        r = 1.0 / FUNCTIONS["sqrt"](
            FUNCTIONS["square"](x - mean).mean(axis=axes, keepdims=True) + node.attributes["epsilon"]
        )
    else:
        mean, r = (wrap(a) for a in cast(Any, node.saved))
    centred = (x - mean) * r
    leading = tuple(range(x.ndim - len(axes)))
    dx = None
    if node.needs[0]:
        inner = g if weight is None else g * weight
        along = (inner * centred).mean(axis=axes, keepdims=True)
        dx = r * (inner - inner.mean(axis=axes, keepdims=True) - centred * along)
    return [
        dx,
        (g * centred).sum(axis=leading) if node.needs[1] else None,
        g.sum(axis=leading) if node.needs[2] else None,
    ]


def _layer_samples(rng: np.random.Generator) -> list[Any]:
    return [
        ((rng.normal(size=(4, 5)), rng.normal(size=5), rng.normal(size=5)), {"epsilon": 1e-5}),
        ((rng.normal(size=(2, 3, 2, 3)), rng.normal(size=(2, 3)), None), {"epsilon": 1e-5, "axes": 2}),
        ((rng.normal(size=(3, 4)), None, None), {"epsilon": 1e-5}),
    ]


@op(backward=_layer_norm_rule, saves=True, samples=_layer_samples)
def layer_norm(xp: Any, x: Any, weight: Any, bias: Any, /, *, epsilon: float, axes: int = 1) -> Any:
    """γ(x − μ)/√(v + ε) + β with mean μ and (biased) variance v of each row over its last `axes` axes.

    x (…, *shape), weight γ and bias β of that shape, or None for 1 and 0.

    Source: Ba, Kiros & Hinton, "Layer Normalization" (2016), equation 4.
    """
    last = tuple(range(-axes, 0))
    mean = xp.mean(x, axis=last, keepdims=True)
    centred = x - mean
    r = 1.0 / xp.sqrt(xp.mean(centred * centred, axis=last, keepdims=True) + epsilon)
    y = centred * r
    if weight is not None:
        y = y * weight
    if bias is not None:
        y = y + bias
    return y, (mean, r)


def _of_groups(xp: Any, x: Any, groups: int) -> Any:
    """The mean of x (N, places, C) over the places and the channels of a group, at each of its channels: (N, 1, C).

    Over the places first, for which x stays as it lies in memory.
    """
    n, _, channels = x.shape
    shape = n, groups, channels // groups
    means = xp.mean(xp.reshape(xp.mean(x, axis=1), shape), axis=-1, keepdims=True)
    return xp.reshape(xp.broadcast_to(means, shape), (n, 1, channels))


def _places_by_channels(xp: Any, x: Any) -> Any:
    return xp.reshape(x, (x.shape[0], -1, x.shape[-1]))


def _group_norm_rule(node: Node, g: Any) -> list[Any]:
    _, (x, weight, _) = values(node)
    groups = node.attributes["groups"]
    rows, dy = (_places_by_channels(operations, a) for a in (x, g))
    if is_recording():
        mean = _of_groups(operations, rows, groups)
        variance = _of_groups(operations, FUNCTIONS["square"](rows - mean), groups)
        r = 1.0 / FUNCTIONS["sqrt"](variance + node.attributes["epsilon"])
    else:
        mean, r = (wrap(a) for a in cast(Any, node.saved))
    centred = (rows - mean) * r
    dx = None
    if node.needs[0]:
        inner = dy if weight is None else dy * weight
        along = _of_groups(operations, inner * centred, groups)
        dx = FUNCTIONS["reshape"](r * (inner - _of_groups(operations, inner, groups) - centred * along), x.shape)
    return [
        dx,
        (dy * centred).sum(axis=(0, 1)) if node.needs[1] else None,
        dy.sum(axis=(0, 1)) if node.needs[2] else None,
    ]


@op(
    backward=_group_norm_rule,
    saves=True,
    samples=lambda rng: [
        ((rng.normal(size=(2, 3, 4)), rng.normal(size=4), rng.normal(size=4)), {"groups": 2, "epsilon": 1e-5}),
        ((rng.normal(2.0, 3.0, (2, 2, 2, 3)), rng.normal(size=3), None), {"groups": 1, "epsilon": 1e-3}),
        ((rng.normal(size=(3, 6)), None, None), {"groups": 2, "epsilon": 1e-5}),
    ],
)
def group_norm(xp: Any, x: Any, weight: Any, bias: Any, /, *, groups: int, epsilon: float) -> Any:
    """γ(x − μ)/√(v + ε) + β with mean μ and (biased) variance v of each group of neighbouring channels of each example,
    over all its places.

    x (N, …, C), weight γ and bias β (C,), or None for 1 and 0.

    Source: Wu & He, "Group Normalization" (2018), equations 1, 2, 6 and 7.
    """
    rows = _places_by_channels(xp, x)
    mean = _of_groups(xp, rows, groups)
    centred = rows - mean
    r = 1.0 / xp.sqrt(_of_groups(xp, centred * centred, groups) + epsilon)
    y = xp.reshape(centred * r, x.shape)
    if weight is not None:
        y = y * weight
    if bias is not None:
        y = y + bias
    return y, (mean, r)


def _rms_norm_rule(node: Node, g: Any) -> list[Any]:
    _, (x, weight) = values(node)
    axes = tuple(range(-node.attributes["axes"], 0))
    if is_recording():
        size = FUNCTIONS["square"](x).mean(axis=axes, keepdims=True) + node.attributes["epsilon"]
        r = 1.0 / FUNCTIONS["sqrt"](size)
    else:
        r = wrap(cast(Any, node.saved))
    scaled = x * r
    inner = g if weight is None else g * weight
    return [
        r * (inner - scaled * (inner * scaled).mean(axis=axes, keepdims=True)) if node.needs[0] else None,
        (g * scaled).sum(axis=tuple(range(x.ndim - len(axes)))) if node.needs[1] else None,
    ]


@op(
    backward=_rms_norm_rule,
    saves=True,
    samples=lambda rng: [
        ((rng.normal(size=(4, 5)), rng.normal(size=5)), {"epsilon": 1e-5}),
        ((rng.normal(size=(2, 3, 2, 3)), rng.normal(size=(2, 3))), {"epsilon": 1e-5, "axes": 2}),
        ((rng.normal(size=(3, 4)), None), {"epsilon": 1e-5}),
    ],
)
def rms_norm(xp: Any, x: Any, weight: Any, /, *, epsilon: float, axes: int = 1) -> Any:
    """γx/√(mean(x²) + ε), the mean over the last `axes` axes.

    x (…, *shape), weight γ of that shape, or None for 1.

    Source: Zhang & Sennrich, "Root Mean Square Layer Normalization" (2019), equation 4.
    """
    r = 1.0 / xp.sqrt(xp.mean(x * x, axis=tuple(range(-axes, 0)), keepdims=True) + epsilon)
    y = x * r
    return (y if weight is None else y * weight), r
