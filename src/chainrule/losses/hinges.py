"""Hinge losses: nothing to pay beyond a margin."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import ops
from chainrule.errors import ConfigError
from chainrule.graph import Tensor, as_tensor
from chainrule.losses.base import Loss
from chainrule.losses.cross_entropy import class_weights_of
from chainrule.losses.labels import as_labels, as_signs, check_range
from chainrule.losses.reduce import reduce, same_shape

__all__ = [
    "Hinge",
    "MultiLabelMargin",
    "MultiMargin",
    "SoftMargin",
    "hinge",
    "multi_label_margin",
    "multi_margin",
    "soft_margin",
]


def _signed(loss: str, scores: Any, target: Any) -> Tensor:
    """target · score, with the target as −1 or 1."""
    scores, target = as_tensor(scores), as_tensor(target)
    same_shape(loss, scores, target)
    return scores * as_signs(loss, target, scores)


def hinge(scores: Any, target: Any, *, margin: float = 1.0, reduction: str = "mean", weights: Any = None) -> Tensor:
    """max(0, margin − t·s) of each number, and their mean: the loss of a support vector machine; the gradient at the
    corner is 0.

    Arguments:
        scores: s, (N, …), floating; its sign is the decision.
        target: t, of the same shape: −1 and 1, 0 and 1, or truth values.
        margin: from which on a right decision costs nothing.
        reduction: "mean", "sum" or "none".
        weights: how much each row counts; the mean is over their sum.

    Raises:
        ShapeError: when the shapes differ; LabelError: for a target of another value.

    Source: Cortes & Vapnik, "Support-Vector Networks" (1995).

    Example:
        >>> import chainrule as cr
        >>> cr.losses.hinge(cr.tensor([2.0, 0.5, 0.5]), cr.tensor([1, 1, -1]), reduction="none").tolist()
        [0.0, 0.5, 1.5]
    """
    return reduce(ops.relu(margin - _signed("hinge", scores, target)), reduction, weights)


def soft_margin(scores: Any, target: Any, *, reduction: str = "mean", weights: Any = None) -> Tensor:
    """log(1 + e^(−t·s)) of each number, and their mean: the hinge without a corner, which is `binary_cross_entropy`
    with targets of −1 and 1. Arguments and errors are `hinge`'s.

    Example:
        >>> import chainrule as cr
        >>> round(float(cr.losses.soft_margin(cr.tensor([0.0]), cr.tensor([-1]))), 4)
        0.6931
    """
    return reduce(ops.softplus(-_signed("soft_margin", scores, target)), reduction, weights)


def multi_margin(
    scores: Any,
    labels: Any,
    *,
    p: int = 1,
    margin: float = 1.0,
    class_weights: Any = None,
    reduction: str = "mean",
    weights: Any = None,
) -> Tensor:
    """Σ_{c ≠ y} max(0, margin − s_y + s_c)^p / C of each row, and their mean: the hinge of several classes.

    Arguments:
        scores: s, (…, C), floating.
        labels: y, (…), integers from 0 to C − 1.
        p: 1 or 2.
        margin: by how much the label's score is to exceed the others.
        class_weights: (C,): a row counts by the weight of its label; the mean stays over the number of rows.
        reduction: "mean", "sum" or "none".
        weights: how much each row counts; the mean is over their sum.

    Raises:
        ShapeError, DtypeError, LabelError: for labels that do not fit, as `cross_entropy`; ConfigError: for another p.

    Source: Weston & Watkins, "Support Vector Machines for Multi-Class Pattern Recognition" (1999); divided by C as in
    PyTorch's MultiMarginLoss.

    Example:
        >>> import chainrule as cr
        >>> float(cr.losses.multi_margin(cr.tensor([[1.0, 0.5]]), cr.tensor([0])))
        0.25
    """
    if p not in (1, 2):
        raise ConfigError(f"The p of multi_margin is 1 or 2, got {p!r}.")
    scores = as_tensor(scores)
    labels = as_labels("multi_margin", scores, labels)
    check_range("multi_margin", labels, scores.shape[-1])
    chosen = labels[..., None] == np.arange(scores.shape[-1])
    own = ops.where(chosen, scores, 0.0).sum(axis=-1, keepdims=True)
    terms = ops.relu(margin - own + scores)
    if p == 2:
        terms = ops.square(terms)
    if class_weights is not None:
        terms = terms * ops.take(class_weights_of(class_weights, scores), labels, axis=0)[..., None]
    rows = ops.where(chosen, 0.0, terms).mean(axis=-1)
    rows = ops.where(chosen.any(axis=-1), rows, float("nan"))  # a label outside, when compiled
    return reduce(rows, reduction, weights)


def multi_label_margin(scores: Any, target: Any, *, reduction: str = "mean", weights: Any = None) -> Tensor:
    """Σ_{y on} Σ_{c off} max(0, 1 − (s_y − s_c)) / C of each row, and their mean: every class that is on is to score by
    1 more than every class that is off.

    Arguments:
        scores: s, (…, C), floating.
        target: of the same shape: 1 or True for the classes that are on, else 0 (or −1).
        reduction: "mean", "sum" or "none" (a value for each row).
        weights: how much each row counts; the mean is over their sum.

    Differs from PyTorch: the target says of each class whether it is on; there it lists those that are.

    Example:
        >>> import chainrule as cr
        >>> float(cr.losses.multi_label_margin(cr.tensor([[1.0, 0.5]]), cr.tensor([[1, 0]])))
        0.25
    """
    scores, target = as_tensor(scores), as_tensor(target)
    same_shape("multi_label_margin", scores, target)
    on = as_signs("multi_label_margin", target, scores) > 0
    terms = ops.relu(1.0 - scores[..., :, None] + scores[..., None, :])
    rows = ops.where(on[..., :, None] & ~on[..., None, :], terms, 0.0).sum(axis=(-2, -1)) / scores.shape[-1]
    return reduce(rows, reduction, weights)


class Hinge(Loss):
    """`hinge` as an object; its outputs stay scores.

    Example:
        >>> import chainrule as cr
        >>> float(cr.losses.Hinge()(cr.tensor([0.5]), cr.tensor([True])))
        0.5
    """

    name = "hinge"

    def __init__(self, *, margin: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(margin=margin, reduction=reduction)

    def __call__(self, outputs: Any, target: Any, *, weights: Any = None) -> Tensor:
        return hinge(outputs, target, weights=weights, **self.options)


class SoftMargin(Loss):
    """`soft_margin` as an object; its outputs stay scores.

    Example:
        >>> import chainrule as cr
        >>> round(float(cr.losses.SoftMargin()(cr.tensor([0.0]), cr.tensor([1]))), 4)
        0.6931
    """

    name = "soft_margin"

    def __call__(self, outputs: Any, target: Any, *, weights: Any = None) -> Tensor:
        return soft_margin(outputs, target, weights=weights, **self.options)


class MultiMargin(Loss):
    """`multi_margin` as an object; its outputs stay scores.

    Example:
        >>> import chainrule as cr
        >>> float(cr.losses.MultiMargin()(cr.tensor([[1.0, 0.5]]), cr.tensor([0])))
        0.25
    """

    name = "multi_margin"

    def __init__(self, *, p: int = 1, margin: float = 1.0, class_weights: Any = None, reduction: str = "mean") -> None:
        listed = None if class_weights is None else [float(w) for w in as_tensor(class_weights).tolist()]
        super().__init__(p=p, margin=margin, class_weights=listed, reduction=reduction)

    def __call__(self, outputs: Any, target: Any, *, weights: Any = None) -> Tensor:
        return multi_margin(outputs, target, weights=weights, **self.options)


class MultiLabelMargin(Loss):
    """`multi_label_margin` as an object; its outputs stay scores.

    Example:
        >>> import chainrule as cr
        >>> float(cr.losses.MultiLabelMargin()(cr.tensor([[1.0, 0.5]]), cr.tensor([[1, 0]])))
        0.25
    """

    name = "multi_label_margin"

    def __call__(self, outputs: Any, target: Any, *, weights: Any = None) -> Tensor:
        return multi_label_margin(outputs, target, weights=weights, **self.options)
