"""Long tables: a row for each step of a sequence, gathered into sequences of several lengths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chainrule.data.columns import ColumnType, as_booleans, as_dates, as_numbers, as_text, infer_types
from chainrule.data.files import MAX_BYTES
from chainrule.data.parts import SequencePart, TablePart
from chainrule.data.redundant import without_redundant
from chainrule.data.remarks import left_out
from chainrule.data.state import State
from chainrule.errors import ConfigError, DataError, suggest

__all__ = ["SequenceTable"]


@dataclass(frozen=True)
class SequenceTable:
    """Which columns of a long table say what.

    Arguments:
        sequence: the column that says to which sequence a row belongs; rows of one need not stand together.
        time: the column of numbers or dates by which the steps of a sequence are put in order; None takes the rows in
            the order of the table.
        channels: the columns of numbers at each step.
    """

    sequence: str
    time: str | None
    channels: tuple[ColumnType, ...]

    @classmethod
    def understand(
        cls, part: TablePart, sequence: str, time: str | None, target: str, types: Mapping[str, str] | None
    ) -> tuple[SequenceTable, list[str]]:
        """All other columns as channels, but those that say nothing or the answer, and what to say about it.

        Raises:
            DataError: a column that is no number, or none left. ConfigError: a type for a column that is no channel.
        """
        apart = [sequence, target, *([] if time is None else [time])]
        if len(set(apart)) < len(apart):
            raise DataError(
                f"column {next(n for n in apart if apart.count(n) > 1)!r} cannot be two of sequence, time and target",
                where=part.name,
                fix="target='…' names the column to predict",
            )
        for name in apart:
            if types and name in types:
                raise ConfigError(
                    f"types names {name!r}, which is none of the numbers at each step",
                    fix="leave it out; task='regression' or task='classification' says what a target is",
                )
        told, _, _ = _told(part, sequence)
        with _without_words():
            found = infer_types(told, types=types, skip=apart)
        # targets that differ from sequence to sequence stand one to one for whatever else does
        classes = 2 * part.frame[target].n_unique() <= part.frame[sequence].n_unique()
        found = without_redundant(part.frame, found, target if classes else None)
        for column in found:
            if column.kind not in ("number", "boolean", "constant", "identifier", "drop", "answer"):
                row = int(np.argmax(part.frame[column.name].is_not_null().to_numpy()))
                [cell] = part.frame.select(column.name).row(row)
                raise DataError(
                    f"column {column.name!r} holds {_KINDS[column.kind]} such as "
                    f"{str(cell)[:40]!r}, and the steps of a sequence are made of numbers",
                    where=told.place(row, column.name),
                    fix=f"types={{{column.name!r}: 'drop'}} leaves it out"
                    + (f", time={column.name!r} orders the steps by it" if column.kind == "date" else ""),
                )
        used = tuple(column for column in found if column.used)
        if not used:
            raise DataError(
                f"no column of {part.name} beside {', '.join(map(repr, apart))} holds numbers to learn from",
                where=part.name,
                fix="add at least one, with a number at each step",
            )
        words = "number" if len(used) == 1 else "numbers"
        return cls(sequence, time, used), [
            f"columns: {len(used):,} {words} at each step: {_listed(used)}",
            *left_out(found),
        ]

    @property
    def columns(self) -> list[str]:
        """All that a later table must have."""
        return [self.sequence, *([] if self.time is None else [self.time]), *(c.name for c in self.channels)]

    def gather(self, part: TablePart, target: str | None = None) -> SequencePart:
        """The sequences of a cleaned table, in the order in which they begin there.

        Arguments:
            part: the table.
            target: the column of the target, one for each sequence; those that have none are left out.

        Raises:
            DataError: a column that is missing, a cell that is empty or no number, a row without a sequence, two
                targets in one sequence, two steps at one time; with file, line, column and sequence.
        """
        absent = [name for name in self.columns if name not in part.frame.columns]
        if absent:
            raise DataError(
                f"{part.name} has no column {absent[0]!r}, which the sequences are made of."
                + suggest(absent[0], part.frame.columns),
                where=part.name,
                fix=f"one of: {', '.join(part.frame.columns[:12])}",
            )
        told, keys, codes = _told(part, self.sequence)
        targets, messages = None, list(part.messages)
        if target is not None:
            targets, kept = _targets(told, target, codes, keys)
            if not kept.all():
                gone = [repr(keys[code]) for code in np.flatnonzero(~kept)[:5]]
                more = f" and {(~kept).sum() - len(gone):,} more" if (~kept).sum() > len(gone) else ""
                messages.append(f"{part.name}: sequences without a target were left out: {', '.join(gone)}{more}")
                rows = np.flatnonzero(kept[codes])
                told, keys = told.take(rows), [key for key, whole in zip(keys, kept, strict=True) if whole]
                codes = (np.cumsum(kept) - 1)[codes[rows]]
        order = self._order(told, codes)
        lengths = np.bincount(codes)
        values = np.stack([_channel(told, column) for column in self.channels], axis=1)
        if len(keys) * int(lengths.max()) * len(self.channels) * 8 > MAX_BYTES:
            raise DataError(
                f"sequence {keys[int(lengths.argmax())]!r} has {lengths.max():,} steps, to which all {len(keys):,} "
                "sequences would have to be filled up",
                where=part.name,
                fix="cut long sequences into shorter ones",
            )
        inputs = np.zeros((len(keys), int(lengths.max()), len(self.channels)))
        inputs[np.arange(inputs.shape[1]) < lengths[:, None]] = values[order]
        how = "in the order of the table" if self.time is None else f"in the order of {self.time!r}"
        steps = f"{lengths.min():,} to {lengths.max():,}" if lengths.min() < lengths.max() else f"{lengths.max():,}"
        messages.append(f"sequences: {len(keys):,} of {steps} steps, by column {self.sequence!r}, {how}")
        return SequencePart(
            inputs,
            None if targets is None else as_text(targets.frame.to_series()).to_numpy(),
            part.name,
            messages=messages,
            lengths=lengths.astype(np.int32),
            table=self,
            keys=keys,
            targets=targets,
        )

    def _order(self, part: TablePart, codes: np.ndarray) -> np.ndarray:
        """The rows, sequence by sequence, step by step."""
        if self.time is None:
            return np.argsort(codes, kind="stable")
        series = part.frame[self.time]
        [found] = infer_types(replace(part, frame=part.frame.select(self.time)))
        if found.kind in ("category", "text", "nested"):
            raise DataError(
                f"column {self.time!r} holds {_KINDS[found.kind]}, which are no times",
                where=part.place(0, self.time),
                fix="time='…' names a column of numbers or dates; without it the rows are taken as they come",
            )
        times = (as_dates if found.kind == "date" else as_numbers)(part, series, found.form)
        if np.isnan(times).any():
            row = int(np.argmax(np.isnan(times)))
            raise DataError(f"column {self.time!r} is empty", where=part.place(row, self.time), fix="fill the cell")
        order = np.lexsort((times, codes))
        same = (np.diff(codes[order]) == 0) & (np.diff(times[order]) == 0)
        if same.any():
            first = int(np.argmax(same))
            rows = np.sort(order[first : first + 2])
            raise DataError(
                f"two steps of one sequence are at the same time {str(series[int(rows[0])])!r}: "
                f"{part.rows_in_words(rows)}",
                where=part.place(int(rows[1]), self.time),
                fix="one row for each time; without a time the rows are taken as they come",
            )
        return order

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        channels = [{"name": c.name, "kind": c.kind, "form": c.form} for c in self.channels]
        return {"sequence": self.sequence, "time": self.time, "channels": channels}

    @classmethod
    def from_dict(cls, state: State) -> SequenceTable:
        """What `to_dict` wrote, every value checked."""
        time = None if state.values.get("time") is None else state.text("time")
        channels = []
        for inner in state.inners("channels"):
            kind = inner.text("kind")
            if kind not in ("number", "boolean"):
                raise inner.wrong("kind", f"is {kind[:40]!r}, expected 'number' or 'boolean'")
            channels.append(ColumnType(inner.text("name"), kind, 0, 0, inner.text("form")))
        found = cls(state.text("sequence"), time, tuple(channels))
        if len(set(found.columns)) < len(found.columns) or not channels:
            raise state.wrong("channels", "are none, or two columns have one name")
        return found


_KINDS = {
    "category": "words",
    "same": "words",
    "text": "text",
    "date": "dates",
    "nested": "lists",
}


@dataclass
class _Steps(TablePart):
    """A table whose places name the sequence, too."""

    keys: list[str] | None = None

    def place(self, row: int, column: str | None = None) -> str:
        where = super().place(row, column)
        return where if self.keys is None else f"{where}, sequence {self.keys[row]!r}"

    def take(self, rows: np.ndarray) -> TablePart:
        taken = super().take(rows)
        keys = None if self.keys is None else [self.keys[row] for row in rows]
        return _Steps(taken.frame, taken.name, taken.header, taken.lines, taken.messages, keys)


def _told(part: TablePart, column: str) -> tuple[_Steps, list[str], np.ndarray]:
    """The table, the names of its sequences in the order in which they begin, and the number of each row's."""
    import polars as pl

    words = as_text(part.frame[column])
    if words.null_count():
        rows = np.flatnonzero(words.is_null().to_numpy())
        raise DataError(
            f"column {column!r} does not say to which sequence {part.rows_in_words(rows)} "
            f"belong{'s' if len(rows) == 1 else ''}",
            where=part.place(int(rows[0]), column),
            fix="fill the cells, or remove the rows",
        )
    names = words.unique(maintain_order=True)
    known = pl.DataFrame({"name": names, "number": np.arange(len(names))})
    numbers = words.to_frame("name").join(known, on="name", how="left", maintain_order="left")["number"]
    told = _Steps(part.frame, part.name, part.header, part.lines, keys=words.to_list())
    return told, names.to_list(), numbers.to_numpy()


@contextmanager
def _without_words() -> Iterator[None]:
    """What is wrong with a column of numbers, without the advice of tables, in which cells may be empty or words."""
    try:
        yield
    except DataError as error:
        error.fix = "correct the cell: every step needs its numbers"
        raise


def _targets(part: TablePart, target: str, codes: np.ndarray, keys: list[str]) -> tuple[TablePart, np.ndarray]:
    """The target column with one row for each sequence that has one, and which these are."""
    series = part.frame[target]
    given = np.flatnonzero(series.is_not_null().to_numpy())
    if not given.size:
        raise DataError(
            f"{part.name} has no row with a target {target!r}", where=part.name, fix="fill in one for each sequence"
        )
    first = np.full(len(keys), -1)
    first[codes[given[::-1]]] = given[::-1]
    words = as_text(series).to_numpy()
    other = given[words[given] != words[first[codes[given]]]]
    if other.size:
        row = int(other[0])
        begun = int(first[codes[row]])
        raise DataError(
            f"sequence {keys[codes[row]]!r} has two targets: {words[begun]!r} in "
            f"{part.rows_in_words(np.array([begun]))} and {words[row]!r} in {part.rows_in_words(np.array([row]))}",
            where=part.place(row, target),
            fix="one target for each sequence, the same in all its rows; target='…' takes another column",
        )
    kept = first >= 0
    lines = None if part.lines is None else part.lines[first[kept]]
    return TablePart(part.frame.select(target)[first[kept]], part.name, part.header, lines), kept


def _channel(part: TablePart, column: ColumnType) -> np.ndarray:
    """The numbers of a column, none of which may be missing."""
    read = as_booleans if column.kind == "boolean" else as_numbers
    with _without_words():
        values = read(part, part.frame[column.name], column.form)
    gone = np.flatnonzero(np.isnan(values))
    if gone.size:
        raise DataError(
            f"column {column.name!r} is empty in {part.rows_in_words(gone)}",
            where=part.place(int(gone[0]), column.name),
            fix=f"fill the cells, such as with the value before, or types={{{column.name!r}: 'drop'}} leaves it out",
        )
    return values


def _listed(columns: tuple[ColumnType, ...]) -> str:
    return ", ".join(c.name for c in columns[:10]) + (", …" if len(columns) > 10 else "")
