"""`chainrule report`: the page of a run, written again."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["report"]


def report(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="The run's folder, or its name in runs.", show_default=False)
    ],
) -> None:
    """Write a run's report.html again.

    For a run that is still going on, or was made by an older chainrule.

    Examples:
      chainrule report runs/digits
    """
    from chainrule import report as pages
    from chainrule.cli.places import run_folder

    typer.echo(str(pages.write(run_folder(run))))
