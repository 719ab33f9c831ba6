"""Bits of integers and truth values, entry by entry."""

from __future__ import annotations

from typing import Any

from chainrule.graph import op
from chainrule.ops.samplers import binary_integers, unary_integers

__all__ = [
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
]

_BITS = "integers have no gradient"


@op(constant=_BITS, samples=binary_integers())
def bitwise_and(xp: Any, x1: Any, x2: Any, /) -> Any:
    """The bits set in both."""
    return xp.bitwise_and(x1, x2)


@op(constant=_BITS, samples=binary_integers())
def bitwise_or(xp: Any, x1: Any, x2: Any, /) -> Any:
    """The bits set in either."""
    return xp.bitwise_or(x1, x2)


@op(constant=_BITS, samples=binary_integers())
def bitwise_xor(xp: Any, x1: Any, x2: Any, /) -> Any:
    """The bits set in exactly one."""
    return xp.bitwise_xor(x1, x2)


@op(constant=_BITS, samples=unary_integers())
def bitwise_invert(xp: Any, x: Any, /) -> Any:
    """Every bit turned over."""
    return xp.bitwise_invert(x)


@op(constant=_BITS, samples=binary_integers(low2=0, high2=5))
def bitwise_left_shift(xp: Any, x1: Any, x2: Any, /) -> Any:
    """The bits moved x2 places up."""
    return xp.bitwise_left_shift(x1, x2)


@op(constant=_BITS, samples=binary_integers(low2=0, high2=5))
def bitwise_right_shift(xp: Any, x1: Any, x2: Any, /) -> Any:
    """The bits moved x2 places down."""
    return xp.bitwise_right_shift(x1, x2)
