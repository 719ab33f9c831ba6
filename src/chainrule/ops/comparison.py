"""Comparison and logic, entry by entry: truth values, which have no gradient."""

from __future__ import annotations

from typing import Any

from chainrule.graph import op
from chainrule.ops.samplers import binary, unary

__all__ = [
    "equal",
    "greater",
    "greater_equal",
    "isfinite",
    "isinf",
    "isnan",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "not_equal",
    "signbit",
]

_LOGIC = "a truth value has no gradient"


@op(constant=_LOGIC, samples=binary())
def equal(xp: Any, x1: Any, x2: Any, /) -> Any:
    """x1 = x2."""
    return xp.equal(x1, x2)


@op(constant=_LOGIC, samples=binary())
def not_equal(xp: Any, x1: Any, x2: Any, /) -> Any:
    """x1 ≠ x2."""
    return xp.not_equal(x1, x2)


@op(constant=_LOGIC, samples=binary())
def less(xp: Any, x1: Any, x2: Any, /) -> Any:
    """x1 < x2."""
    return xp.less(x1, x2)


@op(constant=_LOGIC, samples=binary())
def less_equal(xp: Any, x1: Any, x2: Any, /) -> Any:
    """x1 ≤ x2."""
    return xp.less_equal(x1, x2)


@op(constant=_LOGIC, samples=binary())
def greater(xp: Any, x1: Any, x2: Any, /) -> Any:
    """x1 > x2."""
    return xp.greater(x1, x2)


@op(constant=_LOGIC, samples=binary())
def greater_equal(xp: Any, x1: Any, x2: Any, /) -> Any:
    """x1 ≥ x2."""
    return xp.greater_equal(x1, x2)


@op(constant=_LOGIC, samples=unary())
def isnan(xp: Any, x: Any, /) -> Any:
    """Whether x is not a number."""
    return xp.isnan(x)


@op(constant=_LOGIC, samples=unary())
def isinf(xp: Any, x: Any, /) -> Any:
    """Whether x is infinite."""
    return xp.isinf(x)


@op(constant=_LOGIC, samples=unary())
def isfinite(xp: Any, x: Any, /) -> Any:
    """Whether x is neither infinite nor nan."""
    return xp.isfinite(x)


@op(constant=_LOGIC, samples=unary())
def signbit(xp: Any, x: Any, /) -> Any:
    """Whether the sign bit is set, of -0.0 too."""
    return xp.signbit(x)


@op(constant=_LOGIC, samples=lambda rng: [((rng.random((3, 4)) < 0.5, rng.random(4) < 0.5), {})])
def logical_and(xp: Any, x1: Any, x2: Any, /) -> Any:
    """x1 and x2."""
    return xp.logical_and(x1, x2)


@op(constant=_LOGIC, samples=lambda rng: [((rng.random((3, 4)) < 0.5, rng.random(4) < 0.5), {})])
def logical_or(xp: Any, x1: Any, x2: Any, /) -> Any:
    """x1 or x2."""
    return xp.logical_or(x1, x2)


@op(constant=_LOGIC, samples=lambda rng: [((rng.random((3, 4)) < 0.5, rng.random(4) < 0.5), {})])
def logical_xor(xp: Any, x1: Any, x2: Any, /) -> Any:
    """Exactly one of x1 and x2."""
    return xp.logical_xor(x1, x2)


@op(constant=_LOGIC, samples=lambda rng: [((rng.random((3, 4)) < 0.5,), {})])
def logical_not(xp: Any, x: Any, /) -> Any:
    """Not x."""
    return xp.logical_not(x)
