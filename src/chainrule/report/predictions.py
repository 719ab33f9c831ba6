"""What the model answered on the test part: a confusion matrix for classes, residuals for numbers; and what a language
model wrote.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from chainrule.report import charts, words
from chainrule.report.charts import Chart
from chainrule.report.reading import Run
from chainrule.report.verdict import confusion, pairs

# With more classes a table cannot be read any more; a shaded grid can.
MOST_NAMED_CLASSES = 26


@dataclass(frozen=True)
class Cell:
    """One count of the confusion matrix; `shade` 0..1 is its share of the row's true class."""

    count: int
    shade: float
    right: bool
    tip: str


@dataclass(frozen=True)
class Predictions:
    """The test part's answers: a confusion matrix for classes, or predicted against true numbers; or texts by epoch."""

    classes: list[str] = field(default_factory=list)
    matrix: list[list[Cell]] = field(default_factory=list)
    per_class: list[dict[str, Any]] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)
    texts: list[tuple[int, str]] = field(default_factory=list)


def predictions(run: Run) -> Predictions:
    """What the model answered on the test part, as far as the summary holds it, or the texts that it wrote."""
    if run.texts:
        shown = sorted({len(run.texts) - 1, len(run.texts) // 4, 0}, reverse=True)
        texts = [(int(run.texts[i]["epoch"]), run.texts[i]["text"].strip("\n")) for i in shown]
        return Predictions(texts=texts, sentences=["What the network wrote on its own, the latest first."])
    table = confusion(run)
    if table:
        return _classes(*table)
    points = pairs(run)
    return _numbers(*points) if points else Predictions()


def _classes(counts: list[list[int]], names: list[str]) -> Predictions:
    size = len(names)
    true_sizes = [sum(row) for row in counts]
    answered = [sum(row[k] for row in counts) for k in range(size)]
    per_class: list[dict[str, Any]] = []
    for k, name in enumerate(names):
        recall = counts[k][k] / true_sizes[k] if true_sizes[k] else None
        precision = counts[k][k] / answered[k] if answered[k] else None
        both = 2 * counts[k][k] / (true_sizes[k] + answered[k]) if true_sizes[k] + answered[k] else None
        per_class.append({"name": name, "count": true_sizes[k], "recall": recall, "precision": precision, "f1": both})
    mistakes = sorted(
        ((counts[i][j], i, j) for i in range(size) for j in range(size) if i != j and counts[i][j]),
        key=lambda m: (-m[0], m[1], m[2]),
    )
    wrong, total = sum(m[0] for m in mistakes), sum(true_sizes)
    sentences = [f"{wrong:,} of {words.count(total, 'test example')} went to a wrong class."]
    if mistakes and mistakes[0][0] > 1:
        worst = [f"{names[i]} taken for {names[j]} ({n:,})" for n, i, j in mistakes[:3] if n > 1]
        sentences.append(f"Most often: {words.listing(worst)}.")
    if size > MOST_NAMED_CLASSES:
        cells = [[float(v) or None for v in row] for row in counts]
        title = "True class against predicted class"
        chart = charts.grid(title, names, names, cells, x_label="predicted", row_label="true")
        per_class.sort(key=lambda c: c["recall"] if c["recall"] is not None else 2.0)
        return Predictions(names, [], per_class[:MOST_NAMED_CLASSES], [chart], sentences)
    matrix = [
        [
            Cell(
                n,
                n / true_sizes[i] if true_sizes[i] else 0.0,
                i == j,
                f"true {names[i]}, predicted {names[j]}: {n:,} of {true_sizes[i]:,}",
            )
            for j, n in enumerate(row)
        ]
        for i, row in enumerate(counts)
    ]
    return Predictions(names, matrix, per_class, [], sentences)


def _numbers(target: list[float], prediction: list[float]) -> Predictions:
    residuals = [p - t for t, p in zip(target, prediction, strict=True)]
    ordered = sorted(abs(r) for r in residuals)
    bias = sum(residuals) / len(residuals)
    middle, most = ordered[len(ordered) // 2], ordered[min(int(len(ordered) * 0.9), len(ordered) - 1)]
    sentences = [
        f"Half of the predictions are within {words.number(middle, 3)} of the true value, nine in ten within "
        f"{words.number(most, 3)}.",
        f"On average they are {words.number(abs(bias), 3)} too {'high' if bias > 0 else 'low'}." if bias else "",
    ]
    drawn = [
        charts.scatter("Predicted against true", target, prediction, x_label="true", y_label="predicted"),
        charts.histogram("Residuals", residuals, x_label="predicted minus true", center=0.0),
    ]
    return Predictions(charts=drawn, sentences=[s for s in sentences if s])
