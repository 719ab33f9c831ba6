"""Activation functions, in forms that neither overflow nor lose digits."""

from __future__ import annotations

import math
from typing import Any

from chainrule.array import float32
from chainrule.graph import FUNCTIONS, OPS, op, per_input
from chainrule.ops.materialised import materialised
from chainrule.ops.samplers import unary

__all__ = ["gelu", "log_softmax", "relu", "sigmoid", "softmax", "softplus"]


def _floating(x: Any) -> Any:
    """Integers as float32, since small ones would overflow where they are negated or subtracted."""
    return x.astype(float32) if x.dtype.kind in "biu" else x


@op(backward=per_input(lambda g, y, x: g * (y * (1.0 - y))), samples=unary(), quiet=True)
def sigmoid(xp: Any, x: Any, /) -> Any:
    """1 / (1 + e⁻ˣ), computed through tanh, which overflows nowhere.

    Example:
        >>> import chainrule as cr
        >>> cr.ops.sigmoid(cr.tensor([-1e9, 0.0])).tolist()
        [0.0, 0.5]
    """
    return 0.5 * xp.tanh(0.5 * x) + 0.5


@op(backward=per_input(lambda g, y, x: g * FUNCTIONS["sigmoid"](x)), samples=unary(), quiet=True)
def softplus(xp: Any, x: Any, /) -> Any:
    """log(1 + eˣ) = max(x, 0) + log1p(e^-|x|)."""
    x = _floating(x)
    return xp.maximum(x, 0) + xp.log1p(xp.exp(-xp.abs(x)))


@op(
    backward=per_input(lambda h, y, g, x: OPS["relu_slope"](h, x), None),
    samples=lambda rng: [((rng.normal(size=(3, 4)), rng.normal(size=(3, 4))), {})],
)
def _relu_slope(xp: Any, g: Any, x: Any, /) -> Any:
    """g where x > 0, else 0: the gradient of `relu`, as one operation."""
    return xp.where(x > 0, g, 0.0)


@op(backward=per_input(lambda g, y, x: _relu_slope(g, x)), samples=unary(apart_from=(0.0,)))
def relu(xp: Any, x: Any, /) -> Any:
    """max(x, 0); the gradient at 0 is 0.

    Source: Nair & Hinton, "Rectified Linear Units Improve Restricted Boltzmann Machines" (2010).

    Example:
        >>> import chainrule as cr
        >>> cr.ops.relu(cr.tensor([-1.0, 2.0])).tolist()
        [0.0, 2.0]
    """
    return xp.maximum(x, 0)


_ROOT = math.sqrt(2.0 / math.pi)


def _share(x: Any, curve: Any, approximate: bool) -> Any:
    """Φ(x), by which gelu multiplies x; the curve is tanh for the approximate form, else erf."""
    return 0.5 + 0.5 * curve(_ROOT * (x + 0.044715 * x * x * x) if approximate else x * math.sqrt(0.5))


def _gelu_slope(g: Any, y: Any, x: Any, approximate: bool) -> Any:
    x = materialised(x)  # Φ(x) is computed again: to keep it would be one more array to write and to read
    c = _share(x, FUNCTIONS["tanh" if approximate else "erf"], approximate)
    if approximate:
        slope = 2.0 * c * (1.0 - c) * (_ROOT * (1.0 + 3 * 0.044715 * x * x))
    else:
        slope = FUNCTIONS["exp"](-0.5 * x * x) * (1.0 / math.sqrt(2.0 * math.pi))
    return g * (c + x * slope)


@op(
    backward=per_input(lambda g, y, x, approximate=False: _gelu_slope(g, y, x, approximate)),
    samples=lambda rng: [*unary()(rng), *unary(approximate=True)(rng)],
)
def gelu(xp: Any, x: Any, /, *, approximate: bool = False) -> Any:
    """x·Φ(x), Φ the normal distribution function; `approximate` uses the paper's tanh form.

    Source: Hendrycks & Gimpel, "Gaussian Error Linear Units" (2016), section 2.
    """
    return x * _share(x, xp.tanh if approximate else xp.erf, approximate)


def _softmax_gradient(g: Any, y: Any, x: Any, axis: int) -> Any:
    weighted = g * y
    return weighted - y * weighted.sum(axis=axis, keepdims=True)


@op(
    backward=per_input(_softmax_gradient),
    samples=lambda rng: [((rng.normal(size=(3, 4)),), {}), ((rng.normal(size=(3, 4)),), {"axis": 0})],
)
def softmax(xp: Any, x: Any, /, *, axis: int = -1) -> Any:
    """eˣ / Σ eˣ along an axis; the maximum is taken out first, so large inputs do not overflow.

    Example:
        >>> import chainrule as cr
        >>> cr.ops.softmax(cr.tensor([1000.0, 1000.0])).tolist()
        [0.5, 0.5]
    """
    x = _floating(x)
    e = xp.exp(x - xp.max(x, axis=axis, keepdims=True))
    return e / xp.sum(e, axis=axis, keepdims=True)


@op(
    backward=per_input(lambda g, y, x, axis: g - FUNCTIONS["exp"](y) * g.sum(axis=axis, keepdims=True)),
    samples=lambda rng: [((rng.normal(size=(3, 4)),), {}), ((rng.normal(size=(3, 4)),), {"axis": 0})],
)
def log_softmax(xp: Any, x: Any, /, *, axis: int = -1) -> Any:
    """log(softmax x), without the loss of digits of taking the two apart."""
    x = _floating(x)
    shifted = x - xp.max(x, axis=axis, keepdims=True)
    return shifted - xp.log(xp.sum(xp.exp(shifted), axis=axis, keepdims=True))
