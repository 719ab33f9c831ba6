"""What metrics promise beside their value: names, directions, and errors that say what to do."""

from __future__ import annotations

import math

import numpy as np
import pytest

from chainrule import errors, metrics

EVERY = [metrics.by_name(name) for name in metrics.names()] + [metrics.TopKAccuracy(3), metrics.F1(average="macro")]


@pytest.mark.parametrize("metric", EVERY, ids=lambda m: m.name)
def test_a_metric_knows_its_name_and_comes_back_by_it(metric):
    again = metrics.by_name(metric.name)
    assert type(again) is type(metric)
    assert again.name == metric.name
    assert isinstance(metric.unit, str)
    assert isinstance(metric.higher_is_better, bool)


@pytest.mark.parametrize("metric", EVERY, ids=lambda m: m.name)
def test_nan_predictions_score_nan(metric):
    assert math.isnan(metric(np.full(4, np.nan), np.array([0, 1, 1, 0])))


@pytest.mark.parametrize("metric", EVERY, ids=lambda m: m.name)
def test_no_rows_score_nan(metric):
    assert math.isnan(metric(np.zeros(0), np.zeros(0, np.int64)))


@pytest.mark.parametrize("metric", [m for m in EVERY if "top_" not in m.name], ids=lambda m: m.name)
def test_better_predictions_score_better(metric):
    y = np.array([0, 1, 0, 1, 1, 0])
    good, bad = np.where(y == 1, 0.9, 0.1), np.where(y == 1, 0.2, 0.7)
    assert (metric(good, y) > metric(bad, y)) == metric.higher_is_better


@pytest.mark.parametrize("metric", EVERY, ids=lambda m: m.name)
def test_a_column_against_a_row_is_refused(metric):
    with pytest.raises(errors.ShapeError, match=r"\(4, 1\)"):
        metric(np.zeros((4, 1)), np.array([0, 1, 1, 0]))


@pytest.mark.parametrize("metric", EVERY, ids=lambda m: m.name)
def test_different_lengths_are_refused(metric):
    with pytest.raises(errors.ShapeError, match=r"\(4,\).*\(3,\)"):
        metric(np.full(4, 0.5), np.array([0, 1, 1]))


def test_labels_out_of_range_name_the_row():
    with pytest.raises(errors.LabelError, match="label 3 is out of range") as caught:
        metrics.accuracy(np.eye(3)[[0, 1]], [0, 3])
    assert "row 1" in str(caught.value)


def test_labels_that_are_no_whole_numbers():
    with pytest.raises(errors.LabelError, match="whole numbers"):
        metrics.accuracy([0.5, 0.5], [0.0, 0.5])
    with pytest.raises(errors.LabelError, match="whole numbers"):
        metrics.roc_auc([0.5, 0.5], [0.0, np.nan])


def test_text_is_refused():
    with pytest.raises(errors.DtypeError, match="expected numbers"):
        metrics.accuracy(["yes", "no"], [0, 1])


@pytest.mark.parametrize("score", [metrics.log_loss, metrics.brier, metrics.expected_calibration_error])
def test_raw_outputs_are_no_probabilities(score):
    with pytest.raises(errors.DataError, match="no probability"):
        score([[3.0, -1.0]], [0])
    with pytest.raises(errors.DataError, match="sums to"):
        score([[0.5, 0.1]], [0])


def test_one_class_has_no_area():
    assert math.isnan(metrics.roc_auc([0.1, 0.9], [1, 1]))
    assert math.isnan(metrics.average_precision([0.1, 0.9], [0, 0]))


def test_unknown_names_suggest_the_nearest():
    with pytest.raises(errors.ConfigError, match="Did you mean 'accuracy'"):
        metrics.by_name("acuracy")
    with pytest.raises(errors.ConfigError, match="task"):
        metrics.for_task("ranking")


def test_confusion_matrix_with_a_given_number_of_classes():
    assert metrics.confusion_matrix([0, 1], [0, 1], classes=4).shape == (4, 4)
    with pytest.raises(errors.LabelError, match="out of range"):
        metrics.confusion_matrix([0, 5], [0, 1], classes=4)


def test_inputs_are_left_alone():
    p, y = np.array([0.2, 0.7, 0.9]), np.array([0, 1, 0])
    kept = p.copy(), y.copy()
    for metric in EVERY:
        metric(p, y)
    np.testing.assert_array_equal(p, kept[0])
    np.testing.assert_array_equal(y, kept[1])
