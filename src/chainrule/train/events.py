"""What a training run tells: each event is a plain record, and a callback is any function that takes one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

__all__ = [
    "Callback",
    "DataPrepared",
    "EpochEnded",
    "Event",
    "Message",
    "NetworkBuilt",
    "RunEnded",
    "RunStarted",
    "SnapshotSaved",
    "StepsDone",
    "TextWritten",
]


@dataclass(frozen=True)
class Event:
    """The root of all events."""


@dataclass(frozen=True)
class Message(Event):
    """A sentence for the person watching."""

    text: str


@dataclass(frozen=True)
class DataPrepared(Event):
    """The data are read, understood and split (`data.Prepared`)."""

    data: Any


@dataclass(frozen=True)
class NetworkBuilt(Event):
    """The network is there, untrained.

    Attributes:
        model: the `nn.Module`.
        inputs: a sample or two, as it takes them.
    """

    model: Any
    inputs: tuple[Any, ...]


@dataclass(frozen=True)
class RunStarted(Event):
    """Training begins, or goes on.

    Attributes:
        epochs: how many there will be at most; `epoch`: how many are done already.
        steps_per_epoch: updates in one epoch.
        samples: training rows.
        parameters: numbers that are trained.
    """

    epochs: int
    epoch: int
    steps_per_epoch: int
    samples: int
    parameters: int
    path: Path | None


@dataclass(frozen=True)
class StepsDone(Event):
    """Some steps were taken, in one call of the compiled program.

    Attributes:
        epoch: the current one, from 1; `step`: updates so far in the whole run.
        fraction: of all planned work, 0 … 1.
        loss: the mean over these steps.
        samples_per_second: over these steps; seconds_left: at the pace so far.
    """

    epoch: int
    step: int
    fraction: float
    loss: float
    samples_per_second: float
    seconds_left: float


@dataclass(frozen=True)
class EpochEnded(Event):
    """An epoch is complete and validated.

    Attributes:
        record: what metrics.jsonl holds of it.
        best: whether it is the best so far.
    """

    epoch: int
    record: dict[str, Any] = field(default_factory=dict)
    best: bool = False


@dataclass(frozen=True)
class TextWritten(Event):
    """What a language model wrote after an epoch, to see how it comes along."""

    epoch: int
    text: str


@dataclass(frozen=True)
class SnapshotSaved(Event):
    """The run can be resumed from here."""

    path: Path
    step: int


@dataclass(frozen=True)
class RunEnded(Event):
    """Training is over: `finished`, `stopped` (early), `interrupted`, `diverged`, or `failed` by an exception that
    goes on from here.
    """

    status: str
    epoch: int
    best_epoch: int
    seconds: float


Callback: TypeAlias = Callable[[Event], Any]
