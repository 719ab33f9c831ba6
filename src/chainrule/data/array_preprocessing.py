"""Images and arrays: standardised with the training mean and deviation, per channel or per column."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from chainrule.data.columns import as_numbers, clean
from chainrule.data.dataset import Dataset
from chainrule.data.parts import ArrayPart, SequencePart, TablePart, TextPart
from chainrule.data.preprocessing import Preprocessing
from chainrule.data.sources import read
from chainrule.data.state import State
from chainrule.data.targets import TargetPlan, fit_target, named_classes
from chainrule.errors import ConfigError, DataError, LabelError, ShapeError

__all__ = ["ArrayPreprocessing"]

_CHUNK = 2**22  # values at a time: sums in float64 without a float64 copy of everything
_EDGE = 10.0  # a column that is nearly always the same would give values in the hundreds


class ArrayPreprocessing(Preprocessing):
    """z = (x − mean) / deviation, per channel of images (N, H, W, C), per last axis of arrays, kept within ±10 in
    columns (N, F).

    Arguments:
        shape: of one example.
        mean, deviation: one per channel or column.
        target: what was found about the target; None without one.
    """

    def __init__(
        self, shape: tuple[int, ...], mean: list[float], deviation: list[float], target: TargetPlan | None
    ) -> None:
        self.shape, self.mean, self.deviation, self.target = shape, mean, deviation, target
        self.kind = "image" if len(shape) == 3 else "array"  # pyright: ignore[reportAttributeAccessIssue]

    @classmethod
    def fit(cls, part: ArrayPart, *, rows: np.ndarray | None = None, task: str | None = None) -> tuple[Self, list[str]]:
        """Means and deviations of the training rows, and what the target is.

        Arguments:
            part: inputs and labels.
            rows: the training rows; None takes all.
            task: overrules what the target looks like.

        Returns:
            The preprocessing and what to say about it. The scale of a regression target is fitted on the training
            rows as well.
        """
        rows = np.arange(len(part.inputs)) if rows is None else rows
        target, messages = understand_target(part, task)
        if target is not None and target.task == "regression":
            centre, spread = moments(_target_numbers(part)[rows, None])
            target = TargetPlan(target.name, "regression", (), centre[0], spread[0])
        fitted, said = cls._fitted(part, rows, target)
        return fitted, [*messages, said]

    @classmethod
    def _fitted(cls, part: ArrayPart, rows: np.ndarray, target: TargetPlan | None) -> tuple[Self, str]:
        """Means and deviations of these rows, and a sentence about them."""
        inputs = part.inputs[rows]
        mean, deviation = moments(inputs)
        fitted = cls(tuple(int(n) for n in part.inputs.shape[1:]), mean, deviation, target)
        low, high = inputs.min(), inputs.max()
        if len(mean) <= 3:
            shown = ", ".join(f"{m:.4g}" for m in mean), ", ".join(f"{d:.4g}" for d in deviation)
            how = f"the training mean {shown[0]} and deviation {shown[1]}"
        else:
            how = f"the training mean and deviation of each of {len(mean)} columns"
        what = "pixels" if fitted.kind == "image" else "numbers"
        size = " × ".join(map(str, fitted.shape))
        return fitted, f"inputs {size}: {what} from {low:.6g} to {high:.6g} standardised with {how}"

    def encode_inputs(self, inputs: np.ndarray) -> np.ndarray:
        """Standardised inputs, float32."""
        result = inputs.astype(np.float32)  # a copy, changed in place from here on
        result -= np.array(self.mean, np.float32)
        result /= np.array(self.deviation, np.float32)
        return np.clip(result, -_EDGE, _EDGE, out=result) if result.ndim == 2 else result

    def encode(self, part: ArrayPart, *, has_target: bool | None = None) -> tuple[Dataset, list[str]]:
        """A part as a Dataset, and what was noteworthy."""
        if part.inputs.shape[1:] != self.shape:
            raise ShapeError(
                f"the inputs of {part.name} have shape {part.inputs.shape}, and the training data had "
                f"(N, {', '.join(map(str, self.shape))})",
                fix="resize or reorder the axes to match; images are (N, H, W, C)",
            )
        values, messages = self._encoded_target(part, has_target)
        return self._dataset((self.encode_inputs(part.inputs),), values), messages

    def _encoded_target(self, part: ArrayPart, has_target: bool | None) -> tuple[np.ndarray | None, list[str]]:
        """The target of a part as labels or standardised numbers, None where there is none or it is left aside."""
        if self.target is not None and part.labels is not None and has_target is not False:
            if self.target.task == "regression":
                return self.target.encode_numbers(_target_numbers(part)), []
            if part.classes is not None and tuple(part.classes) == self.target.classes and _numbered(part):
                return part.labels.astype(np.int32), []
            words = _words(part)
            return self.target.encode_words(words, words.frame.to_series())
        if has_target:
            raise DataError(f"{part.name} has no target", fix="has_target=False, or give labels")
        return None, []

    def _dataset(
        self, inputs: tuple[np.ndarray, ...], target: np.ndarray | None, names: list[str] | None = None
    ) -> Dataset:
        plan = self.target
        if plan is None:
            return Dataset(inputs, names=names)
        regression = plan.task == "regression"
        return Dataset(
            inputs,
            target,
            task=plan.task,
            classes=None if regression else plan.classes,
            target_scale=(plan.mean, plan.deviation) if regression else None,
            names=names,
        )

    def transform(self, source: Any, *, has_target: bool | None = None) -> tuple[Dataset, list[str]]:
        """New images or arrays as the network takes them; see `Preprocessing.transform`.

        Images in files are resized to the size of the training images, which is said. Of a source with two parts the
        test part is taken.
        """
        own, test = read(source, labelled=bool(has_target))
        part = test or own
        if type(part) is not ArrayPart:
            kinds = {TablePart: "a table", TextPart: "a text", SequencePart: "sequences with lengths"}
            raise DataError(
                f"{part.name} is {kinds.get(type(part), 'a graph')}, and the training data were {self.kind}s",
                fix="give the same kind of data",
            )
        messages = [*part.messages]
        if test is not None:
            messages.append(f"{own.name}: its test part is taken ({len(part.inputs):,} rows)")
        if self.kind == "image" and part.inputs.dtype == np.uint8 and part.inputs.shape[1:] != self.shape:
            part, said = self._resized(source, part)
            messages += said
        dataset, said = self.encode(part, has_target=has_target)
        return dataset, messages + said

    def _resized(self, source: Any, part: ArrayPart) -> tuple[ArrayPart, list[str]]:
        """Images of files in the size and colours of the training images; arrays are left to the check of shapes."""
        from pathlib import Path

        if not isinstance(source, (str, Path)):
            return part, []
        from chainrule.data.image_folders import resize

        if part.inputs.shape[3] not in (1, 3) or self.shape[2] not in (1, 3):
            return part, []
        images = resize(part.inputs, (self.shape[0], self.shape[1], self.shape[2]))
        old, new = (f"{s[1]}×{s[0]}×{s[2]}" for s in (part.inputs.shape[1:], self.shape))
        return ArrayPart(images, part.labels, part.name, part.classes), [
            f"{part.name}: images of {old} were made {new}, as in training"
        ]

    @property
    def input_description(self) -> dict[str, Any]:
        """Kind `image` with its shape, `table` for columns (N, F), or `array` with its shape; and the outputs."""
        if len(self.shape) == 1:
            return {"kind": "table", "numeric": self.shape[0], "categories": [], "outputs": self._outputs}
        return {"kind": self.kind, "shape": list(self.shape), "outputs": self._outputs}

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        return {**self._state(), "shape": list(self.shape), "mean": self.mean, "deviation": self.deviation}

    @classmethod
    def _restored(cls, state: State, target: TargetPlan | None) -> ArrayPreprocessing:
        shape = state.numbers("shape")
        if not shape or any(n < 1 or n != int(n) for n in shape):
            raise state.wrong("shape", f"is {shape}, expected whole numbers above 0")
        mean, deviation = state.numbers("mean"), state.numbers("deviation")
        if not len(mean) == len(deviation) == shape[-1] or min(deviation) <= 0:
            raise state.wrong(
                "mean", f"and 'deviation' have {len(mean)} and {len(deviation)} values for {int(shape[-1])} channels"
            )
        return cls(tuple(int(n) for n in shape), mean, deviation, target)


def moments(inputs: np.ndarray) -> tuple[list[float], list[float]]:
    """Mean and deviation per channel or column; the deviation of one that hardly varies is 1."""
    flat = inputs.reshape(-1, inputs.shape[-1])
    largest = max(abs(float(flat.max())), abs(float(flat.min())))
    if largest > 1e100:  # squares would overflow
        mean, deviation = moments(flat / largest)
        return [m * largest for m in mean], [d * largest for d in deviation]
    step = max(1, _CHUNK // flat.shape[1])
    shift = flat[:step].astype(np.float64).mean(axis=0)  # sums around a rough mean keep their digits
    total, squares = np.zeros_like(shift), np.zeros_like(shift)
    for start in range(0, len(flat), step):
        chunk = flat[start : start + step] - shift
        total += chunk.sum(axis=0)
        squares += np.einsum("ij,ij->j", chunk, chunk)
    mean = total / len(flat)
    deviation = np.sqrt(np.maximum(squares / len(flat) - mean**2, 0))
    size = np.maximum(np.abs(shift + mean), deviation)
    steady = ~(deviation > 1e-6 * size) | (deviation < 1e-30)  # which float32 cannot divide by
    deviation[steady] = 1.0
    return (shift + mean).tolist(), deviation.tolist()


def understand_target(part: ArrayPart, task: str | None) -> tuple[TargetPlan | None, list[str]]:
    """What the labels ask for, and what to say about it; numbers are not scaled yet."""
    if part.labels is None:
        if task is not None:
            raise ConfigError(f"task is {task!r}, but {part.name} has no target")
        return None, []
    task = task or part.task
    if task in ("binary", "classification") and part.labels.dtype.kind == "f":
        off = np.flatnonzero(part.labels != np.round(part.labels))
        if off.size:
            raise LabelError(
                f"label {part.labels[off[0]]} is not a whole number, expected classes for task={task!r}",
                where=f"row {off[0]} of the target",
                fix="task='regression'",
            )
    if part.classes is not None and task != "regression" and _numbered(part):
        return named_classes("target", part.classes, np.bincount(part.labels, minlength=len(part.classes)), task)
    words = _words(part)
    return fit_target(words, words.frame.to_series(), task)


def _numbered(part: ArrayPart) -> bool:
    """Whether the labels are the numbers of the part's classes, so that no table is needed to understand them.

    Raises:
        LabelError: a number that no class has.
    """
    labels = part.labels
    if part.classes is None or labels is None or labels.dtype.kind not in "iu":
        return False
    if labels.size and not 0 <= labels.min() <= labels.max() < len(part.classes):
        row = int(np.argmax((labels < 0) | (labels >= len(part.classes))))
        raise LabelError(
            f"label {labels[row]} is out of range for the {len(part.classes)} classes of {part.name}",
            where=f"row {row} of the target",
        )
    return True


def _target_numbers(part: ArrayPart) -> np.ndarray:
    """The labels as numbers, one for each row."""
    labels = np.asarray(part.labels)
    if labels.dtype.kind in "biuf":
        return labels
    words = _words(part)
    return as_numbers(words, words.frame.to_series())


def _words(part: ArrayPart) -> TablePart:
    """The labels as a column, so that arrays and tables share one way to understand a target."""
    import polars as pl

    if isinstance(part, SequencePart) and part.targets is not None:
        return part.targets
    labels = np.asarray(part.labels)
    if part.classes is not None and _numbered(part):
        labels = np.array(part.classes, dtype=object)[labels].tolist()
    frame = clean(pl.DataFrame({"target": pl.Series(labels)}), missing=())
    if frame["target"].null_count():
        row = int(np.argmax(frame["target"].is_null().to_numpy()))
        raise LabelError(f"the target of {part.name} is empty in row {row}", fix="remove the row or label it")
    return TablePart(frame, part.name)
