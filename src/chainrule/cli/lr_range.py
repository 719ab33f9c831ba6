"""`chainrule lr-range`: a good learning rate, from a hundred steps."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["lr_range"]


def lr_range(
    data: Annotated[str | None, typer.Argument(metavar="DATA", help="As for train.", show_default=False)] = None,
    target: Annotated[str | None, typer.Option(metavar="COLUMN", help="The column to predict.")] = None,
    sequence: Annotated[str | None, typer.Option(metavar="COLUMN", help="As for train.")] = None,
    time: Annotated[str | None, typer.Option(metavar="COLUMN", help="As for train.")] = None,
    model: Annotated[str | None, typer.Option(metavar="NAME", help="As for train.")] = None,
    hidden: Annotated[str | None, typer.Option(metavar="128,64", help="Units of each hidden layer.")] = None,
    optimizer: Annotated[str | None, typer.Option(metavar="NAME", help="As for train.")] = None,
    batch_size: Annotated[int | None, typer.Option(metavar="N", help="Rows in one update; 0 for all.")] = None,
    balance: Annotated[str | None, typer.Option(metavar="NAME", help="As for train.")] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Of split, weights and order.")] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Options as TOML.")] = None,
    lowest: Annotated[float, typer.Option(metavar="RATE", help="Where it begins.")] = 1e-6,
    highest: Annotated[float, typer.Option(metavar="RATE", help="Where it ends.")] = 10.0,
    steps: Annotated[int, typer.Option(metavar="N", help="How many steps in between.")] = 100,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Where the picture goes.")] = Path(
        "lr-range.svg"
    ),
) -> None:
    """Find a learning rate: raise it step by step, and see where the loss falls fastest.

    Takes about a hundred steps of training, and keeps nothing but a picture.

    Examples:
      chainrule lr-range digits
      chainrule lr-range passengers.csv --target survived --optimizer sgd
      chainrule lr-range digits --model lenet --out lenet-rates.svg
    """
    from chainrule import report
    from chainrule.cli.options import chosen
    from chainrule.cli.places import program
    from chainrule.cli.screen import console, grid
    from chainrule.graph import random
    from chainrule.train import build_trainer, complete, learning_rate_range, prepare_data
    from chainrule.train.pipeline import training_rows

    options = {
        "data.target": target, "data.sequence": sequence, "data.time": time, "model.name": model,
        "model.hidden": hidden, "optimizer.name": optimizer, "trainer.batch_size": batch_size,
        "trainer.balance": balance, "data.seed": seed, "trainer.seed": seed,
    }  # fmt: skip
    settings = chosen(data, options, config)
    prepared = prepare_data(settings)
    complete(settings, prepared)
    rows = training_rows(settings, prepared)
    random.seed(settings.trainer.seed)
    trainer = build_trainer(settings, prepared, progress=False)
    found = learning_rate_range(
        trainer.model, trainer.loss, trainer.optimizer, rows, lowest=lowest, highest=highest, steps=steps,
        batch_size=settings.trainer.batch_size or len(rows), seed=settings.trainer.seed,
    )  # fmt: skip
    picture = report.rates(found, out)
    facts = grid()
    facts.add_row("suggested", f"{found.steepest:.2g}, where the loss falls fastest")
    facts.add_row("or", f"{found.tenth:.2g}, a tenth of the rate at its lowest point")
    facts.add_row("without --lr", f"{settings.optimizer.lr:.2g}, of {settings.optimizer.name}")
    facts.add_row("measured", f"{len(found.rates)} steps from {found.rates[0]:.2g} to {found.rates[-1]:.2g}")
    facts.add_row("picture", str(picture))
    shown = console()
    shown.print(facts)
    shown.print(f"\n  {program()} train {settings.data.source} --lr {found.steepest:.2g}", soft_wrap=True)
