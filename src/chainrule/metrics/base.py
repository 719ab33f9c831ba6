"""What a metric is, and the checks that all of them make before they score."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np

from chainrule.errors import DataError, DtypeError, LabelError, ShapeError

__all__ = ["Metric", "binary_scores", "class_labels", "class_scores", "numbers", "probabilities"]


class Metric(ABC):
    """A score of predictions against the truth, over a whole data set at once.

    A metric says what it is called (`name`), in what it is measured (`unit`, `""` where it is a plain number,
    `"target"` where it is in the target's own unit), which way is better (`higher_is_better`), and whether the decided
    class of each row (N,) gives the same score as its probabilities (`by_decided_class`). A prediction with NaN in it
    scores NaN: a run that has diverged shows it in its scores and goes on to say so properly.

    Example:
        >>> from chainrule import metrics
        >>> accuracy = metrics.Accuracy()
        >>> accuracy.name, accuracy.higher_is_better, accuracy([0.2, 0.9, 0.6], [0, 1, 0])
        ('accuracy', True, 0.6666666666666666)
    """

    name: str
    unit: ClassVar[str] = ""
    higher_is_better: ClassVar[bool] = True
    by_decided_class: ClassVar[bool] = False

    @abstractmethod
    def __call__(self, prediction: Any, target: Any) -> float:
        """The score of `prediction` (N, …) against `target` (N,)."""

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in vars(self).items() if name != "name")
        return f"{type(self).__name__}({options})"


def numbers(values: Any, what: str) -> np.ndarray:
    """`values` as an array of real numbers or booleans; anything else is a DtypeError that names `what`."""
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise DtypeError(
            f"the {what} holds values of type {array.dtype}, expected numbers",
            fix="number the classes from 0, as data.prepare does",
        )
    return array


def class_labels(target: Any, classes: int | None = None) -> np.ndarray:
    """The true labels as int64 (N,), checked to be whole numbers in 0 … classes − 1."""
    labels = numbers(target, "target")
    if labels.ndim != 1:
        raise ShapeError(
            f"the target has shape {labels.shape}, expected one label per row: (N,)",
            fix="target[:, 0] for a column, target.argmax(axis=1) for one-hot rows",
        )
    whole = labels.astype(np.int64) if np.isfinite(labels).all() else np.empty(0, np.int64)
    if not np.array_equal(whole, labels):
        raise LabelError("the target holds values that are not whole numbers, expected class labels 0, 1, 2, …")
    if whole.size and (whole.min() < 0 or (classes is not None and whole.max() >= classes)):
        row = int(np.argmax((whole < 0) | (whole >= (classes if classes is not None else np.inf))))
        bound = f"0 to {classes - 1}" if classes is not None else "0 and up"
        raise LabelError(
            f"label {whole[row]} is out of range, expected {bound}",
            where=f"row {row} of the target",
            fix="number the classes from 0; the predictions need one column per class",
        )
    return whole


def class_scores(prediction: Any, target: Any) -> tuple[np.ndarray, np.ndarray]:
    """Scores as (N, C) with C ≥ 2, and labels as (N,).

    Arguments:
        prediction: (N, C) one score per class, or (N,) the probability of class 1.
        target: (N,) labels.
    """
    scores = numbers(prediction, "prediction").astype(np.float64)
    if scores.ndim == 2 and scores.shape[1] == 1:
        raise ShapeError(
            f"the prediction has shape {scores.shape}, expected (N,) for two classes or (N, C) with a column per class",
            fix="prediction[:, 0]",
        )
    if scores.ndim not in (1, 2):
        raise ShapeError(f"the prediction has shape {scores.shape}, expected (N,) for two classes or (N, C)")
    _same_rows(scores, target)
    if scores.ndim == 1:
        scores = np.stack([1.0 - scores, scores], axis=1)
    return scores, class_labels(target, scores.shape[1])


def binary_scores(prediction: Any, target: Any) -> tuple[np.ndarray, np.ndarray] | None:
    """Scores of class 1 as (N,) and labels as (N,) where there are two classes; None where there are more."""
    scores = numbers(prediction, "prediction")
    if scores.ndim == 2 and scores.shape[1] > 2:
        return None
    if scores.ndim == 1:  # kept as they are: any increasing score ranks, not only a probability
        _same_rows(scores, target)
        return scores.astype(np.float64), class_labels(target, 2)
    both, labels = class_scores(prediction, target)
    return both[:, 1], labels


def probabilities(prediction: Any, target: Any) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities as (N, C) and labels as (N,); scores that cannot be probabilities are a DataError."""
    scores, labels = class_scores(prediction, target)
    finite = scores[np.isfinite(scores).all(axis=1)]
    if finite.size == 0:
        return scores, labels
    if finite.min() < 0 or finite.max() > 1:
        bad = finite.min() if finite.min() < 0 else finite.max()
        raise DataError(
            f"the prediction holds {bad:.6g}, which is no probability: expected values from 0 to 1",
            fix="give probabilities: loss.predict(outputs) turns a network's raw outputs into them",
        )
    off = np.abs(finite.sum(axis=1) - 1)
    if off.max() > 1e-3:
        raise DataError(
            f"a row of the prediction sums to {finite.sum(axis=1)[off.argmax()]:.6g}, expected 1",
            fix="give probabilities: loss.predict(outputs) turns a network's raw outputs into them",
        )
    return scores, labels


def _same_rows(prediction: np.ndarray, target: Any) -> None:
    """Refuse predictions and targets of different lengths."""
    shape = np.shape(target)
    if not shape or len(prediction) != shape[0]:
        raise ShapeError(
            f"the prediction has shape {prediction.shape} and the target {shape}: not the same number of rows"
        )
