"""Run: what a training left behind, in memory and as a folder that other tools can read."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chainrule.errors import RunError
from chainrule.train.files import read_lines

__all__ = ["Run", "new_run_folder"]


@dataclass
class Run:
    """The result of `Trainer.fit`.

    Attributes:
        history: one record for each epoch, as in metrics.jsonl: epoch, step, seconds, learning_rate, train and
            validation scores.
        status: `finished`, `stopped` (early), `interrupted` or `diverged`.
        best_epoch: whose weights the model has now (the lowest validation loss; without validation, the last epoch).
        epochs, steps, seconds: how far and how long it ran.
        path: its folder, or None when nothing was written.
        findings: what was noticed on the way.
    """

    history: list[dict[str, Any]] = field(default_factory=list)
    status: str = "finished"
    best_epoch: int = 0
    epochs: int = 0
    steps: int = 0
    seconds: float = 0.0
    path: Path | None = None
    findings: list[Any] = field(default_factory=list)

    @property
    def best(self) -> dict[str, Any]:
        """The record of the best epoch."""
        return next((r for r in self.history if r["epoch"] == self.best_epoch), {})

    @classmethod
    def read(cls, path: str | Path) -> Run:
        """A run from its folder."""
        import json

        folder = Path(path)
        if not folder.is_dir():
            raise RunError(f"There is no run folder {folder}.", fix="give the folder that `chainrule train` printed")
        summary: dict[str, Any] = {}
        if (folder / "summary.json").exists():
            summary = json.loads((folder / "summary.json").read_text())
        history = [r for r in read_lines(folder / "metrics.jsonl") if r.get("event") == "epoch"]
        return cls(
            history=history,
            status=summary.get("status", "unfinished"),
            best_epoch=summary.get("best_epoch", 0),
            epochs=summary.get("epochs", len(history)),
            steps=summary.get("steps", 0),
            seconds=summary.get("seconds", 0.0),
            path=folder,
        )


def new_run_folder(base: Path, name: str) -> Path:
    """The first free one of base/name, base/name-2, base/name-3, …; made."""
    for number in range(1, 100_000):
        folder = base / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise RunError(
                f"The run folder {folder} cannot be made: {error.strerror}.", fix="choose another place with --out"
            ) from error
        return folder
    raise RunError(f"{base} is full of runs called {name}.", fix="choose another place with --out")
