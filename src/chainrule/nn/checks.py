"""What layers check of their arguments and inputs, with errors that say how to fix them."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any

from chainrule.errors import ConfigError, DtypeError
from chainrule.graph import Tensor

if TYPE_CHECKING:
    from chainrule.nn.module import Module

__all__ = ["check_dtype", "fraction", "positive"]


def positive(value: Any, name: str) -> int:
    """The value as a whole number of at least 1."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < 1:
        raise ConfigError(f"{name} is a whole number of at least 1, got {value!r}.")
    return int(value)


def fraction(value: Any, name: str) -> float:
    """The value as a number from 0 to 1."""
    if not isinstance(value, Real) or not 0.0 <= float(value) <= 1.0:
        raise ConfigError(f"{name} is a number from 0 to 1, got {value!r}.")
    return float(value)


def check_dtype(layer: Module, x: Tensor, weight: Tensor) -> None:
    """Refuses what would silently be computed, and slowly, in another precision than the model's."""
    if x.dtype != weight.dtype:
        raise DtypeError(
            f"{layer.label()} computes in {weight.dtype} and got {x.dtype}.",
            fix=f"x.astype('{weight.dtype}')" + (f", or model.to('{x.dtype}')" if x.dtype.kind == "f" else ""),
        )
