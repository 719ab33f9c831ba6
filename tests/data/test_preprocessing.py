"""The fitted preprocessing: saved and loaded as JSON, applied to tables and arrays of later days."""

from __future__ import annotations

import datetime as dt
import json
import os
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule import data, errors

numbers = st.none() | st.floats(-1e300, 1e300) | st.integers(-(2**60), 2**60)
words = st.none() | st.text(max_size=5) | st.sampled_from(["a", "b", "c", "a.", "?", "NA"])
dates = st.none() | st.dates(dt.date(1900, 1, 1), dt.date(2100, 1, 1))


def column(values: st.SearchStrategy, rows: int) -> st.SearchStrategy:
    return st.lists(values, min_size=rows, max_size=rows)


@st.composite
def tables(draw) -> tuple[dict[str, list[Any]], str]:
    """A table of random columns and the name of its target, which has two classes or is a number."""
    rows = draw(st.integers(8, 40))
    kinds = draw(st.lists(st.sampled_from([numbers, words, dates, st.booleans() | st.none()]), min_size=1, max_size=4))
    table = {f"c{i}": draw(column(kind, rows)) for i, kind in enumerate(kinds)}
    table["sure"] = [0.5 * (i * 7 % 11) for i in range(rows)]
    classes = draw(st.booleans())
    table["goal"] = [("no", "yes")[i % 2] for i in range(rows)] if classes else [float(i**2) for i in range(rows)]
    return table, "goal"


@given(tables(), st.integers(0, 99))
@settings(max_examples=80)
def test_through_json_and_back_is_the_same(case, seed):
    table, target = case
    try:
        prepared = data.prepare(table, target=target, seed=seed)
    except errors.ChainruleError:
        return  # some random tables are rightly refused
    fitted = prepared.preprocessing
    again = data.Preprocessing.from_dict(json.loads(json.dumps(fitted.to_dict(), allow_nan=False)))
    assert again.to_dict() == fitted.to_dict()
    assert again.input_description == fitted.input_description
    first, said = fitted.transform(table, has_target=True)
    second, said_again = again.transform(dict(reversed(table.items())), has_target=True)
    assert said == said_again
    for a, b in zip(first.inputs, second.inputs, strict=True):
        np.testing.assert_array_equal(a, b)
        assert np.isfinite(a).all()
    np.testing.assert_array_equal(first.target, second.target)


@given(tables(), tables())
@settings(max_examples=60)
def test_any_later_table_is_transformed_or_refused_in_words(case, other):
    try:
        fitted = data.prepare(*case[:1], target=case[1], validation=0, test_fraction=0).preprocessing
    except errors.ChainruleError:
        return
    try:
        dataset, _ = fitted.transform(other[0])
    except errors.ChainruleError:
        return
    described = fitted.input_description
    assert dataset.inputs[0].shape == (len(dataset), described["numeric"])
    assert np.isfinite(dataset.inputs[0]).all()
    for codes, cardinality in zip(
        dataset.inputs[1].T if len(dataset.inputs) > 1 else [], described["categories"], strict=True
    ):
        assert ((codes >= 0) & (codes < cardinality)).all()


@pytest.fixture
def fitted(tmp_path) -> data.Preprocessing:
    """Of a table of two numbers, a category and a target, saved and loaded."""
    n = 120
    table = {
        "age": [None if i % 10 == 0 else 20.0 + i % 50 for i in range(n)],
        "job": [["clerk", "baker", "smith"][i % 3] for i in range(n)],
        "hours": [float(i * 7 % 40) for i in range(n)],
        "income": ["<=50K" if i % 4 else ">50K" for i in range(n)],
    }
    data.prepare(table).preprocessing.save(tmp_path / "preprocessing.json")
    return data.Preprocessing.load(tmp_path / "preprocessing.json")


def test_a_new_file_with_everything_different(fitted, tmp_path):
    path = tmp_path / "new.csv"
    path.write_text("extra,hours,job,age\nx,5,pilot,30\ny,,clerk,?\nz,7000,,41\n")
    dataset, messages = fitted.transform(path)
    assert dataset.target is None
    assert dataset.task == "binary"
    assert dataset.inputs[1][:, 0].tolist()[0] == 0
    text = "\n".join(messages)
    assert "columns that training did not have are ignored: extra" in text
    assert "'job': 1 value unknown from training ('pilot'), taken as unknown" in text
    assert "'job': 1 value missing as never in training, taken as unknown" in text
    assert "'hours': 1 value missing, replaced by the training median" in text
    assert "'hours': 1 value far outside the training range" in text
    assert "'age': 1 value missing" in text


def test_columns_are_found_by_name(fitted):
    table = {"age": [30.0, None], "job": ["clerk", "smith"], "hours": [1.0, 2.0]}
    a, _ = fitted.transform(table)
    b, _ = fitted.transform(dict(reversed(table.items())))
    c, messages = fitted.transform({name.upper(): values for name, values in table.items()})
    for other in (b, c):
        for x, y in zip(a.inputs, other.inputs, strict=True):
            np.testing.assert_array_equal(x, y)
    assert any("'AGE' is taken as 'age'" in message for message in messages)


def test_a_missing_column_is_named(fitted):
    with pytest.raises(errors.DataError, match=r"no column 'hours'.*Did you mean 'hour'") as caught:
        fitted.transform({"age": [30.0], "job": ["clerk"], "hour": [1.0]})
    assert "add the column" in str(caught.value)


def test_a_file_without_a_header_is_taken_by_position(fitted, tmp_path):
    path = tmp_path / "new.csv"
    path.write_text("30,clerk,5\n,smith,6\n")
    dataset, messages = fitted.transform(path)
    want, _ = fitted.transform({"age": [30.0, None], "job": ["clerk", "smith"], "hours": [5.0, 6.0]})
    np.testing.assert_array_equal(dataset.inputs[0], want.inputs[0])
    assert any("no header, so its 3 columns are taken in the order" in message for message in messages)
    path.write_text("30,clerk\n40,smith\n")
    with pytest.raises(errors.DataError, match="no header and 2 columns, where the training table had 4"):
        fitted.transform(path)


def test_a_header_of_words_is_known_by_the_training_names(tmp_path):
    table = {"a": ["x", "y", "z"] * 20, "b": ["u", "v"] * 30, "y": ["no", "yes"] * 30}
    fitted = data.prepare(table, types={"b": "category"}).preprocessing
    path = tmp_path / "new.csv"
    path.write_text("b,a\nu,x\n")
    assert len(fitted.transform(path)[0]) == 1


def test_labels_that_differ_by_a_full_stop_are_matched_and_told(fitted):
    table = {"age": [30.0] * 3, "job": ["clerk"] * 3, "hours": [1.0] * 3, "income": [" <=50K.", ">50K.", ">50k"]}
    dataset, messages = fitted.transform(table, has_target=True)
    assert dataset.target is not None
    assert dataset.target.tolist() == [0, 1, 1]
    assert any("'>50K.' is taken as the class '>50K'" in message for message in messages)


def test_unknown_labels_name_the_row(fitted):
    table = {"age": [30.0] * 2, "job": ["clerk"] * 2, "hours": [1.0] * 2, "income": [">50K", "rich"]}
    with pytest.raises(errors.LabelError, match="target 'rich' in row 1 is none of the classes"):
        fitted.transform(table)
    assert fitted.transform(table, has_target=False)[0].target is None


def test_a_target_that_must_be_there(fitted):
    with pytest.raises(errors.DataError, match="no target column 'income'"):
        fitted.transform({"age": [30.0], "job": ["clerk"], "hours": [1.0]}, has_target=True)


def test_words_where_numbers_were(fitted, tmp_path):
    path = tmp_path / "new.csv"
    path.write_text("age,job,hours\n30,clerk,5\n40,clerk,many\n")
    with pytest.raises(errors.DataError, match="'hours' holds numbers, but 'many' in line 3 is none"):
        fitted.transform(path)
    with pytest.raises(errors.DataError, match="held numbers in training and holds Date"):
        fitted.transform({"age": [dt.date(2020, 1, 1)], "job": ["clerk"], "hours": [1.0]})


def test_another_kind_of_data(fitted):
    with pytest.raises(errors.DataError, match="holds arrays"):
        fitted.transform((np.zeros((3, 2)), [0, 1, 0]))
    images = data.prepare("digits").preprocessing
    with pytest.raises(errors.DataError, match="is a table"):
        images.transform({"a": [1], "b": [2]})
    with pytest.raises(errors.ShapeError, match=r"\(2, 9, 9, 1\).*\(N, 8, 8, 1\)"):
        images.transform(np.zeros((2, 9, 9, 1)))


def test_predictions_in_the_words_of_the_data(fitted):
    assert fitted.decode([0.2, 0.8]) == ["<=50K", ">50K"]
    digits = data.prepare("digits").preprocessing
    assert digits.decode(np.eye(10)[[3, 7]]) == ["3", "7"]
    with pytest.raises(errors.ShapeError, match="10 classes"):
        digits.decode([0.5, 0.5])
    sine = data.prepare("sine").preprocessing
    assert sine.target is not None
    assert sine.decode([0.0])[0] == pytest.approx(sine.target.mean)


def test_arrays_through_json_and_back():
    rng = np.random.default_rng(0)
    for x in (rng.normal(size=(60, 3)), rng.normal(size=(60, 5, 2)), rng.integers(0, 256, (60, 4, 4, 3), np.uint8)):
        prepared = data.prepare((x, rng.integers(0, 3, 60)))
        again = data.Preprocessing.from_dict(json.loads(json.dumps(prepared.preprocessing.to_dict())))
        one, _ = prepared.preprocessing.transform(x)
        two, _ = again.transform(x)
        np.testing.assert_array_equal(one.inputs[0], two.inputs[0])
        assert again.input_description == prepared.preprocessing.input_description


def test_saving_replaces_the_whole_file_or_nothing(fitted, tmp_path):
    path = tmp_path / "p.json"
    path.write_text("old")
    fitted.save(path)
    assert data.Preprocessing.load(path).to_dict() == fitted.to_dict()
    assert [p.name for p in tmp_path.glob("p.json*")] == ["p.json"]
    with pytest.raises(errors.RunError, match="cannot be written"):
        fitted.save(tmp_path / "no" / "p.json")
    if os.geteuid() != 0:
        tmp_path.chmod(0o500)
        with pytest.raises(errors.RunError, match="cannot be written"):
            fitted.save(path)
        tmp_path.chmod(0o700)


def test_damaged_files_are_refused(fitted, tmp_path):
    path = tmp_path / "p.json"
    fitted.save(path)
    whole = path.read_bytes()
    for content in (
        whole[: len(whole) // 2],
        b"",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"format": 99, "kind": "table"}',
    ):
        path.write_bytes(content)
        with pytest.raises(errors.DataError, match=r"p\.json|format"):
            data.Preprocessing.load(path)
    with pytest.raises(errors.DataError, match="no file"):
        data.Preprocessing.load(tmp_path / "q.json")


junk = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.just([]) | st.just({})


@given(st.data())
@settings(max_examples=150)
def test_any_changed_value_is_refused_or_works(choice):
    """Replace or remove any value in the saved state: only chainrule errors, at once or in use."""
    table = {
        "age": [None if i % 10 == 0 else 20.0 + i % 50 for i in range(60)],
        "job": [["clerk", "baker", "smith"][i % 3] for i in range(60)],
        "day": [dt.date(2024, 1, 1) + dt.timedelta(days=i) for i in range(60)],
        "y": ["no", "yes"] * 30,
    }
    state = json.loads(json.dumps(data.prepare(table).preprocessing.to_dict()))
    spot: Any = state
    while True:
        keys = sorted(spot) if isinstance(spot, dict) else list(range(len(spot)))
        key = choice.draw(st.sampled_from(keys))
        inner = spot[key]
        if not (isinstance(inner, (dict, list)) and inner and choice.draw(st.booleans())):
            break
        spot = inner
    if choice.draw(st.booleans()):
        spot[key] = choice.draw(junk)
    else:
        del spot[key]
    try:
        fitted = data.Preprocessing.from_dict(state)
        fitted.transform(pl.DataFrame(table).head(3))
    except errors.ChainruleError:
        pass
