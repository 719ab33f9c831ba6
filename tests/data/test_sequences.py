"""Sequences of several lengths: from arrays with lengths and from long tables, split as wholes, padding that counts for
nothing, and what is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule import data
from chainrule.errors import ChainruleError, ConfigError, DataError

GARBAGE = st.sampled_from([0.0, 1e30, -7.5, np.nan, np.inf])


def arrays(seed: int = 0, count: int = 40, longest: int = 7, channels: int = 2) -> dict[str, Any]:
    draw = np.random.default_rng(seed)
    lengths = draw.integers(1, longest + 1, count)
    lengths[0] = longest
    x = draw.normal(3.0, 5.0, (count, longest, channels)).round(3)
    return {"x": x, "lengths": lengths, "y": np.arange(count) % 3}


def filled(found: dict[str, Any], garbage: float, more: int = 0) -> dict[str, Any]:
    """The same sequences with something else behind their ends, and more of it."""
    x = np.pad(found["x"], ((0, 0), (0, more), (0, 0)))
    x[np.arange(x.shape[1]) >= found["lengths"][:, None]] = garbage
    return found | {"x": x}


def long_table(found: dict[str, Any]) -> pl.DataFrame:
    """The same sequences with a row for each step."""
    rows = [
        (f"walk {i}", step, *found["x"][i, step], "abc"[found["y"][i]])
        for i, length in enumerate(found["lengths"])
        for step in range(length)
    ]
    return pl.DataFrame(rows, schema=["walk", "step", "left", "right", "person"], orient="row")


def same(one: Any, other: Any) -> bool:
    pairs = zip(one.arrays, other.arrays, strict=True)
    return all(np.array_equal(a, b) and a.dtype == b.dtype for a, b in pairs)


def parts(prepared: data.Prepared) -> list[Any]:
    return [prepared.train, prepared.validation, prepared.test]


@given(st.integers(0, 5), GARBAGE, st.integers(0, 4))
def test_padding_counts_for_nothing(seed: int, garbage: float, more: int) -> None:
    found = arrays(seed)
    plain, spoiled = data.prepare(found), data.prepare(filled(found, garbage, more))
    assert plain.preprocessing.to_dict() == spoiled.preprocessing.to_dict()
    assert all(same(a, b) for a, b in zip(parts(plain), parts(spoiled), strict=True))
    assert plain.messages == spoiled.messages


def test_mean_and_deviation_are_those_of_the_steps_to_train_on() -> None:
    found = arrays()
    prepared = data.prepare(filled(found, 1e9))
    rows = [int(np.flatnonzero((found["x"][:, 0] == first).all(axis=1))[0]) for first in _restored(prepared)[:, 0]]
    steps = np.concatenate([found["x"][row, : found["lengths"][row]] for row in rows])
    fitted = prepared.preprocessing.to_dict()
    np.testing.assert_allclose(fitted["mean"], steps.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(fitted["deviation"], steps.std(axis=0), rtol=1e-12)
    inputs, lengths = prepared.train.inputs
    assert inputs.dtype == np.float32 and lengths.dtype == np.int32
    assert lengths.tolist() == found["lengths"][rows].tolist()
    assert (inputs[np.arange(7) >= lengths[:, None]] == 0).all()


def _restored(prepared: data.Prepared) -> np.ndarray:
    fitted = prepared.preprocessing.to_dict()
    return (prepared.train.inputs[0] * fitted["deviation"] + fitted["mean"]).round(3)


@given(st.integers(0, 5), st.booleans())
def test_a_long_table_is_the_same_as_arrays(seed: int, shuffled: bool) -> None:
    found = arrays(seed)
    table = long_table(found)
    if shuffled:  # time puts the steps in order, wherever the rows are
        table = table.sample(fraction=1.0, shuffle=True, seed=seed)
        names = table["walk"].unique(maintain_order=True).str.slice(5).cast(pl.Int64).to_numpy()
        found = {name: values[names] for name, values in found.items()}
    one, other = data.prepare(found), data.prepare(table, sequence="walk", time="step", target="person")
    assert all(np.array_equal(a.inputs[0], b.inputs[0]) for a, b in zip(parts(one), parts(other), strict=True))
    assert all(np.array_equal(a.target, b.target) for a, b in zip(parts(one), parts(other), strict=True))
    names = np.concatenate([part.names for part in parts(other)])
    assert sorted(names) == sorted(table["walk"].unique())  # each sequence is in one part, and whole


def test_without_a_time_the_rows_are_taken_as_they_come() -> None:
    table = {"id": [7, 8, 7, 8, 7] * 4, "v": np.arange(20.0), "y": [0, 1, 0, 1, 0] * 4}
    found = data.load(table, sequence="id")
    assert found.kind == "sequence" and found.target == "y"
    part: Any = found.train
    assert part.keys == ["7", "8"] and part.lengths.tolist() == [12, 8]
    assert part.inputs[1, :3, 0].tolist() == [1, 3, 6]
    assert found.describe()["lengths"] == [8, 12]


def test_the_target_is_looked_for_among_columns_that_are_constant_in_each_sequence() -> None:
    table = long_table(arrays()).select("person", "walk", "step", "left", "right")
    prepared = data.prepare(table, sequence="walk")
    assert prepared.preprocessing.target is not None
    assert prepared.preprocessing.target.name == "person"
    assert prepared.train.classes == ["a", "b", "c"]
    assert prepared.summary["unit"] == "sequences"
    assert any(m.startswith("columns: 3 numbers at each step: step, left, right") for m in prepared.messages)


def test_numbers_and_truths_are_channels_and_what_says_nothing_or_the_answer_is_left_out() -> None:
    table = long_table(arrays()).with_columns(
        pl.lit(4).alias("same"),
        pl.col("person").replace_strict({"a": 5.5, "b": 1.0, "c": 9.0}).alias("answer"),
        (pl.col("left") > 0).alias("up"),
        pl.lit("words").alias("note"),
    )
    prepared = data.prepare(table, sequence="walk", target="person", types={"step": "drop", "note": "drop"})
    fitted = prepared.preprocessing
    assert isinstance(fitted, data.SequencePreprocessing) and fitted.table is not None
    assert [c.name for c in fitted.table.channels] == ["left", "right", "up"]
    assert [(c["name"], c["kind"]) for c in prepared.summary["columns"]] == [
        ("left", "number"), ("right", "number"), ("up", "boolean")
    ]  # fmt: skip
    said = " ".join(prepared.messages)
    assert "'same' is left out (constant)" in said and "'answer' is left out (answer)" in said


def test_a_number_as_target() -> None:
    found = arrays() | {"y": np.linspace(5.0, 9.0, 40)}
    prepared = data.prepare(found)
    assert prepared.train.task == "regression"
    table = long_table(arrays()).with_columns(pl.col("walk").str.slice(5).cast(pl.Float64).alias("person") * 1.5)
    prepared = data.prepare(table, sequence="walk", target="person", task="regression")
    assert prepared.preprocessing.target is not None
    back = prepared.train.restore(prepared.train.target)
    assert back == pytest.approx([float(name[5:]) * 1.5 for name in prepared.train.names], abs=1e-5)


@pytest.mark.parametrize("from_table", [False, True])
def test_what_was_fitted_is_saved_and_takes_new_sequences(from_table: bool) -> None:
    found = arrays()
    source: Any = long_table(found) if from_table else found
    options: dict[str, Any] = {"sequence": "walk", "time": "step"} if from_table else {}
    prepared = data.prepare(source, **options)
    again = data.Preprocessing.from_dict(prepared.preprocessing.to_dict())
    assert again.to_dict() == prepared.preprocessing.to_dict()
    assert again.input_description == {"kind": "sequence", "shape": [7, 2], "outputs": 3}
    short = {name: values[3:9] for name, values in found.items()}
    dataset, _ = again.transform(long_table(short) if from_table else short, has_target=True)
    assert dataset.inputs[0].shape == (6, 7, 2)  # always as long as in training: one program for all
    blind: Any = long_table(short).drop("person").reverse() if from_table else short["x"]
    dataset, _ = again.transform(blind, has_target=False)
    assert dataset.target is None
    assert len(dataset) == 6
    if from_table:
        assert sorted(dataset.names) == [f"walk {i}" for i in range(6)]
        assert dataset[[2, 0]].names.tolist() == [dataset.names[2], dataset.names[0]]
    else:
        assert dataset.inputs[1].tolist() == [7] * 6


def test_longer_sequences_than_in_training_are_told() -> None:
    prepared = data.prepare(arrays())
    dataset, messages = prepared.preprocessing.transform(arrays(longest=9, count=5))
    assert dataset.inputs[0].shape == (5, 9, 2)
    assert "sequence 0 (counting from 0) has 9 steps, more than the 7 of the longest in training" in " ".join(messages)


def test_a_test_part_of_longer_sequences_has_room() -> None:
    train, test = arrays(), arrays(1, count=6, longest=9)
    both = {f"{name}_train": v for name, v in train.items()} | {f"{name}_test": v for name, v in test.items()}
    for prepared in (
        data.prepare(both),
        data.prepare(train, test=test),
        data.prepare(long_table(train), sequence="walk", time="step", test=long_table(test)),
    ):
        assert prepared.preprocessing.input_description["shape"] == [9, 2]
        assert prepared.train.inputs[0].shape[1] == prepared.test.inputs[0].shape[1] == 9
        assert len(prepared.test) == 6


def test_a_single_number_at_each_step_needs_no_axis() -> None:
    found = arrays(channels=1)
    flat = found | {"x": found["x"][..., 0]}
    assert same(data.prepare(found).train, data.prepare(flat).train)
    wide = found | {"lengths": found["lengths"][:, None].astype(np.float64)}
    assert same(data.prepare(found).train, data.prepare(wide).train)


def test_sequences_without_a_target_are_left_out_and_a_target_in_one_row_is_enough() -> None:
    table = long_table(arrays()).with_columns(
        pl.when(pl.col("walk").is_in(["walk 3", "walk 4"])).then(None).otherwise(pl.col("person")).alias("person"),
    )
    table = table.with_columns(pl.when(pl.col("step") == 0).then(pl.col("person")).alias("person"))
    prepared = data.prepare(table, sequence="walk", time="step", target="person")
    assert sum(len(part) for part in parts(prepared)) == 38
    assert any("without a target were left out: 'walk 3', 'walk 4'" in m for m in prepared.messages)


def test_words_of_tables_in_text_files(tmp_path: Path) -> None:
    path = tmp_path / "walks.csv"
    long_table(arrays()).write_csv(path, separator=";")
    prepared = data.prepare(path, sequence="walk", time="step")
    frame = data.prepare(long_table(arrays()), sequence="walk", time="step")
    assert same(prepared.train, frame.train)
    again = data.Preprocessing.from_dict(prepared.preprocessing.to_dict())
    dataset, _ = again.transform(path, has_target=True)
    assert len(dataset) == 40


def test_decimal_commas_and_files_without_names_of_columns(tmp_path: Path) -> None:
    table = long_table(arrays())
    frame = data.prepare(table, sequence="walk", time="step")
    path = tmp_path / "walks.csv"
    path.write_text(table.write_csv(separator=";").replace(".", ","))
    commas = data.prepare(path, sequence="walk", time="step")
    assert same(commas.train, frame.train)
    assert same(commas.preprocessing.transform(path)[0], frame.preprocessing.transform(table)[0])
    table.write_csv(path, include_header=False)
    nameless = data.prepare(path, sequence="column_1", time="column_2")
    assert same(nameless.train, frame.train)
    table.drop("person").write_csv(path, include_header=False)
    dataset, _ = nameless.preprocessing.transform(path, has_target=False)
    assert np.array_equal(dataset.inputs[0], frame.preprocessing.transform(table)[0].inputs[0])


# -- what is refused ---------------------------------------------------------------------------------------------------


def changed(**entries: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def change(found: dict[str, Any]) -> dict[str, Any]:
        return found | {name: make(found[name].copy()) for name, make in entries.items()}

    return change


def put(place: Any, value: float) -> Callable[[np.ndarray], np.ndarray]:
    def change(values: np.ndarray) -> np.ndarray:
        values[place] = value
        return values

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (changed(lengths=put(5, 0)), ("length of sequence 5", "is 0", "from 1 to 7")),
        (changed(lengths=put(5, 8)), ("length of sequence 5", "is 8", "from 1 to 7")),
        (changed(lengths=put(5, -1)), ("is -1",)),
        (changed(lengths=lambda n: n + 0.5), ("whole number", "40 such")),
        (changed(lengths=lambda n: n[:-2]), ("(38,)", "40 sequences", "(40,)")),
        (changed(lengths=lambda n: n.astype(str)), ("expected whole numbers",)),
        (changed(x=put((0, 3, 1), np.nan)), ("step 3 of sequence 0", "not finite: nan", "row 0, at (3, 1)")),
        (changed(x=lambda x: x[..., None]), ("(40, 7, 2, 1)", "(N, T, C)")),
        (changed(x=lambda x: x.astype(str)), ("expected numbers",)),
        (changed(y=lambda y: y[:-1]), ("(39,)", "(40,)")),
    ],
)
def test_arrays_that_are_refused(change: Any, words: tuple[str, ...]) -> None:
    with pytest.raises(ChainruleError) as caught:
        data.prepare(change(arrays()))
    for word in words:
        assert word in str(caught.value), str(caught.value)
    assert caught.value.fix


def test_lengths_of_a_training_part_by_another_name() -> None:
    found = arrays()
    both = {"x_train": found["x"], "y_train": found["y"], "lengths": found["lengths"]}
    with pytest.raises(DataError, match="lengths_train"):
        data.prepare(both)


LINE = 30  # of the table below: the third step of walk 9


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("left", "", ("column 'left' is empty in line 30", "line 30, column 'left', sequence 'walk 9'", "'drop'")),
        ("left", "abc", ("'abc' in line 30 is none", "sequence 'walk 9'")),
        ("left", "inf", ("inf, which is not finite", "line 30, column 'left', sequence 'walk 9'")),
        ("walk", "", ("does not say to which sequence line 30 belongs",)),
        (
            "person",
            "zoe",
            ("sequence 'walk 9' has two targets: 'a' in line 28 and 'zoe' in line 30", "column 'person'"),
        ),
        ("step", "", ("column 'step' is empty", "line 30", "sequence 'walk 9'")),
        ("step", "0", ("two steps of one sequence are at the same time '0': lines 28, 30", "sequence 'walk 9'")),
    ],
)
def test_cells_that_are_refused(tmp_path: Path, column: str, value: str, words: tuple[str, ...]) -> None:
    table = long_table(arrays())
    place = table.columns.index(column)
    lines = table.write_csv().splitlines()
    cells = lines[LINE - 1].split(",")
    cells[place] = value
    lines[LINE - 1] = ",".join(cells)
    path = tmp_path / "walks.csv"
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError) as caught:
        data.prepare(path, sequence="walk", time="step", target="person")
    for word in ("walks.csv", *words):
        assert word in str(caught.value), str(caught.value)
    assert caught.value.fix


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"sequence": "row", "target": "person", "types": {"note": "drop", "walk": "drop"}}, DataError, "one step"),
        ({"sequence": "wakl"}, DataError, "no column 'wakl'. Did you mean 'walk'"),
        ({"sequence": "walk", "time": "stp"}, DataError, "no column 'stp'. Did you mean 'step'"),
        ({"sequence": "walk", "target": "persn"}, DataError, "no column 'persn'. Did you mean 'person'"),
        ({"sequence": "walk", "target": "walk"}, DataError, "'walk' cannot be two of"),
        (
            {"sequence": "walk", "time": "step", "target": "left", "types": {"note": "drop", "person": "drop"}},
            DataError,
            "has two targets",
        ),
        ({"sequence": "walk", "time": "note", "target": "person"}, DataError, "which are no times"),
        ({"sequence": "walk", "time": "step", "target": "person"}, DataError, "'note' holds words such as 'slow'"),
        ({"sequence": "walk", "target": "person", "types": {"person": "drop"}}, ConfigError, "types names 'person'"),
        ({"sequence": "walk", "time": "step", "types": {"step": "date"}}, ConfigError, "types names 'step'"),
        ({"time": "step"}, ConfigError, "sequence='…' names it"),
        (
            {"sequence": "walk", "target": "person", "types": dict.fromkeys(("note", "left", "right", "step"), "drop")},
            DataError,
            "holds numbers to learn from",
        ),
    ],
)
def test_options_that_are_refused(options: dict[str, Any], error: type[ChainruleError], words: str) -> None:
    table = (
        long_table(arrays())
        .with_columns(pl.when(pl.col("step") % 2 == 0).then(pl.lit("slow")).otherwise(pl.lit("quick")).alias("note"))
        .with_row_index("row")
    )
    with pytest.raises(error) as caught:
        data.prepare(table, **options)
    assert words in str(caught.value), str(caught.value)


def test_dates_order_the_steps_and_are_no_channel() -> None:
    table = long_table(arrays()).with_columns(
        pl.concat_str(pl.lit("2024-01-0"), pl.col("step") + 1).alias("day"),
    )
    with pytest.raises(DataError, match=r"'day' holds dates such as .2024-01-01."):
        data.prepare(table, sequence="walk", target="person")
    by_day = data.prepare(table.drop("step").reverse(), sequence="walk", time="day", target="person")
    by_step = data.prepare(table.drop("day").reverse(), sequence="walk", time="step", target="person")
    assert same(by_day.train, by_step.train)


def test_lists_are_no_channel() -> None:
    table = long_table(arrays()).with_columns(pl.concat_list("left", "step").alias("both"))
    with pytest.raises(DataError, match=r"'both' holds lists such as '\[[-.\d]+, 0\.0\]', and the steps"):
        data.prepare(table, sequence="walk", target="person")


def test_new_data_that_are_refused() -> None:
    found = arrays()
    from_arrays = data.prepare(found).preprocessing
    from_table = data.prepare(long_table(found), sequence="walk", time="step").preprocessing
    for fitted, source, words in (
        (from_arrays, found | {"x": found["x"][..., :1]}, "are of 1 channel, and those of training were of 2"),
        (from_arrays, long_table(found), "holds no sequences as the training data did"),
        (from_table, found, "holds arrays, and the training data were sequences in a table"),
        (from_table, long_table(found).drop("left"), "no column 'left', which the sequences are made of"),
        (from_table, long_table(found).drop("person"), "no target column 'person'"),
        (data.prepare({"x": found["x"], "y": found["y"]}).preprocessing, found, "is sequences with lengths"),
        (data.prepare("digits").preprocessing, found, "is sequences with lengths"),
    ):
        with pytest.raises(ChainruleError) as caught:
            fitted.transform(source, has_target=True)
        assert words in str(caught.value), str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("shape", [7, 2, 2], "does not fit the channels"),
        ("shape", [7, 3], "3 channels"),
        ("table", 3, "expected names and values"),
        ("table", {"sequence": "walk", "time": None, "channels": []}, "are none"),
        ("reading", None, "'reading' is 'None'"),
    ],
)
def test_a_damaged_state(name: str, value: Any, words: str) -> None:
    state = data.prepare(long_table(arrays()), sequence="walk", time="step").preprocessing.to_dict()
    with pytest.raises(DataError) as caught:
        data.Preprocessing.from_dict(state | {name: value})
    assert words in str(caught.value), str(caught.value)
