"""Source: data as it was found, before splitting and fitting, whatever it came as."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.data.bundled_sets import bundled, bundled_names
from chainrule.data.columns import clean, infer_types
from chainrule.data.dataset import Dataset
from chainrule.data.files import existing
from chainrule.data.graphs import Graph, is_graph, load_graph
from chainrule.data.missing import MISSING
from chainrule.data.parts import ArrayPart, SequencePart, TablePart, TextPart
from chainrule.data.sequence_tables import SequenceTable
from chainrule.data.state import State
from chainrule.data.targets import choose_target
from chainrule.errors import ConfigError, DataError, ShapeError, suggest

__all__ = ["Reading", "Source", "load", "read"]

Part = TablePart | ArrayPart | TextPart | Graph
_OTHER = (
    *(
        ".xlsx",
        ".xls",
        ".ods",
        ".json",
        ".jsonl",
        ".xml",
        ".h5",
        ".hdf5",
        ".mat",
        ".pkl",
        ".pickle",
        ".pt",
        ".pth",
        ".npy",
    ),
    *(".safetensors", ".zip", ".tar", ".tgz", ".bz2", ".xz", ".7z", ".db", ".sqlite", ".pdf", ".toml", ".html", ".py"),
)
_COLUMNAR = (".parquet", ".pq", ".arrow", ".feather", ".ipc")


@dataclass(frozen=True)
class Reading:
    """How text files are to be read, where that is not to be found out.

    Arguments:
        header: whether the first line holds names.
        separator: the character between cells.
        encoding: such as `"latin-1"`; UTF-8 without it.
        missing: more signs for a missing value, beside the usual ones.
        unit: `"characters"` or `"bytes"`: any file is then a text of these.
        table: whether a text file is a table, whatever it looks like.
    """

    header: bool | None = None
    separator: str | None = None
    encoding: str | None = None
    missing: tuple[str, ...] = ()
    unit: str | None = None
    table: bool = False

    @property
    def signs(self) -> frozenset[str]:
        """All signs for a missing value."""
        return MISSING | frozenset(self.missing)

    def to_dict(self) -> dict[str, Any]:
        """What later tables are read by, as JSON can hold it."""
        return {
            "header": self.header,
            "separator": self.separator,
            "encoding": self.encoding,
            "missing": list(self.missing),
        }

    @classmethod
    def from_dict(cls, state: State) -> Reading:
        """What `to_dict` wrote, every value checked."""
        return cls(
            None if state.values.get("header") is None else state.flag("header"),
            None if state.values.get("separator") is None else state.text("separator"),
            None if state.values.get("encoding") is None else state.text("encoding"),
            tuple(state.texts("missing")),
        )


@dataclass
class Source:
    """Data as it was found.

    Arguments:
        kind: `"table"`, `"image"`, `"array"`, `"sequence"`, `"text"` or `"graph"`.
        name: what it is called in messages.
        train: the table or arrays, or their training part where the source has two.
        test: the test part, or None.
        target: the target column of a table that has one.
        messages: what was decided and why, for a person to read.
        reading: how text was read.

    Example:
        >>> source = load({"age": [22, 38, 26], "survived": ["no", "yes", "yes"]})
        >>> source.kind, source.target
        ('table', 'survived')
    """

    kind: str
    name: str
    train: Part
    test: Part | None = None
    target: str | None = None
    messages: list[str] = field(default_factory=list)
    reading: Reading = field(default_factory=Reading)

    def describe(self) -> dict[str, Any]:
        """Kind, sizes, columns with their types or the shape of the arrays: what JSON can hold.

        Example:
            >>> load("xor").describe()["shape"]
            [2]
        """
        description: dict[str, Any] = {"source": self.name, "kind": self.kind, "rows": _rows(self.train)}
        description["test_rows"] = None if self.test is None else _rows(self.test)
        if isinstance(self.train, TablePart):
            description["target"] = self.target
            description["columns"] = [
                {"name": t.name, "kind": t.kind, "missing": t.missing, "distinct": t.distinct, "note": t.note}
                for t in infer_types(self.train, skip=[self.target] if self.target else [])
            ]
        elif isinstance(self.train, ArrayPart):
            if isinstance(self.train, SequencePart):
                description["lengths"] = [int(self.train.lengths.min()), int(self.train.lengths.max())]
            description["shape"] = [int(n) for n in self.train.inputs.shape[1:]]
            description["dtype"] = str(self.train.inputs.dtype)
            if self.train.labels is not None:
                values, counts = np.unique(self.train.labels, return_counts=True)
                if len(values) <= 1000:
                    words = self.train.classes
                    description["classes"] = {
                        words[int(v)] if words else str(v): int(c) for v, c in zip(values, counts, strict=True)
                    }
        description["messages"] = list(self.messages)
        return description


def load(
    source: Any,
    *,
    target: str | None = None,
    test: Any = None,
    header: bool | None = None,
    separator: str | None = None,
    encoding: str | None = None,
    missing: Collection[str] = (),
    unit: str | None = None,
    sequence: str | None = None,
    time: str | None = None,
    types: Mapping[str, str] | None = None,
) -> Source:
    """Data of any kind, read and checked but neither split nor scaled; `prepare` does all of it.

    Arguments:
        source: the name of a bundled set; a path to a CSV, TSV, Parquet, Arrow or `.npz` file, to a text (a `.txt`
            file without columns), to a folder of IDX files (MNIST), or to a folder of class folders with images; a
            data frame of any library, a dict of columns; `(x, y)` arrays; a Dataset.
        target: the target column of a table; without it one is chosen by name, or the last.
        test: a test part that lies apart, of the same kind.
        header, separator, encoding, missing, unit: how to read text files, see `Reading`.
        sequence, time, types: of a table with a row for each step of a sequence; see `prepare`.

    Raises:
        DataError: nothing there, damaged or not understood; the message names file, row and column, and what to do.

    Example:
        >>> load("digits").train.inputs.shape
        (1797, 8, 8, 1)
    """
    if time is not None and sequence is None:
        raise ConfigError(
            f"time is {time!r}, which orders the steps of sequences, but no column says which rows make a sequence",
            fix="sequence='…' names it",
        )
    as_table = target is not None or sequence is not None or header is not None or separator is not None
    reading = Reading(header, separator, encoding, tuple(missing), unit, as_table)
    if isinstance(source, Source) and target is None and test is None:
        return source
    train, test_part = read(source, reading)
    messages = list(train.messages)
    if test is not None:
        expected = train.frame.columns if isinstance(train, TablePart) else ()
        own, apart = read(test, reading, expected=expected)
        test_part = apart or own  # the test part of a folder that has both
    if test_part is not None:
        said = isinstance(train, TablePart) and not train.header  # that there is no header need not be said twice
        messages += [message for message in test_part.messages if not (said and "no header" in message)]
        if type(train) is not type(test_part):
            raise DataError(f"{train.name} and its test part {test_part.name} are of different kinds")
    if isinstance(train, TablePart):
        if sequence is not None:
            return _sequences(train, test_part, target, sequence, time, types, messages, reading)
        target, said = choose_target(train.frame.columns, target, train.name)
        return Source("table", train.name, train, test_part, target, messages + said, reading)
    if sequence is not None:
        raise DataError(
            f"{train.name} has no columns, so no column {sequence!r} that names sequences",
            fix="leave it out; arrays have their lengths in an array `lengths` beside x and y",
        )
    if isinstance(train, TextPart | Graph):
        kind = "text" if isinstance(train, TextPart) else "graph"
        return Source(kind, train.name, train, test_part, None, messages, reading)
    if target is not None:
        raise DataError(f"{train.name} has no columns, so no target column {target!r}", fix="leave the target out")
    several = isinstance(train, SequencePart)
    kind = "sequence" if several else "image" if train.inputs.ndim == 4 else "array"
    return Source(kind, train.name, train, test_part, None, messages, reading)


def read(
    source: Any, reading: Reading | None = None, *, expected: Sequence[str] = (), labelled: bool = True
) -> tuple[Part, Part | None]:
    """The training part of anything that can be a source, and its test part where it has one.

    Arguments:
        source: as in `load`.
        reading: how to read text tables.
        expected: column names that a text table's header would hold.
        labelled: whether the target must be there.
    """
    from chainrule.data.archives import array_part, parts_from_arrays
    from chainrule.data.frames import is_frame, read_frame

    reading = reading or Reading()
    if isinstance(source, (str, os.PathLike)):
        train, test = _read_path(source, reading, expected, labelled)
    elif isinstance(source, Source):
        train, test = source.train, source.test
    elif isinstance(source, (TablePart, ArrayPart, TextPart, Graph)):
        train, test = source, None
    elif isinstance(source, Dataset):
        train, test = _from_dataset(source), None
    elif isinstance(source, tuple):
        if len(source) != 2:
            raise ShapeError(f"a tuple of {len(source)} as data, expected (x, y)", fix="prepare((x, y))")
        train, test = array_part(source[0], source[1], "the arrays"), None
    elif isinstance(source, Mapping) and any(getattr(value, "ndim", 0) > 1 for value in source.values()):
        train, test = parts_from_arrays(source, "the arrays", labelled=labelled)
    elif is_frame(source):
        train, test = read_frame(source), None
    elif hasattr(source, "__array__") and not labelled:
        train, test = array_part(source, None, "the array"), None
    else:
        raise DataError(
            f"{type(source).__name__} is no data that is understood",
            fix="a path, a bundled name, a data frame, a dict of columns, or a tuple (x, y) of arrays",
        )
    for part in (train, test):
        if isinstance(part, TablePart):
            part.frame = clean(part.frame, reading.signs)
    return train, test


def _read_path(
    source: str | os.PathLike[str], reading: Reading, expected: Sequence[str], labelled: bool
) -> tuple[Part, Part | None]:
    from chainrule.data.archives import read_npy, read_npz
    from chainrule.data.frames import read_columnar_file
    from chainrule.data.idx import is_idx_folder, read_idx_folder
    from chainrule.data.image_folders import IMAGE_ENDINGS, is_image_folder, read_image_folder, read_images
    from chainrule.data.text import is_prose, read_text
    from chainrule.data.text_tables import read_text_table

    text = os.fspath(source)
    if text.replace("_", "-") in bundled_names():
        return _from_dataset(bundled(text), text), None
    if not text.strip():
        raise DataError("an empty name as data", fix=f"a path, or a bundled set: {', '.join(bundled_names())}")
    path = Path(text)
    try:
        existing(path)
    except DataError as error:
        near = "" if path.suffix or len(path.parts) > 1 else suggest(text, bundled_names())
        if near and isinstance(source, str):
            raise DataError(f"no file, folder or bundled data set {text!r}.{near}", fix=error.fix) from None
        raise
    if path.is_file() and (reading.unit is not None or (not reading.table and is_prose(path))):
        return read_text(path, reading.encoding, reading.unit), None
    if path.is_dir():
        try:
            if is_idx_folder(path):
                return read_idx_folder(path)
            if is_image_folder(path):
                images = [p for p in sorted(path.iterdir()) if p.suffix.lower() in IMAGE_ENDINGS]
                if images and not labelled:
                    return read_images(images, path.name), None
                return read_image_folder(path)
            inside = sorted(p.name for p in path.iterdir())
        except OSError as error:
            raise DataError(f"{str(path)!r} cannot be read: {error.strerror or error}") from None
        held = ", ".join(inside[:8]) + (", …" if len(inside) > 8 else "") if inside else "nothing"
        raise DataError(
            f"the folder {str(path)!r} holds neither IDX files nor class folders with images, but {held}",
            fix="name the file or folder itself" if inside else "check the path",
        )
    ending = Path(path.name.lower().removesuffix(".gz")).suffix
    if "-ubyte" in path.name or "idx" in ending:
        raise DataError(
            f"{path.name} is one file of a set in IDX format",
            fix=f"name its folder, {str(path.parent)!r}, with images and labels",
        )
    if ending in _COLUMNAR:
        return read_columnar_file(path), None
    if ending == ".npz" and is_graph(path):
        return load_graph(path), None
    if ending == ".npz":
        return read_npz(path, labelled=labelled)
    if ending == ".npy" and not labelled:
        return read_npy(path), None
    if ending in IMAGE_ENDINGS and not labelled:
        return read_images([path], path.name), None
    if ending in _OTHER or ending in IMAGE_ENDINGS:
        raise DataError(
            f"{path.name} ends in {ending}, which no reader knows",
            fix="save the sheet as CSV"
            if ending in (".xlsx", ".xls", ".ods")
            else "CSV, TSV, Parquet, Arrow or .npz; a folder of IDX files or of class folders with images",
        )
    part = read_text_table(
        path,
        header=reading.header,
        separator=reading.separator,
        encoding=reading.encoding,
        expected=expected,
    )
    return part, None


def _sequences(
    train: TablePart,
    test: Part | None,
    target: str | None,
    sequence: str,
    time: str | None,
    types: Mapping[str, str] | None,
    messages: list[str],
    reading: Reading,
) -> Source:
    """Long tables, a row for each step, as sequences."""
    columns = train.frame.columns
    for name in (sequence, time):
        if name is not None and name not in columns:
            raise DataError(
                f"{train.name} has no column {name!r}.{suggest(name, columns)}",
                fix=f"one of: {', '.join(columns[:12])}",
            )
    candidates = columns
    if target is None:
        rest = [name for name in columns if name not in (sequence, time)]
        most = train.frame.group_by(sequence).n_unique().max()
        candidates = [name for name in rest if most[name][0] == 1] or rest  # a target is one for each sequence
        if not rest:
            raise DataError(f"{train.name} has no column beside {', '.join(columns)}", fix="add a target and numbers")
    chosen, said = choose_target(candidates, target, train.name)
    table, about = SequenceTable.understand(train, sequence, time, chosen, types)
    own = table.gather(train, chosen)
    if own.lengths.max() == 1:
        raise DataError(
            f"column {sequence!r} is different in every row of {train.name}: each sequence would have one step",
            where=train.name,
            fix="name the column that the rows of a sequence share; without one it is a table",
        )
    messages = messages + said + about + own.messages[len(train.messages) :]
    if not isinstance(test, TablePart):
        return Source("sequence", train.name, own, None, chosen, messages, reading)
    apart = table.gather(test, chosen)
    messages += [f"test part: {message}" for message in apart.messages[len(test.messages) :]]
    return Source("sequence", train.name, own, apart, chosen, messages, reading)


def _from_dataset(dataset: Dataset, name: str = "the dataset") -> ArrayPart:
    if len(dataset.inputs) != 1:
        raise DataError(
            f"a dataset of {len(dataset.inputs)} inputs is prepared already",
            fix="give it to the Trainer as it is, or prepare the table it came from",
        )
    return ArrayPart(dataset.inputs[0], dataset.target, name, dataset.classes, dataset.task)


def _rows(part: Part) -> int:
    if isinstance(part, TextPart):
        return part.text.count("\n") + 1
    if isinstance(part, Graph):
        return len(part)
    return part.frame.height if isinstance(part, TablePart) else len(part.inputs)
