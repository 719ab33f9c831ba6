"""What is shown after training: the scores, where everything is, and what to type next."""

from __future__ import annotations

import math
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.cli.places import program
from chainrule.cli.screen import console, duration, grid
from chainrule.cli.words import score_line, score_name, score_value

if TYPE_CHECKING:
    from chainrule.train import EnsembleRun, TrainedModel

__all__ = ["show_outcome"]


def show_outcome(trained: TrainedModel, folder: Path, page: Path | None, quiet: bool) -> None:
    """The result of a training, and the commands that make use of it."""
    from rich.text import Text

    out = console()
    facts = grid()
    scores, part = trained.scores, "test"
    if scores is None:
        scores, part = trained.run.best.get("validation"), "validation"
    if scores:
        head, rest = score_line(scores)
        counted = _counted(trained, scores) if part == "test" and head.startswith("accuracy") else ""
        facts.add_row(
            part,
            Text.assemble(
                (head, "bold red" if trained.run.status == "diverged" else "bold green"),
                counted,
                f" · {rest}" if rest else "",
            ),
        )
    if trained.ensemble is not None:
        _add_ensemble(facts, trained.ensemble)
    if not quiet:
        facts.add_row("trained", _how_it_ended(trained))
    facts.add_row("run", str(folder))
    if page is not None:
        facts.add_row("report", Text(str(page), style=f"link {page.absolute().as_uri()}"))
    if not quiet:
        out.print()
    out.print(facts)
    if quiet:
        return
    out.print()
    for line in _next(trained, folder):
        out.print(line, no_wrap=True, overflow="ellipsis" if out.is_terminal else "ignore", crop=out.is_terminal)


def _add_ensemble(facts: Any, found: EnsembleRun) -> None:
    """What the ensemble gains over its mean member, and what it costs."""
    name = next((n for n in found.scores if n != "loss"), "loss")
    mean, spread = (score_value(name, value) for value in (found.mean(name), found.spread(name)))
    count = len(found.member_scores)
    facts.add_row(
        "members", f"{score_name(name)} {mean} ± {spread} alone, {score_value(name, found.scores[name])} together"
    )
    calibration = "expected_calibration_error"
    if calibration in found.scores:
        facts.add_row(
            "", f"calibration error {found.mean(calibration):.3f} alone, {found.scores[calibration]:.3f} together"
        )
    each = found.parameters // count
    facts.add_row("cost", f"{count} × {each:,} parameters, {duration(found.run.seconds)} of training")


def _counted(trained: TrainedModel, scores: dict[str, float]) -> str:
    """How many rows an accuracy stands for."""
    test = None if trained.data is None else trained.data.test
    accuracy = scores.get("accuracy")
    if test is None or accuracy is None or not math.isfinite(accuracy):
        return ""
    return f" ({round(accuracy * len(test)):,} of {len(test):,})"


def _how_it_ended(trained: TrainedModel) -> str:
    run = trained.run
    best = f", best after {run.best_epoch}" if 0 < run.best_epoch < run.epochs else ""
    epochs = f"{run.epochs} epoch{'' if run.epochs == 1 else 's'}{best}, {duration(run.seconds)}"
    ended = {
        "finished": "",
        "stopped": "; stopped as the validation loss did not fall any more",
        "interrupted": "; interrupted",
        "diverged": "; diverged, so the network is of little use",
    }
    return epochs + ended.get(run.status, f"; {run.status}")


def _next(trained: TrainedModel, folder: Path) -> list[Any]:
    name, place = program(), shlex.quote(str(folder))
    commands: list[tuple[str, str]] = []
    if trained.run.status == "interrupted":
        commands.append((f"{name} train --resume {place}", "goes on where it was interrupted"))
    if trained.run.status == "diverged" and trained.config.optimizer.lr is not None:
        source, lr = shlex.quote(trained.config.data.source), trained.config.optimizer.lr / 10
        return _lines([(f"{name} train {source} --lr {lr:g}", "a lower learning rate")])
    if trained.preprocessing.task == "language":
        commands += [
            (f"{name} generate {place}", "writes a text"),
            (f"{name} generate {place} --prompt 'It was' --top-p 0.9", "goes on with yours"),
        ]
    elif Path(trained.config.data.source).exists():
        ending = Path(trained.config.data.source).suffix or ".csv"
        new, test = (
            ("NEW_IMAGES", "TEST_IMAGES")
            if Path(trained.config.data.source).is_dir()
            else (f"new{ending}", f"test{ending}")
        )
        commands += [
            (f"{name} predict {place} {new}", "what it makes of new data"),
            (f"{name} evaluate {place} {test}", "how well it does on other data"),
        ]
    else:
        commands += [
            (f"{name} graph {place}", "draws the network"),
            (f"{name} gradcheck {place}", "its gradient, N + 1 passes against 2"),
            (f"{name} train YOUR.csv --target COLUMN", "learns from data of yours"),
        ]
    return _lines(commands)


def _lines(commands: list[tuple[str, str]]) -> list[Any]:
    from rich.text import Text

    width = max(len(command) for command, _ in commands) + 3
    lines = [Text("Next:", style="dim")]
    lines += [Text.assemble("  ", (command.ljust(width), "cyan"), (why, "dim")) for command, why in commands]
    return lines
