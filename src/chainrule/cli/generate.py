"""`chainrule generate`: text from a trained language model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from chainrule.errors import ConfigError, RunError

__all__ = ["generate"]


def generate(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="The run's folder, or its name in runs.", show_default=False)
    ],
    prompt: Annotated[
        str | None, typer.Option(metavar="TEXT", help="How it begins. [the end of a line]", show_default=False)
    ] = None,
    length: Annotated[int, typer.Option(metavar="N", min=1, help="Characters (or bytes) to write.")] = 500,
    temperature: Annotated[
        float,
        typer.Option(metavar="T", min=0.0, help="0 always takes the likeliest; 1 draws as the model says."),
    ] = 0.8,
    top_k: Annotated[int | None, typer.Option(metavar="K", min=1, help="Draw from the K likeliest only.")] = None,
    top_p: Annotated[
        float | None,
        typer.Option(metavar="P", help="Draw from the likeliest that have the probability P together."),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Another seed writes another text.")] = 0,
    out: Annotated[
        str, typer.Option("--out", "-o", metavar="FILE", help="Where the text goes; - is standard output.")
    ] = "-",
) -> None:
    """Write text with a trained language model.

    Examples:
      chainrule generate runs/novel
      chainrule generate runs/novel --prompt "It was" --length 200
      chainrule generate runs/novel --temperature 1.0 --top-p 0.9 --seed 3
    """
    from chainrule import models
    from chainrule.cli.places import run_folder
    from chainrule.cli.writing import write_out
    from chainrule.data import TextPreprocessing
    from chainrule.train import TrainedModel

    trained = TrainedModel.load(run_folder(run))
    text = trained.preprocessing
    if not isinstance(text, TextPreprocessing):
        raise RunError(f"{run} is no language model, so it writes no text.", fix=f"chainrule predict {run} DATA")
    if prompt == "":
        raise ConfigError("The prompt is empty.", fix="leave --prompt out to begin anywhere")
    start = text.first if prompt is None else text.encode(prompt, "the prompt")
    options = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "stream": seed}
    tokens = models.generate(trained.model, start, length, **options)
    written = (prompt or "") + text.decode_tokens(tokens[len(start) :]) + "\n"
    if out == "-":
        sys.stdout.write(written)
    else:
        write_out(Path(out), written)
