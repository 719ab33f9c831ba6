"""The program as typer knows it: every command by its name, in the order in which a newcomer needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

import typer
import typer.main
from typer.core import TyperArgument, TyperOption

from chainrule.cli.data import data
from chainrule.cli.evaluate import evaluate
from chainrule.cli.generate import generate
from chainrule.cli.gradcheck import gradcheck
from chainrule.cli.graph import graph
from chainrule.cli.look import look
from chainrule.cli.lr_range import lr_range
from chainrule.cli.predict import predict
from chainrule.cli.report import report
from chainrule.cli.train import train

if TYPE_CHECKING:
    from typer.core import TyperGroup

__all__ = ["COMMANDS", "command"]

COMMANDS = (train, evaluate, predict, generate, report, look, data, lr_range, graph, gradcheck)


def command() -> TyperGroup:
    """The whole command line."""
    made = cast("TyperGroup", typer.main.get_command(_application()))
    for each in made.commands.values():
        for option in each.params:
            if isinstance(option, TyperArgument | TyperOption) and option.help:
                option.help = option.help.replace("[", r"\[")  # [adamw] is what is usual, no style of the text after it
    return made


def _application() -> typer.Typer:
    app = typer.Typer(
        add_completion=False,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["--help", "-h"]},
    )
    app.callback()(_main)
    for function in COMMANDS:
        app.command()(function)
    return app


def _version(wanted: bool) -> None:
    if wanted:
        import chainrule

        typer.echo(f"chainrule {chainrule.__version__}")
        raise typer.Exit


def _main(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=_version)
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show where errors come from; works with every command.")
    ] = False,
) -> None:
    """Deep learning that shows its work.

    Examples:
      chainrule train digits                            a first network
      chainrule train passengers.csv --target survived  one for data of yours
      chainrule predict runs/passengers new.csv         what it makes of more
    The --help of each command has more of them.
    """
