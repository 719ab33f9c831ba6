"""Distinct entries: sets out of arrays.

How many there are depends on values, so a compiled function cannot use these. A nan differs from every other nan.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import numpy as np

from chainrule.graph import FUNCTIONS, Tensor, as_tensor, op

__all__ = ["unique_all", "unique_counts", "unique_inverse", "unique_values"]


class UniqueAll(NamedTuple):
    """The distinct entries, where each stands first, which of them each entry is, and how often it occurs."""

    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


class UniqueCounts(NamedTuple):
    """The distinct entries and how often each occurs."""

    values: Tensor
    counts: Tensor


class UniqueInverse(NamedTuple):
    """The distinct entries, and which of them each entry is."""

    values: Tensor
    inverse_indices: Tensor


def _samples(rng: np.random.Generator) -> list[Any]:
    return [((rng.integers(0, 4, (3, 4)),), {}), ((np.array([1.0, np.nan, 0.0, np.nan, 1.0]),), {})]


@op(constant="positions and counts have no gradient", several=True, samples=_samples)
def _unique(xp: Any, x: Any, /) -> Any:
    _, indices, inverse, counts = xp.unique_all(x)
    return indices, inverse, counts


def unique_all(x: Any, /) -> UniqueAll:
    """The distinct entries in ascending order with their first places, the place of every entry among them, and their
    counts.

    Example:
        >>> import chainrule as cr
        >>> cr.unique_all(cr.tensor([2, 1, 2])).counts.tolist()
        [1, 2]
    """
    x = as_tensor(x)
    indices, inverse, counts = cast(tuple[Tensor, Tensor, Tensor], _unique(x))
    return UniqueAll(FUNCTIONS["take"](FUNCTIONS["reshape"](x, (-1,)), indices, axis=0), indices, inverse, counts)


def unique_counts(x: Any, /) -> UniqueCounts:
    """The distinct entries in ascending order and how often each occurs."""
    found = unique_all(x)
    return UniqueCounts(found.values, found.counts)


def unique_inverse(x: Any, /) -> UniqueInverse:
    """The distinct entries in ascending order, and for each entry its place among them, in the shape of x."""
    found = unique_all(x)
    return UniqueInverse(found.values, found.inverse_indices)


def unique_values(x: Any, /) -> Tensor:
    """The distinct entries in ascending order; a gradient goes to the first of equal entries."""
    return unique_all(x).values
