"""Gradient and activation scale per layer over time, and what stands out in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from chainrule.report import charts, words
from chainrule.report.charts import Chart, Series
from chainrule.report.reading import Run, number

# More lines than this cannot be told apart; a shaded grid with a row per layer can.
MOST_LINES = 8
_HEALTHY = (3e-4, 3e-3)


@dataclass(frozen=True)
class Layers:
    """Gradient and activation scale per layer over time."""

    charts: list[Chart] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)
    explained: str = ""


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

    gradients, zeros = values("gradient_rms"), values("activation_zero")
    # what dropout sets to zero says nothing about its units
    zeros = {n: v for n, v in zeros.items() if "Dropout" not in names[n] and any(one and one > 0 for one in v)}
    # in evaluation these pass on what they are given
    same = ("Dropout", "Flatten", "Identity")
    spreads = {n: v for n, v in values("activation_std").items() if not names[n].endswith(same)}
    shown = (
        ("Gradient scale", gradients, "Root mean square of each weight's gradient."),
        ("Activation scale", spreads, "Standard deviation of each layer's output."),
        ("Update size", values("update_ratio"), "How far an update moves a weight on average, relative to its size."),
        ("Silent outputs", zeros, "Share of outputs that are exactly zero."),
    )
    drawn = [_per_layer(title, [float(e) for e in x], lines, names, note) for title, lines, note in shown if lines]
    many = any(c.kind == "grid" for c in drawn)
    explained = "a stronger shade is a larger value" if many else "colour runs from the first layer to the last"
    return Layers(drawn, _layer_words(gradients, zeros, names), f"Scales are logarithmic; {explained}.")


def _per_layer(
    title: str, x: list[float], values: dict[str, list[float | None]], names: dict[str, str], note: str
) -> Chart:
    share = title == "Silent outputs"
    if not share and any(v == 0 for line in values.values() for v in line):
        note += " A line on the floor of the chart is exactly zero."
    if len(values) > MOST_LINES:
        rows, columns = list(values), [f"{int(v)}" for v in x]  # paths alone: their ends must be read on a phone
        note += " One row per layer, first to last."
        cells = list(values.values())
        return charts.grid(
            title, rows, columns, cells, x_label="epoch", row_label="layer", log=not share, share=share, note=note
        )
    band = _HEALTHY if title == "Update size" else None
    if band:
        note += " The soft band, near a thousandth, is where it often lies in healthy training."
    last = max(len(values) - 1, 1)
    # the first layer always takes the ramp's one end and the last its other, so colour reads as depth
    series = [Series(names[n], f"r{round(7 * k / last)} d{k % 3}", line) for k, (n, line) in enumerate(values.items())]
    return charts.lines(title, x, series, log=not share, share=share, note=note, band=band)


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
    # an embedding's gradient is small because few of its rows take part in a batch
    ends = [(names[n], v[-1]) for n, v in gradients.items() if v[-1] is not None and "Embedding" not in names[n]]
    if len(ends) >= 2:
        (first, low), (last, high) = ends[0], ends[-1]
        if low and high:
            ratio = low / high
            if ratio < 1e-3:
                times = words.number(float(f"{1 / ratio:.2g}"))
                sentences.append(
                    f"The gradient that reaches the first layer ({first}) is {times} times smaller than in the last "
                    f"({last}): it vanishes on its way back. Residual connections, normalisation or ReLU help."
                )
            elif ratio > 1e3:
                times = words.number(float(f"{ratio:.2g}"))
                sentences.append(
                    f"The gradient grows {times} times from the last layer ({last}) to the first ({first}): it "
                    "explodes on its way back. Clipping, normalisation or a smaller learning rate help."
                )
            else:
                how = f"{words.number(ratio, 2)} times" if ratio >= 1 else f"{words.percent(ratio, 0)} of"
                sentences.append(
                    f"In the last epoch the gradient of the first layer ({first}) is {how} that of the last ({last}), "
                    "so it neither vanishes nor explodes on its way back."
                )
    silent = [names[n] for n, line in zeros.items() if (line[-1] or 0.0) > 0.9]
    if silent:
        some = words.listing(silent[:3] + ([f"{len(silent) - 3} more"] if len(silent) > 3 else []))
        sentences.append(f"More than nine in ten outputs are zero in {some}: many of its units may be dead.")
    dead = [name for name, value in ends if value == 0]
    if dead:
        sentences.append(f"No gradient reaches {words.listing(dead[:4])}: its weights do not change.")
    return sentences
