"""Every metric against scikit-learn's on random predictions, ties and absent classes included."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule import metrics

sk = pytest.importorskip("sklearn.metrics", reason="needs scikit-learn: pip install 'chainrule[test]'")


def two_classes(seed: int, rows: int, levels: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels of both classes and probabilities on a coarse grid, so that many are equal."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, rows)
    labels[:2] = [0, 1]
    return rng.integers(0, levels + 1, rows) / levels, labels


def many_classes(seed: int, rows: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, rows)
    labels[:classes] = np.arange(classes)
    return rng.dirichlet(np.ones(classes), rows), labels


binary = st.builds(two_classes, st.integers(0, 10**6), st.integers(2, 200), st.integers(3, 50))
multi = st.builds(many_classes, st.integers(0, 10**6), st.integers(8, 200), st.integers(3, 8))


@given(binary)
def test_two_classes(case):
    p, y = case
    hard = (p > 0.5).astype(int)
    assert metrics.accuracy(p, y) == pytest.approx(sk.accuracy_score(y, hard))
    assert metrics.balanced_accuracy(p, y) == pytest.approx(sk.balanced_accuracy_score(y, hard))
    assert metrics.precision(p, y) == pytest.approx(sk.precision_score(y, hard, zero_division=0))
    assert metrics.recall(p, y) == pytest.approx(sk.recall_score(y, hard))
    assert metrics.f1(p, y) == pytest.approx(sk.f1_score(y, hard))
    assert metrics.precision(p, y, "macro") == pytest.approx(
        sk.precision_score(y, hard, average="macro", zero_division=0)
    )
    assert metrics.roc_auc(p, y) == pytest.approx(sk.roc_auc_score(y, p), abs=1e-12)
    assert metrics.average_precision(p, y) == pytest.approx(sk.average_precision_score(y, p), abs=1e-12)
    assert metrics.log_loss(p, y) == pytest.approx(sk.log_loss(y, p))
    assert metrics.brier(p, y) == pytest.approx(sk.brier_score_loss(y, p))
    np.testing.assert_array_equal(metrics.confusion_matrix(p, y), sk.confusion_matrix(y, hard, labels=[0, 1]))


@given(binary)
def test_one_column_or_two_say_the_same(case):
    p, y = case
    both = np.stack([1 - p, p], axis=1)
    for metric in [*metrics.for_task("binary"), metrics.LogLoss(), metrics.Brier(), metrics.BalancedAccuracy()]:
        assert metric(p, y) == pytest.approx(metric(both, y), abs=1e-12), metric


@given(multi)
def test_many_classes(case):
    p, y = case
    hard = p.argmax(axis=1)
    assert metrics.accuracy(p, y) == pytest.approx(sk.accuracy_score(y, hard))
    assert metrics.balanced_accuracy(p, y) == pytest.approx(sk.balanced_accuracy_score(y, hard))
    for ours, theirs in [
        (metrics.precision, sk.precision_score),
        (metrics.recall, sk.recall_score),
        (metrics.f1, sk.f1_score),
    ]:
        assert ours(p, y) == pytest.approx(theirs(y, hard, average="macro", zero_division=0))
        assert ours(hard, y, "macro") == pytest.approx(theirs(y, hard, average="macro", zero_division=0))
    assert metrics.roc_auc(p, y) == pytest.approx(sk.roc_auc_score(y, p, multi_class="ovr"), abs=1e-12)
    each = np.eye(p.shape[1])[y]
    assert metrics.average_precision(p, y) == pytest.approx(
        sk.average_precision_score(each, p, average="macro"), abs=1e-12
    )
    assert metrics.log_loss(p, y) == pytest.approx(sk.log_loss(y, p))
    assert metrics.brier(p, y) == pytest.approx(np.square(p - each).sum(axis=1).mean())
    assert metrics.top_k_accuracy(p, y, 2) == pytest.approx(sk.top_k_accuracy_score(y, p, k=2))
    np.testing.assert_array_equal(metrics.confusion_matrix(p, y), sk.confusion_matrix(y, hard))


@given(st.integers(0, 10**6), st.integers(2, 100), st.sampled_from([(), (3,)]))
def test_numbers(seed, rows, more):
    rng = np.random.default_rng(seed)
    p, y = rng.normal(size=(2, rows, *more))
    assert metrics.mse(p, y) == pytest.approx(sk.mean_squared_error(y, p))
    assert metrics.mae(p, y) == pytest.approx(sk.mean_absolute_error(y, p))
    assert metrics.r2(p, y) == pytest.approx(sk.r2_score(y, p))
    if not more:
        assert metrics.rmse(p, y) == pytest.approx(sk.root_mean_squared_error(y, p))


def test_r2_of_a_constant_target():
    same = np.ones(5)
    assert metrics.r2(same, same) == sk.r2_score(same, same) == 1.0
    assert metrics.r2(same + 1, same) == sk.r2_score(same, same + 1) == 0.0


def test_equal_scores_everywhere():
    y = [0, 1, 0, 1, 1]
    assert metrics.roc_auc([0.3] * 5, y) == 0.5
    assert metrics.average_precision([0.3] * 5, y) == pytest.approx(0.6)


@given(multi, st.integers(1, 20))
def test_calibration_error_bin_by_bin(case, bins):
    p, y = case
    confidence, right = p.max(axis=1), p.argmax(axis=1) == y
    expected = 0.0
    for b in range(bins):
        inside = (confidence > b / bins) & (confidence <= (b + 1) / bins)
        if inside.any():
            expected += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    assert metrics.expected_calibration_error(p, y, bins) == pytest.approx(expected, abs=1e-9)
