"""Random bits as a pure function of a key and a counter: the Threefry-2x32 block cipher with 20 rounds.

It needs only additions, rotations and exclusive-ors of 32-bit integers, so one definition in array-namespace operations
gives the same bits on NumPy and in XLA, and any step of a run can be drawn again.

Source: Salmon, Moraes, Dror, Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3" (SC 2011), section 4.2 and table 2.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.array.namespace import Array

__all__ = ["random_bits"]

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = np.uint32(0x1BD11BDA)


def _rotate_left(x: Array, distance: int) -> Array:
    return (x << np.uint32(distance)) | (x >> np.uint32(32 - distance))


def threefry(key0: Array, key1: Array, x0: Array, x1: Array) -> tuple[Array, Array]:
    """The 2x32-bit block of the counter (x0, x1) under the key (key0, key1)."""
    keys = (key0, key1, key0 ^ key1 ^ _PARITY)
    x0, x1 = x0 + keys[0], x1 + keys[1]
    for block in range(5):
        for distance in _ROTATIONS[block % 2]:
            x0 = x0 + x1
            x1 = _rotate_left(x1, distance) ^ x0
        x0 = x0 + keys[(block + 1) % 3]
        x1 = x1 + keys[(block + 2) % 3] + np.uint32(block + 1)
    return x0, x1


def random_bits(xp: Any, key: Array, counter: Array, shape: tuple[int, ...]) -> Array:
    """Uniform uint32 of the given shape.

    Arguments:
        xp: the namespace to compute with.
        key: uint32 (2,).
        counter: uint32 (1,): which draw of the stream this is.
        shape: of the result.
    """
    count = math.prod(shape)
    half = (count + 1) // 2
    lanes = xp.arange(half, dtype=np.uint32)
    low, high = threefry(key[0:1], key[1:2], lanes, counter + xp.zeros_like(lanes))
    return xp.reshape(xp.concat([low, high])[:count], shape)
