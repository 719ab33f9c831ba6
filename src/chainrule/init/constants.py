"""First values without chance."""

from __future__ import annotations

from typing import Any

from chainrule import ops
from chainrule.graph import Tensor

__all__ = ["constant", "ones", "zeros"]


def zeros(shape: tuple[int, ...], *, dtype: Any = None) -> Tensor:
    """All 0: right for biases; as the weights of a hidden layer all units would stay equal.

    Example:
        >>> from chainrule import init
        >>> init.zeros((2,)).tolist()
        [0.0, 0.0]
    """
    return ops.zeros(shape, dtype=dtype)


def ones(shape: tuple[int, ...], *, dtype: Any = None) -> Tensor:
    """All 1: right for the scale of a normalisation.

    Example:
        >>> from chainrule import init
        >>> init.ones((2,)).tolist()
        [1.0, 1.0]
    """
    return ops.ones(shape, dtype=dtype)


def constant(shape: tuple[int, ...], value: float, *, dtype: Any = None) -> Tensor:
    """All the same value, float32 unless said otherwise.

    Example:
        >>> from chainrule import init
        >>> init.constant((2,), 0.5).tolist()
        [0.5, 0.5]
    """
    return ops.full(shape, float(value), dtype=dtype)
