"""The one dtype policy: float32 unless said otherwise, float64 by request, the same dtypes eagerly and compiled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy as np

from chainrule.errors import DtypeError, suggest

__all__ = [
    "as_dtype",
    "bfloat16",
    "bool_",
    "complex64",
    "complex128",
    "default_dtypes",
    "float32",
    "float64",
    "int8",
    "int16",
    "int32",
    "int64",
    "is_floating",
    "promote",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
]

bool_ = np.dtype("bool")
int8, int16, int32, int64 = (np.dtype(f"int{n}") for n in (8, 16, 32, 64))
uint8, uint16, uint32, uint64 = (np.dtype(f"uint{n}") for n in (8, 16, 32, 64))
float32, float64 = np.dtype("float32"), np.dtype("float64")
bfloat16 = np.dtype(ml_dtypes.bfloat16)
complex64, complex128 = np.dtype("complex64"), np.dtype("complex128")

_KNOWN = (
    bool_, int8, int16, int32, int64, uint8, uint16, uint32, uint64, bfloat16, float32, float64, complex64, complex128,
)  # fmt: skip
_KNOWN_SET = frozenset(_KNOWN)
_BY_NAME = {dtype.name: dtype for dtype in _KNOWN}
_BY_PYTHON_TYPE = {bool: bool_, int: int64, float: float32, complex: complex64}
_FLOATING = frozenset((float32, float64, bfloat16))


def as_dtype(dtype: Any) -> np.dtype:
    """The dtype that a name, a Python type or a NumPy dtype stands for.

    `float` means float32, the default floating dtype, and `int` means int64.

    Raises:
        DtypeError: for a dtype outside the supported ones.

    Example:
        >>> as_dtype("bfloat16").name, as_dtype(float).name
        ('bfloat16', 'float32')
    """
    if isinstance(dtype, np.dtype) and dtype in _KNOWN_SET:
        return dtype
    if dtype in _BY_PYTHON_TYPE:
        return _BY_PYTHON_TYPE[dtype]
    if isinstance(dtype, str):
        found = _BY_NAME.get(dtype)
        if found is None:
            raise DtypeError(f"There is no dtype {dtype!r}.{suggest(dtype, _BY_NAME)}", fix=f"one of {list(_BY_NAME)}")
        return found
    try:
        found = np.dtype(dtype)
    except TypeError as error:
        raise DtypeError(f"{dtype!r} is not a dtype.", fix=f"one of {list(_BY_NAME)}") from error
    if found not in _KNOWN:
        raise DtypeError(f"The dtype {found} is not supported.", fix=f"one of {list(_BY_NAME)}")
    return found


def is_floating(dtype: np.dtype) -> bool:
    """Whether gradients can flow through values of this dtype: float32, float64 and bfloat16."""
    return dtype in _FLOATING


def default_dtypes() -> dict[str, np.dtype]:
    """The dtypes chosen where none is asked for, under the array API standard's names."""
    return {"real floating": float32, "complex floating": complex64, "integral": int64, "indexing": int64}


def promote(dtypes: Sequence[np.dtype], scalars: Sequence[Any] = ()) -> np.dtype:
    """The common dtype of arrays of these dtypes with Python numbers: the policy in one place.

    Within a kind, the standard's table. Integers take the floating dtype of their partners; a Python float among
    integers gives float32, the default.

    Raises:
        DtypeError: for uint64 with signed integers, which no integer dtype holds.
    """
    exact = [d for d in dtypes if d.kind in "biu"]
    inexact = [d for d in dtypes if d.kind not in "biu"]
    found = np.result_type(*(inexact or exact))
    if not inexact and found.kind == "f":
        raise DtypeError(
            f"No integer dtype holds both uint64 and signed integers (given: {', '.join(str(d) for d in exact)}).",
            fix="cr.astype(x, cr.int64), or cr.astype(x, cr.float64) if fractions are welcome",
        )
    for x in scalars:
        if isinstance(x, bool):
            continue
        if isinstance(x, int):
            found = int64 if found == bool_ else found
        elif isinstance(x, float):
            found = float32 if found.kind in "biu" else found
        elif found.kind != "c":
            found = complex128 if found == float64 else complex64
    return found
