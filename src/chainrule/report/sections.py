"""The parts of the page below its headline: curves, predictions, layers, data, settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from chainrule.report import charts, words
from chainrule.report.charts import Chart, Series
from chainrule.report.reading import Run, mapping, number, sequence, whole
from chainrule.report.verdict import best_epoch, confusion, pairs

MOST_NAMED_CLASSES = 26
MOST_LINES = 8


@dataclass(frozen=True)
class Curves:
    """Loss, scores and learning rate over the epochs."""

    charts: list[Chart] = field(default_factory=list)
    sentence: str = ""
    columns: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)


def curves(run: Run) -> Curves:
    """The charts over epochs, and the same numbers as a table."""
    if not run.epochs:
        return Curves()
    x = [float(e["epoch"]) for e in run.epochs]
    names: list[str] = []
    for record in run.epochs:
        for part in ("train", "validation"):
            names += [n for n, v in mapping(record.get(part)).items() if n not in names and number(v) is not None]
    names.sort(key=lambda n: n != "loss")
    best = best_epoch(run)
    mark = (float(best), f"best, {best}") if best is not None and x[0] <= best <= x[-1] else None
    drawn: list[Chart] = []
    columns, table = ["epoch"], [[str(int(v)) for v in x]]
    for name in names:
        series: list[Series] = []
        for part, label in (("train", "training"), ("validation", "validation")):
            values = [number(mapping(e.get(part)).get(name)) for e in run.epochs]
            if any(v is not None for v in values):
                series.append(Series(label, part, values))
                columns.append(f"{label} {words.metric(name)}")
                table.append([words.value(name, v) for v in values])
        title = words.metric(name)
        title = title[:1].upper() + title[1:]
        drawn.append(
            charts.lines(title, x, series, log=None if name == "loss" else False, share=words.is_share(name), mark=mark)
        )
    rates = [number(e.get("learning_rate")) for e in run.epochs]
    known = [r for r in rates if r is not None]
    sentence = ""
    if known and min(known) == max(known):
        sentence = f"The learning rate was {words.number(known[0])} throughout."
    elif known:
        drawn.append(charts.lines("Learning rate", x, [Series("learning rate", "rate", rates)], log=None, mark=mark))
        columns.append("learning rate")
        table.append([words.number(r) for r in rates])
    picked = range(len(x)) if len(x) <= 200 else range(0, len(x), -(-len(x) // 200))
    return Curves(drawn, sentence, columns, [[column[i] for column in table] for i in picked])


@dataclass(frozen=True)
class Cell:
    """One count of the confusion matrix; `shade` 0..1 is its share of the row's true class."""

    count: int
    shade: float
    right: bool
    tip: str


@dataclass(frozen=True)
class Predictions:
    """The test part's answers: a confusion matrix for classes, or predicted against true numbers."""

    classes: list[str] = field(default_factory=list)
    matrix: list[list[Cell]] = field(default_factory=list)
    per_class: list[dict[str, Any]] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)


def predictions(run: Run) -> Predictions:
    """What the model answered on the test part, as far as the summary holds it."""
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
    if mistakes:
        worst = [f"{names[i]} taken for {names[j]} ({n:,})" for n, i, j in mistakes[:3]]
        sentences.append(f"Most often: {words.listing(worst)}.")
    if size > MOST_NAMED_CLASSES:
        cells = [[float(v) or None for v in row] for row in counts]
        chart = charts.grid("True class against predicted class", names, names, cells, x_label="predicted", row_label="true")
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


@dataclass(frozen=True)
class Layers:
    """Gradient and activation scale per layer over time."""

    charts: list[Chart] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)


def layers(run: Run) -> Layers:
    """Charts of each layer's gradients, activations, zeros and update sizes, and what stands out in them."""
    if not run.layers:
        return Layers()
    x = sorted({int(r["epoch"]) for r in run.layers})
    names: dict[str, str] = {}
    table: dict[tuple[str, int], dict[str, Any]] = {}
    for record in run.layers:
        name, kind = str(record["layer"]), record.get("kind")
        names[name] = f"{name} {kind}" if isinstance(kind, str) else name
        table[name, int(record["epoch"])] = record

    def values(key: str) -> dict[str, list[float | None]]:
        found = {n: [_largest(table.get((n, e), {}).get(key)) for e in x] for n in names}
        return {n: v for n, v in found.items() if any(one is not None for one in v)}

    gradients, spreads, updates = values("gradient_rms"), values("activation_std"), values("update_ratio")
    zeros = {
        n: v for n, v in values("activation_zero").items() if "Dropout" not in names[n] and any(one or 0 > 0 for one in v)
    }
    at = [float(e) for e in x]
    drawn: list[Chart] = []
    if gradients:
        drawn.append(_per_layer("Gradient scale", at, gradients, names, note="Root mean square of each weight's gradient."))
    if spreads:
        drawn.append(_per_layer("Activation scale", at, spreads, names, note="Standard deviation of each layer's output."))
    if updates:
        drawn.append(
            _per_layer(
                "Update size",
                at,
                updates,
                names,
                note="Size of an epoch's typical step relative to the weight. The soft band, near a thousandth, is where "
                "steps are often healthy.",
                band=(3e-4, 3e-3),
            )
        )
    if zeros:
        drawn.append(
            _per_layer("Silent outputs", at, zeros, names, log=False, share=True, note="Share of outputs that are exactly zero.")
        )
    return Layers(drawn, _layer_words(gradients, zeros, names))


def _per_layer(
    title: str,
    x: list[float],
    values: dict[str, list[float | None]],
    names: dict[str, str],
    *,
    log: bool = True,
    share: bool = False,
    note: str = "",
    band: tuple[float, float] | None = None,
) -> Chart:
    if log and any(v == 0 for line in values.values() for v in line):
        note += " A line on the floor of the chart is exactly zero."
    if len(values) > MOST_LINES:
        labels = [f"{int(v)}" for v in x]
        rows = [names[n] for n in values]
        note += " One row per layer, first to last; the darker, the larger."
        return charts.grid(
            title, rows, labels, list(values.values()), x_label="epoch", row_label="layer", log=log, share=share, note=note
        )
    last = max(len(values) - 1, 1)
    # the first layer always takes the ramp's one end and the last its other, so colour reads as depth
    series = [Series(names[n], f"r{round(7 * k / last)} d{k % 3}", line) for k, (n, line) in enumerate(values.items())]
    return charts.lines(title, x, series, log=log, share=share, note=note, band=band)


def _largest(value: object) -> float | None:
    """A layer's number, or that of its weight when each parameter has one (its largest when none is called weight)."""
    if isinstance(value, dict):
        weight = number(value.get("weight"))
        known = [v for v in map(number, value.values()) if v is not None]
        return weight if weight is not None else max(known, default=None)
    return number(value)


def _layer_words(
    gradients: dict[str, list[float | None]], zeros: dict[str, list[float | None]], names: dict[str, str]
) -> list[str]:
    sentences: list[str] = []
    ends = [(names[n], line[-1]) for n, line in gradients.items() if line[-1] is not None]
    if len(ends) >= 2:
        (first, low), (last, high) = ends[0], ends[-1]
        if low and high:
            ratio = low / high
            if ratio < 1e-3:
                sentences.append(
                    f"The gradient that reaches the first layer ({first}) is {words.number(1 / ratio, 2)} times smaller than in "
                    f"the last ({last}): it vanishes on its way back. Residual connections, normalisation or ReLU help."
                )
            elif ratio > 1e3:
                sentences.append(
                    f"The gradient grows {words.number(ratio, 2)} times from the last layer ({last}) to the first ({first}): it "
                    "explodes on its way back. Clipping, normalisation or a smaller learning rate help."
                )
            else:
                how = f"{words.number(ratio, 2)} times" if ratio >= 1 else f"{words.percent(ratio, 0)} of"
                sentences.append(
                    f"In the last epoch the gradient of the first layer ({first}) is {how} that of the last ({last}), so it "
                    "neither vanishes nor explodes on its way back."
                )
    silent = [names[n] for n, line in zeros.items() if (line[-1] or 0.0) > 0.9]
    if silent:
        some = silent[:3] + ([f"{len(silent) - 3} more"] if len(silent) > 3 else [])
        sentences.append(f"More than nine in ten outputs are zero in {words.listing(some)}: many of its units may be dead.")
    dead = [name for name, value in ends if value == 0]
    if dead:
        sentences.append(f"No gradient reaches {words.listing(dead[:4])}: its weights do not change.")
    return sentences


def settings(config: dict[str, Any], skip: Sequence[str] = ()) -> list[tuple[str, list[tuple[str, str]]]]:
    """The config as (section, [(key, value)]); keys outside any section come first, nested ones get dotted names."""
    loose: list[tuple[str, str]] = []
    sections: list[tuple[str, list[tuple[str, str]]]] = []
    for key, value in config.items():
        if key in skip:
            continue
        if isinstance(value, dict):
            sections.append((key, _flat(value)))
        else:
            loose.append((key, plain(value)))
    return ([("general", loose)] if loose else []) + [(name, rows) for name, rows in sections if rows]


def _flat(table: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for key, value in table.items():
        if isinstance(value, dict) and value:
            rows += _flat(value, f"{prefix}{key}.")
        else:
            rows.append((f"{prefix}{key}", plain(value)))
    return rows


def plain(value: object) -> str:
    """A config value as a person writes it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    if isinstance(value, int | float):
        whole_number = whole(value)
        # 20000101 is a seed as often as a count: integers keep their digits as they are
        return str(whole_number) if isinstance(value, int) and whole_number is not None else words.number(number(value), 6)
    if isinstance(value, list | tuple):
        shown = [plain(v) for v in value[:40]]
        return ", ".join(shown) + (f" and {len(value) - 40} more" if len(value) > 40 else "") if value else "none"
    if isinstance(value, dict):
        return ", ".join(f"{k}: {plain(v)}" for k, v in value.items()) or "none"
    return str(value)


def environment(run: Run) -> list[tuple[str, str]]:
    """Versions and machine, as the run recorded them, without the command that `reproduce` shows."""
    return [(k, v) for k, v in _flat(mapping(run.config.get("environment"))) if k != "command"]


def command(run: Run) -> str:
    """The command that gives this run again, or an empty string."""
    for found in (run.summary.get("reproduce"), mapping(run.config.get("environment")).get("command")):
        if isinstance(found, str) and found.strip():
            return found.strip()
        if sequence(found):
            return " ".join(str(part) for part in sequence(found))
    return ""
