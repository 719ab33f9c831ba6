"""Circular and hyperbolic functions, entry by entry."""

from __future__ import annotations

from typing import Any

from chainrule.graph import FUNCTIONS, op, per_input
from chainrule.ops.samplers import binary, unary

__all__ = [
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cos",
    "cosh",
    "sin",
    "sinh",
    "tan",
    "tanh",
]


@op(backward=per_input(lambda g, y, x: g * FUNCTIONS["cos"](x)), samples=unary(), quiet=True)
def sin(xp: Any, x: Any, /) -> Any:
    """Sine of an angle in radians."""
    return xp.sin(x)


@op(backward=per_input(lambda g, y, x: -g * FUNCTIONS["sin"](x)), samples=unary(), quiet=True)
def cos(xp: Any, x: Any, /) -> Any:
    """Cosine of an angle in radians."""
    return xp.cos(x)


@op(backward=per_input(lambda g, y, x: g * (1.0 + y * y)), samples=unary(-1.2, 1.2), quiet=True)
def tan(xp: Any, x: Any, /) -> Any:
    """Tangent of an angle in radians."""
    return xp.tan(x)


@op(
    backward=per_input(lambda g, y, x: g / FUNCTIONS["sqrt"]((1.0 - x) * (1.0 + x))),
    samples=unary(-0.9, 0.9),
    quiet=True,
)
def asin(xp: Any, x: Any, /) -> Any:
    """The angle in [-π/2, π/2] whose sine is x."""
    return xp.asin(x)


@op(
    backward=per_input(lambda g, y, x: -g / FUNCTIONS["sqrt"]((1.0 - x) * (1.0 + x))),
    samples=unary(-0.9, 0.9),
    quiet=True,
)
def acos(xp: Any, x: Any, /) -> Any:
    """The angle in [0, π] whose cosine is x."""
    return xp.acos(x)


@op(backward=per_input(lambda g, y, x: g / (1.0 + x * x)), samples=unary(), quiet=True)
def atan(xp: Any, x: Any, /) -> Any:
    """The angle in [-π/2, π/2] whose tangent is x."""
    return xp.atan(x)


@op(
    backward=per_input(
        lambda g, y, x1, x2: g * (x2 / (x1 * x1 + x2 * x2)), lambda g, y, x1, x2: -g * (x1 / (x1 * x1 + x2 * x2))
    ),
    samples=binary(0.3, 3.0),
    quiet=True,
)
def atan2(xp: Any, x1: Any, x2: Any, /) -> Any:
    """The angle in [-π, π] of the point (x2, x1)."""
    return xp.atan2(x1, x2)


@op(backward=per_input(lambda g, y, x: g * FUNCTIONS["cosh"](x)), samples=unary(), quiet=True)
def sinh(xp: Any, x: Any, /) -> Any:
    """Hyperbolic sine."""
    return xp.sinh(x)


@op(backward=per_input(lambda g, y, x: g * FUNCTIONS["sinh"](x)), samples=unary(), quiet=True)
def cosh(xp: Any, x: Any, /) -> Any:
    """Hyperbolic cosine."""
    return xp.cosh(x)


@op(backward=per_input(lambda g, y, x: g * ((1.0 + y) * (1.0 - y))), samples=unary(), quiet=True)
def tanh(xp: Any, x: Any, /) -> Any:
    """Hyperbolic tangent; its gradient (1 + y)(1 - y) loses no digits where y is near ±1."""
    return xp.tanh(x)


@op(backward=per_input(lambda g, y, x: g / FUNCTIONS["sqrt"](x * x + 1.0)), samples=unary(), quiet=True)
def asinh(xp: Any, x: Any, /) -> Any:
    """Inverse hyperbolic sine."""
    return xp.asinh(x)


@op(
    backward=per_input(lambda g, y, x: g / FUNCTIONS["sqrt"]((x - 1.0) * (x + 1.0))),
    samples=unary(1.3, 4.0),
    quiet=True,
)
def acosh(xp: Any, x: Any, /) -> Any:
    """Inverse hyperbolic cosine, of x ≥ 1."""
    return xp.acosh(x)


@op(backward=per_input(lambda g, y, x: g / ((1.0 - x) * (1.0 + x))), samples=unary(-0.9, 0.9), quiet=True)
def atanh(xp: Any, x: Any, /) -> Any:
    """Inverse hyperbolic tangent, of |x| ≤ 1."""
    return xp.atanh(x)
