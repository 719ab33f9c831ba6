"""Scores of probabilities: log loss, Brier score and expected calibration error."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import ConfigError
from chainrule.metrics.base import Metric, probabilities

__all__ = ["Brier", "ExpectedCalibrationError", "LogLoss", "brier", "expected_calibration_error", "log_loss"]


def log_loss(prediction: Any, target: Any) -> float:
    """The mean of −log p(true class), in nats.

    Arguments:
        prediction: (N, C) probabilities, or (N,) the probability of class 1.
        target: (N,) labels.

    Returns:
        A number from 0 up. Probabilities are kept at least 2.2e-16 away from 0 and 1 (1.2e-7 for float32), so that
        one certain mistake does not make the mean infinite; NaN where there are no rows or a prediction is NaN.

    Raises:
        DataError: values outside 0 … 1, or rows that do not sum to one.

    Example:
        >>> round(log_loss([[0.5, 0.5], [0.1, 0.9]], [0, 1]), 4)
        0.3993
    """
    scores, labels = probabilities(prediction, target)
    if labels.size == 0 or np.isnan(scores).any():
        return float("nan")
    dtype = np.asarray(prediction).dtype
    edge = float(np.finfo(dtype).eps) if dtype.kind == "f" else float(np.finfo(np.float64).eps)
    true = np.clip(scores[np.arange(labels.size), labels], edge, 1 - edge)
    return float(-np.mean(np.log(true)))


def brier(prediction: Any, target: Any) -> float:
    """The mean squared distance between the probabilities and what happened.

    Two classes: mean (p₁ − y)², from 0 to 1. More: mean Σ_c (p_c − [y = c])², from 0 to 2, which for two classes
    would be twice as much.

    Arguments and errors: as `log_loss`.

    Source: Brier, Verification of forecasts expressed in terms of probability, Monthly Weather Review 1950.

    Example:
        >>> round(brier([0.9, 0.2], [1, 0]), 4)
        0.025
    """
    scores, labels = probabilities(prediction, target)
    if labels.size == 0:
        return float("nan")
    truth = np.eye(scores.shape[1])[labels]
    squares = np.square(scores - truth).sum(axis=1)
    return float(np.mean(squares) / (2 if scores.shape[1] == 2 else 1))


def expected_calibration_error(prediction: Any, target: Any, bins: int = 15) -> float:
    """How far confidence is from accuracy: Σ_b (n_b / N) |accuracy_b − confidence_b|.

    Rows are put in bins of equal width by the probability of the class they were given.

    Arguments:
        prediction, target: as `log_loss`.
        bins: how many bins from 0 to 1; the score depends on it, so compare like with like.

    Source: Guo et al., On calibration of modern neural networks, ICML 2017, §2 (15 bins).

    Example:
        >>> round(expected_calibration_error([0.9, 0.9, 0.9, 0.9], [1, 1, 1, 0]), 4)
        0.15
    """
    if bins < 1:
        raise ConfigError(f"bins is {bins}, expected at least 1")
    scores, labels = probabilities(prediction, target)
    if labels.size == 0 or np.isnan(scores).any():
        return float("nan")
    confidence = scores.max(axis=1)
    right = scores.argmax(axis=1) == labels
    # a bin holds its upper edge, as in the paper: (0, 1/M], (1/M, 2/M], …
    where = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    gap = np.bincount(where, weights=right.astype(np.float64) - confidence, minlength=bins)
    return float(np.abs(gap).sum() / labels.size)


class LogLoss(Metric):
    """The mean of −log p(true class); see `log_loss`.

    Example:
        >>> round(LogLoss()([0.5], [1]), 4)
        0.6931
    """

    unit = "nats"
    higher_is_better = False

    def __init__(self) -> None:
        self.name = "log_loss"

    def __call__(self, prediction: Any, target: Any) -> float:
        """The log loss of `prediction` against `target`."""
        return log_loss(prediction, target)


class Brier(Metric):
    """The mean squared distance between the probabilities and what happened; see `brier`.

    Example:
        >>> Brier()([0.5], [1])
        0.25
    """

    higher_is_better = False

    def __init__(self) -> None:
        self.name = "brier"

    def __call__(self, prediction: Any, target: Any) -> float:
        """The Brier score of `prediction` against `target`."""
        return brier(prediction, target)


class ExpectedCalibrationError(Metric):
    """How far confidence is from accuracy; see `expected_calibration_error`.

    Example:
        >>> ExpectedCalibrationError(bins=10)([1.0, 1.0], [1, 1])
        0.0
    """

    higher_is_better = False

    def __init__(self, bins: int = 15) -> None:
        if bins < 1:
            raise ConfigError(f"bins is {bins}, expected at least 1")
        self.name = "expected_calibration_error"
        self.bins = bins

    def __call__(self, prediction: Any, target: Any) -> float:
        """The expected calibration error of `prediction` against `target`."""
        return expected_calibration_error(prediction, target, self.bins)
