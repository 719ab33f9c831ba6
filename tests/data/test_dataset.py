"""Dataset, splits and the bundled sets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule import data, errors


def test_wide_types_become_narrow():
    dataset = data.Dataset((np.zeros((3, 2)), np.zeros((3, 1), np.int64), np.zeros((3, 1), np.uint8)), [0, 1, 0])
    assert [str(part.dtype) for part in dataset.inputs] == ["float32", "int32", "uint8"]
    assert dataset.target is not None
    assert dataset.target.dtype == np.int32
    with pytest.raises(errors.DataError, match="beyond"):
        data.Dataset(np.array([[2**40]]))
    with pytest.raises(errors.NonFiniteError, match="row 0, column 0"):
        data.Dataset(np.array([[1e300]]))


@pytest.mark.parametrize(
    ("target", "task", "classes"),
    [
        ([0, 1, 1], "binary", 2),
        ([0, 2, 1], "classification", 3),
        ([True, False, True], "binary", 2),
        ([0.0, 1.0, 2.0], "regression", None),
        (None, None, None),
    ],
)
def test_the_task_follows_from_the_target(target, task, classes):
    dataset = data.Dataset(np.zeros((3, 2)), target)
    assert dataset.task == task
    assert (dataset.classes and len(dataset.classes)) == classes


def test_shapes_and_tasks_that_do_not_fit():
    with pytest.raises(errors.ShapeError, match="2 names for 3 rows"):
        data.Dataset(np.zeros((3, 2)), names=["a", "b"])
    with pytest.raises(errors.ShapeError, match="3 rows"):
        data.Dataset(np.zeros((3, 2)), [0, 1])
    with pytest.raises(errors.ShapeError, match="3, 4 rows"):
        data.Dataset((np.zeros((3, 2)), np.zeros((4, 2))))
    with pytest.raises(errors.ShapeError, match="single value"):
        data.Dataset(3.0)
    with pytest.raises(errors.ShapeError, match="argmax"):
        data.Dataset(np.zeros((3, 2)), np.eye(3, dtype=int))
    with pytest.raises(errors.LabelError, match="'binary' with 3 classes"):
        data.Dataset(np.zeros((3, 2)), [0, 1, 0], task="binary", classes=["a", "b", "c"])
    with pytest.raises(errors.ConfigError, match="task"):
        data.Dataset(np.zeros((3, 2)), [0, 1, 0], task="ranking")
    with pytest.raises(errors.DtypeError, match="prepare"):
        data.Dataset(np.zeros((3, 2)), ["a", "b", "a"])


def test_rows_are_chosen_as_from_an_array():
    dataset = data.Dataset(np.arange(10.0)[:, None], np.arange(10) % 2)
    assert dataset[3].inputs[0].tolist() == [[3.0]]
    assert dataset[2:4].inputs[0][:, 0].tolist() == [2.0, 3.0]
    assert dataset[[5, 1]].inputs[0][:, 0].tolist() == [5.0, 1.0]
    assert len(dataset[np.arange(10) > 6]) == 3
    assert len(dataset[[]]) == 0
    assert dataset[[5, 1]].classes == dataset.classes
    with pytest.raises(errors.ShapeError, match="10 rows"):
        dataset[[10]]


def test_batches_cover_every_row_once():
    dataset = data.Dataset(np.arange(10.0)[:, None])
    for seed in (None, 1):
        batches = list(dataset.batches(3, seed=seed))
        assert [len(batch) for batch in batches] == [3, 3, 3, 1]
        assert sorted(np.concatenate([b.inputs[0][:, 0] for b in batches])) == list(range(10))
    assert [len(b) for b in dataset.batches(3, drop_last=True)] == [3, 3, 3]
    assert [len(b) for b in dataset.batches(None)] == [10]
    first, again, other = (next(iter(dataset.batches(10, seed=s))).inputs[0].tolist() for s in (1, 1, 2))
    assert first == again != other
    with pytest.raises(errors.ConfigError, match="batch_size"):
        next(dataset.batches(0))


@given(st.integers(1, 300), st.floats(0, 0.5), st.floats(0, 0.45), st.integers(0, 99), st.integers(1, 5), st.booleans())
def test_splits_are_parts_in_proportion(count, first, second, seed, classes, stratify):
    labels = np.random.default_rng(seed).integers(0, classes, count) if stratify else None
    parts = data.split_rows(count, (first, second), labels=labels, seed=seed)
    assert sorted(np.concatenate(parts).tolist()) == list(range(count))
    for part, again in zip(parts, data.split_rows(count, (first, second), labels=labels, seed=seed), strict=True):
        np.testing.assert_array_equal(part, again)
    for part, share in zip(parts, (first, second), strict=False):
        if labels is None:
            assert abs(len(part) - share * count) <= 1
        else:
            for label in range(classes):
                assert abs((labels[part] == label).sum() - share * (labels == label).sum()) <= 1


def test_a_class_of_one_row_is_trained_on():
    labels = np.array([0] * 50 + [1])
    for seed in range(20):
        assert 50 in data.split_rows(51, (0.15, 0.15), labels=labels, seed=seed)[-1]


def test_the_bundled_digits_are_the_real_ones():
    digits = data.bundled("digits")
    sklearn = pytest.importorskip("sklearn.datasets")
    theirs = sklearn.load_digits()
    np.testing.assert_array_equal(digits.inputs[0][..., 0], theirs.images)
    np.testing.assert_array_equal(digits.target, theirs.target)


@pytest.mark.parametrize("name", data.bundled_names())
def test_bundled_sets_are_prepared_and_the_same_for_the_same_seed(name):
    prepared = data.prepare(name)
    assert prepared.validation is not None
    assert prepared.test is not None
    assert all(np.isfinite(part).all() for part in prepared.train.inputs)
    if name != "digits":
        first, again, other = (data.bundled(name, seed=seed).inputs[0] for seed in (1, 1, 2))
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first, other) or name == "xor"


def test_made_sets_are_what_their_names_say():
    corners = data.bundled("xor", samples=4, noise=0)
    assert corners.target is not None
    assert corners.target.tolist() == [0, 1, 1, 0]
    ring = data.bundled("circles", noise=0)
    radius = np.linalg.norm(ring.inputs[0], axis=1)
    np.testing.assert_allclose(radius, np.where(ring.target == 1, 0.5, 1.0), rtol=1e-5)
    bits = data.bundled("parity", bits=5)
    np.testing.assert_array_equal(bits.inputs[0].sum(axis=1) % 2, bits.target)
    for bad in ({"samples": 0}, {"noise": -1}, {"seed": -1}):
        with pytest.raises(errors.ConfigError, match=next(iter(bad))):
            data.bundled("two-moons", **bad)


def test_a_truth_table_is_trained_on_whole():
    prepared = data.prepare(data.bundled("xor", samples=4, noise=0), validation=0, test_fraction=0)
    assert len(prepared.train) == 4
    assert prepared.validation is None
    assert prepared.test is None
