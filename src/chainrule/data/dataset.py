"""Dataset: arrays that share their rows, with the target they should explain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.data.finite import check_finite
from chainrule.data.samples import Samples
from chainrule.data.shapes import as_array
from chainrule.errors import ConfigError, DataError, DtypeError, LabelError, ShapeError

__all__ = ["TASKS", "Dataset"]

TASKS = ("binary", "classification", "regression")


class Dataset(Samples):
    """Inputs and target with one row per example, ready for a network.

    Arguments:
        inputs: an array or a tuple of arrays with the same number of rows, such as images float32 (N, H, W, C), or
            numbers float32 (N, F) and category codes int32 (N, C). 64-bit numbers become 32-bit; the rest is kept as
            it is.
        target: int32 labels 0 … C − 1 (N,), numbers float32 (N,) or (N, K), or None.
        task: `"binary"`, `"classification"` or `"regression"`; without it whole numbers are labels and others are
        numbers. classes: what each label stands for; without it the labels themselves, up to the highest.
        input_names: for each input array the names of its columns, or None.
        target_scale: (mean, deviation) by which a regression target was standardised; `restore` undoes it.
        names: what each row is called, such as the names of sequences, or None.

    Raises:
        ShapeError: inputs and target differ in rows. LabelError: a label is no whole number or out of range.
        NonFiniteError: NaN or infinity in the inputs or the target, with its row. DtypeError: values that are no
            numbers.

    Example:
        >>> dataset = Dataset([[0.0, 1.0], [1.0, 1.0], [1.0, 0.0]], [1, 0, 1])
        >>> dataset
        Dataset(3 rows, inputs float32 (3, 2), binary target int32 (3,) of 2 classes)
        >>> len(dataset[:2]), dataset.classes
        (2, ['0', '1'])
    """

    def __init__(
        self,
        inputs: Any,
        target: Any = None,
        *,
        task: str | None = None,
        classes: Sequence[str] | None = None,
        input_names: Sequence[Sequence[str] | None] | None = None,
        target_scale: tuple[float, float] | None = None,
        names: Sequence[str] | None = None,
    ) -> None:
        if task is not None and task not in TASKS:
            raise ConfigError(f"task is {task!r}, expected 'binary', 'classification' or 'regression'")
        parts = inputs if isinstance(inputs, tuple) else (inputs,)
        self.inputs: tuple[np.ndarray, ...] = tuple(_input(part, i, len(parts)) for i, part in enumerate(parts))
        if not self.inputs:
            raise ShapeError("a dataset without inputs", fix="Dataset(inputs, target)")
        rows = {len(part) for part in self.inputs}
        if len(rows) > 1:
            raise ShapeError(f"the inputs have {', '.join(str(len(p)) for p in self.inputs)} rows, expected the same")
        self.names = None if names is None else np.array(names, object)
        if self.names is not None and len(self.names) != len(self):
            raise ShapeError(f"there are {len(self.names)} names for {len(self)} rows, expected one for each row")
        self.input_names = None if input_names is None else [None if n is None else list(n) for n in input_names]
        self.target: np.ndarray | None = None
        self.target_scale = target_scale
        if target is not None:
            self._set_target(target, task, classes)
        elif task is not None:  # a dataset to predict from still knows what is to be predicted
            self.task = task
            self.classes = None if classes is None else [str(c) for c in classes]

    def _set_target(self, target: Any, task: str | None, classes: Sequence[str] | None) -> None:
        values = np.asarray(target)
        if values.ndim == 0 or len(values) != len(self):
            raise ShapeError(
                f"the inputs have {len(self)} rows and the target has shape {values.shape}, expected one value per row"
            )
        if values.dtype.kind not in "biuf":
            raise DtypeError(
                f"the target holds values of type {values.dtype}, expected numbers",
                fix="data.prepare((x, y)) numbers classes given as words",
            )
        if values.dtype.kind == "f":
            check_finite(values, "the target")
        if task is None:
            task = "regression" if values.dtype.kind == "f" and classes is None else "classification"
            if task == "classification" and (len(classes) if classes else int(values.max(initial=0)) + 1) <= 2:
                task = "binary"
        self.task = task
        if task == "regression":
            self.target = values.astype(np.float32)
            return
        if values.ndim != 1:
            raise ShapeError(
                f"the target has shape {values.shape}, expected one label per row: (N,)",
                fix="target[:, 0] for a column, target.argmax(axis=1) for one-hot rows",
            )
        whole = values.astype(np.int64)
        if not np.array_equal(whole, values):
            row = int(np.argmax(whole != values))
            raise LabelError(
                f"label {values[row]!r} is not a whole number, expected labels 0, 1, 2, …",
                where=f"row {row} of the target",
                fix="task='regression' for a target of numbers",
            )
        if classes is None:
            count = 2 if task == "binary" else int(whole.max(initial=0)) + 1
            classes = [str(c) for c in range(count)] if count <= 2**20 else []
        if task == "binary" and len(classes) != 2:
            raise LabelError(f"task is 'binary' with {len(classes)} classes, expected 2", fix="task='classification'")
        out = (whole < 0) | (whole >= len(classes))
        if out.any():
            row = int(np.argmax(out))
            raise LabelError(
                f"label {whole[row]} is out of range, expected 0 to {len(classes) - 1}",
                where=f"row {row} of the target",
                fix="data.prepare((x, y)) numbers the classes from 0",
            )
        self.classes = [str(c) for c in classes]
        self.target = whole.astype(np.int32)

    def __len__(self) -> int:
        return len(self.inputs[0])

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """The inputs, and the target where there is one."""
        return self.inputs if self.target is None else (*self.inputs, self.target)

    def select(self, arrays: Any, rows: Any) -> tuple[tuple[Any, ...], Any]:
        """The rows' inputs and target; see `Samples.select`."""
        chosen = tuple(array[rows] for array in arrays)
        return (chosen, None) if self.target is None else (chosen[:-1], chosen[-1])

    def __getitem__(self, rows: Any) -> Dataset:
        """The chosen rows as a Dataset: by slice, by an array of row numbers or of booleans, or a single row number."""
        if isinstance(rows, (int, np.integer)):
            rows = [int(rows)]
        index = rows if isinstance(rows, slice) else np.asarray(rows)
        if isinstance(index, np.ndarray) and index.size == 0:
            index = index.astype(np.int64)
        chosen = object.__new__(Dataset)  # what was checked once need not be checked again for each batch
        try:
            chosen.inputs = tuple(part[index] for part in self.inputs)
            chosen.target = None if self.target is None else self.target[index]
            chosen.names = None if self.names is None else self.names[index]
        except IndexError as error:
            raise ShapeError(f"these rows do not exist in a dataset of {len(self)} rows: {error}") from None
        chosen.task, chosen.classes = self.task, self.classes
        chosen.input_names, chosen.target_scale = self.input_names, self.target_scale
        return chosen

    def __repr__(self) -> str:
        shapes = ", ".join(f"{part.dtype} {part.shape}" for part in self.inputs)
        if self.target is None:
            return f"Dataset({len(self)} rows, inputs {shapes}, no target)"
        kinds = f" of {len(self.classes)} classes" if self.classes else ""
        target = f"{self.task} target {self.target.dtype} {self.target.shape}"
        return f"Dataset({len(self)} rows, inputs {shapes}, {target}{kinds})"

    def batches(self, batch_size: int | None, *, seed: int | None = None, drop_last: bool = False) -> Iterator[Dataset]:
        """The rows in batches, once through.

        Arguments:
            batch_size: rows in a batch; None gives all in one.
            seed: shuffles the rows by this seed; without it they come in order.
            drop_last: leave out a last batch that is not full.

        Example:
            >>> [len(batch) for batch in Dataset([[0.0]] * 5).batches(2)]
            [2, 2, 1]
        """
        size = len(self) if batch_size is None else batch_size
        if size < 1:
            raise ConfigError(f"batch_size is {batch_size}, expected at least 1")
        order = None if seed is None else np.random.default_rng(seed).permutation(len(self))
        for start in range(0, len(self), size):
            if drop_last and start + size > len(self):
                return
            rows = slice(start, start + size)
            yield self[rows] if order is None else self[order[rows]]


def _input(part: Any, i: int, count: int) -> np.ndarray:
    what = "the input" if count == 1 else f"input {i}"
    array = as_array(part, what)
    if array.ndim == 0:
        raise ShapeError(f"{what} is a single value, expected an array with one row per example")
    if array.dtype.kind not in "biuf":
        raise DtypeError(
            f"{what} holds values of type {array.dtype}, expected numbers",
            fix="data.prepare(table) turns words, dates and missing values into numbers",
        )
    if array.dtype.kind == "f":
        if array.dtype != np.float32:
            with np.errstate(over="ignore"):
                array = array.astype(np.float32)  # too large for float32 becomes infinity, which the check names
        check_finite(array, what)
    elif (array.dtype.kind in "iu" and array.dtype.itemsize > 4) or array.dtype == np.uint32:
        low, high = np.iinfo(np.int32).min, np.iinfo(np.int32).max
        if array.size and (array.min() < low or array.max() > high):
            raise DataError(f"{what} holds whole numbers beyond ±2³¹", fix="give them as floats, or scale them down")
        array = array.astype(np.int32)
    return array
