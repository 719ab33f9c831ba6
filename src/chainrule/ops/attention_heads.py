"""Attention: every query's mean of the values, weighted by how well the keys fit it.

It is made of two kinds of products within heads, which are each other's gradients; in which form they are fast is the
array namespaces' affair.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, cast

import numpy as np

from chainrule.graph import FUNCTIONS, OPS, Node, is_recording, op, per_input, wrap
from chainrule.graph.op import values

__all__ = ["attention", "attention_weights"]

_TOGETHER, _PARTS = 64, 4
"""Causal queries that are computed together, at the least, and into how many parts they are divided, at the most."""


@op(
    backward=per_input(
        lambda g, y, q, k: OPS["head_sums"](g, k), lambda g, y, q, k: OPS["head_sums"](g, q, turned=True)
    ),
    samples=lambda rng: [((rng.normal(size=(2, 3, 2, 4)), rng.normal(size=(2, 5, 2, 4))), {})],
)
def _head_products(xp: Any, q: Any, k: Any, /) -> Any:
    """The products of each q (N, T, H, d) with each k (N, S, H, d) of the same head: (N, H, T, S)."""
    return xp.head_products(q, k)


def _of_sums_by_p(g: Any, y: Any, p: Any, v: Any, turned: bool = False) -> Any:
    return _head_products(v, g) if turned else _head_products(g, v)


@op(
    backward=per_input(_of_sums_by_p, lambda g, y, p, v, turned=False: OPS["head_sums"](p, g, turned=not turned)),
    samples=lambda rng: [
        ((rng.normal(size=(2, 2, 3, 5)), rng.normal(size=(2, n, 2, 4))), {"turned": n == 3}) for n in (5, 3)
    ],
)
def _head_sums(xp: Any, p: Any, v: Any, /, *, turned: bool = False) -> Any:
    """The sums of v (N, S, H, e) weighted by p (N, H, T, S), for each head: (N, T, H, e); `turned`: by p (N, H, S, T),
    whose matrices are transposed first.
    """
    return xp.head_sums(p, v, turned)


def _weights(xp: Any, q: Any, k: Any, mask: Any, causal: bool, scale: float | None) -> Any:
    """The softmax of the scores (N, H, T, S); rows without any key that may be attended to are 0."""
    scale = 1.0 / math.sqrt(q.shape[-1]) if scale is None else scale
    scores = xp.head_products(q, k) * scale
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
    slope = slope * scale
    return [
        _head_sums(slope, k) if node.needs[0] else None,
        _head_sums(slope, q, turned=True) if node.needs[1] else None,
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


def _parts(q: Any, k: Any, v: Any, mask: Any, factors: Any, causal: bool) -> list[tuple[slice, list[Any]]]:
    """Which queries are computed together, and q, k, v and factors as these have them: long causal ones are divided, as
    the first of them may not attend to most of the keys.
    """
    queries, keys = q.shape[1], k.shape[1]
    divisible = causal and queries == keys and mask is None and queries >= 2 * _TOGETHER
    if not divisible or (factors is not None and factors.shape[-2:] != (queries, keys)):
        return [(slice(None), [q, k, v, factors])]
    together = max(_TOGETHER, -(-queries // _PARTS))
    found = []
    for first in range(0, queries, together):
        rows, seen = slice(first, first + together), slice(0, first + together)
        found.append(
            (rows, [q[:, rows], k[:, seen], v[:, seen], None if factors is None else factors[..., rows, seen]])
        )
    return found


def _slopes(node: Node, g: Any, y: Any, p: Any, q: Any, k: Any, v: Any, factors: Any) -> list[Any]:
    """The gradients of queries that are computed together, and of what they have of the others."""
    dv = _head_sums(p if factors is None else p * factors, g, turned=True) if node.needs[2] else None
    dp = _head_products(g, v)
    # Σ p·dp over the keys is y·dy: fewer numbers
    inner = FUNCTIONS["permute_dims"]((g * y).sum(axis=-1, keepdims=True), (0, 2, 1, 3))
    slope = p * ((dp if factors is None else dp * factors) - inner)
    return [*_slopes_of_scores(node, slope, q, k), dv, slope, dp * p if node.needs[4] else None]


def _added(parts: Sequence[Any]) -> Any:
    """The sum of arrays (N, s, …), each with more of the keys than the one before."""
    *shorter, total = parts
    for part in reversed(shorter):
        n = part.shape[1]
        total = FUNCTIONS["concat"]([part + total[:, :n], total[:, n:]], axis=1)
    return total


def _completed(parts: Sequence[Any]) -> Any:
    """All rows of an array (N, H, T, S), from those (N, H, t, s) of each part, which end where its keys do."""
    concat, broadcast = FUNCTIONS["concat"], FUNCTIONS["broadcast_to"]
    keys, rows = parts[-1].shape[-1], []
    for p in parts:
        zeros = broadcast(FUNCTIONS["zeros_like"](p[..., :1]), (*p.shape[:-1], keys - p.shape[-1]))
        rows.append(concat([p, zeros], axis=-1))
    return concat(rows, axis=2)


def _attention_rule(node: Node, g: Any) -> list[Any]:
    y, (q, k, v, mask, factors) = values(node)
    parts = _parts(q, k, v, mask, factors, node.attributes["causal"])
    if is_recording():
        weights = [attention_weights(mine[0], mine[1], mask, **node.attributes) for _, mine in parts]
    else:
        weights = [wrap(p) for p in cast(Any, node.saved)]
    if len(parts) == 1:
        return _slopes(node, g, y, weights[0], *parts[0][1])
    found = [_slopes(node, g[:, rows], y[:, rows], p, *mine) for (rows, mine), p in zip(parts, weights, strict=True)]
    joined = [partial(FUNCTIONS["concat"], axis=1), _added, _added, None, _completed]
    return [
        join(slopes) if join and needed else None
        for join, needed, slopes in zip(joined, node.needs, zip(*found, strict=True), strict=True)
    ]


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
    sums, weights = [], []
    for _, (some, keys, theirs, f) in _parts(q, k, v, mask, factors, causal):
        p = _weights(xp, some, keys, mask, causal, scale)
        sums.append(xp.head_sums(p if f is None else p * f, theirs, False))
        weights.append(p)
    return sums[0] if len(sums) == 1 else xp.concat(sums, axis=1), weights
