"""Scores in words: what each is called, and how it is written."""

from __future__ import annotations

import math
from collections.abc import Mapping

from chainrule.cli.screen import number, share

__all__ = ["score_line", "score_name", "score_value"]

_NAMES = {
    "loss": "loss",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
    "f1": "F1",
    "f1_macro": "F1 (macro)",
    "expected_calibration_error": "calibration error",
    "rmse": "RMSE",
    "mae": "MAE",
    "mse": "MSE",
    "r2": "R²",
}
_SHARES = ("accuracy", "balanced_accuracy", "top_5_accuracy")
_IN_THE_LINE = ("accuracy", "roc_auc", "rmse", "mae", "r2", "loss", "perplexity")


def score_name(name: str) -> str:
    """A score's name for people."""
    return _NAMES.get(name, name.replace("_", " "))


def score_value(name: str, value: float | None) -> str:
    """A score's value for people: accuracies in percent."""
    return share(value) if name in _SHARES and value is not None else number(value)


def _is_number(value: float | None) -> bool:
    """Whether a score means anything: a ranking of rows of one class, say, does not."""
    return value is not None and math.isfinite(value)


def score_line(scores: Mapping[str, float | None]) -> tuple[str, str]:
    """The score that counts first, and the next few, each with its name. The balanced accuracy counts first where it
    comes first.

    Example:
        >>> score_line({"loss": 0.0812, "accuracy": 0.9778})
        ('accuracy 97.8 %', 'loss 0.0812')
    """
    first = next((n for n in scores if n != "loss"), "")
    line = ("balanced_accuracy", *_IN_THE_LINE) if first == "balanced_accuracy" else _IN_THE_LINE
    told = [n for n in line if n in scores and (n == "loss" or _is_number(scores[n]))]
    named = [f"{score_name(n)} {score_value(n, scores[n])}" for n in told]
    named = named or [f"{score_name(n)} {score_value(n, v)}" for n, v in scores.items()]
    return named[0], " · ".join(named[1:])
