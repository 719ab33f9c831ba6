"""`chainrule gradcheck`: gradients by N + 1 passes against 2, and every operation's rule against differences."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chainrule.errors import ConfigError, GradcheckError, OpError, suggest

if TYPE_CHECKING:
    from chainrule.graph import Op

__all__ = ["gradcheck"]

_ROWS = 32


def gradcheck(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN",
            help="A run; without one, a small network on digits. With --ops, an operation.",
            show_default=False,
        ),
    ] = None,
    ops: Annotated[bool, typer.Option("--ops", help="Check the rule of every operation, or of the one named.")] = False,
    limit: Annotated[
        int, typer.Option(metavar="N", min=1, help="Take differences for at most N entries of the gradient.")
    ] = 2000,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Of all random choices.")] = 0,
) -> None:
    """Compute a gradient by N + 1 passes and by 2, and compare.

    For N parameters, forward differences take N + 1 passes through the
    network, central differences 2 N, backpropagation 1 forward and 1 backward.
    With --ops, the rule of every operation is compared with differences,
    first and second order.

    Examples:
      chainrule gradcheck
      chainrule gradcheck runs/digits
      chainrule gradcheck --ops
      chainrule gradcheck --ops matmul
    """
    if ops:
        _check_ops(what, seed)
    else:
        _compare(what, limit, seed)


def _compare(run: str | None, limit: int, seed: int) -> None:
    from chainrule.cli.screen import error_console
    from chainrule.graph import compare_gradients

    model, loss, inputs, target, title = _small_network(seed) if run is None else _network_of(run)
    model.eval()  # dropout would draw anew at each pass
    rows = f"{len(target):,} row{'' if len(target) == 1 else 's'}"
    typer.echo(f"{title}, {rows}")
    parameters = sum(p.size for p in model.parameters() if p.requires_grad)
    with error_console().status(f"{min(parameters, limit):,} entries by differences …"):
        result = compare_gradients(lambda: loss(model(*inputs), target), model.parameters(), limit=limit, seed=seed)
    typer.echo(f"\n{result}")


def _small_network(seed: int) -> tuple[Any, Any, tuple[Any, ...], Any, str]:
    from chainrule import losses, nn
    from chainrule.data import bundled
    from chainrule.graph import random

    digits = bundled("digits")[:_ROWS]
    random.seed(seed)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.Tanh(), nn.Linear(16, 10))
    assert digits.target is not None
    images = _exact(digits.inputs[0] / 16)
    return model, losses.CrossEntropy(), (images,), digits.target, "64 → 16 → 10 on bundled digits"


def _network_of(run: str) -> tuple[Any, Any, tuple[Any, ...], Any, str]:
    from chainrule.cli.places import run_folder
    from chainrule.train import TrainedModel, prepare_data

    folder = run_folder(run)
    trained = TrainedModel.load(folder)
    train = prepare_data(trained.config).train
    inputs, target = train.few(_ROWS)
    return (
        trained.model,
        trained.loss,
        tuple(_exact(x) for x in inputs),
        _exact(target),
        f"The network of {folder} on {trained.config.data.source}",
    )


def _exact(x: Any) -> Any:
    """Numbers as a float64 Tensor, labels as they are: differences need the digits."""
    from chainrule.array import float64
    from chainrule.graph import tensor

    return tensor(x, dtype=float64) if x.dtype.kind == "f" else x


# -- operations --------------------------------------------------------------------------------------------------------


def _check_ops(name: str | None, seed: int) -> None:
    from rich.text import Text

    from chainrule import ops  # noqa: F401 - fills the table
    from chainrule.cli.screen import console, error_console, table
    from chainrule.graph import OPS

    if name is not None and name not in OPS:
        raise ConfigError(
            f"There is no operation {name!r}.{suggest(name, OPS)}", fix="chainrule gradcheck --ops lists all"
        )
    chosen = [OPS[name]] if name is not None else list(OPS.values())
    shown = table("operation", "order", "entries", "worst error", "time", right="order entries error time")
    started, wrong, without = time.perf_counter(), [], []
    with error_console().status("") as status:
        for op in chosen:
            status.update(f"checking {op.name}")
            if op.backward is None:
                without.append(op)
                continue
            row, failure = _check(op, seed)
            shown.add_row(*row)
            if failure is not None:
                wrong.append(failure)
    out = console()
    if shown.row_count:
        out.print(shown)
        out.print()
    if name is not None and without:
        out.print(f"{name} has no backward rule: {without[0].constant or 'its derivative cannot be given'}.")
    passed = len(chosen) - len(without) - len(wrong)
    words = f"{passed} rule{'' if passed == 1 else 's'} agree{'s' if passed == 1 else ''} with differences"
    words += f", {len(without)} operations have none" if without and name is None else ""
    style = "bold red" if wrong else "bold green"
    if passed or wrong:
        out.print(Text.assemble((f"{len(wrong)} wrong, " if wrong else "", "bold red"), (words, style)), end="")
        out.print(f"; {time.perf_counter() - started:.1f} s")
    for failure in wrong:
        out.print()
        out.print(str(failure), soft_wrap=True)
    if wrong:
        sys.stdout.flush()
        raise typer.Exit(1)


def _check(op: Op[Any], seed: int) -> tuple[list[str], GradcheckError | None]:
    """One operation's row of the table, and the error where its rule is wrong."""
    from chainrule.graph import gradcheck as check

    order = 2 if op.second_order else 1
    started, entries, worst = time.perf_counter(), 0, 0.0
    for inputs, attributes in _samples(op, seed):
        try:
            report = check(lambda *given, _a=attributes: op(*given, **_a), inputs, order=order, seed=seed)
        except GradcheckError as error:
            return [op.name, str(order), f"{entries:,}", "WRONG", ""], error
        entries, worst = entries + report.entries, max(worst, report.worst_relative_error)
    milliseconds = f"{1000 * (time.perf_counter() - started):.0f} ms"
    return [op.name, str(order), f"{entries:,}", f"{worst:.0e}", milliseconds], None


def _samples(op: Op[Any], seed: int) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    """The samples of an operation that have something to differentiate by."""
    import numpy as np

    if op.samples is None:
        raise OpError(f"{op.name} has a backward rule and no samples to check it with.")
    for inputs, attributes in op.samples(np.random.default_rng(seed)):
        if any(np.asarray(x).dtype.kind == "f" for x in inputs if not isinstance(x, str)):
            yield inputs, attributes
