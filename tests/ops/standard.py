"""What the conformance tests share: the reference implementation of the standard beside chainrule, on the same data."""

from __future__ import annotations

import inspect
from typing import Any

import array_api_strict as reference
import numpy as np
from hypothesis.extra import array_api

import chainrule as cr

strategies = array_api.make_strategies_namespace(cr, api_version="2024.12")

DTYPES = [
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float32", "float64", "complex64", "complex128",
]  # fmt: skip


def ours(x: Any) -> Any:
    return cr.asarray(x) if isinstance(x, np.ndarray) else x


def theirs(x: Any) -> Any:
    return reference.asarray(x) if isinstance(x, np.ndarray) else x


def examples(dtype: str) -> np.ndarray:
    """A few values of a dtype, the awkward ones among them."""
    kind = np.dtype(dtype).kind
    if kind == "b":
        return np.array([False, True, True, False, True, False])
    if kind in "iu":
        info = np.iinfo(dtype)
        return np.array([0, 1, 3, 7, info.max, info.min], dtype)
    if kind == "f":
        return np.array([0.0, -0.0, 1.5, -2.0, np.inf, np.nan], dtype)
    # finite, since what the libraries make of infinite complex numbers differs between their versions
    return np.array([0.0, 1.5 + 2j, -2.0 - 1j, 1j, 3.0, 0.25 - 0.5j], dtype)


def same(found: Any, expected: Any, *, exactly: bool = True, rtol: float = 1e-5) -> None:
    """Asserts that a result of ours is the reference's: structure, dtype, shape and values."""
    if isinstance(expected, tuple | list):
        assert isinstance(found, list | tuple)  # where 2024.12 says list, 2025.12 says tuple
        assert len(found) == len(expected)
        assert getattr(found, "_fields", None) == getattr(expected, "_fields", None)
        for one, other in zip(found, expected, strict=True):
            same(one, other, exactly=exactly, rtol=rtol)
        return
    assert isinstance(found, cr.Tensor), type(found)
    wanted = np.asarray(expected._array)
    assert found.dtype == wanted.dtype
    assert found.shape == wanted.shape
    if exactly:
        np.testing.assert_array_equal(found.numpy(), wanted)
        if wanted.dtype.kind == "f":
            np.testing.assert_array_equal(np.signbit(found.numpy()), np.signbit(wanted))
    else:
        np.testing.assert_allclose(found.numpy(), wanted, rtol=rtol, atol=1e-12)


def parameters(function: Any) -> list[tuple[str, Any, Any]]:
    """Name, kind and default of every parameter; what the reference marks as not given is None."""
    found = []
    for p in inspect.signature(function).parameters.values():
        default = None if "Undef" in repr(p.default) else p.default
        kind = p.POSITIONAL_ONLY if p.name == "self" else p.kind
        found.append((p.name, kind, default))
    return found
