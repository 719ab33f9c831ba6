"""Sampler: what a language model writes, shown while it learns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from chainrule.data import TextPreprocessing
from chainrule.models import generate
from chainrule.train.events import EpochEnded, Event, RunStarted, TextWritten
from chainrule.train.files import append_lines

if TYPE_CHECKING:
    from chainrule.train.trainer import Trainer

__all__ = ["Sampler"]


class Sampler:
    """A callback that lets a language model write a few lines after every epoch, into `samples.jsonl` of the run.

    The model's own random streams are not touched, so a run with it and one without it learn the same.

    Arguments:
        trainer: of the model; it is told every text.
        preprocessing: how text became tokens.
        folder: of the run; None writes nothing.
        length: tokens of each text.
        seed: of what is drawn; the same for every text, so that they can be compared.
    """

    def __init__(
        self, trainer: Trainer, preprocessing: TextPreprocessing, folder: Path | None, *, length: int = 200,
        seed: int = 0,
    ) -> None:  # fmt: skip
        self._trainer, self._preprocessing = trainer, preprocessing
        self._folder, self._length, self._seed = folder, length, seed

    def __call__(self, event: Event) -> None:
        if isinstance(event, RunStarted) and event.path is not None and event.epoch == 0:
            (event.path / "samples.jsonl").unlink(missing_ok=True)
        if not isinstance(event, EpochEnded):
            return
        start = self._preprocessing.first
        tokens = generate(self._trainer.model, start, self._length, temperature=0.8, stream=self._seed)
        text = self._preprocessing.decode_tokens(tokens[len(start) :])
        self._trainer.tell(TextWritten(event.epoch, text))
        if self._folder is not None:
            append_lines(self._folder / "samples.jsonl", [{"epoch": event.epoch, "text": text}])
