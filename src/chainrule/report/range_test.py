"""The picture of a learning-rate range test."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from chainrule.report import charts, words
from chainrule.report.charts import Series
from chainrule.report.standalone import svg, write_svg
from chainrule.train import LearningRateRange


def rates(found: LearningRateRange, path: str | Path) -> Path:
    """Writes the loss over the learning rate as an SVG, with the place where it falls fastest; returns its path.

    Losses far above the first ones, where training broke out, are left out.

    Arguments:
        found: what `train.learning_rate_range` measured.
        path: of the file.

    Raises:
        RunError: when it cannot be written.

    Example:
        >>> import tempfile
        >>> from chainrule import report, train
        >>> rates = np.geomspace(1e-4, 1.0, 5)
        >>> losses = np.array([3.0, 2.9, 2.0, 1.5, 4.0])
        >>> found = train.LearningRateRange(rates, losses, losses, steepest=1e-2, tenth=1e-2)
        >>> report.rates(found, Path(tempfile.mkdtemp()) / "rates.svg").name
        'rates.svg'
    """
    places = np.log10(found.rates)
    bottom = int(found.smoothed.argmin())
    low, high = float(found.smoothed.min()), float(found.smoothed[: bottom + 1].max())
    limit = high + 0.25 * (high - low)

    def shown(values: np.ndarray) -> list[float | None]:
        return [float(v) if v <= limit else None for v in values]

    at = float(places[int(np.abs(found.rates - found.steepest).argmin())])
    chart = charts.lines(
        "Learning-rate range test",
        places.tolist(),
        [Series("each batch", "raw", shown(found.losses)), Series("smoothed", "smoothed", shown(found.smoothed))],
        x_label="learning rate",
        mark=(at, f"falls fastest at {words.number(found.steepest, 2)}"),
        note="Loss of each batch (thin) and smoothed, while the rate grows from step to step.",
    )
    decades = range(math.ceil(places[0] - 1e-9), math.floor(places[-1] + 1e-9) + 1)
    width = float(places[-1] - places[0])
    ticks = [
        (round(100 * (e - float(places[0])) / width, 2), words.number(10.0**e) if e >= -3 else words.power(e))
        for e in decades
    ]
    return write_svg(path, svg(replace(chart, x_ticks=ticks)))
