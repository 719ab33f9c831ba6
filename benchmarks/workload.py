"""What a workload is: numbers that every peer starts from, and the peers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

Round = Callable[[], float]
"""All steps of a round, from the present state; gives the loss of the last one, or what else peers agree on."""


@dataclass(frozen=True)
class Given:
    """What all peers start from.

    Attributes:
        weights: first values by chainrule's names, in its layouts: (in, out), kernels (height, width, in, out).
        batches: inputs and target, each (steps, batch, …).
        epochs: how often a round goes through the batches.
    """

    weights: dict[str, np.ndarray]
    batches: tuple[np.ndarray, ...]
    epochs: int = 1

    @property
    def steps(self) -> int:
        return len(self.batches[0]) * self.epochs


@dataclass(frozen=True)
class Work:
    """What is said of a workload.

    Attributes:
        title: what it is, with its sizes.
        asked: the ratio to reach against the best peer of a library, by its name; chainrule's own are its other ways.
        unit: of the times.
        left_out: peers that are not measured, and why.
        notes: what a reader should know.
        needs: an environment variable without which there are no data.
        says: what peers say beside their times.
    """

    title: str
    asked: dict[str, float] = field(default_factory=dict, kw_only=True)
    unit: str = field(default="µs a step", kw_only=True)
    left_out: dict[str, str] = field(default_factory=dict, kw_only=True)
    notes: str = field(default="", kw_only=True)
    needs: str = field(default="", kw_only=True)
    says: str = field(default="", kw_only=True)


@dataclass(frozen=True)
class Workload(Work):
    """Steps or calls that several libraries do, each in a process of its own.

    Attributes:
        given: makes the numbers.
        peers: by name; the first word says whose it is. "chainrule" is what the others are divided by.
        same_after_a_round: whether all have to agree after a round, and not only after the first step.
        together: whether the peers take turns within one process: where arrays happen to lie in memory makes two
            processes that do the same differ by some hundredths, which hides what is to be seen.
    """

    given: Callable[[], Given]
    peers: dict[str, Callable[[Given], Round]]
    same_after_a_round: bool = field(default=True, kw_only=True)
    together: bool = field(default=False, kw_only=True)


def he(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Normal numbers with the variance 2 / inputs, for weights whose last axis is the outputs."""
    return (rng.normal(size=shape) * np.sqrt(2 / np.prod(shape[:-1]))).astype(np.float32)


def library(peer: str) -> str:
    """Whose peer it is: "chainrule eager (NumPy)" is chainrule's."""
    return peer.split(",")[0].split()[0]
