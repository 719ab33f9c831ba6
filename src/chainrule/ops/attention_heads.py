"""Attention: every query's mean of the values, weighted by how well the keys fit it.

Its backward rule is a record's own because the forms of the products decide the speed: contracting over the
second-to-last axis of the left operand takes XLA on a CPU twice as long, so the slopes of keys and values are computed
transposed.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.graph import FUNCTIONS, Node, is_recording, op, wrap
from chainrule.graph.op import values

__all__ = ["attention", "attention_weights"]

_HEADS_FIRST = (0, 2, 1, 3)
_TRANSPOSED = (0, 3, 1, 2)  # from (N, H, d, S) to (N, S, H, d)


def _heads_first(x: Any) -> Any:
    return FUNCTIONS["permute_dims"](x, _HEADS_FIRST)


def _weights(xp: Any, q: Any, k: Any, mask: Any, causal: bool, scale: float | None) -> Any:
    """The softmax of the scores (N, H, T, S); rows without any key that may be attended to are 0."""
    scale = 1.0 / math.sqrt(q.shape[-1]) if scale is None else scale
    scores = xp.matmul(xp.permute_dims(q * scale, _HEADS_FIRST), xp.permute_dims(k, _HEADS_FIRST).mT)
    queries, keys = scores.shape[-2:]
    if causal:
        allowed = np.tril(np.ones((queries, keys), bool), keys - queries)
        scores = xp.where(xp.asarray(allowed), scores, -math.inf)
    if mask is not None:
        scores = xp.where(mask, scores, -math.inf) if mask.dtype == bool else scores + mask
    if not keys:
        return scores
    top = xp.max(scores, axis=-1, keepdims=True)
    e = xp.exp(scores - xp.where(top == -math.inf, 0.0, top))  # -inf less -inf would be nan
    total = xp.sum(e, axis=-1, keepdims=True)
    return e / xp.where(total == 0, 1.0, total)


def _slopes_of_scores(node: Node, slope: Any, q: Any, k: Any) -> list[Any]:
    """The gradients of queries and keys from that of the scores, those that are needed."""
    scale = node.attributes["scale"]
    scale = 1.0 / math.sqrt(q.shape[-1]) if scale is None else scale
    matmul, needs = FUNCTIONS["matmul"], node.needs
    return [
        _heads_first(matmul(slope, _heads_first(k * scale))) if needs[0] else None,
        FUNCTIONS["permute_dims"](matmul(_heads_first(q * scale).mT, slope), _TRANSPOSED) if needs[1] else None,
    ]


def _weights_rule(node: Node, g: Any) -> list[Any]:
    p, (q, k, _) = values(node)
    slope = p * (g - (g * p).sum(axis=-1, keepdims=True))
    return [*_slopes_of_scores(node, slope, q, k), slope]


def _samples(rng: np.random.Generator, *rest: Any) -> list[Any]:
    q, k = rng.normal(size=(2, 3, 2, 4)), rng.normal(size=(2, 5, 2, 4))
    allowed = rng.random((2, 1, 1, 5)) < 0.6
    allowed[0] = False  # a row that may attend to nothing
    return [
        ((q, k, None), {}),
        ((q, k, allowed), {"scale": 0.3}),
        ((q, k, rng.normal(size=(3, 5))), {"causal": True}),
        ((k, q, None), {"causal": True}),
    ]


@op(backward=_weights_rule, samples=_samples, quiet=True)
def attention_weights(
    xp: Any, q: Any, k: Any, mask: Any, /, *, causal: bool = False, scale: float | None = None
) -> Any:
    """softmax(q kᵀ·scale + mask): how much each query attends to each key, (N, heads, T, S); arguments as for
    `attention`.

    Example:
        >>> import chainrule as cr
        >>> q = cr.ones((1, 2, 1, 4))
        >>> cr.ops.attention_weights(q, q, None, causal=True).tolist()
        [[[[1.0, 0.0], [0.5, 0.5]]]]
    """
    return _weights(xp, q, k, mask, causal, scale)


def _attention_rule(node: Node, g: Any) -> list[Any]:
    y, (q, k, v, mask, factors) = values(node)
    matmul = FUNCTIONS["matmul"]
    p = attention_weights(q, k, mask, **node.attributes) if is_recording() else wrap(node.saved)
    dy = _heads_first(g)
    dv = None
    if node.needs[2]:
        dv = FUNCTIONS["permute_dims"](matmul(dy.mT, p if factors is None else p * factors), _TRANSPOSED)
    dp = matmul(dy, _heads_first(v).mT)
    # Σ p·dp over the keys is y·dy: fewer numbers
    slope = p * ((dp if factors is None else dp * factors) - _heads_first(g * y).sum(axis=-1, keepdims=True))
    return [*_slopes_of_scores(node, slope, q, k), dv, slope, dp * p if node.needs[4] else None]


def _attention_samples(rng: np.random.Generator) -> list[Any]:
    found = []
    for (q, k, mask), attributes in _samples(rng):
        v = rng.normal(size=(*k.shape[:3], 3))
        factors = 2.0 * (rng.random((2, 2, q.shape[1], k.shape[1])) < 0.5) if mask is None else None
        found.append(((q, k, v, mask, factors), attributes))
    return found


@op(backward=_attention_rule, saves=True, samples=_attention_samples, quiet=True)
def attention(
    xp: Any,
    q: Any,
    k: Any,
    v: Any,
    mask: Any = None,
    factors: Any = None,
    /,
    *,
    causal: bool = False,
    scale: float | None = None,
) -> Any:
    """softmax(q kᵀ·scale + mask) v for every head: queries q (N, T, H, d), keys k (N, S, H, d), values v (N, S, H, e)
    → (N, T, H, e).

    Arguments:
        mask: None, or what broadcasts to (N, H, T, S): truth values (True: may attend), or numbers that are added.
        factors: None, or what the weights (N, H, T, S) are multiplied with after the softmax: dropout.
        causal: whether query i sees only the keys up to i + S − T, so that the last query sees all.
        scale: 1/√d unless said otherwise.

    A query that may attend to nothing gives 0.

    Differs from PyTorch: heads stand after positions, as a linear layer leaves them; `scaled_dot_product_attention`
    gives nan for a query that may attend to nothing, and with is_causal lets query i see the keys up to i even when
    there are more keys than queries.

    Source: Vaswani et al., "Attention Is All You Need" (2017), equation 1.

    Example:
        >>> import chainrule as cr
        >>> q = cr.ones((1, 2, 1, 4))
        >>> v = cr.tensor([1.0, 3.0]).reshape((1, 2, 1, 1))
        >>> cr.ops.attention(q, q, v, causal=True)[0, :, 0, 0].tolist()
        [1.0, 2.0]
    """
    p = _weights(xp, q, k, mask, causal, scale)
    y = xp.matmul(p if factors is None else p * factors, xp.permute_dims(v, _HEADS_FIRST))
    return xp.permute_dims(y, _HEADS_FIRST), p
