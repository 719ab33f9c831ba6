"""Operations of neural networks that are worth a record of their own, because their rules have a faster or a stabler
form.
"""

from __future__ import annotations

import math
from typing import Any

from chainrule.graph import FUNCTIONS, OPS, Node, RowSparse, is_recording, op, per_input, wrap
from chainrule.graph.op import values
from chainrule.ops.shapes import flatten_leading

__all__ = [
    "embedding",
    "linear",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
]


def _linear_slopes_rule(node: Node, h: Any) -> list[Any]:
    matmul, reshape = FUNCTIONS["matmul"], FUNCTIONS["reshape"]
    _, (g, x, weight) = values(node)
    arrived = iter(h)
    hx, hw, hb = (next(arrived) if asked else None for asked in node.attributes["of"])
    rows_g, rows_h = flatten_leading(g), None if hx is None else flatten_leading(hx)
    terms = [] if rows_h is None else [matmul(rows_h, weight)]
    if hw is not None:
        terms.append(matmul(flatten_leading(x), hw))
    if hb is not None:
        terms.append(FUNCTIONS["broadcast_to"](hb, rows_g.shape))
    return [
        reshape(sum(terms[1:], start=terms[0]), g.shape),
        None if hw is None else reshape(FUNCTIONS["inner_products"](rows_g, hw), x.shape),
        None if rows_h is None else FUNCTIONS["outer_sum"](rows_h, rows_g),
    ]


@op(
    backward=_linear_slopes_rule,
    several=True,
    samples=lambda rng: [
        ((rng.normal(size=(3, 2)), rng.normal(size=(3, 4)), rng.normal(size=(4, 2))), {"of": (True, True, True)}),
        ((rng.normal(size=(2, 3, 2)), rng.normal(size=(2, 3, 4)), rng.normal(size=(4, 2))), {"of": (True, True, True)}),
        ((rng.normal(size=(3, 2)), rng.normal(size=(3, 4)), rng.normal(size=(4, 2))), {"of": (False, True, False)}),
        ((rng.normal(size=(3, 2)), rng.normal(size=(3, 4)), rng.normal(size=(4, 2))), {"of": (True, False, True)}),
    ],
)
def _linear_slopes(xp: Any, g: Any, x: Any, weight: Any, /, *, of: tuple[bool, ...]) -> Any:
    """The gradients of `linear`, of those of its inputs that are asked for, as one operation."""
    rows = g if g.ndim == 2 else xp.reshape(g, (-1, g.shape[-1]))
    slopes = []
    if of[0]:
        slope = xp.inner_products(rows, weight)
        slopes.append(slope if x.ndim == 2 else xp.reshape(slope, x.shape))
    if of[1]:
        slopes.append(xp.outer_sum(x if x.ndim == 2 else xp.reshape(x, (-1, x.shape[-1])), rows))
    if of[2]:
        slopes.append(xp.sum(rows, axis=0))
    return slopes


def _linear_rule(node: Node, g: Any) -> list[Any]:
    _, (x, weight, _) = values(node)
    slopes: Any = iter(_linear_slopes(g, x, weight, of=node.needs))
    return [next(slopes) if needed else None for needed in node.needs]


@op(
    backward=_linear_rule,
    samples=lambda rng: [
        ((rng.normal(size=(3, 4)), rng.normal(size=(4, 2)), rng.normal(size=(2,))), {}),
        ((rng.normal(size=(2, 3, 4)), rng.normal(size=(4, 2)), None), {}),
        ((rng.normal(size=(0, 4)), rng.normal(size=(4, 2)), rng.normal(size=(2,))), {}),
    ],
)
def linear(xp: Any, x: Any, weight: Any, bias: Any = None, /) -> Any:
    """x · weight + bias, with x (…, in), weight (in, out) and bias (out,) or None; leading axes become one large
    product.

    Example:
        >>> import chainrule as cr
        >>> cr.ops.linear(cr.ones((2, 3)), cr.ones((3, 4)), cr.zeros(4)).tolist()[0]
        [3.0, 3.0, 3.0, 3.0]
    """
    y = xp.linear(xp.reshape(x, (-1, x.shape[-1])) if x.ndim != 2 else x, weight, bias)
    return xp.reshape(y, (*x.shape[:-1], weight.shape[-1])) if x.ndim != 2 else y


def _chosen(xp: Any, labels: Any, classes: int) -> Any:
    """Whether a class is the label of its row: a mask, which XLA fuses with the exponentials as it cannot a gather."""
    return labels[..., None] == xp.arange(classes, dtype=labels.dtype)


def _slope_of_logits(h: Any, y: Any, g: Any, logits: Any, labels: Any) -> Any:
    p = FUNCTIONS["softmax"](logits)
    weighted = h * g[..., None]
    return p * (weighted - (weighted * p).sum(axis=-1, keepdims=True))


def _slope_of_g(h: Any, y: Any, g: Any, logits: Any, labels: Any) -> Any:
    return (h * _softmax_cross_entropy_slope(FUNCTIONS["ones_like"](g.detach()), logits, labels)).sum(axis=-1)


@op(
    backward=per_input(_slope_of_g, _slope_of_logits, None),
    samples=lambda rng: [((rng.normal(size=(5,)), rng.normal(size=(5, 4)), rng.integers(0, 4, (5,))), {})],
    quiet=True,
)
def _softmax_cross_entropy_slope(xp: Any, g: Any, logits: Any, labels: Any, /) -> Any:
    """g · (softmax(logits) - onehot(label)) of each row: the gradient of `softmax_cross_entropy`, as one operation."""
    e = xp.exp(logits - xp.max(logits, axis=-1, keepdims=True))
    p = e / xp.sum(e, axis=-1, keepdims=True)
    return g[..., None] * (p - _chosen(xp, labels, logits.shape[-1]))


@op(
    backward=per_input(
        lambda h, y, g, slope: (h * slope).sum(axis=-1), lambda h, y, g, slope: OPS["scaled_rows"](g, h)
    ),
    samples=lambda rng: [((rng.normal(size=(5,)), rng.normal(size=(5, 4))), {})],
)
def _scaled_rows(xp: Any, g: Any, slope: Any, /) -> Any:
    """Every row of a slope times the gradient that arrives at the row."""
    return g[..., None] * slope


def _softmax_cross_entropy_gradient(node: Node, g: Any) -> list[Any]:
    mean = node.attributes["mean"]
    if is_recording():
        _, (logits, labels) = values(node)
        rows = FUNCTIONS["broadcast_to"](g / labels.size, labels.shape) if mean else g
        return [_softmax_cross_entropy_slope(rows, logits, labels), None]
    return [(FUNCTIONS["multiply"] if mean else _scaled_rows)(g, wrap(node.saved)), None]


@op(
    backward=_softmax_cross_entropy_gradient,
    samples=lambda rng: [
        ((rng.normal(size=(5, 4)), rng.integers(0, 4, (5,))), {}),
        ((rng.normal(size=(2, 3, 4)), rng.integers(0, 4, (2, 3))), {}),
        ((rng.normal(size=(2, 3, 4)), rng.integers(0, 4, (2, 3))), {"mean": True}),
    ],
    saves=True,
)
def softmax_cross_entropy(xp: Any, logits: Any, labels: Any, /, *, mean: bool = False) -> Any:
    """-log softmax(logits)[label] of each row: logits (…, C), integer labels (…) → (…), or their mean, of at least one.

    Its gradient is softmax(logits) - onehot(label). A label outside 0 … C-1 gives nan.
    """
    classes = logits.shape[-1]
    shifted = logits - xp.max(logits, axis=-1, keepdims=True)
    e = xp.exp(shifted)
    total = xp.sum(e, axis=-1, keepdims=True)
    chosen = _chosen(xp, labels, classes)
    loss = xp.log(total[..., 0]) - xp.sum(xp.where(chosen, shifted, 0.0), axis=-1)
    loss = xp.where((labels >= 0) & (labels < classes), loss, math.nan)
    slope = e / total - chosen
    return (xp.mean(loss), slope / labels.size) if mean else (loss, slope)


def _sigmoid_cross_entropy_target(g: Any, y: Any, logits: Any, target: Any) -> Any:
    return -g * logits


@op(
    backward=per_input(
        lambda g, y, logits, target: g * (FUNCTIONS["sigmoid"](logits) - target), _sigmoid_cross_entropy_target
    ),
    samples=lambda rng: [((rng.normal(size=(5,)), rng.random(5)), {})],
)
def sigmoid_cross_entropy(xp: Any, logits: Any, target: Any, /) -> Any:
    """-t·log σ(z) - (1-t)·log(1 - σ(z)) = max(z, 0) - z·t + log1p(e^-|z|), elementwise."""
    return xp.maximum(logits, 0) - logits * target + xp.log1p(xp.exp(-xp.abs(logits)))


def _embedding_gradient(g: Any, y: Any, weight: Any, ids: Any) -> Any:
    rows, values = FUNCTIONS["reshape"](ids, (-1,)), FUNCTIONS["reshape"](g, (-1, weight.shape[-1]))
    if is_recording():
        return FUNCTIONS["rows_to_dense"](rows, values, weight.shape)
    return RowSparse(rows, values, weight.shape)


@op(
    backward=per_input(_embedding_gradient, None),
    samples=lambda rng: [((rng.normal(size=(5, 3)), rng.integers(0, 5, (2, 4))), {})],
)
def embedding(xp: Any, weight: Any, ids: Any, /) -> Any:
    """The rows of weight (rows, features) at the ids (…) → (…, features); the gradient touches only those rows.

    Example:
        >>> import chainrule as cr
        >>> cr.ops.embedding(cr.tensor([[1.0], [2.0]]), cr.asarray([1, 0, 1])).tolist()
        [[2.0], [1.0], [2.0]]
    """
    return xp.barrier(xp.take(weight, ids, axis=0))  # joined with a concatenation, every number would be looked up
