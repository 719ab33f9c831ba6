"""Which namespace computes: NumPy's, or JAX's while a program is built."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from chainrule.array.namespace import Array, Namespace
from chainrule.array.on_jax import jax_namespace
from chainrule.array.on_numpy import numpy_namespace
from chainrule.errors import LeakedTracerError

__all__ = ["resolve", "to_numpy"]


def to_numpy(array: Array) -> Any:
    """The array as NumPy holds it, without a copy where its memory can be shared."""
    return array if isinstance(array, np.ndarray | np.generic) else np.asarray(array)


def resolve(arrays: list[Any], tracing: bool) -> tuple[Namespace, list[Any]]:
    """The namespace to compute with when some of the arrays are not NumPy's.

    A tracer among them means a program is being built, so JAX computes; results of earlier compiled calls are read as
    NumPy arrays.

    Raises:
        LeakedTracerError: for a tracer when nothing is being compiled.
    """
    jax = sys.modules.get("jax")
    if jax is not None and any(isinstance(array, jax.core.Tracer) for array in arrays):
        if not tracing:
            raise LeakedTracerError(
                "A Tensor that was made while a function was being compiled is used outside of it; it never "
                "held a value.",
                fix="return the Tensor from the compiled function, or keep it in an nn.Buffer with assign()",
            )
        if any(getattr(array, "weak_type", False) for array in arrays):
            arrays = _settled(arrays)
        return jax_namespace(), arrays
    return numpy_namespace, [
        array
        if array is None or isinstance(array, np.ndarray | np.generic | bool | int | float | complex)
        else np.asarray(array)
        for array in arrays
    ]


def _settled(arrays: list[Any]) -> list[Any]:
    """A Python float that is an argument of a compiled function, among integers: float32, as the number itself gives.

    JAX, which takes its dtype from the other arrays where they are floating, would make it float64.
    """
    strong = [a.dtype for a in arrays if hasattr(a, "dtype") and not getattr(a, "weak_type", False)]
    if not strong or any(dtype.kind not in "biu" for dtype in strong):
        return arrays
    return [a.astype(np.float32) if getattr(a, "weak_type", False) and a.dtype == np.float64 else a for a in arrays]
