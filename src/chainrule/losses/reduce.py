"""From the loss of each row to one number, and the checks that all losses share."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.errors import ConfigError, ShapeError
from chainrule.graph import Tensor, as_tensor
from chainrule.graph.tensor import is_tracer

__all__ = ["REDUCTIONS", "as_target", "known_values", "reduce", "same_shape", "times_log", "weighted_mean"]

REDUCTIONS = ("mean", "sum", "none")


def known_values(x: Tensor) -> np.ndarray | None:
    """The values, or None while compiling, when there are none yet."""
    return None if is_tracer(x._data) else x.numpy()


def as_target(target: Any, prediction: Tensor) -> Tensor:
    """The target in the prediction's dtype."""
    target = as_tensor(target)
    return target if target.dtype == prediction.dtype else ops.astype(target, prediction.dtype)


def same_shape(loss: str, prediction: Tensor, target: Tensor) -> None:
    """Refuses shapes that differ: broadcasting them would compare every row with every other.

    Raises:
        ShapeError: naming both shapes and how to make them equal.
    """
    p, t = prediction.shape, target.shape
    if p == t:
        return
    message = f"{loss} compares number by number and got a prediction of shape {p} and a target of shape {t}"
    if len(p) == len(t) + 1 and p[-1] == 1 and p[:-1] == t:
        fix = f"prediction[..., 0], which has the shape {t}"
    elif len(t) == len(p) + 1 and t[-1] == 1 and t[:-1] == p:
        fix = f"target[..., 0], which has the shape {p}"
    elif p[:1] == t[:1] or math.prod(p) == math.prod(t):
        fix = f"a model whose output has the shape {t}, or a target of the shape {p}"
    else:
        fix = f"as many rows in both; they have {p[0] if p else 'no'} and {t[0] if t else 'no'}"
    try:
        broadcast = np.broadcast_shapes(p, t)
        message += f"; they would broadcast to {broadcast}, which is hardly meant."
    except ValueError:
        message += "."
    raise ShapeError(message, fix=fix)


def reduce(losses: Tensor, reduction: str, weights: Any = None) -> Tensor:
    """The mean or sum of the losses, or themselves.

    Arguments:
        losses: of any shape, rows first.
        reduction: "mean", "sum" or "none".
        weights: None, or how much each row counts: a shape that begins like the losses', such as (N,) or (N, T).
            Further axes are averaged within a row first. The mean is Σ weight·loss / Σ weight, and 0 where all weights
            are 0.

    Raises:
        ConfigError: for an unknown reduction.
        ShapeError: when the weights do not fit.
    """
    if reduction not in REDUCTIONS:
        raise ConfigError(f"A reduction is one of {', '.join(REDUCTIONS)}, got {reduction!r}.")
    if weights is None:
        return ops.mean(losses) if reduction == "mean" else ops.sum(losses) if reduction == "sum" else losses
    weights = as_target(weights, losses)
    if weights.shape != losses.shape[: weights.ndim]:
        raise ShapeError(
            f"The weights have the shape {weights.shape}, the losses {losses.shape}.",
            fix=f"one weight for each row, {losses.shape[:1]}, or for each loss, {losses.shape}",
        )
    if weights.ndim < losses.ndim:
        losses = losses.mean(axis=tuple(range(weights.ndim, losses.ndim)))
    weighted = losses * weights
    return (
        weighted_mean(weighted, weights) if reduction == "mean" else weighted.sum() if reduction == "sum" else weighted
    )


def weighted_mean(weighted: Tensor, weights: Tensor) -> Tensor:
    """Σ weighted / Σ weights, and 0 where the weights add up to 0."""
    total = weights.sum()
    return weighted.sum() / ops.where(total == 0, 1.0, total)


def times_log(p: Tensor, log_q: Tensor) -> Tensor:
    """p · log q, which is 0 where p and q are 0: what cannot be and is not expected costs nothing."""
    return p * ops.where((p == 0) & (log_q == -math.inf), 0.0, log_q)
