"""Splitting rows into training, validation and test parts, the same for the same seed, with every class in
proportion.
"""

from __future__ import annotations

import itertools

import numpy as np

from chainrule.errors import ConfigError

__all__ = ["split_rows"]


def split_rows(
    count: int, fractions: tuple[float, ...], *, labels: np.ndarray | None = None, seed: int = 0
) -> tuple[np.ndarray, ...]:
    """Row numbers of each part, and of the rest as the last part; no row is in two.

    With labels every class is split in the same proportion (to the nearest row), and a class of a single row stays in
    the rest.

    Arguments:
        count: how many rows there are.
        fractions: the share of each part but the last, each from 0 to 1 and together below 1.
        labels: (count,) classes to keep in proportion.
        seed: the same seed gives the same split.

    Returns:
        Arrays of row numbers in ascending order, one more than `fractions`.

    Raises:
        ConfigError: fractions that are negative or leave nothing.

    Example:
        >>> test, train = split_rows(8, (0.25,), labels=np.array([0, 0, 0, 0, 1, 1, 1, 1]))
        >>> len(test), len(train), sorted(np.array([0, 0, 0, 0, 1, 1, 1, 1])[test].tolist())
        (2, 6, [0, 1])
    """
    if any(not 0 <= fraction < 1 for fraction in fractions) or sum(fractions) >= 1:
        shown = ", ".join(str(fraction) for fraction in fractions)
        raise ConfigError(
            f"the parts to set aside are {shown} of the rows, expected shares from 0 to 1 that leave some to train on",
            fix="for example validation=0.15, test_fraction=0.15",
        )
    order = np.random.default_rng(seed).permutation(count)
    if labels is None:
        place = np.empty(count)
        place[order] = (np.arange(count) + 0.5) / max(count, 1)
    else:
        # within each class the shuffled rows are spread evenly over 0 … 1, so any interval has its share of all
        place = np.empty(count)
        shuffled = np.asarray(labels)[order]
        by_class = np.argsort(shuffled, kind="stable")
        _, starts, sizes = np.unique(shuffled[by_class], return_index=True, return_counts=True)
        rank = np.arange(count) - np.repeat(starts, sizes)
        place[order[by_class]] = (rank + 0.5) / np.repeat(sizes, sizes)
    edges = np.cumsum([0.0, *fractions])
    parts = [np.flatnonzero((place >= low) & (place < high)) for low, high in itertools.pairwise(edges)]
    return (*parts, np.flatnonzero(place >= edges[-1]))
