"""Scores on NumPy arrays: each one a function and a class, checked against scikit-learn.

Predictions are what a loss's `predict` gives: probabilities (N, C), or (N,) of class 1 where there are two, or
numbers (N,).

Example:
    >>> from chainrule import metrics
    >>> metrics.accuracy([0.2, 0.9], [0, 1])
    1.0
    >>> [(m.name, m([2.0, 3.0], [2.0, 5.0])) for m in (metrics.MSE(), metrics.MAE())]
    [('mse', 2.0), ('mae', 1.0)]
"""

from __future__ import annotations

from chainrule.metrics.base import Metric
from chainrule.metrics.calibration import (
    Brier,
    ExpectedCalibrationError,
    LogLoss,
    brier,
    expected_calibration_error,
    log_loss,
)
from chainrule.metrics.choose import by_name, for_task, names
from chainrule.metrics.labels import (
    Accuracy,
    BalancedAccuracy,
    TopKAccuracy,
    accuracy,
    balanced_accuracy,
    confusion_matrix,
    top_k_accuracy,
)
from chainrule.metrics.precision import F1, Precision, Recall, f1, precision, recall
from chainrule.metrics.ranking import ROCAUC, AveragePrecision, average_precision, roc_auc
from chainrule.metrics.regression import MAE, MSE, R2, RMSE, mae, mse, r2, rmse

__all__ = [
    "F1",
    "MAE",
    "MSE",
    "R2",
    "RMSE",
    "ROCAUC",
    "Accuracy",
    "AveragePrecision",
    "BalancedAccuracy",
    "Brier",
    "ExpectedCalibrationError",
    "LogLoss",
    "Metric",
    "Precision",
    "Recall",
    "TopKAccuracy",
    "accuracy",
    "average_precision",
    "balanced_accuracy",
    "brier",
    "by_name",
    "confusion_matrix",
    "expected_calibration_error",
    "f1",
    "for_task",
    "log_loss",
    "mae",
    "mse",
    "names",
    "precision",
    "r2",
    "recall",
    "rmse",
    "roc_auc",
    "top_k_accuracy",
]
