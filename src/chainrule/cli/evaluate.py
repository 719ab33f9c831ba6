"""`chainrule evaluate`: how well a trained network does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from chainrule.errors import ConfigError, RunError, suggest

if TYPE_CHECKING:
    from chainrule.data import Samples
    from chainrule.train import TrainedModel

__all__ = ["evaluate"]

_FORMATS = ("table", "json")
_CLASSES_SHOWN = 12
_NAME = 12


def evaluate(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="The run's folder, or its name in runs.", show_default=False)
    ],
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA", help="Data with the target; without it, the rows held out of training.", show_default=False
        ),
    ] = None,
    form: Annotated[str, typer.Option("--format", metavar="FORMAT", help="table or json.")] = "table",
) -> None:
    """Score a trained network on data that have the target.

    Without DATA, on the rows that were held out of its training.

    Examples:
      chainrule evaluate runs/digits
      chainrule evaluate runs/passengers test.csv
      chainrule evaluate runs/passengers test.csv --format json
    """
    if form not in _FORMATS:
        raise ConfigError(f"There is no format {form!r}.{suggest(form, _FORMATS)}", fix="--format table or json")
    from chainrule.cli.places import run_folder
    from chainrule.train import TrainedModel

    trained = TrainedModel.load(run_folder(run))
    dataset = _held_out(trained) if data is None else _new(trained, data)
    scores = trained.evaluate(dataset)
    if form == "json":
        import json

        from chainrule.train.files import plain

        typer.echo(json.dumps(plain({"rows": len(dataset), **scores})))
        return
    _show(trained, dataset, scores)


def _new(trained: TrainedModel, data: str) -> Samples:
    from chainrule.cli.scoring import dataset_of, note

    if data == trained.config.data.source:
        note("it learned from some of these rows; without DATA, only those held out are scored")
    return dataset_of(trained, data, has_target=True)


def _held_out(trained: TrainedModel) -> Samples:
    from chainrule.train import prepare_data

    prepared = prepare_data(trained.config)
    if prepared.preprocessing.to_dict() != trained.preprocessing.to_dict():
        raise RunError(
            f"The data {trained.config.data.source} are not what they were when this run was trained.",
            fix="name the data to score, as in chainrule evaluate RUN test.csv",
        )
    if prepared.test is None:
        raise RunError("No rows were held out of this run.", fix="chainrule evaluate RUN test.csv")
    return prepared.test


def _show(trained: TrainedModel, dataset: Samples, scores: dict[str, float]) -> None:
    from chainrule.cli.screen import console, table
    from chainrule.cli.words import score_name, score_value

    out = console()
    unit = "sequence" if trained.preprocessing.kind == "sequence" else "row"
    counted = f"{len(dataset):,} {unit}{'' if len(dataset) == 1 else 's'}"
    shown = table("score", counted, right=counted)
    shown.columns[1].justify = "right"
    for i, (name, value) in enumerate(sorted(scores.items(), key=lambda item: item[0] == "loss")):
        shown.add_row(score_name(name), score_value(name, value), style="bold" if i == 0 else "")
    out.print(shown)
    if dataset.task in ("binary", "classification"):
        from chainrule.metrics import confusion_matrix

        out.print()
        target = dataset.select(dataset.arrays, dataset.rows())[1]
        counts = confusion_matrix(trained.predict(dataset), target, len(dataset.classes or []))
        _show_confusion(counts.tolist(), list(dataset.classes or []), out)


def _show_confusion(counts: list[list[int]], classes: list[str], out: Any) -> None:
    """The confusion matrix where it fits; the most frequent confusions where it does not."""
    from rich.text import Text

    from chainrule.cli.screen import table

    wrong = [(n, i, j) for i, row in enumerate(counts) for j, n in enumerate(row) if i != j and n]
    if len(classes) > _CLASSES_SHOWN:
        shown = table("most often confused", "taken for", "rows", right="rows")
        for n, i, j in sorted(wrong, key=lambda entry: -entry[0])[:8]:
            shown.add_row(classes[i], classes[j], f"{n:,}")
        out.print(shown)
        return
    names = [name if len(name) <= _NAME else name[: _NAME - 1] + "…" for name in classes]
    shown = table("truth", *names)
    for column in shown.columns[1:]:
        column.justify = "right"
    for i, row in enumerate(counts):
        cells = [
            Text(f"{n:,}" if n else "·", style="green" if i == j else "bold red" if n else "dim")
            for j, n in enumerate(row)
        ]
        shown.add_row(Text(names[i]), *cells)
    out.print(Text("Rows: what is true. Columns: what the network says.", style="dim"))
    out.print(shown)
