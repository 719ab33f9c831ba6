"""Sequences of several lengths: standardised with the mean and deviation of the steps to train on, and filled up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import numpy as np

from chainrule.data.array_preprocessing import ArrayPreprocessing, moments
from chainrule.data.columns import clean
from chainrule.data.dataset import Dataset
from chainrule.data.parts import ArrayPart, SequencePart, TablePart
from chainrule.data.sequence_tables import SequenceTable
from chainrule.data.sequences import of_one_length
from chainrule.data.sources import Reading, read
from chainrule.data.state import State
from chainrule.data.targets import TargetPlan
from chainrule.errors import DataError, ShapeError

__all__ = ["SequencePreprocessing"]

_EDGE = 10.0  # one mistake in a column gives values in the millions


class SequencePreprocessing(ArrayPreprocessing):
    """z = (x − mean) / deviation per channel, kept within ±10, and 0 behind the end of each sequence.

    The padding takes part in nothing: neither in mean and deviation, nor in what a network sees. All sequences are
    filled up to one length, so that a network is compiled once.

    Arguments:
        longest: T, steps of the longest sequence that there was.
        mean, deviation: one per channel, of the steps of the training sequences.
        target: what was found about the target; None without one.
        table: how sequences are gathered from a table; None for arrays.
        reading: how that table is read.

    Example:
        >>> from chainrule import data
        >>> walks = [walk for walk in range(40) for _ in range(walk % 3 + 1)]
        >>> people = [("ann", "bob")[walk % 2] for walk in walks]
        >>> steps = {"walk": walks, "speed": range(len(walks)), "person": people}
        >>> prepared = data.prepare(steps, sequence="walk", target="person")
        >>> prepared.preprocessing.input_description
        {'kind': 'sequence', 'shape': [3, 1], 'outputs': 1}
        >>> [x.shape for x in prepared.train.inputs]
        [(28, 3, 1), (28,)]
    """

    def __init__(
        self,
        longest: int,
        mean: list[float],
        deviation: list[float],
        target: TargetPlan | None,
        table: SequenceTable | None = None,
        reading: Reading | None = None,
    ) -> None:
        super().__init__((longest, len(mean)), mean, deviation, target)
        self.kind = "sequence"  # pyright: ignore[reportAttributeAccessIssue]
        self.table, self.reading = table, reading or Reading()

    @property
    def longest(self) -> int:
        """T, steps of the longest sequence that there was."""
        return self.shape[0]

    @classmethod
    def _fitted(cls, part: ArrayPart, rows: np.ndarray, target: TargetPlan | None) -> tuple[Self, str]:
        assert isinstance(part, SequencePart)
        mean, deviation = moments(part.inputs[rows][part.steps[rows]])
        count = len(mean)
        of = "a number at each step," if count == 1 else f"{count:,} numbers at each step, each"
        half = f"half of them have up to {np.median(part.lengths):g}"
        said = (
            f"inputs: {of} standardised with its training mean and deviation; sequences filled up to "
            f"{part.inputs.shape[1]:,} steps ({half})"
        )
        return cls(part.inputs.shape[1], mean, deviation, target, part.table), said

    def see(self, part: SequencePart) -> None:
        """Makes room for the sequences of a test part, which may be longer; only their lengths are looked at."""
        self.shape = (max(self.longest, part.inputs.shape[1]), self.shape[1])

    def encode(self, part: ArrayPart, *, has_target: bool | None = None) -> tuple[Dataset, list[str]]:
        """Sequences as a Dataset of z (N, T, C) and the lengths (N,), and what was noteworthy."""
        if not isinstance(part, SequencePart) or (part.table is None) != (self.table is None):
            raise DataError(
                f"{part.name} holds arrays, and the training data were "
                + ("arrays with lengths" if self.table is None else "sequences in a table"),
                fix="give data of the same form",
            )
        count, steps, channels = part.inputs.shape
        if channels != self.shape[1]:
            raise ShapeError(
                f"the sequences of {part.name} are of {channels} channel{'' if channels == 1 else 's'}, and those of "
                f"training were of {self.shape[1]}",
                fix=f"x of shape (N, T, {self.shape[1]})",
            )
        values, messages = self._encoded_target(part, has_target)
        longer = np.flatnonzero(part.lengths > self.longest)
        if longer.size:
            more = f" ({len(longer):,} such)" if len(longer) > 1 else ""
            messages.append(
                f"{part.name}: {part.name_of(int(longer[0]))} has {part.lengths[longer[0]]:,} steps, more than the "
                f"{self.longest:,} of the longest in training{more}"
            )
        inputs = np.zeros((count, max(steps, self.longest), channels), np.float32)
        standardised = (part.inputs[part.steps] - np.array(self.mean)) / np.array(self.deviation)
        inputs[:, :steps][part.steps] = np.clip(standardised, -_EDGE, _EDGE)
        return self._dataset((inputs, part.lengths), values, part.keys), messages

    def transform(self, source: Any, *, has_target: bool | None = None) -> tuple[Dataset, list[str]]:
        """New sequences as the network takes them; see `Preprocessing.transform`.

        Columns of a table are found by name. Arrays without lengths are sequences of one length.
        """
        reading = replace(self.reading, table=self.table is not None)
        expected = [] if self.table is None else self.table.columns
        own, test = read(source, reading, expected=expected, labelled=bool(has_target))
        part = test or own
        if isinstance(part, TablePart) and self.table is not None:
            part = replace(part, frame=clean(part.frame, self.reading.signs))
            part = self.table.gather(part, self._target_column(part, has_target))
        elif type(part) is ArrayPart and self.table is None:
            part = of_one_length(part)
        if not isinstance(part, SequencePart):
            raise DataError(
                f"{part.name} holds no sequences as the training data did",
                fix="an .npz with x and lengths" if self.table is None else "a table with the same columns",
            )
        dataset, messages = self.encode(part, has_target=has_target)
        return dataset, part.messages + messages

    def _target_column(self, part: TablePart, has_target: bool | None) -> str | None:
        """The target column of a table, where it is asked for, or there without being asked for."""
        if self.target is None or has_target is False:
            return None
        if self.target.name in part.frame.columns:
            return self.target.name
        if has_target:
            raise DataError(
                f"{part.name} has no target column {self.target.name!r}", fix="has_target=False to predict without it"
            )
        return None

    @property
    def input_description(self) -> dict[str, Any]:
        """Kind `sequence` with its shape (T, C), and the outputs."""
        return {"kind": "sequence", "shape": list(self.shape), "outputs": self._outputs}

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        table = None if self.table is None else self.table.to_dict()
        return {**super().to_dict(), "table": table, "reading": self.reading.to_dict()}

    @classmethod
    def _restored(cls, state: State, target: TargetPlan | None) -> SequencePreprocessing:
        arrays = ArrayPreprocessing._restored(state, target)
        table = None if state.values.get("table") is None else SequenceTable.from_dict(state.inner("table"))
        if len(arrays.shape) != 2 or (table is not None and len(table.channels) != arrays.shape[1]):
            raise state.wrong("shape", f"is {arrays.shape}, which does not fit the channels")
        return cls(
            arrays.shape[0], arrays.mean, arrays.deviation, target, table, Reading.from_dict(state.inner("reading"))
        )
