"""Focal loss: cross-entropy in which what is already right hardly counts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.errors import ConfigError, ShapeError
from chainrule.graph import Tensor, as_tensor
from chainrule.losses.base import Loss
from chainrule.losses.binary_cross_entropy import BinaryCrossEntropy
from chainrule.losses.cross_entropy import Classes, class_weights_of, counted_rows, finish, row_weights_of
from chainrule.losses.labels import as_labels, as_signs, check_range
from chainrule.losses.reduce import reduce, same_shape

__all__ = ["BinaryFocal", "Focal", "binary_focal", "focal"]


def _focal_rows(score: Tensor, gamma: float) -> Tensor:
    """(1 − p)^γ · (−log p) with p = σ(score): both factors through softplus, so that neither loses digits near 0 or
    1.
    """
    loss = ops.softplus(-score)
    return ops.exp(-gamma * ops.softplus(score)) * loss if gamma else loss


def _gamma(value: float) -> float:
    if not value >= 0:
        raise ConfigError(f"The focusing gamma of a focal loss is at least 0, got {value}.")
    return float(value)


def binary_focal(
    logits: Any,
    target: Any,
    *,
    gamma: float = 2.0,
    alpha: float | None = 0.25,
    reduction: str = "mean",
    weights: Any = None,
) -> Tensor:
    """−α_t (1 − p_t)^γ log p_t of each number, and their mean, with p_t = σ(z) for positives and 1 − σ(z) for
    negatives: rare positives are not drowned by many easy negatives.

    Arguments:
        logits: z, (N, …), floating; the numbers before a sigmoid.
        target: of the same shape: 0 and 1 (or −1 and 1), or truth values.
        gamma: γ ≥ 0; 0 is `binary_cross_entropy` (times α_t).
        alpha: α_t is α for positives and 1 − α for negatives; None for 1.
        reduction: "mean", "sum" or "none".
        weights: how much each row counts; the mean is over their sum.

    Raises:
        ShapeError: when the shapes differ; LabelError: for a target of another value; ConfigError: for a γ below 0 or
            an α outside 0 … 1.

    Differs from the paper: the mean is over all numbers, not over the positives alone.

    Source: Lin et al., "Focal Loss for Dense Object Detection" (2017), equation 5.

    Example:
        >>> import chainrule as cr
        >>> loss = cr.losses.binary_focal(cr.tensor([0.0, 5.0]), cr.tensor([1, 1]), alpha=None, reduction="none")
        >>> [round(x, 6) for x in loss.tolist()]
        [0.173287, 0.0]
    """
    logits = as_tensor(logits)
    target = as_tensor(target)
    same_shape("binary_focal", logits, target)
    signs = as_signs("binary_focal", target, logits)
    rows = _focal_rows(logits * signs, _gamma(gamma))
    if alpha is not None:
        if not 0.0 <= alpha <= 1.0:
            raise ConfigError(f"The alpha of a focal loss lies between 0 and 1, got {alpha}.")
        rows = rows * (0.5 + signs * (alpha - 0.5))
    return reduce(rows, reduction, weights)


def focal(
    logits: Any,
    labels: Any,
    *,
    gamma: float = 2.0,
    class_weights: Any = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    weights: Any = None,
) -> Tensor:
    """−(1 − p_y)^γ log p_y of each row, and their mean, with p = softmax(logits) and y the label: rows that are
    already right count little.

    Arguments:
        logits: (…, C), floating, C ≥ 2.
        labels: (…), integers from 0 to C − 1.
        gamma: γ ≥ 0; 0 is `cross_entropy`.
        class_weights, ignore_index, reduction, weights: as for `cross_entropy`; the class weights are the paper's α.

    Raises:
        as `cross_entropy`; ConfigError: for a γ below 0.

    Source: Lin et al., "Focal Loss for Dense Object Detection" (2017), equation 4.

    Example:
        >>> import chainrule as cr
        >>> round(float(cr.losses.focal(cr.tensor([[0.0, 0.0]]), cr.tensor([1]))), 6)
        0.173287
    """
    logits = as_tensor(logits)
    labels = as_labels("focal", logits, labels)
    classes = logits.shape[-1]
    if classes < 2:
        raise ShapeError(
            f"focal compares classes and got logits of shape {logits.shape}, with {classes} of them.",
            fix="losses.binary_focal(logits[..., 0], labels)",
        )
    check_range("focal", labels, classes, ignore_index)
    counted, safe = counted_rows(labels, ignore_index)
    per_class = None if class_weights is None else class_weights_of(class_weights, logits)
    chosen = safe[..., None] == np.arange(classes)
    # p_y is the sigmoid of the label's logit less the logarithm of the sum of the others' exponentials.
    others = ops.where(chosen, -math.inf, logits)
    largest = ops.max(others, axis=-1, keepdims=True).detach()
    rest = largest[..., 0] + ops.log(ops.exp(others - largest).sum(axis=-1))
    rows = _focal_rows(ops.where(chosen, logits, 0.0).sum(axis=-1) - rest, _gamma(gamma))
    rows = ops.where(chosen.any(axis=-1), rows, math.nan)  # a label outside, when compiled
    if per_class is not None:
        rows = rows * ops.take(per_class, safe, axis=0)
    return finish(rows, counted, row_weights_of(logits, safe, counted, per_class), reduction, weights)


class BinaryFocal(BinaryCrossEntropy):
    """`binary_focal` as an object; `predict` makes probabilities of the logits.

    Example:
        >>> import chainrule as cr
        >>> round(float(cr.losses.BinaryFocal(alpha=None)(cr.tensor([0.0]), cr.tensor([1]))), 6)
        0.173287
    """

    name = "binary_focal"

    def __init__(self, *, gamma: float = 2.0, alpha: float | None = 0.25, reduction: str = "mean") -> None:
        Loss.__init__(self, gamma=_gamma(gamma), alpha=alpha, reduction=reduction)

    def __call__(self, outputs: Any, target: Any, *, weights: Any = None) -> Tensor:
        return binary_focal(outputs, target, weights=weights, **self.options)


class Focal(Classes):
    """`focal` as an object; `predict` makes probabilities of the logits.

    Example:
        >>> import chainrule as cr
        >>> round(float(cr.losses.Focal(gamma=0)(cr.tensor([[0.0, 0.0]]), cr.tensor([1]))), 4)
        0.6931
    """

    name = "focal"

    def __init__(
        self,
        *,
        gamma: float = 2.0,
        class_weights: Any = None,
        ignore_index: int | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(
            class_weights=class_weights, ignore_index=ignore_index, reduction=reduction, gamma=_gamma(gamma)
        )

    def __call__(self, outputs: Any, target: Any, *, weights: Any = None) -> Tensor:
        return focal(outputs, target, weights=weights, **self.options)
