"""Precision, recall and F1: how pure what was found is, how much was found, and their harmonic mean."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from chainrule.errors import ConfigError, LabelError
from chainrule.metrics.base import Metric
from chainrule.metrics.labels import decide

__all__ = ["F1", "Precision", "Recall", "f1", "precision", "recall"]

Average = Literal["auto", "binary", "macro"]


def precision(prediction: Any, target: Any, average: Average = "auto") -> float:
    """Of the rows taken for a class, the share that belongs to it: TP / (TP + FP).

    Arguments:
        prediction: (N, C) scores, (N,) probabilities of class 1, or (N,) whole numbers that are classes already.
        target: (N,) labels.
        average: `"binary"` scores class 1 alone, `"macro"` takes the plain mean over the classes that occur in the
            target or the prediction, `"auto"` is binary where there are two classes and macro where there are more.

    Returns:
        A number from 0 to 1. A class that was never predicted counts 0 (scikit-learn warns there as well); NaN where
        there are no rows or a prediction is NaN.

    Raises:
        ConfigError: an unknown `average`. LabelError: `"binary"` with more than two classes.

    Example:
        >>> precision([0.9, 0.8, 0.1], [1, 0, 1])
        0.5
    """
    return _average(prediction, target, average, lambda hit, guessed, true: hit / guessed)


def recall(prediction: Any, target: Any, average: Average = "auto") -> float:
    """Of the rows of a class, the share that was taken for it: TP / (TP + FN).

    Arguments, returns and errors: as `precision`.

    Example:
        >>> recall([0.9, 0.8, 0.1, 0.7], [1, 0, 1, 1])
        0.6666666666666666
    """
    return _average(prediction, target, average, lambda hit, guessed, true: hit / true)


def f1(prediction: Any, target: Any, average: Average = "auto") -> float:
    """The harmonic mean of precision and recall: 2TP / (2TP + FP + FN).

    Arguments, returns and errors: as `precision`. The macro average is the mean of the classes' F1, not the F1 of the
    means.

    Example:
        >>> f1([0.9, 0.8, 0.1, 0.7], [1, 0, 1, 1])
        0.6666666666666666
    """
    return _average(prediction, target, average, lambda hit, guessed, true: 2 * hit / (guessed + true))


def _average(prediction: Any, target: Any, average: str, ratio: Any) -> float:
    """Count hits, guesses and truths per class, and average their ratio; 0/0 counts as 0."""
    if average not in ("auto", "binary", "macro"):
        raise ConfigError(f"average is {average!r}, expected 'auto', 'binary' or 'macro'")
    decided = decide(prediction, target)
    if decided is None or decided[0].size == 0:
        return float("nan")
    guess, labels = decided
    shape = np.shape(prediction)
    count = max(shape[1] if len(shape) == 2 else 2, int(max(guess.max(), labels.max())) + 1)
    if average == "binary" and count > 2:
        raise LabelError(f"average='binary' with {count} classes, expected two", fix="average='macro'")
    hit = np.bincount(labels[guess == labels], minlength=count).astype(np.float64)
    guessed = np.bincount(guess, minlength=count).astype(np.float64)
    true = np.bincount(labels, minlength=count).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.nan_to_num(ratio(hit, guessed, true), nan=0.0)
    if average == "binary" or (average == "auto" and count == 2):
        return float(values[1])
    return float(values[(guessed + true) > 0].mean())


class _Averaged(Metric):
    """What the three classes below share: a name and the way classes are averaged."""

    def __init__(self, average: Average = "auto") -> None:
        if average not in ("auto", "binary", "macro"):
            raise ConfigError(f"average is {average!r}, expected 'auto', 'binary' or 'macro'")
        base = type(self).__name__.lower()
        self.name = f"{base}_macro" if average == "macro" else base
        self.average: Average = average


class Precision(_Averaged):
    """Of the rows taken for a class, the share that belongs to it; see `precision`.

    Example:
        >>> Precision()([0.9, 0.8, 0.1], [1, 0, 1])
        0.5
    """

    def __call__(self, prediction: Any, target: Any) -> float:
        """The precision of `prediction` against `target`."""
        return precision(prediction, target, self.average)


class Recall(_Averaged):
    """Of the rows of a class, the share that was taken for it; see `recall`.

    Example:
        >>> Recall(average="macro").name
        'recall_macro'
    """

    def __call__(self, prediction: Any, target: Any) -> float:
        """The recall of `prediction` against `target`."""
        return recall(prediction, target, self.average)


class F1(_Averaged):
    """The harmonic mean of precision and recall; see `f1`.

    Example:
        >>> F1()([0.9, 0.8, 0.1], [1, 0, 1])
        0.5
    """

    def __call__(self, prediction: Any, target: Any) -> float:
        """The F1 of `prediction` against `target`."""
        return f1(prediction, target, self.average)
