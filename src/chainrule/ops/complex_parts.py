"""Parts of complex numbers, which are computed with but carry no gradients."""

from __future__ import annotations

from typing import Any

from chainrule.graph import op, per_input
from chainrule.ops.samplers import unary

__all__ = [
    "conj",
    "imag",
    "real",
]


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
