"""Metrics by name, and the ones that suit a task when nobody named any."""

from __future__ import annotations

import re

from chainrule.errors import ConfigError, suggest
from chainrule.metrics.base import Metric
from chainrule.metrics.calibration import Brier, ExpectedCalibrationError, LogLoss
from chainrule.metrics.labels import Accuracy, BalancedAccuracy, TopKAccuracy
from chainrule.metrics.precision import F1, Precision, Recall
from chainrule.metrics.ranking import ROCAUC, AveragePrecision
from chainrule.metrics.regression import MAE, MSE, R2, RMSE

__all__ = ["by_name", "for_task", "names"]

_KINDS: dict[str, type[Metric]] = {
    "accuracy": Accuracy,
    "average_precision": AveragePrecision,
    "balanced_accuracy": BalancedAccuracy,
    "brier": Brier,
    "expected_calibration_error": ExpectedCalibrationError,
    "f1": F1,
    "log_loss": LogLoss,
    "mae": MAE,
    "mse": MSE,
    "precision": Precision,
    "r2": R2,
    "recall": Recall,
    "rmse": RMSE,
    "roc_auc": ROCAUC,
}


def names() -> list[str]:
    """The names that `by_name` knows, beside `top_k_accuracy` with a number for k and `…_macro`.

    Example:
        >>> "roc_auc" in names()
        True
    """
    return sorted(_KINDS)


def by_name(name: str) -> Metric:
    """The metric that goes by `name`, as in a config or a metrics file.

    Raises:
        ConfigError: no metric has that name; the nearest is suggested.

    Example:
        >>> by_name("top_3_accuracy"), by_name("f1_macro"), by_name("RMSE")
        (TopKAccuracy(k=3), F1(average='macro'), RMSE())
    """
    plain = name.strip().lower().replace("-", "_")
    top = re.fullmatch(r"top_(\d{1,6})_accuracy", plain)
    if top:
        return TopKAccuracy(int(top[1]))
    for averaged in (Precision, Recall, F1):
        if plain == f"{averaged.__name__.lower()}_macro":
            return averaged(average="macro")
    kind = _KINDS.get(plain)
    if kind is None:
        raise ConfigError(f"no metric is called {name!r}.{suggest(plain, _KINDS)}", fix=f"one of: {', '.join(names())}")
    return kind()


def for_task(task: str, classes: int | None = None) -> list[Metric]:
    """The metrics that suit a task when nobody named any; the first is the one to watch.

    Arguments:
        task: `"binary"`, `"classification"`, `"regression"`, or `"language"`, whose loss says it all.
        classes: how many classes there are; from 20 up the top-5 accuracy joins.

    Example:
        >>> [metric.name for metric in for_task("binary")]
        ['accuracy', 'roc_auc', 'average_precision', 'f1', 'expected_calibration_error']
    """
    if task == "binary":
        return [Accuracy(), ROCAUC(), AveragePrecision(), F1(), ExpectedCalibrationError()]
    if task == "classification":
        more: list[Metric] = [TopKAccuracy(5)] if classes is not None and classes >= 20 else []
        return [Accuracy(), BalancedAccuracy(), F1(average="macro"), ExpectedCalibrationError(), *more]
    if task == "regression":
        return [RMSE(), MAE(), R2()]
    if task == "language":
        return []
    raise ConfigError(f"task is {task!r}, expected 'binary', 'classification' or 'regression'")
