"""Samples: what a training draws its batches from, whatever one is: a row, a piece of text, a node of a graph."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

__all__ = ["Drawn", "Samples"]


class Samples(ABC):
    """Arrays that stay where the training runs, and how a batch is taken from them.

    `Dataset` takes rows, `TextSamples` pieces of a text, `GraphSamples` nodes of a graph.

    Attributes:
        arrays: what is held, once.
        task: `binary`, `classification`, `regression` or `language`; None where there is no target.
        classes: what each label stands for.
        target_scale: (mean, deviation) by which a regression target was standardised; `restore` undoes it.
    """

    arrays: tuple[np.ndarray, ...]
    task: str | None = None
    classes: list[str] | None = None
    target_scale: tuple[float, float] | None = None

    @abstractmethod
    def __len__(self) -> int:
        """How many samples one epoch has."""

    @abstractmethod
    def select(self, arrays: Any, rows: Any) -> tuple[tuple[Any, ...], Any]:
        """The inputs and the target of a batch.

        Arguments:
            arrays: `self.arrays`, as NumPy arrays or as Tensors of the same shapes.
            rows: numbers from `order` or `rows`, (N,) integers of the same kind.
        """

    def rows(self) -> np.ndarray:
        """The numbers of all samples in order, as evaluation takes them."""
        return np.arange(len(self))

    def order(self, seed: int, epoch: int, shuffle: bool = True) -> np.ndarray:
        """The numbers of the samples of an epoch, in its own order."""
        return self.generator(seed, epoch).permutation(len(self)) if shuffle else self.rows()

    @staticmethod
    def generator(seed: int, epoch: int) -> np.random.Generator:
        """The random numbers of an epoch, which depend on nothing that came before it."""
        return np.random.Generator(np.random.Philox(key=[seed % 2**64, epoch]))

    def few(self, count: int) -> tuple[tuple[np.ndarray, ...], Any]:
        """Inputs and target of the first samples, to look at."""
        return self.select(self.arrays, self.rows()[:count])

    def restore(self, values: Any) -> np.ndarray:
        """Numbers of a standardised regression target back in the target's own unit, as float64."""
        mean, deviation = self.target_scale or (0.0, 1.0)
        return np.asarray(values, np.float64) * deviation + mean


class Drawn(Samples):
    """Rows of other samples, in other numbers than they have there; the arrays are shared, so that nothing is copied.

    Arguments:
        samples: what is drawn from.
    """

    def __init__(self, samples: Samples) -> None:
        self.samples = samples
        self.task, self.classes, self.target_scale = samples.task, samples.classes, samples.target_scale

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """Those of the samples drawn from."""
        return self.samples.arrays

    def select(self, arrays: Any, rows: Any) -> tuple[tuple[Any, ...], Any]:
        """Their inputs and target; see `Samples.select`."""
        return self.samples.select(arrays, rows)
