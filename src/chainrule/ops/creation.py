"""Tensors from nothing: the array API's creation functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.array import as_dtype, default_dtypes, float32, jax_namespace
from chainrule.errors import ConfigError, DtypeError
from chainrule.graph import FUNCTIONS, TRACE, Tensor, Variable, as_tensor, source_of_caller, wrap
from chainrule.graph.tensor import is_tracer

__all__ = [
    "arange",
    "asarray",
    "empty",
    "empty_like",
    "eye",
    "from_dlpack",
    "full",
    "full_like",
    "linspace",
    "meshgrid",
    "ones",
    "ones_like",
    "tril",
    "triu",
    "zeros",
    "zeros_like",
]


def _default(value: Any) -> np.dtype:
    """The dtype of Python numbers where none is asked for."""
    defaults = default_dtypes()
    kind = np.asarray(value).dtype.kind
    if kind == "b":
        return np.dtype("bool")
    return defaults[{"i": "integral", "u": "integral", "c": "complex floating"}.get(kind, "real floating")]


def _check_device(device: Any) -> None:
    if device not in (None, "cpu"):
        raise ConfigError(f"Eager Tensors live on the 'cpu', not {device!r}.")


def asarray(obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Tensor:
    """The data as a Tensor; an array keeps its dtype, Python numbers get the default one.

    Arguments:
        obj: a number, nested lists, an array of any library, or an object with the buffer interface.
        copy: True always copies, False never does (ValueError where it would have to), None copies where needed.

    Differs from `cr.tensor`: a float64 NumPy array stays float64.

    Example:
        >>> import chainrule as cr
        >>> import numpy as np
        >>> cr.asarray(np.ones(2)).dtype.name, cr.tensor(np.ones(2)).dtype.name
        ('float64', 'float32')
    """
    _check_device(device)
    wanted = None if dtype is None else as_dtype(dtype)
    if isinstance(obj, Tensor):
        if wanted is not None and wanted != obj.dtype:
            if copy is False:
                raise ConfigError(f"asarray(copy=False) cannot change {obj.dtype} into {wanted}.")
            return FUNCTIONS["astype"](obj, wanted)
        # A Variable's value changes later, that of a Tensor never does.
        return FUNCTIONS["astype"](obj, obj.dtype) if copy or isinstance(obj, Variable) else obj
    if isinstance(obj, np.ndarray | np.generic) or hasattr(obj, "__array_interface__") or hasattr(obj, "__dlpack__"):
        try:
            array = np.array(obj, dtype=wanted, copy=copy)
        except ValueError as error:
            raise ConfigError(f"asarray(copy={copy}) of this {type(obj).__name__}: {error}") from error
        as_dtype(array.dtype)
        return wrap(array)
    if is_tracer(obj):
        return wrap(obj if wanted is None else obj.astype(wanted))
    if copy is False:
        raise ConfigError(f"asarray(copy=False) of a {type(obj).__name__} is impossible: its memory is not an array's.")
    if wanted is None:
        return as_tensor(obj)
    try:
        return wrap(np.asarray(_plain(obj), dtype=wanted))
    except (TypeError, ValueError, OverflowError) as error:
        raise DtypeError(f"These data cannot become {wanted}: {error}", where=source_of_caller()) from error


def _plain(obj: Any) -> Any:
    """Nested lists with the values of the Tensors among them."""
    if isinstance(obj, Tensor):
        return obj.numpy()
    return [_plain(x) for x in obj] if isinstance(obj, list | tuple) else obj


_SMALL = 1024


def _filled(shape: Any, value: Any, dtype: np.dtype) -> Tensor:
    if isinstance(value, Tensor):
        return FUNCTIONS["broadcast_to"](FUNCTIONS["astype"](value, dtype, copy=False), shape)
    if TRACE.get() is not None and np.prod(shape, dtype=np.int64) > _SMALL:
        # A step of the program being compiled, which NumPy's array would join as a constant of its full size.
        return wrap(jax_namespace().full(shape, value, dtype))
    return wrap(np.zeros(shape, dtype) if type(value) is int and value == 0 else np.full(shape, value, dtype))


def zeros(shape: int | tuple[int, ...], *, dtype: Any = None, device: Any = None) -> Tensor:
    """All 0; float32 unless said otherwise."""
    _check_device(device)
    return _filled(shape, 0, float32 if dtype is None else as_dtype(dtype))


def ones(shape: int | tuple[int, ...], *, dtype: Any = None, device: Any = None) -> Tensor:
    """All 1; float32 unless said otherwise."""
    _check_device(device)
    return _filled(shape, 1, float32 if dtype is None else as_dtype(dtype))


def empty(shape: int | tuple[int, ...], *, dtype: Any = None, device: Any = None) -> Tensor:
    """Values without meaning; here zeros, since a Tensor can never be filled later."""
    return zeros(shape, dtype=dtype, device=device)


def full(shape: int | tuple[int, ...], fill_value: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """All the same value, a Python number or a 0-d Tensor, through which a gradient passes.

    Example:
        >>> import chainrule as cr
        >>> cr.full((2,), 7).tolist()
        [7, 7]
    """
    _check_device(device)
    if dtype is None:
        dtype = fill_value.dtype if isinstance(fill_value, Tensor) else _default(fill_value)
    return _filled(shape, fill_value, as_dtype(dtype))


def _like(x: Any, value: Any, dtype: Any, device: Any) -> Tensor:
    _check_device(device)
    if not isinstance(x, Tensor):
        x = as_tensor(x)
    return _filled(x.shape, value, x.dtype if dtype is None else as_dtype(dtype))


def zeros_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """All 0, with the shape and dtype of x."""
    return _like(x, 0, dtype, device)


def ones_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """All 1, with the shape and dtype of x."""
    return _like(x, 1, dtype, device)


def empty_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Values without meaning (zeros), with the shape and dtype of x."""
    return _like(x, 0, dtype, device)


def full_like(x: Any, /, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """All the same value, with the shape and dtype of x."""
    return _like(x, fill_value, dtype, device)


def arange(start: Any, /, stop: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None) -> Tensor:
    """start, start + step, … up to stop and without it; one argument is the stop.

    Example:
        >>> import chainrule as cr
        >>> cr.arange(1, 7, 2).tolist()
        [1, 3, 5]
    """
    _check_device(device)
    start, stop = (0, start) if stop is None else (start, stop)
    wanted = _default([start, stop, step]) if dtype is None else as_dtype(dtype)
    return wrap(np.arange(start, stop, step, dtype=wanted))


def linspace(
    start: Any, stop: Any, /, num: int, *, dtype: Any = None, device: Any = None, endpoint: bool = True
) -> Tensor:
    """`num` numbers at equal distances from start to stop.

    Example:
        >>> import chainrule as cr
        >>> cr.linspace(0, 1, 5).tolist()
        [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    _check_device(device)
    if dtype is None:
        dtype = default_dtypes()[
            "complex floating" if isinstance(start, complex) or isinstance(stop, complex) else "real floating"
        ]
    return wrap(np.linspace(start, stop, num, dtype=as_dtype(dtype), endpoint=endpoint))


def eye(n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = None, device: Any = None) -> Tensor:
    """1 on the k-th diagonal, else 0.

    Example:
        >>> import chainrule as cr
        >>> cr.eye(2).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    _check_device(device)
    return wrap(np.eye(n_rows, n_cols, k=k, dtype=float32 if dtype is None else as_dtype(dtype)))


def _triangle(x: Any, keep: Any) -> Tensor:
    x = as_tensor(x)
    zero = False if x.dtype.kind == "b" else 0
    return FUNCTIONS["where"](keep(np.ones(x.shape[-2:], bool)), x, zero)


def tril(x: Any, /, *, k: int = 0) -> Tensor:
    """The matrix with 0 above its k-th diagonal.

    Example:
        >>> import chainrule as cr
        >>> cr.tril(cr.ones((2, 2))).tolist()
        [[1.0, 0.0], [1.0, 1.0]]
    """
    return _triangle(x, lambda m: np.tril(m, k=k))


def triu(x: Any, /, *, k: int = 0) -> Tensor:
    """The matrix with 0 below its k-th diagonal."""
    return _triangle(x, lambda m: np.triu(m, k=k))


def meshgrid(*arrays: Any, indexing: str = "xy") -> list[Tensor]:
    """Coordinate matrices of the grid spanned by one-dimensional arrays.

    Example:
        >>> import chainrule as cr
        >>> [x.shape for x in cr.meshgrid(cr.arange(2), cr.arange(3))]
        [(3, 2), (3, 2)]
    """
    if indexing not in ("xy", "ij"):
        raise ConfigError(f"The indexing of meshgrid is 'xy' or 'ij', not {indexing!r}.")
    tensors = [as_tensor(a) for a in arrays]
    rank = len(tensors)
    swapped = indexing == "xy" and rank > 1
    order = [1, 0, *range(2, rank)] if swapped else list(range(rank))
    shape = tuple(tensors[i].size for i in order)
    placed = []
    for i, t in enumerate(tensors):
        axis = order.index(i)
        view = FUNCTIONS["reshape"](t, tuple(-1 if a == axis else 1 for a in range(rank)))
        placed.append(FUNCTIONS["broadcast_to"](view, shape))
    return placed


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """An array of another library through the DLPack protocol, without a copy where possible."""
    _check_device(device)
    return wrap(np.from_dlpack(x, copy=copy))
