"""Rounding, entry by entry: steps, whose derivative is 0 wherever it exists."""

from __future__ import annotations

from typing import Any

from chainrule.graph import FUNCTIONS, op, per_input
from chainrule.ops.samplers import binary, unary

__all__ = [
    "ceil",
    "floor",
    "nextafter",
    "round",
    "trunc",
]

_STEP = "piecewise constant: its derivative is 0 wherever it exists"


@op(constant=_STEP, samples=unary(apart_from=(-2.0, -1.0, 0.0, 1.0, 2.0)))
def floor(xp: Any, x: Any, /) -> Any:
    """The largest whole number ≤ x."""
    return xp.floor(x)


@op(constant=_STEP, samples=unary(apart_from=(-2.0, -1.0, 0.0, 1.0, 2.0)))
def ceil(xp: Any, x: Any, /) -> Any:
    """The smallest whole number ≥ x."""
    return xp.ceil(x)


@op(constant=_STEP, samples=unary(apart_from=(-2.0, -1.0, 0.0, 1.0, 2.0)))
def trunc(xp: Any, x: Any, /) -> Any:
    """x without its fraction."""
    return xp.trunc(x)


@op(constant=_STEP, samples=unary(apart_from=(-2.5, -1.5, -0.5, 0.5, 1.5, 2.5)))
def round(xp: Any, x: Any, /) -> Any:
    """The nearest whole number, halves to the even one."""
    return xp.round(x)


@op(
    backward=per_input(lambda g, y, x1, x2: g, lambda g, y, x1, x2: FUNCTIONS["zeros_like"](g)),
    samples=binary(distinct=True),
)
def nextafter(xp: Any, x1: Any, x2: Any, /) -> Any:
    """The next representable number from x1 towards x2; its derivative by x1 is 1."""
    return xp.nextafter(x1, x2)
