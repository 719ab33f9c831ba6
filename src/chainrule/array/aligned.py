"""Copies in memory that XLA can read as it is."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["own_copy"]

_ALIGNMENT = 64
"""Bytes. On a CPU XLA copies an array anew whose address is not a multiple of it, as NumPy's rarely are."""

_LARGE = 1 << 20
"""Bytes from which on a second copy would be noticed."""


def own_copy(data: Any, dtype: np.dtype | None = None) -> np.ndarray:
    """`np.array(data, dtype)`, where it is large at an address at which programs find it without another copy."""
    if not isinstance(data, np.ndarray) or data.nbytes < _LARGE or data.dtype == object:
        return np.array(data, dtype=dtype)
    dtype = dtype or data.dtype
    memory = np.empty(data.size * dtype.itemsize + _ALIGNMENT, np.uint8)
    first = -memory.ctypes.data % _ALIGNMENT
    made = memory[first : first + len(memory) - _ALIGNMENT].view(dtype).reshape(data.shape)
    np.copyto(made, data, casting="unsafe")
    return made
