"""Recurrent layers in one direction, each as one operation: one loop forward and one back.

The projection of the inputs, x · W + b of all steps, is one product outside; only what depends on the state before is
in the loop. The loop back gives the gradients of the gates, from which the gradient of the recurrent weight is one
product after it. Sequences are time-major here, (T, N, …), so that a step is one piece of memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np

from chainrule.graph import FUNCTIONS, Node, gradients, is_recording, op, wrap
from chainrule.graph.op import values
from chainrule.ops.operations import operations
from chainrule.ops.shapes import flatten_leading

__all__ = ["gru", "gru_cell", "lstm", "lstm_cell", "rnn", "rnn_cell"]


# -- what one step computes -------------------------------------------------------------------------------------------
# Each works on arrays with their namespace and on Tensors with the operations.


def _parts(x: Any, count: int) -> list[Any]:
    size = x.shape[-1] // count
    return [x[..., i * size : (i + 1) * size] for i in range(count)]


def _rnn_step(xp: Any, z: Any, h: Any, weight: Any, nonlinearity: str) -> Any:
    z = z + xp.matmul(h, weight)
    return [xp.tanh(z) if nonlinearity == "tanh" else xp.maximum(z, 0)], []


def _lstm_scale(xp: Any, c: Any) -> Any:
    """σ(x) = ½ tanh(½x) + ½, so one tanh serves all four gates: tanh(scale · x) · scale + shift."""
    scale, shift = (np.repeat(parts, c.shape[-1]) for parts in ([0.5, 0.5, 1.0, 0.5], [0.5, 0.5, 0.0, 0.5]))
    return xp.asarray(scale, dtype=c.dtype), xp.asarray(shift, dtype=c.dtype)


def _lstm_step(xp: Any, z: Any, h: Any, c: Any, weight: Any) -> Any:
    scale, shift = _lstm_scale(xp, c)
    t = xp.tanh((z + xp.matmul(h, weight)) * scale)
    i, f, g, o = _parts(t * scale + shift, 4)
    c = f * c + i * g
    return [o * xp.tanh(c), c], [t]


def _gru_step(xp: Any, z: Any, h: Any, weight: Any, bias: Any) -> Any:
    size = h.shape[-1]
    u = xp.matmul(h, weight)
    if bias is not None:
        u = u + bias
    t = xp.tanh(0.5 * (z[..., : 2 * size] + u[..., : 2 * size]))
    r, s = _parts(0.5 * t + 0.5, 2)
    inner = u[..., 2 * size :]
    n = xp.tanh(z[..., 2 * size :] + r * inner)
    return [n + s * (h - n)], [t, n, inner]


def rnn_cell(z: Any, h: Any, weight: Any, *, nonlinearity: str = "tanh") -> Any:
    """One step of `rnn`: z and h (N, H) → h."""
    return _rnn_step(operations, z, h, weight, nonlinearity)[0][0]


def lstm_cell(z: Any, h: Any, c: Any, weight: Any) -> Any:
    """One step of `lstm`: z (N, 4H), h and c (N, H) → (h, c)."""
    return tuple(_lstm_step(operations, z, h, c, weight)[0])


def gru_cell(z: Any, h: Any, weight: Any, bias: Any) -> Any:
    """One step of `gru`: z (N, 3H) and h (N, H) → h."""
    return _gru_step(operations, z, h, weight, bias)[0][0]


# -- the loops --------------------------------------------------------------------------------------------------------


def _alive(xp: Any, steps: int, lengths: Any) -> Any:
    """Whether a step (T, N, 1) is one of its sequence rather than padding."""
    return xp.arange(steps)[:, None, None] < lengths[:, None]


def _forward(xp: Any, cell: Callable[..., Any], z: Any, states: list[Any], lengths: Any, reverse: bool) -> Any:
    """(outputs, last states…), and what to keep: the states after every step and the gates.

    Padding leaves the states as they are, so a sequence ends, or in reverse begins, with its own last step.
    """
    steps = z.shape[0]
    alive = [] if lengths is None else [_alive(xp, steps, lengths)]

    def step(states: list[Any], parts: list[Any]) -> Any:
        new, gates = cell(parts[0], *states)
        if alive:
            new = [xp.where(parts[1], after, before) for after, before in zip(new, states, strict=True)]
        return new, [*new, *gates]

    last, kept = xp.scan(step, states, [z, *alive], steps, reverse)
    y = xp.where(alive[0], kept[0], 0.0) if alive else kept[0]
    return [y, *last], kept


def _back(
    xp: Any, slopes: Callable[..., Any], dstates: list[Any], parts: list[Any], lengths: Any, reverse: bool
) -> Any:
    """The loop back: `slopes(dstates, parts of a step)` gives the gradients of the states before and lists those of the
    gates.

    A step's slopes are computed in the loop, where its arrays are in the cache: for all steps at once they would be
    written to memory and read again.
    """
    steps = parts[0].shape[0]
    alive = [] if lengths is None else [_alive(xp, steps, lengths)]

    def step(dstates: list[Any], parts: list[Any]) -> Any:
        dy, *rest = parts
        if not alive:
            return slopes([dstates[0] + dy, *dstates[1:]], rest)
        *rest, here = rest
        before, dz = slopes([dstates[0] + dy, *dstates[1:]], rest)
        before = [xp.where(here, new, old) for new, old in zip(before, dstates, strict=True)]
        return before, [xp.where(here, x, 0.0) for x in dz]

    before, dz = xp.scan(step, dstates, [*parts, *alive], steps, not reverse)
    return [*dz, *before]


def _before(first: Any, states: Any, reverse: bool) -> Any:
    """The state that each step began with."""
    if not states.shape[0]:
        return states
    first = first[None]
    return FUNCTIONS["concat"]([states[1:], first] if reverse else [first, states[:-1]])


def _again(node: Node, g: Any) -> list[Any]:
    """The gradients by differentiating the forward, computed again in operations: these can be differentiated too."""
    _, inputs = values(node)
    marked = [FUNCTIONS["positive"](x) if needed else x for x, needed in zip(inputs, node.needs, strict=True)]
    results, _ = node.op.forward(operations, *marked, **node.attributes)
    pairs = [(y, dy) for y, dy in zip(results, g, strict=True) if y.requires_grad]
    wanted = [x for x, needed in zip(marked, node.needs, strict=True) if needed]
    found = iter(gradients([y for y, _ in pairs], [dy for _, dy in pairs], wanted=wanted, create_graph=True))
    return [next(found)[1] if needed else None for needed in node.needs]


def _weight_gradient(states: Any, dz: Any) -> Any:
    return FUNCTIONS["outer_sum"](flatten_leading(states), flatten_leading(dz))


def _samples(gates: int, states: int, *, bias: bool = False, **attributes: Any) -> Any:
    def samples(rng: np.random.Generator) -> Any:
        for lengths, reverse in (
            (None, False),
            (None, True),
            (np.array([2, 4, 0]), False),
            (np.array([3, 1, 4]), True),
        ):
            inputs: list[Any] = [rng.normal(size=(4, 3, gates * 2)), *rng.normal(size=(states, 3, 2))]
            inputs += [rng.normal(size=(2, gates * 2)), *([rng.normal(size=gates * 2)] if bias else [])]
            yield (*inputs, lengths), {"reverse": reverse, **attributes}

    return samples


def _slope_samples(parts: Sequence[int], states: int, gates: int) -> Any:
    def samples(rng: np.random.Generator) -> Any:
        for lengths in (None, np.array([2, 0, 3])):
            inputs: list[Any] = [rng.normal(size=(3, 3, 2 * n)) for n in (1, *parts)]
            yield (*inputs, *rng.normal(size=(states, 3, 2)), rng.normal(size=(2, gates * 2)), lengths), {}

    return samples


# -- the operations ---------------------------------------------------------------------------------------------------


# The loops back have no rules: gradients of gradients take the way of `_again`.


@op(samples=_slope_samples([1], 1, 1), several=True)
def _rnn_slopes(xp: Any, dy: Any, slope: Any, dh: Any, weight: Any, lengths: Any, /, *, reverse: bool = False) -> Any:
    """The gradients of `rnn` by z and by the first state; slope is the nonlinearity's at every step."""
    back = weight.mT

    def slopes(dstates: list[Any], parts: list[Any]) -> Any:
        dz = dstates[0] * parts[0]
        return [xp.matmul(dz, back)], [dz]

    return _back(xp, slopes, [dh], [dy, slope], lengths, reverse)


def _rnn_rule(node: Node, g: Any) -> list[Any]:
    if is_recording():
        return _again(node, g)
    dy, dh = g
    _, (_, h, weight, lengths) = values(node)
    (hs,) = (wrap(a) for a in cast(Any, node.saved))
    reverse = node.attributes["reverse"]
    slope = 1.0 - hs * hs if node.attributes["nonlinearity"] == "tanh" else FUNCTIONS["astype"](hs > 0, hs.dtype)
    dz, dh = _rnn_slopes(dy, slope, dh, weight, lengths, reverse=reverse)
    return [dz, dh, _weight_gradient(_before(h, hs, reverse), dz), None]


@op(
    backward=_rnn_rule,
    saves=True,
    several=True,
    samples=lambda rng: [*_samples(1, 1)(rng), *_samples(1, 1, nonlinearity="relu")(rng)],
)
def rnn(
    xp: Any, z: Any, h: Any, weight: Any, lengths: Any = None, /, *, nonlinearity: str = "tanh", reverse: bool = False
) -> Any:
    """hₜ = tanh(zₜ + hₜ₋₁ W), or with max(·, 0): z (T, N, H), h (N, H), weight (H, H) → (all h (T, N, H), last h).

    With lengths (N,), steps from a sequence's length on leave its state as it is and give 0.

    Source: Elman, "Finding Structure in Time" (1990).

    Example:
        >>> import chainrule as cr
        >>> y, last = cr.ops.rnn(cr.ones((3, 1, 1)), cr.zeros((1, 1)), cr.ones((1, 1)), nonlinearity="relu")
        >>> y[:, 0, 0].tolist(), float(last)
        ([1.0, 2.0, 3.0], 3.0)
    """

    def cell(z: Any, h: Any) -> Any:
        return _rnn_step(xp, z, h, weight, nonlinearity)

    return _forward(xp, cell, z, [h], lengths, reverse)


@op(samples=_slope_samples([4, 1, 1], 2, 4), several=True)
def _lstm_slopes(
    xp: Any,
    dy: Any,
    t: Any,
    c: Any,
    before: Any,
    dh: Any,
    dc: Any,
    weight: Any,
    lengths: Any,
    /,
    *,
    reverse: bool = False,
) -> Any:
    """The gradients of `lstm` by z and by the first states; t are the tanh of the gates, before is the c before c."""
    back, (scale, shift) = weight.mT, _lstm_scale(xp, dc)

    def slopes(dstates: list[Any], parts: list[Any]) -> Any:
        (dh, dc), (t, c, before) = dstates, parts
        i, f, n, o = _parts(t * scale + shift, 4)
        after = xp.tanh(c)
        dc = dc + dh * (o * (1.0 - after * after))
        dgates = xp.concat([dc, dc, dc, dh], axis=-1) * xp.concat([n, before, i, after], axis=-1)
        dz = dgates * ((1.0 - t * t) * (scale * scale))
        return [xp.matmul(dz, back), dc * f], [dz]

    return _back(xp, slopes, [dh, dc], [dy, t, c, before], lengths, reverse)


def _lstm_rule(node: Node, g: Any) -> list[Any]:
    if is_recording():
        return _again(node, g)
    dy, dh, dc = g
    _, (_, h, c, weight, lengths) = values(node)
    hs, cs, t = (wrap(a) for a in cast(Any, node.saved))
    reverse = node.attributes["reverse"]
    dz, dh, dc = _lstm_slopes(dy, t, cs, _before(c, cs, reverse), dh, dc, weight, lengths, reverse=reverse)
    return [dz, dh, dc, _weight_gradient(_before(h, hs, reverse), dz), None]


@op(backward=_lstm_rule, saves=True, several=True, samples=_samples(4, 2))
def lstm(xp: Any, z: Any, h: Any, c: Any, weight: Any, lengths: Any = None, /, *, reverse: bool = False) -> Any:
    """The long short-term memory: with i, f, g, o the four parts of zₜ + hₜ₋₁ W,
    cₜ = σ(f)·cₜ₋₁ + σ(i)·tanh(g), hₜ = σ(o)·tanh(cₜ).

    z (T, N, 4H), h and c (N, H), weight (H, 4H) → (all h (T, N, H), last h, last c); lengths as for `rnn`.

    Source: Hochreiter & Schmidhuber, "Long Short-Term Memory" (1997), with the forget gate of Gers, Schmidhuber &
    Cummins, "Learning to Forget" (2000).

    Example:
        >>> import chainrule as cr
        >>> h = c = cr.zeros((2, 4))
        >>> y, h, c = cr.ops.lstm(cr.ones((5, 2, 16)), h, c, cr.ones((4, 16)), cr.asarray([5, 3]))
        >>> y.shape, bool((y[3:, 1] == 0).all()), bool((h[1] == y[2, 1]).all())
        ((5, 2, 4), True, True)
    """

    def cell(z: Any, h: Any, c: Any) -> Any:
        return _lstm_step(xp, z, h, c, weight)

    return _forward(xp, cell, z, [h, c], lengths, reverse)


@op(samples=_slope_samples([2, 1, 1, 1], 1, 3), several=True)
def _gru_slopes(
    xp: Any,
    dy: Any,
    t: Any,
    n: Any,
    inner: Any,
    before: Any,
    dh: Any,
    weight: Any,
    lengths: Any,
    /,
    *,
    reverse: bool = False,
) -> Any:
    """The gradients of `gru` by h W + b, by the last part of z, which r does not multiply, and by the first state; t
    are the tanh of r and s.
    """
    back = weight.mT

    def slopes(dstates: list[Any], parts: list[Any]) -> Any:
        (dh,), (t, n, inner, before) = dstates, parts
        r, s = _parts(0.5 * t + 0.5, 2)
        dn = dh * ((1.0 - s) * (1.0 - n * n))
        slope = xp.concat([0.25 - 0.25 * t * t, r], axis=-1)
        du = xp.concat([dn * inner, dh * (before - n), dn], axis=-1) * slope
        return [dh * s + xp.matmul(du, back)], [du, dn]

    return _back(xp, slopes, [dh], [dy, t, n, inner, before], lengths, reverse)


def _gru_rule(node: Node, g: Any) -> list[Any]:
    if is_recording():
        return _again(node, g)
    dy, dh = g
    _, (_, h, weight, bias, lengths) = values(node)
    hs, t, n, inner = (wrap(a) for a in cast(Any, node.saved))
    reverse, size = node.attributes["reverse"], h.shape[-1]
    before = _before(h, hs, reverse)
    du, dn, dh = _gru_slopes(dy, t, n, inner, before, dh, weight, lengths, reverse=reverse)
    dz = FUNCTIONS["concat"]([du[..., : 2 * size], dn], axis=-1)
    dbias = None if bias is None else flatten_leading(du).sum(axis=0)
    return [dz, dh, _weight_gradient(before, du), dbias, None]


@op(backward=_gru_rule, saves=True, several=True, samples=_samples(3, 1, bias=True))
def gru(xp: Any, z: Any, h: Any, weight: Any, bias: Any, lengths: Any = None, /, *, reverse: bool = False) -> Any:
    """The gated recurrent unit: with zr, zs, zn the parts of zₜ and ur, us, un those of hₜ₋₁ W + b,
    r = σ(zr + ur), s = σ(zs + us), n = tanh(zn + r·un), hₜ = (1 − s)·n + s·hₜ₋₁.

    z (T, N, 3H), h (N, H), weight (H, 3H), bias (3H,) or None → (all h (T, N, H), last h); lengths as for `rnn`.

    Source: Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine Translation"
    (2014), with r applied after the product with W rather than before, so that there is one product for all three.

    Example:
        >>> import chainrule as cr
        >>> y, last = cr.ops.gru(cr.ones((5, 2, 12)), cr.zeros((2, 4)), cr.ones((4, 12)), None, reverse=True)
        >>> y.shape, bool((last == y[0]).all())
        ((5, 2, 4), True)
    """

    def cell(z: Any, h: Any) -> Any:
        return _gru_step(xp, z, h, weight, bias)

    return _forward(xp, cell, z, [h], lengths, reverse)
