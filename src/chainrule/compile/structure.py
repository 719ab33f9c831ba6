"""Nested arguments and results as flat lists of arrays, and what stays the same between calls as a key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from chainrule.errors import CompileError
from chainrule.graph import Tensor, Variable, as_tensor, wrap

__all__ = ["describe", "flatten", "flatten_result", "rebuild", "rebuild_result"]

_ARRAY, _NUMBER, _STATIC, _DATACLASS = "array", "number", "static", "dataclass"
_PLAIN = (_ARRAY, False)
_SEQUENCES, _ARRAYS = (list, tuple), (np.ndarray, np.generic)  # a union written out is made anew at every call


def flatten(value: Any, leaves: list[Any]) -> Any:
    """Appends the arrays of a nested value to `leaves` and gives the rest as a hashable structure.

    Tensors, arrays and floats become inputs of the program; integers, truth values, strings and other objects belong to
    the structure, so a program is made for each of their values. Variables belong there too: a program is about them,
    not about what they hold at the time.

    Raises:
        CompileError: for a generator or another iterator.
    """
    if type(value) is np.ndarray:
        leaves.append(as_tensor(value)._data)
        return _PLAIN
    if isinstance(value, _SEQUENCES):
        return (type(value), tuple([flatten(v, leaves) for v in value]))
    if isinstance(value, Variable):
        return (_STATIC, _ById(value))
    if isinstance(value, Tensor):
        leaves.append(value._data)
        return (_ARRAY, value.requires_grad)
    if type(value) is float:
        leaves.append(value)
        return (_NUMBER,)
    if isinstance(value, _ARRAYS) or type(value).__module__.startswith("jax"):
        leaves.append(as_tensor(value)._data)
        return _PLAIN
    if isinstance(value, dict):
        return (dict, tuple((k, flatten(v, leaves)) for k, v in value.items()))
    if is_dataclass(value) and not isinstance(value, type):
        return (
            _DATACLASS,
            type(value),
            tuple((f.name, flatten(getattr(value, f.name), leaves)) for f in fields(value)),
        )
    if isinstance(value, Iterator):
        raise CompileError(
            f"A compiled function was given a {type(value).__name__}, which can be gone through only once.",
            fix="a list of it: list(...)",
        )
    try:
        hash(value)
    except TypeError:
        return (_STATIC, _ById(value))
    return (_STATIC, type(value), value)


class _ById:
    """A Variable or an object without a hash, told apart by identity."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ById) and other.value is self.value

    def __repr__(self) -> str:
        return type(self.value).__name__


def rebuild(structure: Any, leaves: Iterator[Any]) -> Any:
    """The nested value again, with Tensors around the (traced) leaves."""
    kind = structure[0]
    if kind == _ARRAY:
        return wrap(next(leaves), requires_grad=structure[1])
    if kind == _NUMBER:
        return wrap(next(leaves))
    if kind == _STATIC:
        value = structure[-1]
        return value.value if isinstance(value, _ById) else value
    if kind is dict:
        return {k: rebuild(v, leaves) for k, v in structure[1]}
    if kind == _DATACLASS:
        return _dataclass(structure[1], {name: rebuild(v, leaves) for name, v in structure[2]})
    return _sequence(kind, [rebuild(v, leaves) for v in structure[1]])


def _dataclass(kind: type, values: dict[str, Any]) -> Any:
    made = object.__new__(kind)  # not by its __init__, which may do more than take the values over
    for name, value in values.items():
        object.__setattr__(made, name, value)
    return made


def _sequence(kind: Any, items: list[Any]) -> Any:
    return kind(*items) if hasattr(kind, "_fields") else kind(items)


def flatten_result(value: Any, leaves: list[Any]) -> Any:
    """Appends the Tensors of a nested result to `leaves`; everything else is kept as it was when traced."""
    if isinstance(value, Tensor):
        leaves.append(value._data)
        return (_ARRAY,)
    if isinstance(value, list | tuple):
        return (type(value), [flatten_result(v, leaves) for v in value])
    if isinstance(value, dict):
        return (dict, [(k, flatten_result(v, leaves)) for k, v in value.items()])
    if is_dataclass(value) and not isinstance(value, type):
        parts = [(f.name, flatten_result(getattr(value, f.name), leaves)) for f in fields(value)]
        return (_DATACLASS, type(value), parts)
    return (_STATIC, value)


def rebuild_result(structure: Any, leaves: Iterator[Any]) -> Any:
    """The nested result again, with Tensors around the computed arrays."""
    kind = structure[0]
    if kind == _ARRAY:
        return wrap(next(leaves))
    if kind == _STATIC:
        return structure[1]
    if kind is dict:
        return {k: rebuild_result(v, leaves) for k, v in structure[1]}
    if kind == _DATACLASS:
        return _dataclass(structure[1], {name: rebuild_result(v, leaves) for name, v in structure[2]})
    return _sequence(kind, [rebuild_result(v, leaves) for v in structure[1]])


def describe(structure: Any, shapes: Iterator[tuple[tuple[int, ...], str]], path: str = "") -> list[tuple[str, str]]:
    """The structure in words, as (place, what): `("images", "float32[32, 64]")`; two of them compared say why one was
    recompiled.
    """
    kind = structure[0]
    if kind in (_ARRAY, _NUMBER):
        shape, dtype = next(shapes)
        return [(path, f"{dtype}{list(shape)}" + (" requiring a gradient" if structure[-1] is True else ""))]
    if kind == _STATIC:
        return [(path, repr(structure[-1]))]
    if kind == _DATACLASS:
        parts = structure[2]
    else:
        parts = structure[1] if kind is dict else [(str(i), v) for i, v in enumerate(structure[1])]
    return [line for key, inner in parts for line in describe(inner, shapes, f"{path}.{key}" if path else str(key))]
