"""Cross-entropy of classes: from logits, and from log-probabilities."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.errors import ConfigError, ShapeError
from chainrule.graph import Tensor, as_tensor, wrap
from chainrule.losses.base import Loss
from chainrule.losses.labels import as_labels, check_range
from chainrule.losses.reduce import as_target, known_values, reduce, times_log, weighted_mean

__all__ = ["NLL", "CrossEntropy", "cross_entropy", "nll"]


def cross_entropy(
    logits: Any,
    target: Any,
    *,
    class_weights: Any = None,
    label_smoothing: float = 0.0,
    ignore_index: int | None = None,
    reduction: str = "mean",
    weights: Any = None,
) -> Tensor:
    """−Σ_c t_c · log softmax(logits)_c of each row, and their mean: the negative log-likelihood of a categorical
    distribution.

    Arguments:
        logits: (…, C), floating; the numbers before a softmax.
        target: labels (…), integers from 0 to C − 1; or soft targets (…, C), floating, the probability of each class.
        class_weights: (C,): how much each class counts, None for equally. With labels, the mean is over the sum of the
            rows' weights.
        label_smoothing: ε: the target becomes (1 − ε)·target + ε / C.
        ignore_index: rows with this label do not count.
        reduction: "mean", "sum" or "none" (a loss for each row).
        weights: how much each row counts, of the shape of the rows or the beginning of it; the mean is over their sum.

    Returns:
        0-d, or (…). The mean over no rows at all is 0.

    Raises:
        ShapeError: when target and logits do not fit; DtypeError: for labels that are not integers.
        LabelError: for a label outside 0 … C − 1, naming the first such row; inside a compiled function its loss is nan
            instead.

    Differs from PyTorch: classes are the last axis; ignore_index is None by default; the mean of no rows is 0, not nan.

    Source: label smoothing: Szegedy et al., "Rethinking the Inception Architecture for Computer Vision" (2015), section
    7.

    Example:
        >>> import chainrule as cr
        >>> loss = cr.losses.cross_entropy(cr.tensor([[0.0, 0.0]]), cr.tensor([1]))
        >>> round(float(loss), 4)
        0.6931
    """
    logits, target = as_tensor(logits), as_tensor(target)
    if not 0.0 <= label_smoothing <= 1.0:
        raise ConfigError(f"label_smoothing lies between 0 and 1, got {label_smoothing}.")
    if target.dtype.kind == "f" and target.shape == logits.shape:
        return _soft(logits, target, class_weights, label_smoothing, reduction, weights)
    labels = as_labels("cross_entropy", logits, target)
    classes = logits.shape[-1]
    if class_weights is None and not label_smoothing and ignore_index is None:
        if weights is None and reduction == "mean" and labels.size:
            loss = ops.softmax_cross_entropy(logits, labels, mean=True)
        else:
            loss = reduce(ops.softmax_cross_entropy(logits, labels), reduction, weights)
        # A label outside makes its row nan: the labels need looking at only then.
        if _has_nan(loss):
            check_range("cross_entropy", labels, classes)
        return loss
    check_range("cross_entropy", labels, classes, ignore_index)
    counted, safe = counted_rows(labels, ignore_index)
    per_class = None if class_weights is None else class_weights_of(class_weights, logits)
    row_weights = row_weights_of(logits, safe, counted, per_class)
    rows = ops.softmax_cross_entropy(logits, safe)
    if per_class is not None:
        rows = rows * ops.take(per_class, safe, axis=0)
    if label_smoothing:
        log_p = ops.log_softmax(logits)
        even = -(log_p if per_class is None else log_p * per_class).mean(axis=-1)
        rows = (1.0 - label_smoothing) * rows + label_smoothing * even
    return finish(rows, counted, row_weights, reduction, weights)


def _has_nan(loss: Tensor) -> bool:
    """Whether a loss is nan, as far as values are known."""
    data = loss._data
    if isinstance(data, np.floating):  # one number, in every step
        return bool(data != data)
    values = known_values(loss)
    return values is not None and bool(np.isnan(values).any())


def _soft(
    logits: Tensor, target: Tensor, class_weights: Any, label_smoothing: float, reduction: str, weights: Any
) -> Tensor:
    target = as_target(target, logits)
    if label_smoothing:
        target = (1.0 - label_smoothing) * target + label_smoothing / logits.shape[-1]
    if class_weights is not None:
        target = target * class_weights_of(class_weights, logits)
    return reduce(-times_log(target, ops.log_softmax(logits)).sum(axis=-1), reduction, weights)


def nll(
    log_probabilities: Any,
    labels: Any,
    *,
    class_weights: Any = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    weights: Any = None,
) -> Tensor:
    """−log p[label] of each row, and their mean: the negative log-likelihood, from log-probabilities such as
    `nn.LogSoftmax` gives.

    Arguments:
        log_probabilities: (…, C), floating.
        labels: (…), integers from 0 to C − 1.
        class_weights, ignore_index, reduction, weights: as for `cross_entropy`; errors and differences too.

    Example:
        >>> import chainrule as cr
        >>> float(cr.losses.nll(cr.tensor([[-1.0, -2.0]]), cr.tensor([1])))
        2.0
    """
    log_p = as_tensor(log_probabilities)
    labels = as_labels("nll", log_p, labels)
    check_range("nll", labels, log_p.shape[-1], ignore_index)
    counted, safe = counted_rows(labels, ignore_index)
    per_class = None if class_weights is None else class_weights_of(class_weights, log_p)
    row_weights = row_weights_of(log_p, safe, counted, per_class)
    chosen = safe[..., None] == np.arange(log_p.shape[-1])
    rows = -ops.where(chosen, log_p, 0.0).sum(axis=-1)
    rows = ops.where(chosen.any(axis=-1), rows, math.nan)  # a label outside, when compiled
    if per_class is not None:
        rows = rows * ops.take(per_class, safe, axis=0)
    return finish(rows, counted, row_weights, reduction, weights)


def class_weights_of(class_weights: Any, logits: Tensor) -> Tensor:
    made = as_target(class_weights, logits)
    if made.shape != logits.shape[-1:]:
        raise ShapeError(
            f"class_weights have the shape {made.shape}; with logits of shape {logits.shape} there are "
            f"{logits.shape[-1]} classes.",
            fix=f"one weight for each class: shape {logits.shape[-1:]}",
        )
    return made


def counted_rows(labels: Tensor, ignore_index: int | None) -> tuple[Tensor | None, Tensor]:
    """Which rows count (None: all), and the labels with a harmless one where they do not."""
    if ignore_index is None:
        return None, labels
    counted = labels != ignore_index
    return counted, ops.where(counted, labels, wrap(np.zeros((), labels.dtype)))


def row_weights_of(logits: Tensor, labels: Tensor, counted: Tensor | None, per_class: Tensor | None) -> Tensor | None:
    if per_class is None:
        return None if counted is None else ops.astype(counted, logits.dtype)
    chosen = ops.take(per_class, labels, axis=0)
    return chosen if counted is None else ops.where(counted, chosen, 0.0)


def finish(rows: Tensor, counted: Tensor | None, row_weights: Tensor | None, reduction: str, weights: Any) -> Tensor:
    """Rows that already carry their class weight, reduced with the weights in the denominator."""
    if counted is not None:
        rows = ops.where(counted, rows, 0.0)
    if row_weights is None or reduction != "mean":
        return reduce(rows, reduction, weights)
    if weights is None:
        return weighted_mean(rows, row_weights)
    weights = as_target(weights, rows)
    if weights.shape != rows.shape[: weights.ndim]:
        return reduce(rows, reduction, weights)  # which says what is wrong
    spread = ops.reshape(weights, weights.shape + (1,) * (rows.ndim - weights.ndim))
    return weighted_mean(rows * spread, row_weights * spread)


class Classes(Loss):
    """What the losses of classes share: class weights, the index to ignore, and what logits mean."""

    def __init__(self, *, class_weights: Any, ignore_index: int | None, reduction: str, **options: Any) -> None:
        listed = None if class_weights is None else [float(w) for w in as_tensor(class_weights).tolist()]
        super().__init__(class_weights=listed, ignore_index=ignore_index, reduction=reduction, **options)

    def predict(self, outputs: np.ndarray) -> np.ndarray:
        """Probabilities (…, C): the softmax."""
        first = np.ascontiguousarray(np.moveaxis(outputs, -1, 0))  # a maximum along a short last axis takes NumPy long
        e = np.exp(outputs - first.max(axis=0)[..., None])
        return e / e.sum(axis=-1, keepdims=True)


class CrossEntropy(Classes):
    """`cross_entropy` as an object; `predict` makes probabilities of the logits.

    Example:
        >>> import chainrule as cr
        >>> loss = cr.losses.CrossEntropy(label_smoothing=0.1)
        >>> round(float(loss(cr.tensor([[0.0, 0.0]]), cr.tensor([1]))), 4)
        0.6931
    """

    name = "cross_entropy"

    def __init__(
        self,
        *,
        class_weights: Any = None,
        label_smoothing: float = 0.0,
        ignore_index: int | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(
            class_weights=class_weights, label_smoothing=label_smoothing, ignore_index=ignore_index, reduction=reduction
        )

    def __call__(self, outputs: Any, target: Any, *, weights: Any = None) -> Tensor:
        return cross_entropy(outputs, target, weights=weights, **self.options)


class NLL(Classes):
    """`nll` as an object; `predict` makes probabilities of the log-probabilities.

    Example:
        >>> import chainrule as cr
        >>> float(cr.losses.NLL()(cr.tensor([[-1.0, -2.0]]), cr.tensor([1])))
        2.0
    """

    name = "nll"

    def __init__(self, *, class_weights: Any = None, ignore_index: int | None = None, reduction: str = "mean") -> None:
        super().__init__(class_weights=class_weights, ignore_index=ignore_index, reduction=reduction)

    def __call__(self, outputs: Any, target: Any, *, weights: Any = None) -> Tensor:
        return nll(outputs, target, weights=weights, **self.options)

    def predict(self, outputs: np.ndarray) -> np.ndarray:
        """Probabilities (…, C): the exponential."""
        return np.exp(outputs)
