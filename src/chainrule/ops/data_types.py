"""Questions about dtypes, and changing them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

from chainrule.array import as_dtype, bfloat16, is_floating, promote
from chainrule.errors import ConfigError, DtypeError, suggest
from chainrule.graph import FUNCTIONS, Tensor, op, per_input

__all__ = ["astype", "can_cast", "finfo", "iinfo", "isdtype", "result_type"]


@op(
    backward=per_input(lambda g, y, x, dtype: FUNCTIONS["astype"](g, x.dtype)),
    samples=lambda rng: [((rng.normal(size=(3, 4)),), {"dtype": np.dtype("float64")})],
    quiet=True,
)
def _astype(xp: Any, x: Any, /, *, dtype: Any) -> Any:
    return x.astype(dtype)


def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Tensor:
    """The values in another dtype; a gradient flows between floating dtypes.

    Arguments:
        copy: without it, a Tensor that has the dtype already is returned itself.

    Raises:
        DtypeError: for a complex Tensor into a real dtype: take `cr.real` first.

    Example:
        >>> import chainrule as cr
        >>> cr.astype(cr.tensor([1.7, -1.7]), cr.int32).tolist()
        [1, -1]
    """
    if device not in (None, "cpu"):
        raise ConfigError(f"Eager Tensors live on the 'cpu', not {device!r}.")
    dtype = as_dtype(dtype)
    if isinstance(x, Tensor):
        if not copy and x.dtype == dtype:
            return x
        if x.dtype.kind == "c" and dtype.kind not in "cb":
            raise DtypeError(
                f"astype would lose the imaginary part of {x.dtype}.", fix=f"cr.astype(cr.real(x), cr.{dtype})"
            )
    return _astype(x, dtype=dtype)


def can_cast(from_: Any, to: Any, /) -> bool:
    """Whether every value of one dtype (or of a Tensor's) has a place in another by the promotion rules.

    Example:
        >>> import chainrule as cr
        >>> cr.can_cast(cr.int32, cr.int64), cr.can_cast(cr.float64, cr.float32)
        (True, False)
    """
    return bool(np.can_cast(from_.dtype if isinstance(from_, Tensor) else as_dtype(from_), as_dtype(to)))


@dataclass(frozen=True)
class FloatInfo:
    """The limits of a floating dtype, as Python floats.

    Attributes:
        bits: the size of one number.
        eps: the distance from 1 to the next larger number.
        max: the largest number.
        min: the smallest (most negative) number.
        smallest_normal: the smallest positive number with full precision.
        dtype: the floating dtype; of a complex one, that of its parts.
    """

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: np.dtype


@dataclass(frozen=True)
class IntInfo:
    """The limits of an integer dtype.

    Attributes:
        bits: the size of one number.
        max: the largest number.
        min: the smallest number.
        dtype: the dtype.
    """

    bits: int
    max: int
    min: int
    dtype: np.dtype


def _dtype_of(type: Any) -> np.dtype:
    return as_dtype(type.dtype if isinstance(type, Tensor | np.ndarray) else type)


def finfo(type: Any, /) -> FloatInfo:
    """The limits of a floating dtype, or of a Tensor's.

    Raises:
        DtypeError: for a dtype that is not floating.

    Example:
        >>> import chainrule as cr
        >>> cr.finfo(cr.float32).bits
        32
    """
    dtype = _dtype_of(type)
    if dtype.kind == "c":
        dtype = np.dtype(f"float{dtype.itemsize * 4}")
    if not is_floating(dtype):
        raise DtypeError(f"finfo is about floating dtypes, not {dtype}.", fix="cr.iinfo for integers")
    info: Any = ml_dtypes.finfo(dtype) if dtype == bfloat16 else np.finfo(dtype)
    return FloatInfo(
        bits=dtype.itemsize * 8,
        eps=float(info.eps),
        max=float(info.max),
        min=float(info.min),
        smallest_normal=float(info.smallest_normal),
        dtype=dtype,
    )


def iinfo(type: Any, /) -> IntInfo:
    """The limits of an integer dtype, or of a Tensor's.

    Raises:
        DtypeError: for a dtype that is not an integer.

    Example:
        >>> import chainrule as cr
        >>> cr.iinfo(cr.int8).max
        127
    """
    dtype = _dtype_of(type)
    if dtype.kind not in "iu":
        raise DtypeError(f"iinfo is about integer dtypes, not {dtype}.", fix="cr.finfo for floating ones")
    info = np.iinfo(dtype)
    return IntInfo(bits=info.bits, max=int(info.max), min=int(info.min), dtype=dtype)


_KINDS = {
    "bool": "b",
    "signed integer": "i",
    "unsigned integer": "u",
    "integral": "iu",
    "real floating": "f",
    "complex floating": "c",
    "numeric": "iufc",
}


def isdtype(dtype: Any, kind: Any) -> bool:
    """Whether a dtype is of a kind, or of one of several.

    Arguments:
        kind: a dtype, or one of "bool", "signed integer", "unsigned integer", "integral", "real floating", "complex
            floating", "numeric", or a tuple of those.

    Example:
        >>> import chainrule as cr
        >>> cr.isdtype(cr.float32, ("real floating", "bool"))
        True
    """
    if isinstance(kind, tuple):
        return any(isdtype(dtype, one) for one in kind)
    dtype = as_dtype(dtype)
    if isinstance(kind, str) and kind not in ("float32", "float64"):
        letters = _KINDS.get(kind)
        if letters is None:
            raise DtypeError(
                f"There is no kind of dtypes {kind!r}.{suggest(kind, _KINDS)}", fix=f"one of {list(_KINDS)}"
            )
        return ("f" if is_floating(dtype) else dtype.kind) in letters
    return dtype == as_dtype(kind)


def result_type(*arrays_and_dtypes: Any) -> np.dtype:
    """The dtype that operations on these Tensors, dtypes and Python numbers give.

    Integers with floating numbers give the floating dtype; a Python float with integers gives float32, the default.

    Raises:
        DtypeError: for nothing at all, or for uint64 with signed integers, which no integer dtype holds.

    Example:
        >>> import chainrule as cr
        >>> cr.result_type(cr.int8, cr.uint8).name, cr.result_type(cr.int64, cr.float32).name
        ('int16', 'float32')
    """
    if not arrays_and_dtypes:
        raise DtypeError("result_type needs at least one Tensor or dtype.")
    dtypes: list[np.dtype] = []
    scalars: list[Any] = []
    for x in arrays_and_dtypes:
        if isinstance(x, bool | int | float | complex) and not isinstance(x, np.generic):
            scalars.append(x)
        else:
            dtypes.append(_dtype_of(x))
    if not dtypes:
        raise DtypeError("result_type needs at least one Tensor or dtype among the Python numbers.")
    return promote(dtypes, scalars)
