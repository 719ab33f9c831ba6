"""prepare: from any data to training, validation and test sets, with everything that was decided said."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.data.array_preprocessing import ArrayPreprocessing, understand_target
from chainrule.data.columns import as_text
from chainrule.data.dataset import Dataset
from chainrule.data.graph_samples import GraphPreprocessing
from chainrule.data.graphs import Graph
from chainrule.data.parts import ArrayPart, SequencePart, TablePart, TextPart
from chainrule.data.plans import CategoryPlan, NumberPlan
from chainrule.data.preprocessing import Preprocessing
from chainrule.data.samples import Samples
from chainrule.data.sequence_preprocessing import SequencePreprocessing
from chainrule.data.sources import Source, load
from chainrule.data.splitting import split_rows
from chainrule.data.table_preprocessing import TablePreprocessing
from chainrule.data.targets import fit_target
from chainrule.data.text import TextPreprocessing, TextSamples
from chainrule.errors import DataError

__all__ = ["Prepared", "prepare"]

_TWINS = 0.1  # the share of rows for testing from which copies are worth a remark


@dataclass
class Prepared:
    """Data ready for training: three `Dataset`s, or `TextSamples` of a text, `GraphSamples` of a graph.

    Arguments:
        train: what to fit on.
        validation: what to watch and choose by; None where there are too few rows for it.
        test: what to score with at the end, once; None where there is none.
        preprocessing: what was fitted, to be saved with the model.
        summary: what JSON can hold of it, for a report.
        messages: what was found and decided, for a person to read.
    """

    train: Any
    validation: Any
    test: Any
    preprocessing: Preprocessing
    summary: dict[str, Any]
    messages: list[str]


def prepare(
    source: Any,
    *,
    target: str | None = None,
    test: Any = None,
    task: str | None = None,
    validation: float = 0.15,
    test_fraction: float = 0.15,
    seed: int = 0,
    types: Mapping[str, str] | None = None,
    header: bool | None = None,
    separator: str | None = None,
    encoding: str | None = None,
    missing: Collection[str] = (),
    unit: str | None = None,
    context: int = 64,
    sequence: str | None = None,
    time: str | None = None,
) -> Prepared:
    """Read, understand, split and transform data of any kind, ready for training.

    Rows are split by `seed`, classes in proportion. Means, medians and categories are fitted on the training rows
    alone. Numbers are standardised, missing ones replaced by the median and marked, heavy tails drawn in by a
    logarithm; categories become codes (0 for unknown ones); dates become numbers; columns that tell nothing are left
    out. Each such decision is one of the `messages`.

    Arguments:
        source: anything `load` takes.
        target: the target column of a table; chosen by name or place without it.
        test: a test part that lies apart.
        task: `"binary"`, `"classification"` or `"regression"`, where the target does not show it.
        validation: the share of rows to set aside for validation.
        test_fraction: the share of rows for the test set, only where no test part exists.
        seed: of the split.
        types: for single columns `"number"`, `"category"`, `"boolean"`, `"date"` or a date format, `"drop"`.
        header, separator, encoding, missing: how to read text tables.
        unit: `"characters"` or `"bytes"` of a text; any file is read as one when it is given.
        context: how many of these a network sees at once.
        sequence: of a table with a row for each step, the column that says which rows make a sequence.
        time: the column of numbers or dates that orders the steps of each sequence; without it they are taken as they
            come.

    Sequences are split as wholes. They are standardised with the mean and deviation of the steps of the training
    sequences, and filled up to the longest, which nothing depends on.

    Texts are split where they are: the beginning is to train on, then comes what is for validation, then the test.

    Raises:
        DataError, LabelError, NonFiniteError, ConfigError: what does not fit, with file, row and column, and the fix.

    Example:
        >>> prepared = prepare("digits", seed=0)
        >>> len(prepared.train), len(prepared.validation), len(prepared.test)
        (1258, 269, 270)
        >>> prepared.preprocessing.input_description
        {'kind': 'image', 'shape': [8, 8, 1], 'outputs': 10}
    """
    found = load(
        source,
        target=target,
        test=test,
        header=header,
        separator=separator,
        encoding=encoding,
        missing=missing,
        unit=unit,
        sequence=sequence,
        time=time,
        types=types,
    )
    fractions = (validation, 0.0 if found.test is not None else test_fraction)
    if isinstance(found.train, TablePart):
        return _prepare_table(found, found.train, fractions, seed, task, types)
    if isinstance(found.train, TextPart):
        return _prepare_text(found, found.train, fractions, seed, unit, context)
    if isinstance(found.train, Graph):
        return _prepare_graph(found, found.train, (validation, test_fraction), seed)
    return _prepare_arrays(found, found.train, fractions, seed, task)


def _prepare_table(
    found: Source,
    part: TablePart,
    fractions: tuple[float, float],
    seed: int,
    task: str | None,
    types: Mapping[str, str] | None,
) -> Prepared:
    target = found.target
    assert target is not None
    messages = list(found.messages)
    gone = np.flatnonzero(part.frame[target].is_null().to_numpy())
    if len(gone) == part.frame.height:
        raise DataError(f"the target {target!r} is missing in every row", where=part.name, fix="choose another target")
    if gone.size:
        messages.append(f"{part.name}: {len(gone):,} rows without a target were left out ({part.rows_in_words(gone)})")
        part = part.take(np.flatnonzero(~np.isin(np.arange(part.frame.height), gone)))
    plan, _ = fit_target(part, part.frame[target], task)
    labels = None if plan.task == "regression" else as_text(part.frame[target]).rank("dense").to_numpy()
    held, tested, rows = split_rows(part.frame.height, fractions, labels=labels, seed=seed)
    fitted, said = TablePreprocessing.fit(part, target=target, rows=rows, task=task, types=types, reading=found.reading)
    messages += said
    everything, _ = fitted.encode(part, has_target=True)  # what is noteworthy about the training data has been said
    messages += _twins(part, [t.name for t in fitted.types if t.used] + [target], rows, tested)
    sets = [everything[rows], everything[held] if held.size else None, everything[tested] if tested.size else None]
    if isinstance(found.test, TablePart):
        given = found.test
        sets[2], said = fitted.transform(given, has_target=True)
        messages += [f"test part: {message}" for message in said if message not in given.messages]
    return _prepared(found, part.frame.height, sets, fitted, messages, seed, fractions)


def _twins(part: TablePart, columns: list[str], rows: np.ndarray, tested: np.ndarray) -> list[str]:
    """A remark where many of the rows for testing stand among the training rows too."""
    keys = part.frame.select(columns).hash_rows().to_numpy()
    twins = int(np.isin(keys[tested], keys[rows]).sum())
    if twins < max(_TWINS * len(tested), 1):
        return []
    return [
        f"{twins:,} of {len(tested):,} rows for testing equal a training row in every column; where these are copies, "
        "the score flatters: drop them from the data"
    ]


def _prepare_arrays(
    found: Source, part: ArrayPart, fractions: tuple[float, float], seed: int, task: str | None
) -> Prepared:
    if part.labels is None:
        raise DataError(f"no target to train on in {part.name}", fix="give (x, y), or labels beside the images")
    plan, _ = understand_target(part, task)
    labels = None
    if plan is not None and plan.task != "regression":
        labels = np.unique(part.labels, return_inverse=True)[1]
    held, tested, rows = split_rows(len(part.inputs), fractions, labels=labels, seed=seed)
    if isinstance(part, SequencePart):
        fitted, said = SequencePreprocessing.fit(part, rows=rows, task=task)
        fitted.reading = found.reading
        if isinstance(found.test, SequencePart):
            fitted.see(found.test)
    else:
        fitted, said = ArrayPreprocessing.fit(part, rows=rows, task=task)
    messages = found.messages + said

    def subset(chosen: np.ndarray) -> Dataset | None:
        return fitted.encode(part.take(chosen), has_target=True)[0] if chosen.size else None

    sets = [subset(rows), subset(held), subset(tested)]
    if isinstance(found.test, ArrayPart):
        sets[2], said = fitted.encode(found.test, has_target=True)
        messages += said
    return _prepared(found, len(part.inputs), sets, fitted, messages, seed, fractions)


def _prepare_text(
    found: Source, part: TextPart, fractions: tuple[float, float], seed: int, unit: str | None, context: int
) -> Prepared:
    fitted, said = TextPreprocessing.fit(part, length=context, unit=unit)
    tokens = fitted.encode(part.text, part.name)
    held, tested = (int(len(tokens) * fraction) for fraction in fractions)
    kept = len(tokens) - held - tested
    sets: list[Samples | None] = [TextSamples(tokens[:kept], context), None, None]
    for place, (first, count) in enumerate(((kept, held), (kept + held, tested)), start=1):
        if count > context:
            sets[place] = TextSamples(tokens[first : first + count], context)
    if isinstance(found.test, TextPart):
        sets[2] = TextSamples(fitted.encode(found.test.text, found.test.name), context)
    return _prepared(found, len(tokens), sets, fitted, found.messages + said, seed, fractions)


def _prepare_graph(found: Source, graph: Graph, fractions: tuple[float, float], seed: int) -> Prepared:
    fitted, messages = GraphPreprocessing.fit(graph)
    if graph.train is None:
        held, tested, rows = split_rows(len(graph), fractions, labels=graph.labels, seed=seed)
    else:
        rows = graph.nodes("train")
        held, tested = (
            graph.nodes(part) if getattr(graph, part) is not None else np.zeros(0, np.int32)
            for part in ("validation", "test")
        )
        messages.append("split: by the masks of the graph")
    sets = [fitted.samples(graph, nodes) if len(nodes) else None for nodes in (rows, held, tested)]
    return _prepared(found, len(graph), sets, fitted, found.messages + messages, seed, fractions)


def _prepared(
    found: Source,
    rows: int,
    sets: Sequence[Samples | None],
    fitted: Preprocessing,
    messages: list[str],
    seed: int,
    fractions: tuple[float, float],
) -> Prepared:
    train, validation, test = sets
    units = {"graph": "nodes", "sequence": "sequences"}
    unit = fitted.unit if isinstance(fitted, TextPreprocessing) else units.get(found.kind, "rows")
    if train is None or not len(train):
        raise DataError(
            f"{found.name} has {rows} {unit}, too few to train on after splitting", fix="validation=0, test_fraction=0"
        )
    sizes = {name: _size(part) for name, part in zip(("train", "validation", "test"), sets, strict=True)}
    apart = " (its own part)" if found.test is not None else ""
    parts = {"train": "to train on", "validation": "for validation", "test": "for testing"}
    words = ", ".join(
        f"{sizes[name]:,} {unit} {use}" if name == "train" else f"{sizes[name]:,} {use}" for name, use in parts.items()
    )
    how = "in this order" if isinstance(fitted, TextPreprocessing) else f"seed {seed}"
    how = f"classes in proportion, {how}" if train.classes else how
    if not any(message.startswith("split:") for message in messages):
        messages = [*messages, f"split: {words}{apart} ({how})"]
    if validation is None and fractions[0] > 0:
        messages.append(f"{found.name} has too few rows ({rows}) for a validation part")
    summary: dict[str, Any] = {
        "source": found.name,
        "kind": found.kind,
        "rows": sizes,
        "seed": seed,
        "task": train.task,
        "unit": unit,
        "target": None if fitted.target is None else fitted.target.name,
        "classes": _class_counts(train, validation, test),
        "input": fitted.input_description,
    }
    if fitted.target is not None and fitted.target.task == "regression":
        summary["target_scale"] = {"mean": fitted.target.mean, "deviation": fitted.target.deviation}
    if isinstance(fitted, TablePreprocessing):
        summary["columns"] = _columns(fitted)
    if isinstance(fitted, SequencePreprocessing) and fitted.table is not None:
        summary["columns"] = [
            {"name": c.name, "kind": c.kind, "missing": 0, "distinct": c.distinct, "treatment": "standardised"}
            for c in fitted.table.channels
        ]
    summary["messages"] = messages
    return Prepared(train, validation, test, fitted, summary, messages)


def _size(part: Samples | None) -> int:
    """Rows, or the tokens of a text."""
    return 0 if part is None else len(part.tokens) if isinstance(part, TextSamples) else len(part)


def _class_counts(*sets: Samples | None) -> list[dict[str, Any]] | None:
    """How many rows of each class each set has."""
    train = sets[0]
    if train is None or train.classes is None:
        return None
    counts = [
        np.zeros(len(train.classes), int)
        if s is None or (labels := s.select(s.arrays, s.rows())[1]) is None
        else np.bincount(labels, minlength=len(train.classes))
        for s in sets
    ]
    parts = ("train", "validation", "test")
    return [
        {"name": name, **{part: int(count[i]) for part, count in zip(parts, counts, strict=True)}}
        for i, name in enumerate(train.classes)
    ]


def _columns(fitted: TablePreprocessing) -> list[dict[str, Any]]:
    """Every column with its type and what becomes of it."""
    plans = {plan.name: plan for plan in fitted.plans}
    described = []
    for column in fitted.types:
        entry: dict[str, Any] = {
            "name": column.name,
            "kind": column.kind,
            "missing": column.missing,
            "distinct": column.distinct,
        }
        plan = plans.get(column.name)
        if plan is None:
            entry["treatment"] = f"left out: {column.note}"
        elif isinstance(plan, CategoryPlan):
            entry["treatment"] = f"{plan.cardinality} codes"
            entry["values"] = list(plan.values[:20])
        elif isinstance(plan, NumberPlan):
            entry["treatment"] = "logarithm, standardised" if plan.scale else "standardised"
            entry |= {"lowest": plan.lowest, "median": plan.median, "highest": plan.highest}
        else:
            entry["treatment"] = f"{len(plan.inputs)} numbers"
        described.append(entry)
    return described
