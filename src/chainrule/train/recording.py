"""What a run writes into its folder while it goes, and where it stands."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.data import Samples
from chainrule.graph import random
from chainrule.train.events import SnapshotSaved
from chainrule.train.files import append_lines, write_json, write_tensors
from chainrule.train.one_thread import one_thread
from chainrule.train.probe import layer_statistics
from chainrule.train.run import Run
from chainrule.train.snapshot import save_snapshot

if TYPE_CHECKING:
    from chainrule.train.trainer import Trainer

__all__ = ["Position", "RunWriter"]

_SNAPSHOT_PAUSE = 5.0
_SHARE = 1 / 400
"""How much of the time the looks into the layers may take, and the snapshots: both together half a hundredth."""
_FREE = 0.05
"""Seconds that they may take in all before that counts, so that short runs are seen at every epoch."""


@dataclass
class Position:
    """Where a run stands; everything but the weights that a resumed run needs."""

    epoch: int = 0  # complete ones
    step_in_epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    best_epoch: int = 0
    best_loss: float = math.inf
    sums: dict[str, float] = field(default_factory=dict)  # of the epoch under way, weighted by samples
    seen: int = 0


class RunWriter:
    """Writes a run's folder as it goes; does nothing where there is none."""

    def __init__(self, trainer: Trainer, folder: Path | None, run: Run, progress: Position) -> None:
        self._trainer = trainer
        self._folder = folder
        self._run = run
        self._progress = progress
        self._last_snapshot = self._begun = time.monotonic()
        self._snapshot_took = self._looking_took = 0.0
        self._before = (
            {name: p.numpy().copy() for name, p in trainer.model.named_parameters()} if folder is not None else {}
        )
        self._step_before = progress.step

    def epoch(self, train: Samples, record: dict[str, Any]) -> None:
        if self._folder is None:
            return
        append_lines(self._folder / "metrics.jsonl", [record])
        started = time.monotonic()
        if self._looking_took > max(_FREE, _SHARE * (started - self._begun)):
            return
        inputs, target = train.few(self._trainer.work.samples_in_a_look())
        steps = record["step"] - self._step_before
        with one_thread():
            layers = layer_statistics(self._trainer.model, self._trainer.loss, inputs, target, self._before, steps)
        append_lines(
            self._folder / "layers.jsonl",
            [{"epoch": record["epoch"], "step": record["step"], **layer} for layer in layers],
        )
        self._before = {name: p.numpy().copy() for name, p in self._trainer.model.named_parameters()}
        self._step_before = record["step"]
        self._looking_took += time.monotonic() - started

    def snapshot_if_due(self, best: dict[str, np.ndarray], last: bool) -> None:
        pause = max(_SNAPSHOT_PAUSE, self._snapshot_took / _SHARE)
        if last or time.monotonic() - self._last_snapshot >= pause:
            self.snapshot(best)

    def snapshot(self, best: dict[str, np.ndarray]) -> None:
        if self._folder is None:
            return
        trainer, started = self._trainer, time.monotonic()
        parts = {
            "model": trainer.model.state_dict(),
            "optimizer": trainer.optimizer.state_dict(),
            "streams": {"default": random.default_stream().state.numpy()},
            "best": best,
        }
        path = save_snapshot(self._folder / "checkpoints", self._progress.step, parts, vars(self._progress))
        self._last_snapshot = time.monotonic()
        self._snapshot_took = self._last_snapshot - started
        trainer.tell(SnapshotSaved(path, self._progress.step))

    def end(self, best: dict[str, np.ndarray] | None) -> None:
        if self._folder is None:
            return
        write_tensors(self._folder / "model.safetensors", best or self._trainer.model.state_dict())
        run = self._run
        facts = {"status": run.status, "best_epoch": run.best_epoch, "epochs": run.epochs, "steps": run.steps}
        write_json(self._folder / "summary.json", {**facts, "seconds": run.seconds})
