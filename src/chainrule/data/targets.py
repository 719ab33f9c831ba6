"""The target: which column it is, what kind of question it asks, and its values as labels or standardised numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.data.columns import as_numbers, as_text
from chainrule.data.parts import TablePart
from chainrule.data.state import State
from chainrule.errors import ConfigError, DataError, LabelError, suggest

if TYPE_CHECKING:
    import polars as pl

__all__ = ["TargetPlan", "choose_target", "fit_target", "named_classes"]

_TELLING = ("target", "label", "labels", "y", "outcome", "survived", "churn", "is_fraud")
_TELLING_AT_AN_END = ("class", "income", "price", "quality", "species", "diagnosis", "output", "result", "score")
_FEW = 20  # whole numbers of up to this many kinds are classes


def choose_target(columns: Sequence[str], target: str | None, name: str) -> tuple[str, list[str]]:
    """The target column, and what to say about the choice.

    A given name counts. Otherwise a column called `target`, `label`, `y`, `outcome`, `survived`, …; then a first or
    last column called `class`, `price`, `species`, …; then the last one.

    Raises:
        DataError: no column has the given name; the nearest is suggested.

    Example:
        >>> choose_target(["survived", "age"], None, "t.csv")[0], choose_target(["age", "job"], None, "t.csv")[0]
        ('survived', 'job')
    """
    if target is not None:
        if target not in columns:
            nearest = suggest(target, columns)
            raise DataError(f"{name} has no column {target!r}.{nearest}", fix=f"one of: {_listed(columns)}")
        return target, []
    change = "; target='…' takes another"
    lowered = [column.lower() for column in columns]
    for word in _TELLING:
        if word in lowered:
            chosen = columns[lowered.index(word)]
            return chosen, [f"target: column {chosen!r}, by its name{change}"]
    for place in (-1, 0):
        if lowered[place] in _TELLING_AT_AN_END:
            return columns[place], [f"target: column {columns[place]!r}, by its name{change}"]
    return columns[-1], [f"target: column {columns[-1]!r}, the last one{change}"]


@dataclass(frozen=True)
class TargetPlan:
    """What the target was found to be in training.

    Arguments:
        name: its column.
        task: `binary`, `classification` or `regression`.
        classes: what the labels 0 … C − 1 stand for; empty for numbers.
        mean, deviation: of the training target; (y − mean) / deviation is what a network learns.
    """

    name: str
    task: str
    classes: tuple[str, ...] = ()
    mean: float = 0.0
    deviation: float = 1.0

    @property
    def outputs(self) -> int:
        """How many output units a network needs: one for two classes and for a number, else one per class."""
        return len(self.classes) if self.task == "classification" else 1

    def encode_numbers(self, values: np.ndarray) -> np.ndarray:
        """Numbers standardised as in training, float32."""
        return ((np.asarray(values, np.float64) - self.mean) / self.deviation).astype(np.float32)

    def restore(self, values: Any) -> np.ndarray:
        """Standardised numbers back in the target's own unit, float64."""
        return np.asarray(values, np.float64) * self.deviation + self.mean

    def encode_words(self, part: TablePart, text: pl.Series) -> tuple[np.ndarray, list[str]]:
        """Labels as int32, and what was noteworthy; a value that differs from a class by blanks, a full stop or case
        alone is it.

        Raises:
            LabelError: a value that is none of the classes, with its row.
        """
        text = as_text(text)
        index = {name: label for label, name in enumerate(self.classes)}
        loose: dict[str, list[int]] = {}
        for name, label in index.items():
            loose.setdefault(_loosely(name), []).append(label)
        messages, table = [], {}
        for word in text.unique(maintain_order=True):
            label = index.get(word)
            if label is None:
                near = loose.get(_loosely(word), [])
                if len(near) != 1:
                    row = int(np.argmax((text == word).to_numpy()))
                    raise LabelError(
                        f"target {word[:60]!r} in {part.rows_in_words(np.array([row]))} is none of the classes of the "
                        f"training data: {_listed(self.classes)}",
                        where=part.place(row, self.name),
                        fix="correct the value, or train on data that has this class",
                    )
                label = near[0]
                messages.append(
                    f"target {self.name!r} of {part.name}: {word!r} is taken as the class {self.classes[label]!r}"
                )
            table[word] = label
        return np.array([table[word] for word in text], np.int32), messages

    def to_dict(self) -> dict[str, Any]:
        """The plan as JSON can hold it."""
        return {
            "name": self.name,
            "task": self.task,
            "classes": list(self.classes),
            "mean": self.mean,
            "deviation": self.deviation,
        }

    @classmethod
    def from_dict(cls, state: State) -> TargetPlan:
        """The plan that `to_dict` wrote, every value checked."""
        task, classes = state.text("task"), state.texts("classes")
        if task not in ("binary", "classification", "regression"):
            raise state.wrong("task", f"is {task!r}, expected 'binary', 'classification' or 'regression'")
        fits = {"binary": len(classes) == 2, "classification": len(classes) > 1, "regression": not classes}
        if not fits[task] or len(set(classes)) < len(classes):
            raise state.wrong("classes", f"has {len(classes)} entries, which does not fit {task}")
        return cls(state.text("name"), task, tuple(classes), state.number("mean"), state.positive("deviation"))


def fit_target(part: TablePart, series: pl.Series, task: str | None) -> tuple[TargetPlan, list[str]]:
    """What a cleaned target column without missing values asks for, and what to say about it; numbers are not scaled
    yet.

    Raises:
        DataError: one class only, too many for classes, or text where a number is asked for. ConfigError: an unknown
            task.
    """
    import polars as pl

    if task not in (None, "binary", "classification", "regression"):
        raise ConfigError(f"task is {task!r}, expected 'binary', 'classification' or 'regression'")
    name = series.name
    number = series.cast(pl.Float64, strict=False) if series.dtype == pl.String else series
    numeric = number.dtype.is_numeric() and number.null_count() == 0
    distinct = series.n_unique()
    whole = numeric and bool((number.cast(pl.Float64) == number.cast(pl.Float64).round()).all())
    if distinct == 1:
        raise _always_the_same(name, series[0], len(series), part.name)
    few = distinct <= 2 or (whole and distinct <= min(_FEW, max(2, len(series) // 5)))
    if task == "regression" or (task is None and numeric and not few):
        if number.null_count() > len(series) // 20:
            word = series.filter(number.is_null())[0] if series.dtype == pl.String else series[0]
            raise DataError(
                f"task is 'regression', but the target {name!r} holds words such as {str(word)[:40]!r}",
                where=part.name,
                fix="task='classification', or another target",
            )
        as_numbers(part, series)  # raises where a value is no number, with its row
        said = "a number, so regression" if task is None else "a number"
        return TargetPlan(name, "regression"), [
            f"target {name!r}: {said}" + ("" if task else "; task='classification' takes its values as classes")
        ]
    if task is None and distinct > _FEW and number.dtype.is_numeric() and number.null_count() <= len(series) // 20:
        as_numbers(part, series)  # numbers but for a few words: raises, naming the rows
    counts = as_text(series).value_counts()
    words = counts[name].to_list()
    words.sort(key=(lambda word: (float(word), word)) if numeric else None)
    if len(words) > max(_FEW, len(series) // 2):
        raise DataError(
            f"the target {name!r} has {len(words):,} different values in {len(series):,} rows, too many for classes",
            where=part.name,
            fix=f"choose another target{', or task=regression' if numeric else ''}",
        )
    size = dict(zip(counts[name], counts["count"], strict=True))
    plan, (message,) = named_classes(name, words, [size[word] for word in words], task)
    other = "; task='regression' takes it as a number" if numeric and task is None else ""
    return plan, [message + other]


def named_classes(
    name: str, words: Sequence[str], sizes: Sequence[int] | np.ndarray, task: str | None
) -> tuple[TargetPlan, list[str]]:
    """The plan of a target whose classes are known, in their order, and what to say about it.

    Arguments:
        name: of the target.
        words, sizes: each class, and how many rows it has; classes without rows count as classes.
        task: as a person gave it.

    Raises:
        DataError: one class only, or not two where the task is binary.
    """
    present = [word for word, size in zip(words, sizes, strict=True) if size]
    if len(present) < 2:
        raise _always_the_same(name, present[0] if present else "", sum(sizes))
    if task == "binary" and len(words) != 2:
        raise DataError(
            f"task is 'binary', but the target {name!r} has {len(words)} classes: {_listed(words)}",
            fix="task='classification'",
        )
    found = "binary" if len(words) == 2 else "classification"
    shown = _listed([f"{word} ({size:,})" for word, size in zip(words, sizes, strict=True)])
    return TargetPlan(name, found, tuple(words)), [f"target {name!r}: {len(words)} classes, {shown}, so {found}"]


def _always_the_same(name: str, value: Any, rows: int, where: str | None = None) -> DataError:
    return DataError(
        f"the target {name!r} is {str(value)[:60]!r} in all {rows:,} rows: nothing to learn",
        where=where,
        fix="choose another target, or give data in which it differs",
    )


def _loosely(word: str) -> str:
    return word.strip().rstrip(".").strip().casefold()


def _listed(words: Sequence[str], limit: int = 12) -> str:
    shown = ", ".join(str(word)[:40] for word in words[:limit])
    return shown + (f", … ({len(words)} in all)" if len(words) > limit else "")
