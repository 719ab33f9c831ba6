"""Where each number of a list stands for the last time, by hashing: XLA's sort, on a CPU, takes twenty times longer."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["last_places"]

_FACTOR = np.uint32(0x9E3779B1)
"""2³² divided by the golden ratio, odd: multiplied by it, neighbours lie far apart (Knuth, "The Art of Computer
Programming", volume 3, section 6.4)."""


def last_places(xp: Any, lax: Any, numbers: Any) -> Any:
    """For each of the integers (N,) the largest place at which the same number stands, (N,) int32; on JAX.

    All places write themselves into a small table, in the slot of their number's hash, where the largest stays. Who
    finds its own number there is done. Those who share a slot with another number, few, go on with another hash.
    """
    count = numbers.shape[0]
    bits = max(8 * count - 1, 1).bit_length()
    here, keys = xp.arange(count, dtype=np.int32), numbers.astype(np.uint32)

    def turn(state: Any) -> Any:
        found, factor = state
        open_ = found < 0
        slots = (keys * factor) >> (32 - bits)
        table = xp.full(1 << bits, -1, np.int32).at[xp.where(open_, slots, 1 << bits)].max(here, mode="drop")
        place = table[slots]
        return xp.where(open_ & (numbers[place] == numbers), place, found), factor * _FACTOR

    start = xp.full(count, -1, np.int32), xp.asarray(_FACTOR)
    return lax.while_loop(lambda state: xp.any(state[0] < 0), turn, start)[0]
