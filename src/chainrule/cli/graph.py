"""`chainrule graph`: a network drawn."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chainrule.errors import ConfigError, RunError, suggest

if TYPE_CHECKING:
    from chainrule.data import Preprocessing

__all__ = ["graph"]

_ENDINGS = {".svg": "svg", ".dot": "dot", ".gv": "dot", ".txt": "text"}
_FORMATS = ("svg", "dot", "text")


def graph(
    what: Annotated[
        str,
        typer.Argument(
            metavar="RUN_OR_DATA", help="A run; or data, for the network that train would build.", show_default=False
        ),
    ],
    out: Annotated[
        str, typer.Option("--out", "-o", metavar="FILE", help="Where the drawing goes; - is standard output.")
    ] = "-",
    form: Annotated[
        str | None,
        typer.Option("--format", metavar="FORMAT", help="svg, dot or text. [by the ending of FILE, else text]"),
    ] = None,
    depth: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            help="Draw operations, N levels of layers opened. [layers, each one box]",
            show_default=False,
        ),
    ] = None,
    target: Annotated[str | None, typer.Option(metavar="COLUMN", help="With data: the column to predict.")] = None,
    hidden: Annotated[str | None, typer.Option(metavar="128,64", help="With data: units of each hidden layer.")] = None,
) -> None:
    """Draw a network: its layers, or every operation.

    With shapes, parameters and what feeds what; an SVG opens in any browser.

    Examples:
      chainrule graph runs/digits
      chainrule graph runs/digits --out network.svg
      chainrule graph runs/digits --depth 9 --out operations.svg
      chainrule graph digits --hidden 32,16 --format dot
    """
    chosen = form or _ENDINGS.get(Path(out).suffix.lower(), "text" if out == "-" else "svg")
    if chosen not in _FORMATS:
        raise ConfigError(f"There is no format {chosen!r}.{suggest(chosen, _FORMATS)}", fix="--format svg, dot or text")
    from chainrule.cli.writing import write_out
    from chainrule.train.pipeline import draw_network

    model, inputs, title = _network(what, target, hidden)
    drawing = draw_network(model, inputs, depth=depth, title=title)
    text = {"svg": lambda: drawing.svg, "dot": lambda: drawing.dot, "text": lambda: drawing.text}[chosen]()
    if out == "-":
        sys.stdout.write(text)
    else:
        write_out(Path(out), text)
        typer.echo(out)


def _network(what: str, target: str | None, hidden: str | None) -> tuple[Any, tuple[Any, ...], str]:
    """The network, a sample for it, and what to call the drawing."""
    from chainrule.cli.places import run_folder
    from chainrule.train import TrainedModel, complete, prepare_data
    from chainrule.train.pipeline import build_model

    folder = None
    if target is None and hidden is None:
        with contextlib.suppress(RunError):  # then it is data, or nothing, which their reader will say
            folder = run_folder(what)
    if folder is not None:
        trained = TrainedModel.load(folder)
        return trained.model, _sample(trained.preprocessing), f"The network of {folder}"
    from chainrule.cli.options import chosen

    config = chosen(what, {"data.target": target, "model.hidden": hidden})
    prepared = prepare_data(config)
    complete(config, prepared)
    model = build_model(config, prepared.preprocessing)
    return model, _sample(prepared.preprocessing), f"A network for {what}"


def _sample(preprocessing: Preprocessing) -> tuple[Any, ...]:
    """One sample of zeros of the kind that the network takes."""
    import numpy as np

    from chainrule.graph import tensor

    given = preprocessing.input_description
    if given["kind"] == "text":
        return (tensor(np.zeros((1, given["context"]), np.int32)),)
    if given["kind"] == "graph":
        return tensor(np.zeros((2, given["features"]), np.float32)), tensor(np.array([[0, 1], [1, 0]], np.int32))
    if given["kind"] == "sequence":
        return tensor(np.zeros((1, *given["shape"]), np.float32)), tensor(np.array([given["shape"][0]], np.int32))
    if given["kind"] != "table":
        return (tensor(np.zeros((1, *given["shape"]), np.float32)),)
    numbers = tensor(np.zeros((1, given["numeric"]), np.float32))
    if not given["categories"]:
        return (numbers,)
    return numbers, tensor(np.zeros((1, len(given["categories"])), np.int32))
