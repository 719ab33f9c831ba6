"""Tables: each column by its own plan, found again by name in any later table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.data.array_preprocessing import moments
from chainrule.data.columns import ColumnType, as_numbers, clean, infer_types
from chainrule.data.dataset import Dataset
from chainrule.data.parts import ArrayPart, TablePart, TextPart
from chainrule.data.plans import CategoryPlan, ColumnPlan, fit_column, plan_from_dict, plan_to_dict
from chainrule.data.preprocessing import Preprocessing
from chainrule.data.redundant import without_redundant
from chainrule.data.remarks import left_out, overview, shortened
from chainrule.data.sources import Reading, read
from chainrule.data.state import State
from chainrule.data.targets import TargetPlan, fit_target
from chainrule.errors import ConfigError, DataError, suggest

__all__ = ["TablePreprocessing"]


class TablePreprocessing(Preprocessing):
    """A plan for each column that is used, the reason for each that is not, and the target.

    Arguments:
        plans: of the columns used, in the order of the table.
        order: all columns of the training table, the target included, for tables without a header.
        dropped: why each other column is left out.
        target: what was found about the target; None without one.
        header: whether the training table had names.
        reading: how text tables are read.
    """

    kind = "table"

    def __init__(
        self,
        plans: Sequence[ColumnPlan],
        order: Sequence[str],
        dropped: Mapping[str, str],
        target: TargetPlan | None,
        *,
        header: bool,
        reading: Reading,
    ) -> None:
        self.plans, self.order, self.dropped = list(plans), list(order), dict(dropped)
        self.target, self.header, self.reading = target, header, reading
        self.types: list[ColumnType] = []

    @classmethod
    def fit(
        cls,
        part: TablePart,
        *,
        target: str | None,
        rows: np.ndarray | None = None,
        task: str | None = None,
        types: Mapping[str, str] | None = None,
        reading: Reading | None = None,
    ) -> tuple[TablePreprocessing, list[str]]:
        """Types from the whole table, medians, means and categories from its training rows alone.

        Arguments:
            part: the table, cleaned, its target without missing values.
            target: the target column; None fits inputs only.
            rows: the training rows; None takes all.
            task: overrules what the target looks like.
            types: overrules what columns look like; see `infer_types`.
            reading: how the table was read, kept for later ones.

        Returns:
            The preprocessing and what to say about it.
        """
        frame = part.frame
        rows = np.arange(frame.height) if rows is None else rows
        plan, said = None, []
        if target is not None:
            if types and target in types:
                raise ConfigError(
                    f"types names the target {target!r}",
                    fix="task='regression' or task='classification' says what it is",
                )
            plan, said = fit_target(part, frame[target], task)
            if plan.task == "regression":
                mean, deviation = moments(as_numbers(part, frame[target])[rows, None])
                plan = TargetPlan(target, "regression", (), mean[0], deviation[0])
        found = infer_types(part, types=types, skip=[target] if target is not None else [])
        found = without_redundant(frame, found, target if plan is not None and plan.task != "regression" else None)
        if not any(column.used for column in found):  # better a column that seems to count the rows than none
            found = [replace(c, kind="number", note="") if c.kind == "identifier" and c.numeric else c for c in found]
        used = [column for column in found if column.used]
        dropped = {column.name: f"{column.kind}: {column.note}" for column in found if not column.used}
        if not used:
            reasons = "; ".join(f"{name!r} ({reason})" for name, reason in dropped.items())
            raise DataError(
                f"no column of {part.name} can be learned from beside the target: {reasons or 'there is none'}",
                where=part.name,
                fix=f"types={{{found[0].name!r}: 'number'}} or 'category' keeps a column that was left out"
                if found
                else "give a table with at least one more column",
            )
        messages = said + overview(found) + left_out(found)
        plans, remarks = [], []
        for column in used:
            fitted, about = fit_column(part, frame[column.name], column, rows)
            plans.append(fitted)
            remarks += about
        fitted = cls(plans, frame.columns, dropped, plan, header=part.header, reading=reading or Reading())
        fitted.types = found
        return fitted, messages + shortened(remarks)

    def transform(self, source: Any, *, has_target: bool | None = None) -> tuple[Dataset, list[str]]:
        """A new table as the network takes it; see `Preprocessing.transform`.

        Columns are found by name in any order. A table without a header is taken by position if it has as many
        columns as the training table, with or without the target. Columns that training did not have, or did not use,
        are ignored.
        """
        part, _ = read(source, replace(self.reading, table=True), expected=self.order, labelled=bool(has_target))
        if not isinstance(part, TablePart):
            what = "arrays" if isinstance(part, ArrayPart) else "a text" if isinstance(part, TextPart) else "a graph"
            raise DataError(
                f"{part.name} holds {what}, and the training data were a table",
                fix="give a table with the same columns",
            )
        messages = [message for message in part.messages if "no header" not in message]  # said below, where it matters
        part = TablePart(clean(part.frame, self.reading.signs), part.name, part.header, part.lines)
        part, said = self._named(part)
        dataset, about = self.encode(part, has_target=has_target)
        return dataset, messages + said + about

    def encode(self, part: TablePart, *, has_target: bool | None = None) -> tuple[Dataset, list[str]]:
        """A cleaned table with the right names as a Dataset, and what was noteworthy."""
        part, messages = self._respelled(part)
        columns = part.frame.columns
        absent = [plan.name for plan in self.plans if plan.name not in columns]
        if absent:
            near = suggest(absent[0], columns)
            more = f" (and {len(absent) - 1} more: {', '.join(absent[1:6])})" if len(absent) > 1 else ""
            raise DataError(
                f"{part.name} has no column {absent[0]!r}, which the model was trained with{more}.{near}",
                where=part.name,
                fix=f"add the column, empty where it is unknown; there are: {', '.join(columns[:12])}",
            )
        values = None
        target = self.target
        if target is not None and has_target is not False and target.name in columns:
            present = part.frame[target.name].is_not_null().to_numpy()
            if not present.all() and (has_target or present.any()):
                gone = np.flatnonzero(~present)
                messages.append(
                    f"{part.name}: {len(gone):,} rows without a target were left out ({part.rows_in_words(gone)})"
                )
                part = part.take(np.flatnonzero(present))
            if not part.frame.height:
                raise DataError(f"{part.name} has no row with a target {target.name!r}", where=part.name)
            if present.any():
                values, said = self.encode_target(part)
                messages += said
        elif has_target:
            wanted = "no target was trained" if target is None else f"{part.name} has no target column {target.name!r}"
            near = suggest(target.name, columns) if target else ""
            raise DataError(f"{wanted}.{near}", fix="has_target=False to predict without it")
        known = set(self.order)
        extra = [name for name in columns if name not in known]
        if extra:
            messages.append(f"{part.name}: columns that training did not have are ignored: {', '.join(extra[:12])}")
        numbers, codes = [], []
        for plan in self.plans:
            encoded, about = plan.encode(part, part.frame[plan.name])
            (codes if isinstance(plan, CategoryPlan) else numbers).append(encoded)
            messages += about
        return self._dataset(part.frame.height, numbers, codes, values), shortened(messages)

    def encode_target(self, part: TablePart) -> tuple[np.ndarray, list[str]]:
        """The target of a table: labels int32, or standardised numbers float32."""
        assert self.target is not None
        series = part.frame[self.target.name]
        if self.target.task == "regression":
            return self.target.encode_numbers(as_numbers(part, series)), []
        return self.target.encode_words(part, series)

    def _dataset(
        self, rows: int, numbers: list[np.ndarray], codes: list[np.ndarray], target: np.ndarray | None
    ) -> Dataset:
        inputs: list[np.ndarray] = []
        names: list[list[str]] = []
        inputs.append(np.concatenate(numbers, axis=1) if numbers else np.zeros((rows, 0), np.float32))
        names.append(self.number_names)
        if codes:
            inputs.append(np.stack(codes, axis=1))
            names.append([plan.name for plan in self.plans if isinstance(plan, CategoryPlan)])
        plan = self.target
        regression = plan is not None and plan.task == "regression"
        return Dataset(
            tuple(inputs),
            target,
            task=None if plan is None else plan.task,
            classes=None if plan is None or regression else plan.classes,
            input_names=names,
            target_scale=(plan.mean, plan.deviation) if plan is not None and regression else None,
        )

    def _named(self, part: TablePart) -> tuple[TablePart, list[str]]:
        """The table with the training names, where it has none of its own and its width says which they are."""
        if part.header:
            return part, []
        width = part.frame.width
        without = [name for name in self.order if self.target is None or name != self.target.name]
        names = next((names for names in (self.order, without) if len(names) == width), None)
        if names is None:
            raise DataError(
                f"{part.name} has no header and {width} columns, where the training table had {len(self.order)}",
                where=part.name,
                fix="add a header line with the names, or header=True if it has one",
            )
        renamed = part.frame.rename(dict(zip(part.frame.columns, names, strict=True)))
        said = (
            [f"{part.name}: no header, so its {width} columns are taken in the order of the training table"]
            if self.header
            else []
        )
        return TablePart(renamed, part.name, True, part.lines), said

    def _respelled(self, part: TablePart) -> tuple[TablePart, list[str]]:
        """The table with names that differ from the training names by case alone put right."""
        loose: dict[str, list[str]] = {}
        for name in part.frame.columns:
            loose.setdefault(name.casefold(), []).append(name)
        wanted = [plan.name for plan in self.plans] + ([self.target.name] if self.target else [])
        taken = set(self.order)
        renamed = {
            loose[name.casefold()][0]: name
            for name in wanted
            if name not in part.frame.columns
            and len(loose.get(name.casefold(), [])) == 1
            and loose[name.casefold()][0] not in taken
        }
        if not renamed:
            return part, []
        said = [f"{part.name}: column {old!r} is taken as {new!r}" for old, new in renamed.items()]
        return TablePart(part.frame.rename(renamed), part.name, part.header, part.lines), said

    @property
    def number_names(self) -> list[str]:
        """The names of the number inputs, in order."""
        return [name for plan in self.plans if not isinstance(plan, CategoryPlan) for name in plan.inputs]

    @property
    def input_description(self) -> dict[str, Any]:
        """How many number inputs, the cardinality of each category input, and the outputs.

        Example:
            >>> from chainrule import data
            >>> table = {"age": [20, 30, 40, 50] * 5, "job": ["a", "b", "b", "c"] * 5, "rich": ["no", "yes"] * 10}
            >>> data.prepare(table, target="rich").preprocessing.input_description
            {'kind': 'table', 'numeric': 1, 'categories': [4], 'outputs': 1}
        """
        cardinalities = [plan.cardinality for plan in self.plans if isinstance(plan, CategoryPlan)]
        return {
            "kind": "table",
            "numeric": len(self.number_names),
            "categories": cardinalities,
            "outputs": self._outputs,
        }

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        return {
            **self._state(),
            "columns": [plan_to_dict(plan) for plan in self.plans],
            "order": self.order,
            "dropped": self.dropped,
            "header": self.header,
            "reading": self.reading.to_dict(),
        }

    @classmethod
    def _restored(cls, state: State, target: TargetPlan | None) -> TablePreprocessing:
        plans = [plan_from_dict(inner) for inner in state.inners("columns")]
        order, dropped = state.texts("order"), state.inner("dropped")
        names = [plan.name for plan in plans]
        if not plans or len(set(names)) < len(names) or not set(names) <= set(order) or len(set(order)) < len(order):
            raise state.wrong("columns", "do not fit 'order': each needs its own name, and a place in it")
        reading = Reading.from_dict(state.inner("reading"))
        reasons = {name: dropped.text(name) for name in dropped.values}
        return cls(plans, order, reasons, target, header=state.flag("header"), reading=reading)
