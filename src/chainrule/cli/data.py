"""`chainrule data`: what the reader makes of data, without training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["data"]

_COLUMNS_SHOWN = 60


def data(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA", help="As for train; without it, the bundled sets are listed.", show_default=False
        ),
    ] = None,
    target: Annotated[str | None, typer.Option(metavar="COLUMN", help="The column to predict.")] = None,
    test: Annotated[str | None, typer.Option(metavar="FILE", help="Test data apart.")] = None,
    task: Annotated[str | None, typer.Option(metavar="TASK", help="binary, classification or regression.")] = None,
    types: Annotated[list[str] | None, typer.Option("--type", metavar="COLUMN=KIND", help="A column's kind.")] = None,
    sequence: Annotated[str | None, typer.Option(metavar="COLUMN", help="The column that names sequences.")] = None,
    time: Annotated[str | None, typer.Option(metavar="COLUMN", help="The column that orders their steps.")] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Options as TOML.")] = None,
) -> None:
    """Show what the reader makes of your data, without training.

    Columns and their types, missing values, target, and how rows are split.

    Examples:
      chainrule data
      chainrule data digits
      chainrule data passengers.csv --target survived
      chainrule data walks.csv --sequence walk --target person
    """
    from chainrule.cli.screen import console

    out = console()
    if source is None and config is None:
        _list_bundled(out)
        return
    from chainrule.cli.options import chosen
    from chainrule.cli.overview import data_facts
    from chainrule.train import prepare_data

    options = {
        "data.target": target, "data.test": test, "data.task": task, "data.types": types, "data.sequence": sequence,
        "data.time": time,
    }  # fmt: skip
    settings = chosen(source, options, config)
    prepared = prepare_data(settings)
    out.print(data_facts(prepared, settings.data.source, messages=None))
    _show_columns(prepared.summary.get("columns", []), out)


def _list_bundled(out: Console) -> None:
    from chainrule.cli.screen import table
    from chainrule.data import bundled, bundled_names

    shown = table("bundled", "rows", "what", right="rows")
    for name in bundled_names():
        dataset = bundled(name)
        shape = " × ".join(str(n) for n in dataset.inputs[0].shape[1:])
        kind = "a number" if dataset.task == "regression" else f"{len(dataset.classes or [])} classes"
        shown.add_row(name, f"{len(dataset):,}", f"{shape} → {kind}")
    out.print(shown)


def _show_columns(columns: list[dict[str, Any]], out: Console) -> None:
    if not columns:
        return
    from chainrule.cli.phrases import in_options
    from chainrule.cli.screen import table

    shown = table("column", "type", "missing", "distinct", "what becomes of it", right="missing distinct")
    for column in columns[:_COLUMNS_SHOWN]:
        missing = f"{column['missing']:,}" if column["missing"] else "·"
        treatment = in_options(column["treatment"])
        shown.add_row(column["name"], column["kind"], missing, f"{column['distinct']:,}", treatment)
    if len(columns) > _COLUMNS_SHOWN:
        shown.add_row(f"… and {len(columns) - _COLUMNS_SHOWN} more", "", "", "", "")
    out.print()
    out.print(shown)
