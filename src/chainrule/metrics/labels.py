"""Scores of decided classes: accuracy, balanced accuracy, top-k accuracy and the confusion matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import ConfigError, LabelError, ShapeError
from chainrule.metrics.base import Metric, class_labels, class_scores, numbers

__all__ = [
    "Accuracy",
    "BalancedAccuracy",
    "TopKAccuracy",
    "accuracy",
    "balanced_accuracy",
    "confusion_matrix",
    "decide",
    "top_k_accuracy",
]


def decide(prediction: Any, target: Any) -> tuple[np.ndarray, np.ndarray] | None:
    """The decided class of each row and the true one, or None where a prediction is NaN.

    Whole numbers (N,) count as decided classes already; probabilities (N,) of class 1 are cut at ½ (½ itself is class
    0), and of (N, C) the largest wins (the first of equals).
    """
    array = numbers(prediction, "prediction")
    if array.ndim == 1 and array.dtype.kind in "biu":
        labels = class_labels(target)
        if array.shape != labels.shape:
            raise ShapeError(f"the prediction has shape {array.shape} and the target {labels.shape}, expected the same")
        return class_labels(array), labels
    scores, labels = class_scores(prediction, target)
    if np.isnan(scores).any():
        return None
    return scores.argmax(axis=1), labels


def accuracy(prediction: Any, target: Any) -> float:
    """The share of rows whose decided class is the true one.

    Arguments:
        prediction: (N, C) scores, (N,) probabilities of class 1, or (N,) whole numbers that are classes already.
        target: (N,) labels 0 … C − 1.

    Returns:
        A number from 0 to 1; NaN where there are no rows or a prediction is NaN.

    Raises:
        ShapeError: the numbers of rows differ, or the prediction is a single column (N, 1).
        LabelError: a label is not one of the classes.

    Example:
        >>> accuracy([[0.9, 0.1, 0.0], [0.2, 0.3, 0.5]], [0, 1])
        0.5
    """
    decided = decide(prediction, target)
    if decided is None or decided[0].size == 0:
        return float("nan")
    return float(np.mean(decided[0] == decided[1]))


def balanced_accuracy(prediction: Any, target: Any) -> float:
    """The mean over the classes of the share of each class that was recognised; a constant guess scores 1/C.

    Arguments and errors: as `accuracy`. Classes that do not occur in the target do not count.

    Source: Brodersen et al., The balanced accuracy and its posterior distribution, ICPR 2010.

    Example:
        >>> balanced_accuracy([0, 0, 0, 0], [0, 0, 0, 1])
        0.5
    """
    decided = decide(prediction, target)
    if decided is None or decided[0].size == 0:
        return float("nan")
    guess, labels = decided
    total = np.bincount(labels)
    right = np.bincount(labels[guess == labels], minlength=len(total))
    return float(np.mean(right[total > 0] / total[total > 0]))


def top_k_accuracy(prediction: Any, target: Any, k: int = 5) -> float:
    """The share of rows whose true class is among the k highest scores.

    Equal scores are taken from the last class to the first, as scikit-learn does.

    Arguments:
        prediction: (N, C) scores, or (N,) probabilities of class 1.
        target: (N,) labels.
        k: how many guesses are allowed, at least 1.

    Example:
        >>> top_k_accuracy([[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]], [1, 0], k=2)
        0.5
    """
    if k < 1:
        raise ConfigError(f"k is {k}, expected at least 1")
    scores, labels = class_scores(prediction, target)
    if labels.size == 0 or np.isnan(scores).any():
        return float("nan")
    order = np.argsort(scores, axis=1, kind="stable")[:, ::-1][:, :k]
    return float(np.mean((order == labels[:, None]).any(axis=1)))


def confusion_matrix(prediction: Any, target: Any, classes: int | None = None) -> np.ndarray:
    """How often each true class (row) was taken for each class (column).

    Arguments:
        prediction, target: as `accuracy`.
        classes: how many classes there are; without it the columns of the prediction, or the highest label seen plus
            one.

    Returns:
        int64 (C, C), whose sum is the number of rows.

    Raises:
        LabelError: a prediction is NaN, or a label is not below `classes`.

    Example:
        >>> confusion_matrix([0.2, 0.9, 0.6], [0, 1, 0])
        array([[1, 1],
               [0, 1]])
    """
    decided = decide(prediction, target)
    if decided is None:
        raise LabelError("a prediction is NaN and belongs to no class", fix="look where the training diverged")
    guess, labels = decided
    shape = np.shape(prediction)
    floats = np.asarray(prediction).dtype.kind == "f"
    known = shape[1] if len(shape) == 2 else 2 if floats else 0
    count = classes or max(known, int(max(guess.max(initial=-1), labels.max(initial=-1))) + 1)
    if guess.max(initial=-1) >= count or labels.max(initial=-1) >= count:
        raise LabelError(f"label {max(guess.max(), labels.max())} is out of range, expected 0 to {count - 1}")
    return np.bincount(labels * count + guess, minlength=count * count).reshape(count, count)


class Accuracy(Metric):
    """The share of rows whose decided class is the true one; see `accuracy`.

    Example:
        >>> Accuracy()([0.1, 0.8], [0, 1])
        1.0
    """

    by_decided_class = True

    def __init__(self) -> None:
        self.name = "accuracy"

    def __call__(self, prediction: Any, target: Any) -> float:
        """The accuracy of `prediction` against `target`."""
        return accuracy(prediction, target)


class BalancedAccuracy(Metric):
    """The mean share of each class that was recognised; see `balanced_accuracy`.

    Example:
        >>> BalancedAccuracy()([0.1, 0.2, 0.3], [0, 0, 1])
        0.5
    """

    by_decided_class = True

    def __init__(self) -> None:
        self.name = "balanced_accuracy"

    def __call__(self, prediction: Any, target: Any) -> float:
        """The balanced accuracy of `prediction` against `target`."""
        return balanced_accuracy(prediction, target)


class TopKAccuracy(Metric):
    """The share of rows whose true class is among the k highest scores; see `top_k_accuracy`.

    Example:
        >>> TopKAccuracy(2)([[0.5, 0.3, 0.2]], [1])
        1.0
    """

    def __init__(self, k: int = 5) -> None:
        if k < 1:
            raise ConfigError(f"k is {k}, expected at least 1")
        self.name = f"top_{k}_accuracy"
        self.k = k

    def __call__(self, prediction: Any, target: Any) -> float:
        """The top-k accuracy of `prediction` against `target`."""
        return top_k_accuracy(prediction, target, self.k)
