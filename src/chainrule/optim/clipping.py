"""Gradients before the update: repeated rows added up, pruned entries left out, clipping by norm and by value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.errors import ConfigError
from chainrule.graph import RowSparse, Tensor, Variable, as_tensor, no_grad, op, wrap
from chainrule.ops.rows import add_rows, unique_rows

__all__ = ["clip_grad_norm", "clip_gradients", "distinct_rows", "masked"]


@op(samples=lambda rng: [((rng.normal(size=(3, 4)), rng.normal(size=(2,))), {})])
def global_norm(xp: Any, *arrays: Any) -> Any:
    """√Σ x² over all entries of all arrays."""
    total: Any = 0.0
    for x in arrays:
        wide = x if x.dtype.itemsize >= 4 else x.astype(np.float32)
        total = total + xp.sum(wide * wide)
    return xp.sqrt(total)


@op(samples=lambda rng: [((np.asarray(3.0),), {"limit": 1.5})])
def norm_scale(xp: Any, norm: Any, /, *, limit: float, small: float = 0.0) -> Any:
    """What to multiply gradients of this norm by, so that it becomes the limit at most."""
    if small:
        return xp.minimum(limit / (norm + small), xp.ones_like(norm))
    return limit / xp.maximum(norm, xp.full_like(norm, limit))


def distinct_rows(g: RowSparse) -> RowSparse:
    """The gradient with each row once; values of repeated rows are added up."""
    rows, place = unique_rows(g.rows, count=g.shape[0])
    empty = wrap(np.zeros((rows.shape[0], *g.shape[1:]), g.dtype))
    return RowSparse(rows, add_rows(empty, place, g.values), g.shape)


def masked(g: Any, p: Variable) -> Any:
    """The gradient of a parameter, 0 where the parameter's mask keeps it at 0."""
    mask = getattr(p, "mask", None)
    if mask is None or g is None:
        return g
    if isinstance(g, RowSparse):
        return g.map(lambda values: ops.where(ops.take(mask, g.rows, axis=0), values, 0.0))
    return ops.where(mask, g, 0.0)


def clip_gradients(gradients: list[Any], norm: float | None, value: float | None, dialect: str) -> list[Any]:
    """The gradients (Tensors, RowSparse with distinct rows, or None), clipped by value first and by their common norm
    then.
    """
    if value is not None:
        bound = float(value)
        gradients = [_map(g, lambda v: ops.clip(v, -bound, bound)) for g in gradients]
    if norm is not None:
        total = _norm(gradients)
        scale = norm_scale(total, limit=float(norm), small=1e-6 if dialect == "pytorch" else 0.0)
        gradients = [_map(g, lambda v: v * ops.astype(scale, v.dtype)) for g in gradients]
    return gradients


def _map(g: Any, function: Any) -> Any:
    return None if g is None else g.map(function) if isinstance(g, RowSparse) else function(g)


def _norm(gradients: Iterable[Any]) -> Tensor:
    return global_norm(*(g.values if isinstance(g, RowSparse) else g for g in gradients if g is not None))


def clip_grad_norm(parameters: Iterable[Variable], max_norm: float, *, dialect: str = "paper") -> Tensor:
    """Scales the `.grad` of all parameters down together where their common norm ‖g‖ is above max_norm: g ← g ·
    max_norm / ‖g‖.

    Arguments:
        parameters: those without a gradient are passed over.
        max_norm: above 0.
        dialect: "pytorch" divides by ‖g‖ + 10⁻⁶.

    Returns:
        the norm before, 0-d; 0 where there is no gradient.

    Differs from PyTorch: gradients are replaced, not changed in place; only the 2-norm.

    Source: Pascanu, Mikolov & Bengio, "On the Difficulty of Training Recurrent Neural Networks" (2013), algorithm 1.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn, optim
        >>> w = nn.Parameter([1.0, 1.0])
        >>> (w * cr.tensor([3.0, 4.0])).sum().backward()
        >>> float(optim.clip_grad_norm([w], 1.0)), w.grad.tolist()
        (5.0, [0.6..., 0.8...])
    """
    if not max_norm > 0:
        raise ConfigError(f"max_norm is a number above 0, got {max_norm!r}.")
    found = [p for p in parameters if p.grad is not None]
    if not found:
        return as_tensor(0.0)
    with no_grad():
        gradients = [masked(distinct_rows(p.grad) if isinstance(p.grad, RowSparse) else p.grad, p) for p in found]
        total = _norm(gradients)
        for p, g in zip(found, clip_gradients(gradients, max_norm, None, dialect), strict=True):
            p.grad = g
    return total
