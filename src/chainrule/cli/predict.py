"""`chainrule predict`: what a trained network makes of new data."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chainrule.errors import ConfigError, suggest

if TYPE_CHECKING:
    from chainrule.train import TrainedModel

__all__ = ["predict"]

_FORMATS = ("csv", "jsonl")


def predict(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="The run's folder, or its name in runs.", show_default=False)
    ],
    data: Annotated[str, typer.Argument(metavar="DATA", help="New data of the same kind.", show_default=False)],
    out: Annotated[
        str, typer.Option("--out", "-o", metavar="FILE", help="Where predictions go; - is standard output.")
    ] = "-",
    form: Annotated[
        str | None, typer.Option("--format", metavar="FORMAT", help="csv or jsonl. [by the ending of FILE, else csv]")
    ] = None,
) -> None:
    """Predict the target of new data, row by row, or sequence by sequence.

    Columns are found by name, in any order; missing values and categories
    that training never saw are handled, and told on standard error. Classes
    come with the probability of each, numbers in their own unit.

    Examples:
      chainrule predict runs/passengers new.csv
      chainrule predict runs/passengers new.csv --out predictions.csv
      chainrule predict runs/digits digits --format jsonl
    """
    chosen = form or ("jsonl" if out.endswith((".jsonl", ".ndjson", ".json")) else "csv")
    if chosen not in _FORMATS:
        raise ConfigError(f"There is no format {chosen!r}.{suggest(chosen, _FORMATS)}", fix="--format csv or jsonl")
    from chainrule.cli.places import run_folder
    from chainrule.cli.scoring import dataset_of
    from chainrule.train import TrainedModel

    trained = TrainedModel.load(run_folder(run))
    if trained.preprocessing.task == "language":
        raise ConfigError("A language model writes text.", fix=f"chainrule generate {run} --prompt 'Once upon'")
    dataset = dataset_of(trained, data, has_target=False)
    prediction = trained.predict(dataset)
    names = _names(trained, dataset)
    text = _as_csv(trained, prediction, names) if chosen == "csv" else _as_json_lines(trained, prediction, names)
    if out == "-":
        sys.stdout.write(text)
        return
    from chainrule.cli.screen import error_console
    from chainrule.cli.writing import write_out

    write_out(Path(out), text)

    rows = len(dataset)
    error_console().print(f"{rows:,} prediction{'' if rows == 1 else 's'} written to {out}")


def _names(trained: TrainedModel, dataset: Any) -> tuple[str, list[str]] | None:
    """What the rows are called and by which column, where a row is more than one line of the data."""
    from chainrule.data import SequencePreprocessing

    fitted = trained.preprocessing
    if not isinstance(fitted, SequencePreprocessing) or fitted.table is None:
        return None
    return fitted.table.sequence, list(dataset.names)


def _as_csv(trained: TrainedModel, prediction: Any, names: tuple[str, list[str]] | None) -> str:
    found = trained.preprocessing.target
    assert found is not None
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    if found.task == "regression":
        header, rows = ["prediction"], [[f"{value:.7g}"] for value in prediction.tolist()]
    else:
        header = ["prediction", *(f"probability_{name}" for name in found.classes)]
        words = trained.preprocessing.decode(prediction)
        rows = [[word, *(f"{p:.6f}" for p in row)] for word, row in zip(words, _by_class(prediction), strict=True)]
    if names is not None:
        header = [names[0], *header]
        rows = [[name, *row] for name, row in zip(names[1], rows, strict=True)]
    writer.writerow(header)
    writer.writerows(rows)
    return buffer.getvalue()


def _as_json_lines(trained: TrainedModel, prediction: Any, names: tuple[str, list[str]] | None) -> str:
    found = trained.preprocessing.target
    assert found is not None
    if found.task == "regression":
        records: list[Any] = [{"prediction": float(f"{value:.7g}")} for value in prediction.tolist()]
    else:
        words = trained.preprocessing.decode(prediction)
        records = [
            {"prediction": word, "probabilities": dict(zip(found.classes, [round(p, 6) for p in row], strict=True))}
            for word, row in zip(words, _by_class(prediction), strict=True)
        ]
    if names is not None:
        records = [{names[0]: name, **record} for name, record in zip(names[1], records, strict=True)]
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def _by_class(prediction: Any) -> list[list[float]]:
    """Probabilities of every class, also where there are two and only that of the second is given."""
    rows = prediction.tolist()
    return [[1.0 - row, row] for row in rows] if prediction.ndim == 1 else rows
