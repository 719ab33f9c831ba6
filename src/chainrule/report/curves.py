"""Loss, scores and learning rate over the epochs."""

from __future__ import annotations

from dataclasses import dataclass, field

from chainrule.report import charts, words
from chainrule.report.charts import Chart, Series
from chainrule.report.reading import Run, mapping, number
from chainrule.report.verdict import best_epoch, leading

# The table of numbers names at most this many epochs; the charts hold them all.
MOST_EPOCHS = 200


@dataclass(frozen=True)
class Curves:
    """Loss, the leading score and learning rate over the epochs; `more` holds the other scores."""

    charts: list[Chart] = field(default_factory=list)
    more: list[Chart] = field(default_factory=list)
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
    scores = [name for name in leading(names) if name != "loss"]
    names = ["loss"] * ("loss" in names) + scores
    best = best_epoch(run)
    mark = (float(best), f"best: {best}") if best is not None and x[0] <= best <= x[-1] else None
    drawn: list[Chart] = []
    more: list[Chart] = []
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
        log = None if name == "loss" else False
        chart = charts.lines(title, x, series, log=log, share=words.is_share(name), mark=mark)
        (drawn if name in ("loss", *scores[:1]) else more).append(chart)
    rates = [number(e.get("learning_rate")) for e in run.epochs]
    known = [r for r in rates if r is not None]
    sentence = ""
    if number(mapping(run.config.get("model")).get("dropout")):
        sentence = "Training is scored while dropout is on, so its curve may look the worse of the two. "
    if known and min(known) == max(known):
        sentence += f"The learning rate was {words.number(known[0])} throughout."
    elif known:
        drawn.append(charts.lines("Learning rate", x, [Series("learning rate", "rate", rates)], log=None, slim=True))
        columns.append("learning rate")
        table.append([words.number(r) for r in rates])
    picked = range(len(x)) if len(x) <= MOST_EPOCHS else range(0, len(x), -(-len(x) // MOST_EPOCHS))
    return Curves(drawn, more, sentence, columns, [[column[i] for column in table] for i in picked])
