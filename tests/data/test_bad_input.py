"""Bad input of every kind: a chainrule error that names the place and the fix, never a bare traceback."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from chainrule import data, errors


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def rows(count: int = 100, **changed: str) -> str:
    """A table of two numbers and a yes/no target; `l12="oops"` puts a word in the first column of line 12."""
    lines = [f"{changed.get(f'l{i + 2}', i * 1.5)},{i % 7},{'yes' if i % 3 else 'no'}" for i in range(count)]
    lines.insert(0, "width,height,y")
    return "\n".join(lines) + "\n"


def refused(kind: type[errors.ChainruleError], *words: str):
    """A context that expects an error of this kind with a fix, whose text holds all the words."""

    class Context:
        def __enter__(self):
            self.raises = pytest.raises(kind)
            self.caught = self.raises.__enter__()

        def __exit__(self, *details):
            done = self.raises.__exit__(*details)
            text = str(self.caught.value)
            for word in words:
                assert word in text, f"{word!r} is not in:\n{text}"
            return done

    return Context()


def test_missing_file_suggests_its_neighbours(tmp_path):
    write(tmp_path, "adult.csv", rows())
    with refused(errors.DataError, "no file or folder", "Did you mean 'adult.csv'?"):
        data.prepare(tmp_path / "adlt.csv")
    with refused(errors.DataError, "does not exist either"):
        data.prepare(tmp_path / "nowhere" / "adult.csv")


def test_a_missing_file_in_this_folder_and_in_another(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    with refused(errors.DataError, "no file or folder 'nope.csv'", f"this one is {tmp_path}"):
        data.prepare("nope.csv")  # which is not 'docs'
    with refused(errors.DataError, "no file or folder 'passengers.csv'", f"this one is {tmp_path}"):
        data.prepare("passengers.csv")
    with refused(errors.DataError, f"the folder '{tmp_path}' is there, and has no such file"):
        data.prepare(tmp_path / "passengers.csv")
    with refused(errors.DataError, "no file or folder 'iriss.csv'"):  # not 'circles', which is bundled
        data.prepare("iriss.csv")


def test_a_misspelt_bundled_name():
    with refused(errors.DataError, "Did you mean 'digits'"):
        data.prepare("digit")
    with refused(errors.DataError, "Did you mean 'two-moons'"):
        data.bundled("two-moon")
    with refused(errors.ConfigError, "Did you mean 'samples'", "noise"):
        data.bundled("xor", sample=4)


@pytest.mark.parametrize("content", ["", "\n\n  \n", "\ufeff"])
def test_empty_file(tmp_path, content):
    with refused(errors.DataError, "empty.csv is empty"):
        data.prepare(write(tmp_path, "empty.csv", content))


def test_header_without_rows(tmp_path):
    with refused(errors.DataError, "a header line and no rows", "header=False"):
        data.prepare(write(tmp_path, "t.csv", "a,b,y\n"))


def test_one_class_only(tmp_path):
    content = "a,y\n" + "".join(f"{i * 0.5},no\n" for i in range(30))
    with refused(errors.DataError, "'no' in all 30 rows", "nothing to learn"):
        data.prepare(write(tmp_path, "t.csv", content))
    with refused(errors.DataError, "in all 4 rows"):
        data.prepare((np.zeros((4, 2)), [1, 1, 1, 1]))


def test_text_in_a_column_of_numbers_names_the_lines(tmp_path):
    path = write(tmp_path, "t.csv", rows(l12="oops", l22="hm"))
    with refused(errors.DataError, "'width'", "'oops' in line 12", "lines 12, 22", "types={'width': 'category'}"):
        data.prepare(path)
    prepared = data.prepare(path, missing=["oops", "hm"])
    assert any("'width'" in message and "missing" in message for message in prepared.messages)


def test_lines_count_blank_lines_and_quoted_line_breaks(tmp_path):
    content = rows(l12="oops").replace("\n0.0,", "\n\n\n0.0,")
    with refused(errors.DataError, "in line 14"):
        data.prepare(write(tmp_path, "blank.csv", content))
    lines = rows(l12="oops").splitlines()
    quoted = "\n".join([f"{lines[0]},note", *(f'{line},"first\nsecond"' for line in lines[1:])])
    with refused(errors.DataError, "in line 22"):  # each of the ten rows before it has two lines
        data.prepare(write(tmp_path, "quoted.csv", quoted), target="y")


def test_words_in_a_target_of_numbers(tmp_path):
    content = "a,price\n" + "".join(f"{i % 11},{'unknown' if i == 7 else i * 2.5}\n" for i in range(100))
    with refused(errors.DataError, "'unknown' in line 9"):
        data.prepare(write(tmp_path, "t.csv", content))
    with refused(errors.DataError, "holds words such as", "task='classification'"):
        data.prepare(write(tmp_path, "u.csv", rows()), task="regression")


def test_target_not_found_suggests_the_nearest(tmp_path):
    path = write(tmp_path, "t.csv", rows())
    with refused(errors.DataError, "no column 'heigth'", "Did you mean 'height'", "width, height, y"):
        data.prepare(path, target="heigth")


def test_ragged_lines(tmp_path):
    with refused(errors.DataError, "line 3 has 2 cells where the first line has 3", "2 such lines"):
        data.prepare(write(tmp_path, "t.csv", "a,b,y\n1,2,3\n4,5\n6,7,8,9\n"))
    with refused(errors.DataError, "line 3 has 2 cells"):
        data.prepare(write(tmp_path, "q.csv", 'a,b,y\n"1",2,3\n4,5\n'))


def test_a_quote_that_is_never_closed(tmp_path):
    with refused(errors.DataError, "line 2", "close the quote"):
        data.prepare(write(tmp_path, "t.csv", 'a,y\n"x,1\n2,3\n'))


def test_column_names_that_occur_twice(tmp_path):
    with refused(errors.DataError, "more than one column called 'a'", "columns 1, 3"):
        data.prepare(write(tmp_path, "t.csv", "a,b,a\n1,2,3\n"))


def test_wrong_encodings(tmp_path):
    latin = ("größe,y\n" + "".join(f"{i * 0.5},{i % 2}\n" for i in range(40))).encode("latin-1")
    path = write(tmp_path, "t.csv", latin)
    with refused(errors.DataError, "not utf-8", "0xf6", "line 1", "encoding='latin-1'"):
        data.prepare(path)
    assert "größe" in data.prepare(path, encoding="latin-1").preprocessing.to_dict()["order"]
    with refused(errors.ConfigError, "no encoding is called 'latin-42'"):
        data.prepare(path, encoding="latin-42")


@pytest.mark.parametrize(
    ("start", "word"),
    [
        (b"PK\x03\x04", "Excel"),
        (b"\x89PNG", "PNG"),
        (b"PAR1", "Parquet"),
        (bytes(range(256)) * 8, "zero bytes|not text"),
    ],
)
def test_binary_files_called_csv(tmp_path, start, word):
    with pytest.raises(errors.DataError, match=word):
        data.prepare(write(tmp_path, "t.csv", start + bytes(range(256))))


def test_infinity_in_a_table(tmp_path):
    with refused(errors.DataError, "'width'", "not finite", "line 9"):
        data.prepare(write(tmp_path, "t.csv", rows(l9="inf")))


def test_nan_in_arrays():
    x = np.zeros((40, 3))
    x[7, 2] = np.nan
    with refused(errors.NonFiniteError, "not finite", "row 7, column 2"):
        data.prepare((x, [0, 1] * 20))
    with refused(errors.NonFiniteError, "row 7, column 2"):
        data.Dataset(x, [0, 1] * 20)
    y = np.zeros(40)
    y[3] = np.inf
    with refused(errors.NonFiniteError, "target", "row 3"):
        data.prepare((np.zeros((40, 3)), y))


def test_labels_that_are_out_of_range_or_no_whole_numbers():
    with refused(errors.LabelError, "label 3 is out of range, expected 0 to 2", "row 2"):
        data.Dataset(np.zeros((3, 2)), [0, 1, 3], classes=["a", "b", "c"])
    with refused(errors.LabelError, "label -1 is out of range", "row 2"):
        data.Dataset(np.zeros((3, 2)), [0, 1, -1])
    with refused(errors.LabelError, "0.5 is not a whole number", "row 0"):
        data.prepare((np.zeros((40, 2)), [0.5, 1.0] * 20), task="classification")


def test_arrays_that_do_not_fit():
    with refused(errors.ShapeError, "(3,)", "(4, 2)"):
        data.prepare((np.zeros((4, 2)), [1, 2, 3]))
    with refused(errors.ShapeError, "x[:, None]"):
        data.prepare((np.zeros(4), [1, 0, 1, 0]))
    with refused(errors.ShapeError, "tuple of 3"):
        data.prepare((1, 2, 3))
    with refused(errors.ShapeError, "different lengths or sizes: (1,) in row 0 and (2,) in row 1"):
        data.prepare(([[1.0], [1.0, 2.0]], [0, 1]))
    with refused(errors.ShapeError, "rows of different lengths or sizes: (8, 8) in row 0 and (8, 9) in row 2"):
        data.load(([np.zeros((8, 8)), np.zeros((8, 8)), np.zeros((8, 9))], [0, 1, 0]))
    with refused(errors.ShapeError, "lists of different lengths"):
        data.Dataset([[[1.0], [1.0, 2.0]], [[1.0], [1.0, 2.0]]])
    with refused(errors.ShapeError, "1 channel comes first", "np.moveaxis(x, 1, -1), which makes (4, 8, 9, 1)"):
        data.prepare((np.zeros((4, 1, 8, 9)), [1, 0, 1, 0]))
    with refused(errors.DtypeError, "table"):
        data.prepare((np.array([["a"], ["b"]]), [0, 1]))
    with refused(errors.DataError, "no target to train on"):
        data.prepare((np.zeros((4, 2)), None))


@pytest.mark.parametrize("source", [5, None, b"bytes", object(), [1, 2]])
def test_things_that_are_no_data(source):
    with refused(errors.DataError, "no data that is understood"):
        data.prepare(source)


def test_files_and_folders_that_no_reader_knows(tmp_path):
    write(tmp_path, "sheet.xlsx", b"PK")
    with refused(errors.DataError, "ends in .xlsx", "CSV"):
        data.prepare(tmp_path / "sheet.xlsx")
    with refused(errors.DataError, "neither IDX files nor class folders", "sheet.xlsx"):
        data.prepare(tmp_path)
    with refused(errors.DataError, "empty name"):
        data.prepare("")


def test_options_that_do_not_exist(tmp_path):
    path = write(tmp_path, "t.csv", rows())
    with refused(errors.ConfigError, "'multi'"):
        data.prepare(path, task="multi")
    with refused(errors.ConfigError, "'widht'", "Did you mean 'width'"):
        data.prepare(path, types={"widht": "number"})
    with refused(errors.ConfigError, "names the target 'y'", "task="):
        data.prepare(path, types={"y": "number"})
    with refused(errors.ConfigError, "'numbr'"):
        data.prepare(path, types={"width": "numbr"})
    with refused(errors.ConfigError, "0.9, 0.3"):
        data.prepare(path, validation=0.9, test_fraction=0.3)
    with refused(errors.ConfigError, "separator"):
        data.prepare(path, separator="::")


def test_a_target_with_too_many_classes_or_none(tmp_path):
    words = "a,y\n" + "".join(f"{i * 0.5},word{i}\n" for i in range(50))
    with refused(errors.DataError, "50 different values in 50 rows"):
        data.prepare(write(tmp_path, "t.csv", words))
    with refused(errors.DataError, "missing in every row"):
        data.prepare(write(tmp_path, "u.csv", "a,y\n" + "1,?\n" * 30))
    with refused(errors.DataError, "at least one more column"):
        data.prepare(write(tmp_path, "v.csv", "y\n" + "1\n2\n" * 30))


def test_frames_that_are_no_tables():
    with refused(errors.DataError, "0 rows"):
        data.prepare({})
    with pytest.raises(errors.DataError):
        data.prepare({"a": [1, 2, 3], "y": [1, 2]})
    with refused(errors.DataError, "'a'", "one per row"):
        data.prepare({"a": 3, "y": 1})
