"""Elementwise operations: arithmetic, exponentials, trigonometry, rounding, comparison, logic and bits.

Subgradient conventions, where a derivative does not exist: |x| at 0 has the gradient 0 (sign(0) = 0); maximum, minimum and clip share
the gradient equally between equal arguments; sqrt at 0 has the gradient inf.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.graph import FUNCTIONS, op, per_input
from chainrule.ops.samplers import binary, binary_integers, unary, unary_integers

_STEP = "piecewise constant: its derivative is 0 wherever it exists"
_LOGIC = "a truth value has no gradient"
_BITS = "integers have no gradient"


# -- arithmetic ------------------------------------------------------------------------------------------------------------------


@op(backward=per_input(lambda g, y, x1, x2: g, lambda g, y, x1, x2: g), samples=binary())
def add(xp: Any, x1: Any, x2: Any, /) -> Any:
    """x1 + x2."""
    return xp.add(x1, x2)


@op(backward=per_input(lambda g, y, x1, x2: g, lambda g, y, x1, x2: -g), samples=binary())
def subtract(xp: Any, x1: Any, x2: Any, /) -> Any:
    """x1 - x2."""
    return xp.subtract(x1, x2)


@op(backward=per_input(lambda g, y, x1, x2: g * x2, lambda g, y, x1, x2: g * x1), samples=binary())
def multiply(xp: Any, x1: Any, x2: Any, /) -> Any:
    """x1 · x2."""
    return xp.multiply(x1, x2)


@op(backward=per_input(lambda g, y, x1, x2: g / x2, lambda g, y, x1, x2: -g * (y / x2)), samples=binary(low2=0.5), quiet=True)
def divide(xp: Any, x1: Any, x2: Any, /) -> Any:
    """x1 / x2; division by zero gives ±inf or nan."""
    return xp.divide(x1, x2)


@op(constant=_STEP, samples=binary(apart_from=(0.0,)), quiet=True)
def floor_divide(xp: Any, x1: Any, x2: Any, /) -> Any:
    """⌊x1 / x2⌋."""
    return xp.floor_divide(x1, x2)


@op(
    backward=per_input(lambda g, y, x1, x2: g, lambda g, y, x1, x2: -g * FUNCTIONS["floor_divide"](x1, x2)),
    samples=lambda rng: [((rng.uniform(0.1, 0.9, (3, 4)) + rng.integers(-3, 3, (3, 4)), np.ones((4,))), {})],
    quiet=True,
)
def remainder(xp: Any, x1: Any, x2: Any, /) -> Any:
    """x1 - x2·⌊x1 / x2⌋, with the sign of x2."""
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
    """x1 to the power x2."""
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
    return xp.reciprocal(x)


def _share(first: Any) -> Any:
    """The gradient of maximum or minimum: to the chosen argument, half to each of equal ones."""

    def rule(g: Any, y: Any, x1: Any, x2: Any) -> Any:
        chosen, other = (x1, x2) if first else (x2, x1)
        where = FUNCTIONS["where"]
        return g * where(chosen == other, 0.5, where(y == chosen, 1.0, 0.0))

    return rule


@op(backward=per_input(_share(True), _share(False)), samples=binary(distinct=True))
def maximum(xp: Any, x1: Any, x2: Any, /) -> Any:
    """The larger of x1 and x2; nan if either is; equal arguments share the gradient."""
    return xp.maximum(x1, x2)


@op(backward=per_input(_share(True), _share(False)), samples=binary(distinct=True))
def minimum(xp: Any, x1: Any, x2: Any, /) -> Any:
    """The smaller of x1 and x2; nan if either is; equal arguments share the gradient."""
    return xp.minimum(x1, x2)


@op(
    backward=per_input(
        lambda g, y, x1, x2: g * FUNCTIONS["sign"](x1) * FUNCTIONS["sign"](y), lambda g, y, x1, x2: FUNCTIONS["zeros_like"](g)
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


# -- exponentials and logarithms ---------------------------------------------------------------------------------------------------


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
    """log(1 + x), exact near 0."""
    return xp.log1p(x)


@op(backward=per_input(lambda g, y, x: g / (x * math.log(2.0))), samples=unary(0.2, 4.0), quiet=True)
def log2(xp: Any, x: Any, /) -> Any:
    """The logarithm to base 2."""
    return xp.log2(x)


@op(backward=per_input(lambda g, y, x: g / (x * math.log(10.0))), samples=unary(0.2, 4.0), quiet=True)
def log10(xp: Any, x: Any, /) -> Any:
    """The logarithm to base 10."""
    return xp.log10(x)


@op(
    backward=per_input(
        lambda g, y, x1, x2: g * FUNCTIONS["sigmoid"](x1 - x2), lambda g, y, x1, x2: g * FUNCTIONS["sigmoid"](x2 - x1)
    ),
    samples=binary(),
    quiet=True,
)
def logaddexp(xp: Any, x1: Any, x2: Any, /) -> Any:
    """log(eˣ¹ + eˣ²) without overflow."""
    return xp.logaddexp(x1, x2)


# -- trigonometry --------------------------------------------------------------------------------------------------------------------


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
    backward=per_input(lambda g, y, x: g / FUNCTIONS["sqrt"]((1.0 - x) * (1.0 + x))), samples=unary(-0.9, 0.9), quiet=True
)
def asin(xp: Any, x: Any, /) -> Any:
    """The angle in [-π/2, π/2] whose sine is x."""
    return xp.asin(x)


@op(
    backward=per_input(lambda g, y, x: -g / FUNCTIONS["sqrt"]((1.0 - x) * (1.0 + x))), samples=unary(-0.9, 0.9), quiet=True
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
    backward=per_input(lambda g, y, x: g / FUNCTIONS["sqrt"]((x - 1.0) * (x + 1.0))), samples=unary(1.3, 4.0), quiet=True
)
def acosh(xp: Any, x: Any, /) -> Any:
    """Inverse hyperbolic cosine, of x ≥ 1."""
    return xp.acosh(x)


@op(backward=per_input(lambda g, y, x: g / ((1.0 - x) * (1.0 + x))), samples=unary(-0.9, 0.9), quiet=True)
def atanh(xp: Any, x: Any, /) -> Any:
    """Inverse hyperbolic tangent, of |x| ≤ 1."""
    return xp.atanh(x)


# -- special functions -----------------------------------------------------------------------------------------------------------------


@op(backward=per_input(lambda g, y, x: g * (FUNCTIONS["exp"](-x * x) * (2.0 / math.sqrt(math.pi)))), samples=unary(), quiet=True)
def erf(xp: Any, x: Any, /) -> Any:
    """The error function 2/√π ∫₀ˣ e^(-t²) dt."""
    return xp.erf(x)


@op(backward=per_input(lambda g, y, x: g * (y * (1.0 - y))), samples=unary(), quiet=True)
def sigmoid(xp: Any, x: Any, /) -> Any:
    """1 / (1 + e⁻ˣ), computed through tanh, which overflows nowhere."""
    return 0.5 * xp.tanh(0.5 * x) + 0.5


@op(backward=per_input(lambda g, y, x: g * FUNCTIONS["sigmoid"](x)), samples=unary(), quiet=True)
def softplus(xp: Any, x: Any, /) -> Any:
    """log(1 + eˣ) = max(x, 0) + log1p(e^-|x|)."""
    return xp.maximum(x, 0) + xp.log1p(xp.exp(-xp.abs(x)))


@op(backward=per_input(lambda g, y, x: FUNCTIONS["where"](x > 0, g, 0.0)), samples=unary(apart_from=(0.0,)))
def relu(xp: Any, x: Any, /) -> Any:
    """max(x, 0); the gradient at 0 is 0.

    Source: Nair & Hinton, "Rectified Linear Units Improve Restricted Boltzmann Machines" (2010).
    """
    return xp.maximum(x, 0)


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
    return xp.clip(x, min, max)


def clip(x: Any, /, min: Any = None, max: Any = None) -> Any:
    """x within [min, max]; a bound may be None. At a bound the gradient is shared between x and the bound."""
    return _clip(x, min, max)


# -- rounding --------------------------------------------------------------------------------------------------------------------------


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


@op(constant="the distance to the next representable number", samples=binary())
def nextafter(xp: Any, x1: Any, x2: Any, /) -> Any:
    """The next representable number from x1 towards x2."""
    return xp.nextafter(x1, x2)


# -- comparison and logic ----------------------------------------------------------------------------------------------------------------


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


# -- bits --------------------------------------------------------------------------------------------------------------------------------


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


# -- complex numbers, which carry no gradients here ------------------------------------------------------------------------------------------

_COMPLEX = "chainrule differentiates real functions of real numbers"


@op(backward=per_input(lambda g, y, x: g), samples=unary())
def conj(xp: Any, x: Any, /) -> Any:
    """The complex conjugate; a real number is its own."""
    return xp.conj(x)


@op(backward=per_input(lambda g, y, x: g), samples=unary())
def real(xp: Any, x: Any, /) -> Any:
    """The real part."""
    return xp.real(x)


@op(constant=_COMPLEX, samples=lambda rng: [((rng.normal(size=(3,)) + 1j * rng.normal(size=(3,)),), {})])
def imag(xp: Any, x: Any, /) -> Any:
    """The imaginary part."""
    return xp.imag(x)
