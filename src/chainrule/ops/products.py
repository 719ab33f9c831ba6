"""Matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.graph import FUNCTIONS, op, per_input
from chainrule.ops.shapes import flatten_leading

__all__ = ["matmul"]


def _left(g: Any, y: Any, x1: Any, x2: Any) -> Any:
    if x2.ndim == 1:
        return g[..., None] * x2 if x1.ndim > 1 else g * x2
    if x1.ndim == 1:
        return FUNCTIONS["matmul"](x2, g[..., None])[..., 0] if x2.ndim == 2 else (x2 * g[..., None, :]).sum(axis=-1)
    if x2.ndim == 2 and x1.ndim > 2:
        return FUNCTIONS["reshape"](FUNCTIONS["matmul"](flatten_leading(g), x2.mT), x1.shape)
    return FUNCTIONS["matmul"](g, x2.mT)


def _right(g: Any, y: Any, x1: Any, x2: Any) -> Any:
    if x1.ndim == 1:
        return x1[:, None] * g[..., None, :] if x2.ndim > 1 else g * x1
    if x2.ndim == 1:
        return FUNCTIONS["matmul"](flatten_leading(x1).mT, FUNCTIONS["reshape"](g, (-1,)))
    if x2.ndim == 2:
        return FUNCTIONS["matmul"](flatten_leading(x1).mT, flatten_leading(g))
    return FUNCTIONS["matmul"](x1.mT, g)


def _samples(rng: np.random.Generator) -> list[Any]:
    shapes = (((3, 4), (4, 2)), ((2, 3, 4), (4, 2)), ((2, 3, 4), (2, 4, 2)), ((4,), (4, 2)), ((3, 4), (4,)), ((4,), (4,)), ((2, 3, 4), (4,)),
              ((4,), (2, 4, 3)), ((2, 1, 3, 4), (5, 4, 2)))  # fmt: skip
    return [((rng.normal(size=a), rng.normal(size=b)), {}) for a, b in shapes]


@op(backward=per_input(_left, _right), samples=_samples)
def matmul(xp: Any, x1: Any, x2: Any, /) -> Any:
    """The matrix product of the last two axes, broadcast over the others; a vector is a row on the left, a column on the right."""
    if x2.ndim == 2 and x1.ndim > 2:  # one large product instead of many small ones
        return xp.reshape(xp.matmul(xp.reshape(x1, (-1, x1.shape[-1])), x2), (*x1.shape[:-1], x2.shape[-1]))
    return xp.matmul(x1, x2)
