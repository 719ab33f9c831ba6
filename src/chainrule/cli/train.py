"""`chainrule train`: data in, a trained, scored, saved network out, and what to do with it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chainrule.cli.places import RUNS, data_name, newest_run, run_folder
from chainrule.errors import ConfigError, RunError

if TYPE_CHECKING:
    from chainrule.train import Config

__all__ = ["train"]

_data, _network, _learning, _run = (
    partial(typer.Option, rich_help_panel=panel) for panel in ("Data", "Network", "Learning", "Run")
)
_CODES = {"interrupted": 130, "diverged": 1}

# Options that may be given beside --resume; the others would make it another run.
_CHANGEABLE = {"trainer.epochs", "trainer.patience", "trainer.checkpoint_every"}


def train(
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA",
            help="A bundled name (digits, xor, two-moons, …), a CSV, TSV, Parquet or .npz file (arrays, sequences, "
            "a graph), a text, a folder of IDX files (MNIST) or of class folders with images. With --resume, the run "
            "to go on with.",
            show_default=False,
        ),
    ] = None,
    target: Annotated[str | None, _data(metavar="COLUMN", help="The column to predict.")] = None,
    test: Annotated[str | None, _data(metavar="FILE", help="Test data apart.")] = None,
    task: Annotated[str | None, _data(metavar="TASK", help="binary, classification or regression.")] = None,
    validation: Annotated[float | None, _data(metavar="SHARE", help="Rows to watch and choose by. [0.15]")] = None,
    test_fraction: Annotated[float | None, _data(metavar="SHARE", help="Rows for the final score. [0.15]")] = None,
    types: Annotated[
        list[str] | None,
        _data(
            "--type",
            metavar="COLUMN=KIND",
            help="A column's kind: number, category, boolean, date, drop; may be repeated.",
        ),
    ] = None,
    header: Annotated[bool | None, _data("--header/--no-header", help="Whether line 1 holds names.")] = None,
    separator: Annotated[str | None, _data(metavar="CHARACTER", help="What stands between cells.")] = None,
    encoding: Annotated[str | None, _data(metavar="NAME", help="Such as latin-1.")] = None,
    missing: Annotated[list[str] | None, _data(metavar="TEXT", help="One more sign for a missing value.")] = None,
    sequence: Annotated[
        str | None, _data(metavar="COLUMN", help="A row is a step of the sequence that this column names.")
    ] = None,
    time: Annotated[str | None, _data(metavar="COLUMN", help="Orders the steps. [as they come]")] = None,
    unit: Annotated[str | None, _data(metavar="UNIT", help="Read as a text of characters or bytes.")] = None,
    context: Annotated[int | None, _data(metavar="N", help="Of a text, seen at once. [64]")] = None,
    model: Annotated[
        str | None,
        _network(
            metavar="NAME",
            help="mlp, linear; of images lenet, resnet, plain; of texts and sequences transformer, rnn, lstm, gru; "
            "of graphs gcn, sage, gat. [by the kind of data]",
        ),
    ] = None,
    hidden: Annotated[str | None, _network(metavar="128,64", help="Units of each hidden layer.")] = None,
    activation: Annotated[str | None, _network(metavar="NAME", help="relu, gelu, silu, tanh, … [relu]")] = None,
    dropout: Annotated[float | None, _network(metavar="SHARE", help="Hidden units dropped in training.")] = None,
    batch_norm: Annotated[bool | None, _network("--batch-norm/--no-batch-norm", help="Batch normalisation.")] = None,
    width: Annotated[int | None, _network(metavar="N", help="Channels, or units of each layer.")] = None,
    layers: Annotated[int | None, _network(metavar="N", help="How many.")] = None,
    heads: Annotated[int | None, _network(metavar="N", help="Of the attention.")] = None,
    augment: Annotated[str | None, _network(metavar="flip,shift", help="Change images at random in training.")] = None,
    optimizer: Annotated[str | None, _learning(metavar="NAME", help="adamw, adam, sgd, momentum, … [adamw]")] = None,
    lr: Annotated[float | None, _learning(metavar="RATE", help="Learning rate.")] = None,
    momentum: Annotated[
        float | None, _learning(metavar="SHARE", help="Of the last step, kept in the next one.")
    ] = None,
    weight_decay: Annotated[float | None, _learning(metavar="STRENGTH", help="Pull of weights to 0.")] = None,
    l1: Annotated[float | None, _learning(metavar="STRENGTH", help="L1 penalty: weights become exactly 0.")] = None,
    clip_norm: Annotated[float | None, _learning(metavar="NORM", help="The largest gradient allowed.")] = None,
    schedule: Annotated[
        str | None, _learning(metavar="NAME", help="one-cycle, cosine, linear, step, constant. [one-cycle]")
    ] = None,
    warmup: Annotated[
        float | None, _learning(metavar="SHARE", help="Of all steps, in which the rate rises. [0; one-cycle 0.2]")
    ] = None,
    start_factor: Annotated[
        float | None, _learning(metavar="SHARE", help="One-cycle's first rate, of the highest. [0.04]")
    ] = None,
    end_factor: Annotated[
        float | None, _learning(metavar="SHARE", help="The last rate, of the highest: one-cycle, cosine, linear. [0]")
    ] = None,
    milestones: Annotated[
        str | None, _learning(metavar="0.5,0.75", help="Shares of the run after which the rate of step drops.")
    ] = None,
    drop_factor: Annotated[
        float | None, _learning(metavar="FACTOR", help="What a drop multiplies the rate by. [0.1]")
    ] = None,
    epochs: Annotated[int | None, _learning(metavar="N", help="Passes over the data, at most.")] = None,
    batch_size: Annotated[int | None, _learning(metavar="N", help="Rows in one update; 0 for all.")] = None,
    accumulate: Annotated[
        int | None, _learning(metavar="N", help="Cut a batch into N parts, to save memory. [1]")
    ] = None,
    precision: Annotated[
        str | None, _learning(metavar="NAME", help="float32, or bf16 to multiply in bfloat16. [float32]")
    ] = None,
    patience: Annotated[
        int | None, _learning(metavar="N", help="Stop after so many epochs without gain; 0 never. [10]")
    ] = None,
    balance: Annotated[
        str | None, _learning(metavar="NAME", help="resample or weights: rare classes count as much as others.")
    ] = None,
    ensemble: Annotated[int | None, _learning(metavar="N", help="Train N networks and average them.")] = None,
    ensemble_kind: Annotated[str | None, _learning(metavar="KIND", help="seeds, bagging, snapshot. [seeds]")] = None,
    seed: Annotated[int | None, _run(metavar="N", help="Of everything random: split, weights, order. [0]")] = None,
    config: Annotated[Path | None, _run(metavar="FILE", help="Options as TOML, such as a run's config.toml.")] = None,
    out: Annotated[Path | None, _run(metavar="FOLDER", help="The run's folder. [runs/DATA]")] = None,
    resume: Annotated[bool, _run("--resume", help="Go on with a run that was interrupted.")] = False,
    checkpoint_every: Annotated[int | None, _run(metavar="N", help="Save all after every N steps, too.")] = None,
    quiet: Annotated[bool, _run("--quiet", "-q", help="Show the result only.")] = False,
) -> None:
    """Train a network on your data, and keep it in one folder.

    What is not given is chosen by the size and kind of the data, and noted
    in the run's config.toml. Ctrl-C ends training and keeps what was learned.

    Examples:
      chainrule train digits
      chainrule train digits --hidden 64 --epochs 5 --seed 1
      chainrule train passengers.csv --target survived
      chainrule train cars.csv --target price --test cars-2024.csv --lr 3e-4
      chainrule train digits --schedule cosine --warmup 0.1
      chainrule train photos --model resnet --schedule step --milestones 0.5,0.75
      chainrule train digits --ensemble 5
      chainrule train walks.csv --sequence walk --target person
      chainrule train novel.txt --model transformer --epochs 5
      chainrule train --resume runs/digits
    """
    given: dict[str, Any] = {
        "data.target": target, "data.test": test, "data.task": task, "data.validation": validation,
        "data.test_fraction": test_fraction, "data.seed": seed, "data.types": types, "data.header": header,
        "data.separator": separator, "data.encoding": encoding, "data.missing": missing, "data.unit": unit,
        "data.context": context, "data.sequence": sequence, "data.time": time,
        "model.name": model, "model.hidden": hidden, "model.activation": activation,
        "model.dropout": dropout, "model.batch_norm": batch_norm, "model.width": width, "model.layers": layers,
        "model.heads": heads, "model.augment": augment, "optimizer.name": optimizer, "optimizer.lr": lr,
        "optimizer.momentum": momentum, "optimizer.l1": l1, "optimizer.weight_decay": weight_decay,
        "optimizer.clip_norm": clip_norm, "schedule.name": schedule, "schedule.warmup": warmup,
        "schedule.start_factor": start_factor, "schedule.end_factor": end_factor, "schedule.milestones": milestones,
        "schedule.drop_factor": drop_factor, "trainer.epochs": epochs, "trainer.batch_size": batch_size,
        "trainer.patience": patience, "trainer.balance": balance, "trainer.accumulate": accumulate,
        "trainer.precision": precision, "trainer.seed": seed, "trainer.checkpoint_every": checkpoint_every,
        "ensemble.members": ensemble, "ensemble.kind": ensemble_kind,
    }  # fmt: skip
    if resume:
        folder = _run_to_resume(data, out)
        _train(_config_to_resume(folder, given, config), folder, True, quiet)
        return
    from chainrule.cli.options import chosen

    settings = chosen(data, given, config)
    with _new_folder(settings.data.source, out) as folder:
        _train(settings, folder, False, quiet)


def _train(config: Config, folder: Path, resume: bool, quiet: bool) -> None:
    from chainrule import report
    from chainrule import train as training
    from chainrule.cli.outcome import show_outcome
    from chainrule.cli.overview import Overview

    callbacks = [] if quiet else [Overview(config)]
    trained = training.train(config, out=folder, resume=resume, callbacks=callbacks, progress=not quiet)
    try:
        page = report.write(folder)
    except RunError:
        show_outcome(trained, folder, None, quiet)
        raise
    show_outcome(trained, folder, page, quiet)
    if trained.run.status in _CODES:
        raise typer.Exit(_CODES[trained.run.status])


def _run_to_resume(data: str | None, out: Path | None) -> Path:
    """The run that is meant by --resume with a folder, a name, the data it was trained on, or nothing."""
    if out is not None:
        return run_folder(str(out))
    if data is None:
        return newest_run()
    try:
        return newest_run(data)
    except RunError:
        return run_folder(data)


def _config_to_resume(folder: Path, given: dict[str, Any], file: Path | None) -> Config:
    from chainrule.cli.options import option_of
    from chainrule.train import Config

    options = {name: value for name, value in given.items() if value not in (None, [])}
    fixed = sorted(set(options) - _CHANGEABLE)
    if fixed or file is not None:
        name = option_of(fixed[0]) if fixed else "--config"
        raise ConfigError(
            f"{name} cannot be changed while going on with {folder}: that would be another run.",
            fix="leave it out, or train a new run without --resume",
        )
    config = Config.read(folder / "config.toml")
    for name, value in options.items():
        config.set(name, value, where=option_of(name))
    if options:
        config.write(folder / "config.toml")
    return config


@contextlib.contextmanager
def _new_folder(source: str, out: Path | None) -> Iterator[Path]:
    """A run's folder, made at once, so that it is known early whether it can be; gone again if nothing came of it."""
    from chainrule.train import new_run_folder
    from chainrule.train.files import make_folder

    if out is None:
        folder = new_run_folder(RUNS, data_name(source))
    else:
        folder = out
        if (folder / "config.toml").exists():
            raise RunError(
                f"{folder} holds a run already.",
                fix=f"another --out, or chainrule train --resume {folder} to go on with it",
            )
        make_folder(folder)
    try:
        yield folder
    finally:
        for empty in (folder, RUNS) if out is None else (folder,):
            with contextlib.suppress(OSError):  # not empty, then: it is wanted
                empty.rmdir()
