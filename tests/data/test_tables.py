"""Tables: how columns are understood, and what is said about it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from chainrule import data


def said(messages: list[str], *words: str) -> bool:
    return any(all(word in message for word in words) for message in messages)


def kinds(prepared: data.Prepared) -> dict[str, str]:
    return {column["name"]: column["kind"] for column in prepared.summary["columns"]}


@pytest.fixture
def people() -> pl.DataFrame:
    """400 people with every kind of column."""
    rng = np.random.default_rng(0)
    n = 400
    age = rng.integers(18, 80, n).astype(float)
    job = rng.choice(["clerk", "baker", "smith"], n, p=[0.5, 0.3, 0.2])
    rich = (age + 20 * (job == "smith") + rng.normal(0, 8, n)) > 55
    return pl.DataFrame(
        {
            "person_id": rng.permutation(n) + 1000,
            "age": pl.Series([None if i % 9 == 0 else a for i, a in enumerate(age)]),
            "job": pl.Series([None if i % 11 == 0 else j for i, j in enumerate(job)]),
            "member": rng.choice([True, False], n),
            "smokes": rng.choice(["Yes", "no", ""], n),
            "gain": np.where(rng.random(n) < 0.1, np.exp(rng.normal(8, 1, n)), 0.0),
            "joined": [dt.date(2015, 1, 1) + dt.timedelta(days=int(d)) for d in rng.integers(0, 3000, n)],
            "seen": [dt.datetime(2023, 1, 1) + dt.timedelta(minutes=int(m)) for m in rng.integers(0, 500_000, n)],
            "token": [f"{i:05x}-{rng.integers(10**6)}" for i in range(n)],
            "note": [f"likes {rng.integers(10**6)} things" for _ in range(n)],
            "country": ["here"] * n,
            "tags": [[1, 2]] * n,
            "rich": np.where(rich, "yes", "no"),
        }
    )


def test_every_kind_of_column_is_recognised_and_told(people):
    prepared = data.prepare(people, target="rich")
    assert kinds(prepared) == {
        "person_id": "identifier",
        "age": "number",
        "job": "category",
        "member": "boolean",
        "smokes": "boolean",
        "gain": "number",
        "joined": "date",
        "seen": "date",
        "token": "identifier",
        "note": "text",
        "country": "constant",
        "tags": "nested",
    }
    messages = prepared.messages
    assert said(messages, "'age'", "missing", "training median")
    assert said(messages, "'job'", "missing", "category of its own")
    assert said(messages, "'gain'", "heavy-tailed", "logarithm")
    assert said(messages, "'joined'", "time, season, weekday")
    assert said(messages, "'seen'", "and hour")
    assert said(messages, "'note'", "left out (text)", "keeps it")
    assert said(messages, "'country'", "is always 'here'")
    assert said(messages, "'rich'", "2 classes", "binary")
    assert said(messages, "split", "280 rows to train on")


def test_numbers_are_standardised_on_the_training_rows(people):
    prepared = data.prepare(people, target="rich", types={"job": "drop"})
    numbers = prepared.train.inputs[0]
    names = prepared.train.input_names
    assert names is not None
    assert names[0] is not None
    assert names[0][:2] == ["age", "age is missing"]
    for column in ("age", "gain", "member", "joined time"):
        values = numbers[:, names[0].index(column)]
        assert abs(values.mean()) < 1e-5
        assert abs(values.std() - 1) < 1e-4
    assert np.isfinite(numbers).all()
    assert set(np.unique(numbers[:, 1])) == {0.0, 1.0}


def test_heavy_tails_are_drawn_in(people):
    prepared = data.prepare(people, target="rich")
    names = prepared.train.input_names
    assert names is not None
    assert names[0] is not None
    gain = prepared.train.inputs[0][:, names[0].index("gain")]
    assert np.abs(gain).max() < 7
    raw = people["gain"].to_numpy()
    assert (np.abs(raw - raw.mean()) / raw.std()).max() > 8


def test_category_codes(people):
    prepared = data.prepare(people, target="rich")
    fitted = prepared.preprocessing
    column = next(c for c in fitted.to_dict()["columns"] if c["name"] == "job")
    assert column["values"] == ["clerk", "baker", "smith"]  # the most frequent first
    new = people.head(5).with_columns(pl.Series("job", ["smith", "pilot", None, "clerk", "baker"]))
    dataset, messages = fitted.transform(new, has_target=False)
    assert dataset.inputs[1][:, 0].tolist() == [4, 0, 1, 2, 3]
    assert said(messages, "'job'", "unknown from training", "'pilot'")
    assert fitted.input_description["categories"] == [5]


def test_rare_categories_share_the_code_of_unknown_ones():
    words = ["a"] * 150 + ["b"] * 148 + ["c", "d"]
    prepared = data.prepare({"w": words, "y": [0, 1] * 150}, validation=0, test_fraction=0)
    assert prepared.preprocessing.input_description["categories"] == [3]
    assert said(prepared.messages, "'w'", "2 of 4 values occur less than 3 times")
    assert np.bincount(prepared.train.inputs[1][:, 0]).tolist() == [2, 150, 148]


def test_a_table_of_categories_alone_still_has_number_inputs_first():
    prepared = data.prepare({"w": ["a", "b", "c", "a"] * 10, "y": [0, 1] * 20}, target="y")
    assert prepared.train.inputs[0].shape == (28, 0)
    assert prepared.train.inputs[1].dtype == np.int32


def test_the_answer_and_copies_are_left_out():
    n = 60
    table = {
        "alive": ["yes", "no", "no"] * 20,
        "port": ["s", "q", "s", "c"] * 15,
        "town": ["Southampton", "Queenstown", "Southampton", "Cherbourg"] * 15,
        "age": (np.arange(n) * 7 % 50).astype(float),
        "survived": [1, 0, 0] * 20,
    }
    prepared = data.prepare(table)
    assert kinds(prepared)["alive"] == "answer"
    assert kinds(prepared)["town"] == "same"
    assert said(prepared.messages, "'alive'", "the answer and not a question")
    assert kinds(data.prepare(table, types={"alive": "boolean"}))["alive"] == "boolean"


@pytest.mark.parametrize(
    ("columns", "chosen"),
    [
        (["label", "pixel1", "pixel2"], "label"),
        (["survived", "pclass", "class", "age"], "survived"),
        (["a", "b", "Target", "c"], "Target"),
        (["class", "a", "b"], "class"),
        (["a", "class", "b"], "b"),
        (["a", "b", "c"], "c"),
    ],
)
def test_the_target_is_chosen_by_name_or_place(columns, chosen):
    table = {name: [0.0, 1.0, 1.0, 0.0, 0.5] * 8 for name in columns}
    assert data.load(table).target == chosen


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["a", "b"] * 30, "binary"),
        ([True, False] * 30, "binary"),
        ([0, 1] * 30, "binary"),
        ([0.0, 1.0] * 30, "binary"),
        (["a", "b", "c"] * 20, "classification"),
        ([3, 4, 5, 6, 7, 8] * 10, "classification"),
        (list(range(60)), "regression"),
        ([0.5, 1.5, 2.5] * 20, "regression"),
    ],
)
def test_the_task_is_inferred(values, task):
    prepared = data.prepare({"a": [float(i * 7 % 13) for i in range(60)], "y": values})
    assert prepared.summary["task"] == prepared.train.task == task
    assert said(prepared.messages, "target 'y'")


def test_the_task_can_be_overruled():
    table = {"a": [float(i * 7 % 13) for i in range(60)], "y": [3, 4, 5, 6, 7, 8] * 10}
    prepared = data.prepare(table, task="regression")
    assert prepared.train.target is not None
    assert prepared.train.target.dtype == np.float32
    assert abs(prepared.train.target.mean()) < 1e-6
    assert prepared.train.target_scale is not None
    restored = prepared.train.restore(prepared.train.target)
    assert sorted(set(np.round(restored, 4))) == [3, 4, 5, 6, 7, 8]
    assert data.prepare({**table, "y": [0.5, 1.5, 2.5] * 20}, task="classification").train.classes == [
        "0.5",
        "1.5",
        "2.5",
    ]


def test_classes_are_in_the_order_of_numbers():
    prepared = data.prepare({"a": [float(i) for i in range(120)], "y": [10, 9, 2, 1] * 30})
    assert prepared.train.classes == ["1", "2", "9", "10"]


def test_rows_without_a_target_are_left_out_and_told():
    y = [None if i % 10 == 3 else i % 2 for i in range(100)]
    prepared = data.prepare({"a": [i * 0.7 % 3 for i in range(100)], "y": y})
    assert sum(prepared.summary["rows"].values()) == 90
    assert said(prepared.messages, "10 rows without a target", "3, 13")


def test_dates_in_text(tmp_path):
    lines = [
        f"2024-{1 + i % 12:02d}-{1 + i % 28:02d},{1 + i % 28}/{1 + i % 12}/2023 {i % 24:02d}:15,"
        f"2024-01-{1 + i % 31:02d}T10:00:00Z,{i % 2}"
        for i in range(90)
    ]
    path = tmp_path / "t.csv"
    path.write_text("day,seen,zone,y\n" + "\n".join(lines) + "\n")
    prepared = data.prepare(path)
    assert kinds(prepared) == {"day": "date", "seen": "date", "zone": "date"}
    forms = [column["form"] for column in prepared.preprocessing.to_dict()["columns"]]
    assert forms == ["%Y-%m-%d", "%d/%m/%Y %H:%M", "%Y-%m-%dT%H:%M:%S%.fZ"]
    names = prepared.train.input_names
    assert names is not None
    assert names[0] is not None
    assert names[0][:5] == [
        "day time",
        "day season sine",
        "day season cosine",
        "day weekday sine",
        "day weekday cosine",
    ]
    assert "seen hour sine" in names[0]


def test_a_date_in_numbers():
    days = [dt.date(2024, 1, 1) + dt.timedelta(days=i) for i in range(70)]
    prepared = data.prepare({"day": days, "y": [i % 2 for i in range(70)]}, validation=0, test_fraction=0)
    x = prepared.train.inputs[0]
    angle = np.arctan2(x[:, 3], x[:, 4])
    np.testing.assert_allclose(angle[:-7], angle[7:], atol=1e-5)  # the same weekday, the same angle
    assert len(set(np.round(angle[:7], 3))) == 7
    np.testing.assert_allclose(np.diff(x[:, 0]), np.diff(x[:, 0])[0], rtol=1e-3)


def test_an_ambiguous_date_says_how_it_was_taken():
    texts = [f"{1 + i % 12}/{1 + i % 11}/2024" for i in range(60)]
    table = {"day": texts, "y": [i % 2 for i in range(60)]}
    assert said(data.prepare(table).messages, "'day'", "taken as month/day")
    prepared = data.prepare(table, types={"day": "%d/%m/%Y"})
    assert prepared.preprocessing.to_dict()["columns"][0]["form"] == "%d/%m/%Y"


def test_separators_and_decimal_commas(tmp_path):
    rows = [(i / 3, i % 5, i % 2) for i in range(60)]
    for name, gap, comma in [("t.csv", ";", ","), ("t.tsv", "\t", "."), ("u.csv", "|", "."), ("v.csv", ",", ".")]:
        text = f"a{gap}b{gap}y\n" + "".join(f"{a:.2f}".replace(".", comma) + f"{gap}{b}{gap}{y}\n" for a, b, y in rows)
        (tmp_path / name).write_text(text)
        prepared = data.prepare(tmp_path / name)
        assert kinds(prepared) == {"a": "number", "b": "number"}, name
        np.testing.assert_allclose(prepared.preprocessing.to_dict()["columns"][0]["highest"], 19.67, atol=0.5)


def test_header_or_not(tmp_path):
    body = "".join(f"{20 + i % 40}, clerk{i % 3}, {i % 2}\n" for i in range(60))
    (tmp_path / "without.csv").write_text(body)
    (tmp_path / "with.csv").write_text("age, job, y\n" + body)
    without, with_header = data.prepare(tmp_path / "without.csv"), data.prepare(tmp_path / "with.csv")
    assert said(without.messages, "no header line", "column_1 … column_3")
    assert said(without.messages, "'column_3'", "the last one", "target='…'")
    assert list(kinds(with_header)) == ["age", "job"]
    words = "".join(f"{'ab'[i % 2]},{'xy'[i % 3 % 2]},{'no' if i % 2 else 'yes'}\n" for i in range(60))
    (tmp_path / "words.csv").write_text(words)
    assert data.load(tmp_path / "words.csv").train.frame.height == 60  # pyright: ignore[reportAttributeAccessIssue]
    (tmp_path / "named.csv").write_text("first,second,y\n" + words)
    assert list(kinds(data.prepare(tmp_path / "named.csv"))) == ["first", "second"]
    assert data.load(tmp_path / "named.csv", header=False).train.frame.height == 61  # pyright: ignore[reportAttributeAccessIssue]


def test_a_missing_name_in_the_header(tmp_path):
    (tmp_path / "t.csv").write_text(",a,y\n" + "".join(f"{i},{i * 3 % 7},{i % 2}\n" for i in range(60)))
    prepared = data.prepare(tmp_path / "t.csv")
    assert said(prepared.messages, "has no name", "column_1")
    assert kinds(prepared)["column_1"] == "identifier"


def test_gzip_utf16_and_old_line_ends(tmp_path):
    import gzip

    text = "a,y\n" + "".join(f"{i * 3 % 17},{i % 2}\n" for i in range(60))
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "b.csv").write_bytes(text.encode("utf-16"))
    (tmp_path / "c.csv").write_bytes(text.replace("\n", "\r\n").encode())
    (tmp_path / "d.csv").write_bytes(text.replace("\n", "\r").encode())
    (tmp_path / "e.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    first, *others = (data.prepare(path) for path in sorted(tmp_path.iterdir()))
    for other in others:
        assert other.preprocessing.to_dict() == first.preprocessing.to_dict()
        np.testing.assert_array_equal(other.train.inputs[0], first.train.inputs[0])


def test_parquet_arrow_frames_and_dicts_give_the_same(tmp_path, people):
    table = people.drop("tags")
    table.write_parquet(tmp_path / "t.parquet")
    table.write_ipc(tmp_path / "t.arrow")
    want = data.prepare(table, target="rich")

    class Foreign:
        """A frame that speaks only the Arrow interface."""

        def __arrow_c_stream__(self, requested_schema=None):
            return table.__arrow_c_stream__(requested_schema)

    for source in (
        tmp_path / "t.parquet",
        tmp_path / "t.arrow",
        Foreign(),
        table.lazy(),
        table.to_dict(as_series=False),
    ):
        got = data.prepare(source, target="rich")
        assert got.preprocessing.to_dict() == want.preprocessing.to_dict()
        for a, b in zip(got.train.inputs, want.train.inputs, strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_frame_of_objects_as_old_pandas_gives():
    class Column:
        def __init__(self, values):
            self.values = values

        def to_numpy(self):
            return np.array(self.values, dtype=object)

    class Frame:
        columns = ("age", "job", "y")
        values = {  # noqa: RUF012
            "age": [1.5, float("nan"), 3, 4] * 10,
            "job": ["a", None, "b", "b"] * 10,
            "y": [0, 1] * 20,
        }

        def __getitem__(self, name):
            return Column(self.values[name])

        def to_numpy(self):
            raise AssertionError

    prepared = data.prepare(Frame())
    assert kinds(prepared) == {"age": "number", "job": "category"}
    assert prepared.summary["columns"][0]["missing"] == 10


def test_the_same_seed_splits_the_same(people):
    first, again, other = (data.prepare(people, target="rich", seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.train.inputs[0], again.train.inputs[0])
    assert first.preprocessing.to_dict() == again.preprocessing.to_dict() != other.preprocessing.to_dict()


def test_the_summary_is_json(people):
    import json

    summary = data.prepare(people, target="rich").summary
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert json.dumps(data.load(people, target="rich").describe(), allow_nan=False)


def test_many_columns_of_one_kind_are_told_in_few_lines():
    rng = np.random.default_rng(0)
    table = {f"c{i}": np.where(rng.random(100) < 0.3, np.nan, rng.normal(size=100)) for i in range(50)}
    prepared = data.prepare({**table, "y": [0, 1] * 50})
    assert len(prepared.messages) < 15
    assert said(prepared.messages, "44 more columns likewise: missing")


def test_a_frame_is_left_as_it_was(people):
    before = people.clone()
    data.prepare(people, target="rich")
    assert people.equals(before)


def test_prepared_paths_are_plain_or_path_objects(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,y\n" + "".join(f"{i * 3 % 17},{i % 2}\n" for i in range(60)))
    assert isinstance(path, Path)
    assert len(data.prepare(str(path)).train) == len(data.prepare(path).train)


def test_a_loaded_source_can_be_prepared_with_another_target(people):
    source = data.load(people, target="rich")
    assert data.prepare(source).train.classes == ["no", "yes"]
    assert data.prepare(source, target="job").train.classes == ["baker", "clerk", "smith"]


def test_a_table_of_narwhals(people):
    narwhals = pytest.importorskip("narwhals")
    assert len(data.prepare(narwhals.from_native(people), target="rich").train) == 280


def test_copies_of_training_rows_in_the_test_part_are_told():
    rng = np.random.default_rng(0)
    few = {"x": rng.normal(size=40), "y": ["a", "b"] * 20}
    many = {"row id": list(range(200)), **{name: list(values) * 5 for name, values in few.items()}}
    assert any("equal a training row in every column" in message for message in data.prepare(many).messages)
    assert not any("equal a training row" in message for message in data.prepare(few).messages)


def test_missing_booleans_are_told_in_their_own_words():
    table = {"member": ["yes", "no", "no", "no"] * 10, "x": list(range(40)), "y": ["a", "b"] * 20}
    prepared = data.prepare(table, validation=0, test_fraction=0)
    _, messages = prepared.preprocessing.transform({"x": [3.5], "member": [None]}, has_target=False)
    assert messages == ["column 'member': 1 value missing, replaced by no, the more frequent in training"]
