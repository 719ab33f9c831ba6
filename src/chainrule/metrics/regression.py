"""Scores of predicted numbers: MSE, RMSE, MAE and R²."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import ShapeError
from chainrule.metrics.base import Metric, numbers

__all__ = ["MAE", "MSE", "R2", "RMSE", "mae", "mse", "r2", "rmse"]


def mse(prediction: Any, target: Any) -> float:
    """The mean of (prediction − target)².

    Arguments:
        prediction, target: numbers of one shape, (N,) or (N, K).

    Returns:
        A number from 0 up, in the target's unit squared; NaN where there are no rows.

    Raises:
        ShapeError: the shapes differ, (N, 1) against (N,) included, which would broadcast to (N, N).

    Example:
        >>> mse([1.0, 2.0], [1.0, 4.0])
        2.0
    """
    difference = _difference(prediction, target)
    return float(np.mean(np.square(difference))) if difference.size else float("nan")


def rmse(prediction: Any, target: Any) -> float:
    """The root of the mean of (prediction − target)², in the target's unit.

    Arguments and errors: as `mse`.

    Example:
        >>> rmse([1.0, 2.0], [1.0, 4.0]) == 2 ** 0.5
        True
    """
    return float(np.sqrt(mse(prediction, target)))


def mae(prediction: Any, target: Any) -> float:
    """The mean of |prediction − target|, in the target's unit.

    Arguments and errors: as `mse`.

    Example:
        >>> mae([1.0, 2.0], [1.0, 4.0])
        1.0
    """
    difference = _difference(prediction, target)
    return float(np.mean(np.abs(difference))) if difference.size else float("nan")


def r2(prediction: Any, target: Any) -> float:
    """The share of the target's variance that is explained: 1 − Σ (y − p)² / Σ (y − ȳ)².

    Arguments and errors: as `mse`; with K outputs the plain mean over them.

    Returns:
        A number up to 1; 0 is as good as always saying the mean, below 0 is worse. A constant target scores 1 where
        it is met exactly and 0 elsewhere; NaN with fewer than two rows.

    Example:
        >>> r2([1.0, 2.0, 3.0], [1.0, 2.0, 4.0]).__round__(4)
        0.7857
    """
    difference = _difference(prediction, target)
    if difference.shape[0] < 2 or np.isnan(difference).any():
        return float("nan")
    truth = np.asarray(target, np.float64)
    residual = np.square(difference).sum(axis=0)
    total = np.square(truth - truth.mean(axis=0)).sum(axis=0)
    varies = total > 0
    score = np.where(varies, 1 - residual / np.where(varies, total, 1), np.where(residual == 0, 1.0, 0.0))
    return float(np.mean(score))


def _difference(prediction: Any, target: Any) -> np.ndarray:
    """Prediction − target in float64, of equal shapes only."""
    left, right = numbers(prediction, "prediction"), numbers(target, "target")
    if left.shape != right.shape or left.ndim == 0:
        fix = None
        if left.ndim == 2 and left.shape[1] == 1 and right.ndim == 1:
            fix = "prediction[:, 0]"
        elif right.ndim == 2 and right.shape[1] == 1 and left.ndim == 1:
            fix = "target[:, 0]"
        raise ShapeError(
            f"the prediction has shape {left.shape} and the target {right.shape}, expected the same", fix=fix
        )
    return left.astype(np.float64) - right.astype(np.float64)


class MSE(Metric):
    """The mean of the squared differences; see `mse`.

    Example:
        >>> MSE()([0.0], [2.0])
        4.0
    """

    unit = "target²"
    higher_is_better = False

    def __init__(self) -> None:
        self.name = "mse"

    def __call__(self, prediction: Any, target: Any) -> float:
        """The mean squared error of `prediction` against `target`."""
        return mse(prediction, target)


class RMSE(Metric):
    """The root of the mean of the squared differences; see `rmse`.

    Example:
        >>> RMSE()([0.0], [2.0])
        2.0
    """

    unit = "target"
    higher_is_better = False

    def __init__(self) -> None:
        self.name = "rmse"

    def __call__(self, prediction: Any, target: Any) -> float:
        """The root mean squared error of `prediction` against `target`."""
        return rmse(prediction, target)


class MAE(Metric):
    """The mean of the absolute differences; see `mae`.

    Example:
        >>> MAE()([0.0], [-2.0])
        2.0
    """

    unit = "target"
    higher_is_better = False

    def __init__(self) -> None:
        self.name = "mae"

    def __call__(self, prediction: Any, target: Any) -> float:
        """The mean absolute error of `prediction` against `target`."""
        return mae(prediction, target)


class R2(Metric):
    """The share of the target's variance that is explained; see `r2`.

    Example:
        >>> R2()([1.0, 2.0], [1.0, 2.0])
        1.0
    """

    def __init__(self) -> None:
        self.name = "r2"

    def __call__(self, prediction: Any, target: Any) -> float:
        """The R² of `prediction` against `target`."""
        return r2(prediction, target)
