"""What a person sees while a network trains: a bar with rate and time left in a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Any

from chainrule.train.events import EpochEnded, Event, Message, RunEnded, RunStarted, StepsDone, TextWritten

__all__ = ["ProgressDisplay"]

_LINES = 5  # of a text that a language model wrote
_MOVES = 2  # of the bar in a second, at most: each takes a millisecond


def scores(record: dict[str, Any]) -> str:
    """An epoch's losses and first metric in one line: `loss 0.31 · validation loss 0.29, accuracy 91.2 %`."""
    shown = f"loss {record['train']['loss']:.4g}"
    validation = list(record.get("validation", {}).items())[:2]
    if validation:
        shown += " · validation " + ", ".join(f"{name} {_score(name, value)}" for name, value in validation)
    return shown


def _score(name: str, value: float) -> str:
    return f"{value:.1%}".replace("%", " %") if name.endswith("accuracy") else f"{value:.4g}"


def _milestone(epoch: int) -> bool:
    """1, 2, 5, 10, 20, 50, 100, …: close together where most happens, few in all."""
    return str(epoch).rstrip("0") in ("1", "2", "5")


class ProgressDisplay:
    """A callback that shows the run on standard error.

    A line for epochs 1, 2, 5, 10, 20, …, for the last, and for others after a silence: of one second in a terminal,
    where a bar moves within the epoch, and of five elsewhere, so that a log stays short.
    """

    def __init__(self, quiet_seconds: float | None = None) -> None:
        from rich.console import Console

        self._console = Console(stderr=True)
        self._interactive = self._console.is_terminal
        self._pause = quiet_seconds if quiet_seconds is not None else (1.0 if self._interactive else 5.0)
        self._bar: Any = None
        self._task: Any = None
        self._last_line = self._next_move = 0.0
        self._pending: str | None = None
        self._epochs = 0

    def __call__(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self._start(event)
        elif isinstance(event, StepsDone) and self._bar is not None and time.monotonic() >= self._next_move:
            self._next_move = time.monotonic() + 1 / _MOVES
            rate = f"[dim]{event.samples_per_second:,.0f} samples/s[/]"
            told = f"loss {event.loss:.4g} {rate} {_clock(event.seconds_left)}"
            self._bar.update(self._task, completed=event.fraction, told=told, refresh=True)
        elif isinstance(event, EpochEnded):
            self._epoch(event)
        elif isinstance(event, TextWritten) and _milestone(event.epoch):
            self._say_pending()
            lines = [f"    {line}" for line in event.text.strip().splitlines()[:_LINES]]
            self._say("\n".join(line[: self._console.width] if self._interactive else line for line in lines))
        elif isinstance(event, Message):
            self._say_pending()
            self._say(event.text)
        elif isinstance(event, RunEnded):
            self._say_pending()
            self._close()

    def _start(self, event: RunStarted) -> None:
        self._epochs = event.epochs
        went_on = f", going on after epoch {event.epoch}" if event.epoch else ""
        self._say(
            f"{event.parameters:,} parameters · {event.samples:,} samples · {event.steps_per_epoch:,} "
            f"step{'' if event.steps_per_epoch == 1 else 's'} in an epoch · "
            f"up to {event.epochs} epoch{'' if event.epochs == 1 else 's'}{went_on}"
        )
        if self._interactive:
            from rich.progress import BarColumn, Progress, TextColumn

            self._bar = Progress(
                BarColumn(bar_width=30),
                # one column, as each takes its time to lay out
                TextColumn("[progress.percentage]{task.percentage:>3.0f}%[/] {task.fields[told]}"),
                console=self._console,
                transient=True,
                auto_refresh=False,  # by a thread, which would take its time from the training's
            )
            self._task = self._bar.add_task("", total=1.0, told="compiling")
            self._bar.start()

    def _epoch(self, event: EpochEnded) -> None:
        mark = " · best" if event.best else ""
        line = f"epoch {event.epoch:>{len(str(self._epochs))}}/{self._epochs}  {scores(event.record)}{mark}"
        now = time.monotonic()
        if _milestone(event.epoch) or now - self._last_line >= self._pause:
            self._say(line)
            self._last_line = now
            self._pending = None
        else:
            self._pending = line

    def _say_pending(self) -> None:
        if self._pending is not None:
            self._say(self._pending)
            self._pending = None

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=not self._interactive)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        sys.stderr.flush()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d} left" if hours else f"{minutes}:{rest:02d} left"
