"""Samples whose classes count the same in training, however many rows each has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chainrule.data.samples import Drawn, Samples
from chainrule.errors import ConfigError, suggest

__all__ = ["BALANCES", "Balanced"]

BALANCES = ("resample", "weights")
"""Ways to make every class count the same."""


class Balanced(Drawn):
    """Training samples of which every class counts the same: its rows are drawn as often, or weigh as much.

    "resample": an epoch has as many rows as before, the same number of each class. A class with too few takes all of
    its rows over and over and some once more, one with too many takes some of them, in every epoch others. The draw
    depends on seed and epoch alone, so that a resumed run draws the same.

    "weights": all rows once, and in the mean of a batch the loss of a row of class c counts w_c = s_c · n / n_c, which
    is 1 on average, for n_c of n rows and a share s_c, usually 1/k of k classes (scikit-learn's "balanced").

    Both mean the same in the long run; drawing makes small batches steadier, where few rows with large weights make
    them jump, and repeats few rows so often that a network may learn them by heart. The loss that a `Trainer` tells of
    its validation rows, and chooses the best epoch by, is weighted by w_c either way. Rows of validation and test are
    never drawn, and `evaluate` weighs none.

    What the network learns are the probabilities of such a world, p̃(c|x) ∝ w_c · p(c|x): a rare class is predicted
    more often than it occurs, and its probabilities are too high. Those of the world as it is come from the logits less
    log w_c; of two classes told by one logit, from that logit less log(w_1 / w_0).

    Arguments:
        samples: with labels: rows, or nodes of a graph.
        by: "resample" or "weights".
        shares: s_c of each class in what counts, (C,); None gives every class that has rows the same.

    Attributes:
        class_weights: w_c, float32 (C,); 0 for a class without a row.

    Raises:
        ConfigError: where there are no classes, and for shares that cannot be.

    Differs from PyTorch's WeightedRandomSampler, which draws each row by chance alone: classes have the same number
    only on average, and a row may come twice where others of its class never do. imbalanced-learn's RandomOverSampler
    makes the epoch longer instead.

    Source: He & Garcia, "Learning from Imbalanced Data" (2009), section 3; what it does to probabilities: Elkan, "The
    Foundations of Cost-Sensitive Learning" (2001), theorem 2.

    Example:
        >>> from chainrule import data
        >>> rare = data.Dataset([[float(i)] for i in range(10)], [0, 0, 0, 0, 0, 0, 0, 0, 1, 1])
        >>> even = data.Balanced(rare)
        >>> rare.target[even.order(seed=0, epoch=0)].tolist()
        [0, 1, 0, 1, 0, 0, 0, 1, 1, 1]
        >>> even.class_weights.tolist()
        [0.625, 2.5]
    """

    def __init__(self, samples: Samples, by: str = "resample", *, shares: Sequence[float] | None = None) -> None:
        if by not in BALANCES:
            raise ConfigError(
                f"Classes are balanced by resample or weights, got {by!r}.{suggest(by, BALANCES)}",
                fix=f"one of {', '.join(BALANCES)}",
            )
        rows = samples.rows()
        labels = samples.select(samples.arrays, rows)[1] if samples.task in ("binary", "classification") else None
        if labels is None:
            what = f"the task is {samples.task}" if samples.task else "they have no target"
            raise ConfigError(f"There are no classes of these samples to balance: {what}.", fix="leave the balance out")
        super().__init__(samples)
        self.by, self.shares = by, shares
        counts = np.bincount(labels, minlength=len(self.classes or ()))
        wanted = _checked(shares, counts)
        self.class_weights = (wanted / wanted.sum() * len(rows) / np.maximum(counts, 1)).astype(np.float32)
        self._groups = [rows[labels == c] for c in range(len(counts))]
        self._ends = np.cumsum(wanted) / np.cumsum(wanted)[-1]

    def over(self, samples: Samples) -> Balanced:
        """Other samples, balanced as these are."""
        return Balanced(samples, self.by, shares=self.shares)

    def __len__(self) -> int:
        return len(self.samples)

    def rows(self) -> np.ndarray:
        """All rows, each once: what is looked at or scored is the samples as they are."""
        return self.samples.rows()

    def order(self, seed: int, epoch: int, shuffle: bool = True) -> np.ndarray:
        """The rows of an epoch: drawn evenly from all classes, or all of them."""
        if self.by == "weights":
            return self.samples.order(seed, epoch, shuffle)
        generator = self.generator(seed, epoch)
        # Cuts that fall within a row are rounded by chance, so that the shares are right on average.
        ends = np.floor(self._ends * len(self) + generator.random()).astype(int)
        drawn = []
        for group, count in zip(self._groups, np.diff(ends, prepend=0), strict=True):
            if count:
                over_and_over, some = divmod(int(count), len(group))
                drawn += [np.tile(group, over_and_over), generator.permutation(group)[:some]]
        found = np.concatenate(drawn)
        return generator.permutation(found) if shuffle else np.sort(found)

    def __repr__(self) -> str:
        return f"Balanced({self.samples!r}, {self.by!r})"


def _checked(shares: Sequence[float] | None, counts: np.ndarray) -> np.ndarray:
    """How much of each class is wanted; of those without a row nothing."""
    if shares is None:
        return (counts > 0).astype(np.float64)
    given = np.asarray(shares, np.float64)
    fits = given.shape == counts.shape and np.isfinite(given).all() and (given >= 0).all() and given.any()
    if not fits or given[counts == 0].any():
        raise ConfigError(
            f"The shares of {len(counts)} classes with {counts.tolist()} rows are that many numbers of at least 0, and "
            f"0 for a class without rows, got {list(shares)!r}.",
            fix="shares=None for the same of every class",
        )
    return given
