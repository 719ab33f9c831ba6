"""Arithmetic, entry by entry.

Conventions where a derivative does not exist: |x| at 0 has the gradient 0 (sign(0) = 0); maximum, minimum and clip
share the gradient equally between equal arguments; sqrt at 0 has the gradient inf.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.graph import FUNCTIONS, op, per_input
from chainrule.ops.samplers import binary, unary

__all__ = [
    "abs",
    "add",
    "clip",
    "copysign",
    "divide",
    "floor_divide",
    "hypot",
    "maximum",
    "minimum",
    "multiply",
    "negative",
    "positive",
    "pow",
    "reciprocal",
    "remainder",
    "sign",
    "sqrt",
    "square",
    "subtract",
]

_STEP = "piecewise constant: its derivative is 0 wherever it exists"


@op(backward=per_input(lambda g, y, x1, x2: g, lambda g, y, x1, x2: g), samples=binary())
def add(xp: Any, x1: Any, x2: Any, /) -> Any:
    """x1 + x2.

    Example:
        >>> import chainrule as cr
        >>> cr.add(cr.asarray([1, 2]), 10).tolist()
        [11, 12]
    """
    return xp.add(x1, x2)


@op(backward=per_input(lambda g, y, x1, x2: g, lambda g, y, x1, x2: -g), samples=binary())
def subtract(xp: Any, x1: Any, x2: Any, /) -> Any:
    """x1 - x2."""
    return xp.subtract(x1, x2)


@op(backward=per_input(lambda g, y, x1, x2: g * x2, lambda g, y, x1, x2: g * x1), samples=binary())
def multiply(xp: Any, x1: Any, x2: Any, /) -> Any:
    """x1 · x2."""
    return xp.multiply(x1, x2)


@op(
    backward=per_input(lambda g, y, x1, x2: g / x2, lambda g, y, x1, x2: -g * (y / x2)),
    samples=binary(low2=0.5),
    quiet=True,
)
def divide(xp: Any, x1: Any, x2: Any, /) -> Any:
    """x1 / x2; division by zero gives ±inf or nan."""
    return xp.divide(x1, x2)


@op(constant=_STEP, samples=binary(apart_from=(0.0,)), quiet=True)
def floor_divide(xp: Any, x1: Any, x2: Any, /) -> Any:
    """⌊x1 / x2⌋; where x1 or x2 is infinite, x1 / x2.

    Example:
        >>> import chainrule as cr
        >>> cr.floor_divide(cr.asarray([7, -7]), 2).tolist()
        [3, -4]
    """
    y = xp.floor_divide(x1, x2)
    if y.dtype.kind in "biu":
        return y
    # NumPy gives what Python does there, nan and -1; the standard asks for ±inf and -0.
    return xp.where(xp.isinf(x1) | xp.isinf(x2), xp.divide(x1, x2), y)


@op(
    backward=per_input(lambda g, y, x1, x2: g, lambda g, y, x1, x2: -g * FUNCTIONS["floor_divide"](x1, x2)),
    samples=lambda rng: [((rng.uniform(0.1, 0.9, (3, 4)) + rng.integers(-3, 3, (3, 4)), np.ones((4,))), {})],
    quiet=True,
)
def remainder(xp: Any, x1: Any, x2: Any, /) -> Any:
    """x1 - x2·⌊x1 / x2⌋, with the sign of x2.

    Example:
        >>> import chainrule as cr
        >>> cr.remainder(cr.asarray([7, -7]), 3).tolist()
        [1, 2]
    """
    return xp.remainder(x1, x2)


def _pow_base(g: Any, y: Any, x1: Any, x2: Any) -> Any:
    if isinstance(x2, int | float) and not isinstance(x2, bool):
        if x2 == 2:
            return g * (2.0 * x1)
        return g * (x2 * x1 ** (x2 - 1)) if x2 != 0 else g * 0.0
    where = FUNCTIONS["where"]
    return g * where(x2 == 0.0, 0.0, x2 * x1 ** where(x2 == 0.0, 1.0, x2 - 1.0))


def _pow_exponent(g: Any, y: Any, x1: Any, x2: Any) -> Any:
    where, log = FUNCTIONS["where"], FUNCTIONS["log"]
    if isinstance(x1, int | float):
        return g * y * math.log(x1) if x1 > 0 else g * where(y == 0.0, 0.0, math.nan)
    # 0 to a positive power stays 0 near that power: the gradient is 0, not 0·log 0 = nan.
    return g * where(x1 == 0.0, where(x2 >= 0.0, 0.0, math.nan), y * log(where(x1 == 0.0, 1.0, x1)))


@op(backward=per_input(_pow_base, _pow_exponent), samples=binary(0.3, 2.0, low2=-2.0, high2=3.0), quiet=True)
def pow(xp: Any, x1: Any, x2: Any, /) -> Any:
    """x1 to the power x2.

    Example:
        >>> import chainrule as cr
        >>> (cr.tensor([2.0, 3.0]) ** 2).tolist()
        [4.0, 9.0]
    """
    return xp.pow(x1, x2)


@op(backward=per_input(lambda g, y, x: -g), samples=unary())
def negative(xp: Any, x: Any, /) -> Any:
    """-x."""
    return xp.negative(x)


@op(backward=per_input(lambda g, y, x: g), samples=unary())
def positive(xp: Any, x: Any, /) -> Any:
    """+x: the same values as a node of their own."""
    return xp.positive(x)


@op(backward=per_input(lambda g, y, x: g * FUNCTIONS["sign"](x)), samples=unary(apart_from=(0.0,)))
def abs(xp: Any, x: Any, /) -> Any:
    """|x|; the gradient at 0 is 0."""
    return xp.abs(x)


@op(constant=_STEP, samples=unary(apart_from=(0.0,)), quiet=True)
def sign(xp: Any, x: Any, /) -> Any:
    """-1, 0 or 1; of a complex number, x / |x|."""
    return xp.sign(x)


@op(backward=per_input(lambda g, y, x: g * (2.0 * x)), samples=unary())
def square(xp: Any, x: Any, /) -> Any:
    """x²."""
    return xp.square(x)


@op(backward=per_input(lambda g, y, x: g * (0.5 / y)), samples=unary(0.2, 4.0), quiet=True)
def sqrt(xp: Any, x: Any, /) -> Any:
    """√x; nan below 0, and an infinite gradient at 0."""
    return xp.sqrt(x)


@op(backward=per_input(lambda g, y, x: -g * y * y), samples=unary(0.3, 3.0), quiet=True)
def reciprocal(xp: Any, x: Any, /) -> Any:
    """1 / x."""
    return xp.divide(1, x)  # NumPy's own reciprocal rounds integers down


def _share(first: Any) -> Any:
    """The gradient of maximum or minimum: to the chosen argument, half to each of equal ones."""

    def rule(g: Any, y: Any, x1: Any, x2: Any) -> Any:
        chosen, other = (x1, x2) if first else (x2, x1)
        where = FUNCTIONS["where"]
        return g * where(chosen == other, 0.5, where(y == chosen, 1.0, 0.0))

    return rule


@op(backward=per_input(_share(True), _share(False)), samples=binary(distinct=True))
def maximum(xp: Any, x1: Any, x2: Any, /) -> Any:
    """The larger of x1 and x2; nan if either is; equal arguments share the gradient.

    Example:
        >>> import chainrule as cr
        >>> cr.maximum(cr.tensor([1.0, 5.0]), 3.0).tolist()
        [3.0, 5.0]
    """
    return xp.maximum(x1, x2)


@op(backward=per_input(_share(True), _share(False)), samples=binary(distinct=True))
def minimum(xp: Any, x1: Any, x2: Any, /) -> Any:
    """The smaller of x1 and x2; nan if either is; equal arguments share the gradient."""
    return xp.minimum(x1, x2)


@op(
    backward=per_input(
        lambda g, y, x1, x2: g * FUNCTIONS["sign"](x1) * FUNCTIONS["sign"](y),
        lambda g, y, x1, x2: FUNCTIONS["zeros_like"](g),
    ),
    samples=binary(apart_from=(0.0,)),
)
def copysign(xp: Any, x1: Any, x2: Any, /) -> Any:
    """|x1| with the sign of x2."""
    return xp.copysign(x1, x2)


@op(
    backward=per_input(lambda g, y, x1, x2: g * (x1 / y), lambda g, y, x1, x2: g * (x2 / y)),
    samples=binary(0.5, 3.0),
    quiet=True,
)
def hypot(xp: Any, x1: Any, x2: Any, /) -> Any:
    """√(x1² + x2²) without overflow in between."""
    return xp.hypot(x1, x2)


def _bound(bound: Any, x: Any) -> Any:
    """A bound in the dtype of x, which is that of the result; integers between fractions become fractions."""
    fits = x.dtype.kind not in "biu" and hasattr(bound, "dtype") and bound.dtype != x.dtype
    return bound.astype(x.dtype) if fits else bound


def _clip_gradient(g: Any, y: Any, x: Any, min: Any = None, max: Any = None) -> Any:
    where = FUNCTIONS["where"]
    inside = 1.0
    if min is not None:
        inside = where(x > min, inside, where(x == min, 0.5, 0.0))
    if max is not None:
        inside = where(x < max, inside, where(x == max, 0.5, 0.0))
    return g * inside


def _clip_bound(which: str) -> Any:
    def rule(g: Any, y: Any, x: Any, min: Any = None, max: Any = None) -> Any:
        where = FUNCTIONS["where"]
        if which == "min":
            low = where(x < min, 1.0, where(x == min, 0.5, 0.0))
            return g * (low if max is None else where(min < max, low, 0.0))
        return g * where(x > max, 1.0, where(x == max, 0.5, 0.0))

    return rule


@op(
    backward=per_input(_clip_gradient, _clip_bound("min"), _clip_bound("max")),
    samples=lambda rng: [((rng.uniform(-3, 3, (3, 4)), np.full((4,), -1.003), np.full((3, 1), 1.004)), {})],
)
def _clip(xp: Any, x: Any, min: Any = None, max: Any = None, /) -> Any:
    return xp.clip(x, _bound(min, x), _bound(max, x))


def clip(x: Any, /, min: Any = None, max: Any = None) -> Any:
    """x within [min, max]; a bound may be None. At a bound the gradient is shared between x and the bound.

    Example:
        >>> import chainrule as cr
        >>> cr.clip(cr.tensor([-2.0, 0.5, 2.0]), -1.0, 1.0).tolist()
        [-1.0, 0.5, 1.0]
    """
    return _clip(x, min, max)
