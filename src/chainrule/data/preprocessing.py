"""Preprocessing: what was fitted on the training data, applied to any later data, saved with the model as JSON."""

from __future__ import annotations

import json
import os
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from chainrule.data.files import read_bytes
from chainrule.data.state import State
from chainrule.data.targets import TargetPlan
from chainrule.errors import DataError, RunError, ShapeError

__all__ = ["Preprocessing"]

_FORMAT = 1


class Preprocessing(ABC):
    """From data as it comes to arrays as a network takes them, fitted on the training rows alone.

    `TablePreprocessing` does tables, `ArrayPreprocessing` images and arrays, `SequencePreprocessing` sequences of
    several lengths, `TextPreprocessing` texts and `GraphPreprocessing` graphs; `prepare` makes the right one, and
    `from_dict` and `load` give back the one that was saved.

    Example:
        >>> from chainrule import data
        >>> prepared = data.prepare("two-moons", seed=1)
        >>> again = data.Preprocessing.from_dict(prepared.preprocessing.to_dict())
        >>> dataset, messages = again.transform(([[0.5, 0.25]], [1]))
        >>> len(dataset), again.input_description["numeric"]
        (1, 2)
    """

    kind: ClassVar[str]
    target: TargetPlan | None

    @property
    def task(self) -> str:
        """`binary`, `classification`, `regression` or `language`."""
        if self.target is None:
            raise DataError("this preprocessing was fitted without a target", fix="prepare data that have one")
        return self.target.task

    @abstractmethod
    def transform(self, source: Any, *, has_target: bool | None = None) -> tuple[Any, list[str]]:
        """New data as the network takes it (a `Dataset`, `TextSamples` or `GraphSamples`), and what was noteworthy.

        Arguments:
            source: anything `load` takes.
            has_target: True demands the target, False leaves it aside, None takes it where it is there.

        Raises:
            DataError: columns that are missing, values that do not fit, with file, row and column.
            LabelError: a target that is none of the classes.
        """

    @property
    @abstractmethod
    def input_description(self) -> dict[str, Any]:
        """What a model must be built for: the kind and sizes of the inputs and the number of outputs."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""

    @classmethod
    def from_dict(cls, state: Any, where: str = "the preprocessing") -> Preprocessing:
        """What `to_dict` wrote, every value checked.

        Raises:
            DataError: a value that is missing, of another type or out of range.
        """
        from chainrule.data.array_preprocessing import ArrayPreprocessing
        from chainrule.data.graph_samples import GraphPreprocessing
        from chainrule.data.sequence_preprocessing import SequencePreprocessing
        from chainrule.data.table_preprocessing import TablePreprocessing
        from chainrule.data.text import TextPreprocessing

        checked = State(state, where)
        if checked.whole("format") != _FORMAT:
            raise checked.wrong("format", f"is {state['format']}, and this version of chainrule reads {_FORMAT}")
        kind = checked.text("kind")
        kinds: dict[str, type[Preprocessing]] = {
            "table": TablePreprocessing,
            "image": ArrayPreprocessing,
            "array": ArrayPreprocessing,
            "sequence": SequencePreprocessing,
            "text": TextPreprocessing,
            "graph": GraphPreprocessing,
        }
        if kind not in kinds:
            raise checked.wrong("kind", f"is {kind[:40]!r}, expected one of {', '.join(kinds)}")
        target = checked.values.get("target")
        return kinds[kind]._restored(checked, None if target is None else TargetPlan.from_dict(checked.inner("target")))

    @classmethod
    @abstractmethod
    def _restored(cls, state: State, target: TargetPlan | None) -> Preprocessing:
        """The inverse of `to_dict`."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write JSON to `path`, all of it or nothing.

        Raises:
            RunError: the file cannot be written.
        """
        path = Path(path)
        text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
        try:
            with tempfile.NamedTemporaryFile(
                "w", dir=path.parent, prefix=path.name, delete=False, encoding="utf-8"
            ) as file:
                temporary = Path(file.name)
                try:
                    file.write(text + "\n")
                    file.flush()
                    os.fsync(file.fileno())
                except OSError:
                    temporary.unlink(missing_ok=True)
                    raise
            temporary.chmod(0o644)
            temporary.replace(path)
        except OSError as error:
            raise RunError(
                f"the preprocessing cannot be written: {error.strerror or error}",
                where=str(path),
                fix="free space, or another folder",
            ) from None

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Preprocessing:
        """What `save` wrote.

        Raises:
            DataError: missing, damaged, or of another version.
        """
        path = Path(path)
        try:
            state = json.loads(read_bytes(path, 1 << 30).decode("utf-8"))
        except (UnicodeDecodeError, ValueError, RecursionError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(
                f"{path.name} is damaged: {error}",
                where=str(path),
                fix="take it from an undamaged copy of the run, or train again",
            ) from None
        return cls.from_dict(state, str(path))

    def decode(self, prediction: Any) -> list[str] | list[float]:
        """Predictions in the words of the data: class names, or numbers in the target's own unit.

        Arguments:
            prediction: probabilities (N, C), or (N,) of class 1 where there are two, or standardised numbers (N,).

        Example:
            >>> from chainrule import data
            >>> table = {"hours": [1.0, 2.0, 3.0, 4.0] * 5, "passed": ["no", "no", "yes", "yes"] * 5}
            >>> data.prepare(table).preprocessing.decode([0.1, 0.9])
            ['no', 'yes']
        """
        values = np.asarray(prediction, np.float64)
        if self.target is None:
            raise DataError("this preprocessing was fitted without a target, so predictions have no names")
        if self.target.task == "regression":
            return self.target.restore(values).tolist()
        names = self.target.classes
        if values.ndim == 1 and len(names) == 2:
            values = np.stack([1 - values, values], axis=1)
        if values.ndim != 2 or values.shape[1] != len(names):
            raise ShapeError(
                f"the prediction has shape {np.shape(prediction)} for {len(names)} classes, expected (N, {len(names)})"
            )
        return [names[label] for label in values.argmax(axis=1)]

    def _state(self) -> dict[str, Any]:
        """The part of `to_dict` that all kinds share."""
        return {"format": _FORMAT, "kind": self.kind, "target": None if self.target is None else self.target.to_dict()}

    @property
    def _outputs(self) -> int:
        return 1 if self.target is None else self.target.outputs
