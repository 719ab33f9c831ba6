"""Exponentials, logarithms and the error function, entry by entry."""

from __future__ import annotations

import math
from typing import Any

from chainrule.graph import FUNCTIONS, op, per_input
from chainrule.ops.samplers import binary, unary

__all__ = [
    "erf",
    "exp",
    "expm1",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
]


@op(backward=per_input(lambda g, y, x: g * y), samples=unary(), quiet=True)
def exp(xp: Any, x: Any, /) -> Any:
    """eˣ.

    Example:
        >>> import chainrule as cr
        >>> float(cr.exp(cr.tensor(0.0)))
        1.0
    """
    return xp.exp(x)


@op(backward=per_input(lambda g, y, x: g * (y + 1.0)), samples=unary(), quiet=True)
def expm1(xp: Any, x: Any, /) -> Any:
    """eˣ - 1, exact near 0."""
    return xp.expm1(x)


@op(backward=per_input(lambda g, y, x: g / x), samples=unary(0.2, 4.0), quiet=True)
def log(xp: Any, x: Any, /) -> Any:
    """The natural logarithm; -inf at 0, nan below."""
    return xp.log(x)


@op(backward=per_input(lambda g, y, x: g / (1.0 + x)), samples=unary(-0.7, 4.0), quiet=True)
def log1p(xp: Any, x: Any, /) -> Any:
    """log(1 + x), exact near 0.

    Example:
        >>> import chainrule as cr
        >>> round(float(cr.log1p(cr.tensor(1e-6))), 12)
        1e-06
    """
    return xp.log1p(x)


@op(backward=per_input(lambda g, y, x: g / (x * math.log(2.0))), samples=unary(0.2, 4.0), quiet=True)
def log2(xp: Any, x: Any, /) -> Any:
    """The logarithm to base 2."""
    return xp.log2(x)


@op(backward=per_input(lambda g, y, x: g / (x * math.log(10.0))), samples=unary(0.2, 4.0), quiet=True)
def log10(xp: Any, x: Any, /) -> Any:
    """The logarithm to base 10."""
    return xp.log10(x)


def _share(x1: Any, x2: Any) -> Any:
    """The part of x1 in the sum eˣ¹ + eˣ²; a half where both are the same infinity, whose difference is nan."""
    where = FUNCTIONS["where"]
    return FUNCTIONS["sigmoid"](where((x1 == x2) & FUNCTIONS["isinf"](x1), 0.0, x1 - x2))


@op(
    backward=per_input(lambda g, y, x1, x2: g * _share(x1, x2), lambda g, y, x1, x2: g * _share(x2, x1)),
    samples=binary(),
    quiet=True,
)
def logaddexp(xp: Any, x1: Any, x2: Any, /) -> Any:
    """log(eˣ¹ + eˣ²) without overflow.

    Example:
        >>> import chainrule as cr
        >>> float(cr.logaddexp(cr.tensor(1000.0), cr.tensor(-1000.0)))
        1000.0
    """
    return xp.logaddexp(x1, x2)


@op(
    backward=per_input(lambda g, y, x: g * (FUNCTIONS["exp"](-x * x) * (2.0 / math.sqrt(math.pi)))),
    samples=unary(),
    quiet=True,
)
def erf(xp: Any, x: Any, /) -> Any:
    """The error function 2/√π ∫₀ˣ e^(-t²) dt."""
    return xp.erf(x)
