"""Scores of an ordering: the areas under the ROC curve and under the precision-recall curve."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.metrics.base import Metric, binary_scores, class_scores

__all__ = ["ROCAUC", "AveragePrecision", "average_precision", "roc_auc"]


def roc_auc(prediction: Any, target: Any) -> float:
    """The chance that a row of class 1 is scored above a row of class 0, equal scores counting one half.

    AUC = (R₁ − n₁(n₁ + 1)/2) / (n₀ n₁), with R₁ the sum of the ranks of class 1, ties given their mean rank; the area
    under the ROC curve. With more than two classes the plain mean over the classes of each one against the rest.

    Arguments:
        prediction: (N,) scores of class 1, of any scale; or (N, C) with a column per class.
        target: (N,) labels.

    Returns:
        A number from 0 to 1. A class that is all or none of the rows has no area and is left out of the mean; NaN
        where that leaves nothing, or a prediction is NaN.

    Source: Hanley and McNeil, The meaning and use of the area under a ROC curve, Radiology 1982.

    Example:
        >>> roc_auc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
        0.75
    """
    return _one_against_rest(prediction, target, _rank_area)


def average_precision(prediction: Any, target: Any) -> float:
    """The area under the precision-recall curve, as the sum over thresholds Σ (Rₙ − Rₙ₋₁) Pₙ, without interpolation.

    Better than ROC AUC where class 1 is rare: guessing scores the share of class 1, not ½. With more than two classes
    the plain mean over the classes of each one against the rest. Rows with equal scores form one threshold.

    Arguments and returns: as `roc_auc`.

    Source: Davis and Goadrich, The relationship between precision-recall and ROC curves, ICML 2006.

    Example:
        >>> round(average_precision([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]), 4)
        0.8333
    """
    return _one_against_rest(prediction, target, _precision_area)


def _one_against_rest(prediction: Any, target: Any, area: Callable[[np.ndarray, np.ndarray], float]) -> float:
    two = binary_scores(prediction, target)
    if two is not None:
        return float("nan") if np.isnan(two[0]).any() else area(two[0], two[1] == 1)
    scores, labels = class_scores(prediction, target)
    if np.isnan(scores).any():
        return float("nan")
    areas = np.array([area(scores[:, c], labels == c) for c in range(scores.shape[1])])
    return float(np.nanmean(areas)) if np.isfinite(areas).any() else float("nan")


def _rank_area(scores: np.ndarray, positive: np.ndarray) -> float:
    ones = int(positive.sum())
    zeros = positive.size - ones
    if ones == 0 or zeros == 0:
        return float("nan")
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(counts) - (counts - 1) / 2  # ranks from 1; equal scores share the mean of theirs
    return float((mean_rank[inverse][positive].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def _precision_area(scores: np.ndarray, positive: np.ndarray) -> float:
    ones = int(positive.sum())
    if ones == 0:
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    sorted_scores = scores[order]
    found = np.cumsum(positive[order])
    last = np.append(np.flatnonzero(np.diff(sorted_scores)), positive.size - 1)  # the last row of each threshold
    hits = found[last]
    return float(np.sum(np.diff(hits, prepend=0) / ones * hits / (last + 1)))


class ROCAUC(Metric):
    """The area under the ROC curve; see `roc_auc`.

    Example:
        >>> ROCAUC()([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
        0.75
    """

    def __init__(self) -> None:
        self.name = "roc_auc"

    def __call__(self, prediction: Any, target: Any) -> float:
        """The ROC AUC of `prediction` against `target`."""
        return roc_auc(prediction, target)


class AveragePrecision(Metric):
    """The area under the precision-recall curve; see `average_precision`.

    Example:
        >>> AveragePrecision()([0.1, 0.9], [0, 1])
        1.0
    """

    def __init__(self) -> None:
        self.name = "average_precision"

    def __call__(self, prediction: Any, target: Any) -> float:
        """The average precision of `prediction` against `target`."""
        return average_precision(prediction, target)
