"""Binary cross-entropy, from logits."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import ops
from chainrule.errors import ConfigError, LabelError
from chainrule.graph import Tensor, as_tensor
from chainrule.losses.base import Loss
from chainrule.losses.reduce import as_target, known_values, reduce, same_shape

__all__ = ["BinaryCrossEntropy", "binary_cross_entropy"]


def binary_cross_entropy(
    logits: Any, target: Any, *, positive_weight: float | None = None, reduction: str = "mean", weights: Any = None
) -> Tensor:
    """−t·log σ(z) − (1 − t)·log(1 − σ(z)) of each number, and their mean: the negative log-likelihood of a Bernoulli
    distribution.

    Arguments:
        logits: z, (N, …), floating; the numbers before a sigmoid.
        target: t, of the same shape: 0 and 1 of any dtype, truth values, or probabilities.
        positive_weight: how often the first term counts, for rare positives; 1 where it is None.
        reduction: "mean", "sum" or "none".
        weights: how much each row counts; the mean is over their sum.

    Raises:
        ShapeError: when the shapes differ, (N,) and (N, 1) included.
        LabelError: for a target outside [0, 1], naming the first such row.

    Differs from PyTorch: this is its `binary_cross_entropy_with_logits`, positive_weight its pos_weight; probabilities
    are not accepted as predictions, since their logarithm loses digits.

    Example:
        >>> import chainrule as cr
        >>> round(float(cr.losses.binary_cross_entropy(cr.tensor([0.0]), cr.tensor([1]))), 4)
        0.6931
    """
    logits = as_tensor(logits)
    target = as_target(target, logits)
    same_shape("binary_cross_entropy", logits, target)
    _check_target(target)
    rows = ops.sigmoid_cross_entropy(logits, target)
    if positive_weight is not None:
        if not positive_weight >= 0:
            raise ConfigError(f"positive_weight is at least 0, got {positive_weight}.")
        # t·softplus(−z) is the first of the two terms.
        rows = rows + (positive_weight - 1.0) * (target * ops.softplus(-logits))
    return reduce(rows, reduction, weights)


def _check_target(target: Tensor) -> None:
    values = known_values(target)
    if values is None or not values.size or (values.min() >= 0 and values.max() <= 1):
        return
    row = tuple(int(i) for i in np.argwhere(~((values >= 0) & (values <= 1)))[0])
    found = sorted({float(v) for v in np.unique(values)[:3]})
    raise LabelError(
        f"binary_cross_entropy got the target {values[row]:g} in row {row[0] if len(row) == 1 else row}; targets "
        "lie between 0 and 1.",
        fix="(target + 1) / 2"
        if found == [-1.0, 1.0]
        else "(target == positive_class), or cross_entropy for more than two classes",
    )


class BinaryCrossEntropy(Loss):
    """`binary_cross_entropy` as an object; `predict` makes probabilities of the logits.

    Example:
        >>> import chainrule as cr
        >>> round(float(cr.losses.BinaryCrossEntropy()(cr.tensor([0.0]), cr.tensor([1]))), 4)
        0.6931
    """

    name = "binary_cross_entropy"

    def __init__(self, *, positive_weight: float | None = None, reduction: str = "mean") -> None:
        super().__init__(positive_weight=positive_weight, reduction=reduction)

    def __call__(self, outputs: Any, target: Any, *, weights: Any = None) -> Tensor:
        return binary_cross_entropy(outputs, target, weights=weights, **self.options)

    def predict(self, outputs: np.ndarray) -> np.ndarray:
        """The probability of 1: the sigmoid, through tanh, which does not overflow."""
        return 0.5 * np.tanh(0.5 * outputs) + 0.5
