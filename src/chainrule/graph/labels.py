"""What a drawing writes into its boxes: shapes, values and arguments in few words."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.graph.node import Node
from chainrule.graph.tensor import Tensor, Variable, is_tracer

__all__ = ["LONGEST", "arguments_of", "described", "own_name", "shape_of", "shortened"]

LONGEST = 44
"""So many letters fit in a box."""


def own_name(variable: Variable, path: str) -> str:
    """The Variable's name within its layer."""
    return variable.name.removeprefix(path + ".") if variable.name else ""


def shape_of(tensor: Tensor) -> str:
    """The shape in parentheses, `()` for a single number."""
    return f"({', '.join(map(str, tensor.shape))})"


def described(tensor: Tensor) -> str:
    """Dtype and shape, and the value where it is one number that is known."""
    text = f"{tensor.dtype} {shape_of(tensor)}"
    if tensor.size != 1 or is_tracer(tensor._data):
        return text
    value = tensor.numpy().reshape(()).item()
    return f"{text} = {value:.4g}" if isinstance(value, float) else f"{text} = {value}"


def arguments_of(node: Node) -> str:
    """What was given to the operation beside Tensors: plain numbers, and attributes that differ from their defaults."""
    names = list(node.op.__signature__.parameters)
    parts = [
        f"{names[i] if i < len(names) else i}={_plain(x)}"
        for i, x in enumerate(node.inputs)
        if not isinstance(x, Tensor) and x is not None
    ]
    defaults = node.op._defaults
    for name, value in node.attributes.items():
        if name not in defaults or not _same(value, defaults[name]):
            parts.append(f"{name}={_plain(value)}")
    return ", ".join(parts)


def _same(value: Any, default: Any) -> bool:
    return value is default or (type(value) is type(default) and repr(value) == repr(default))


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, slice):
        parts = ["" if v is None else str(v) for v in (value.start, value.stop, value.step)]
        return ":".join(parts if value.step is not None else parts[:2])
    if isinstance(value, tuple):
        inside = ", ".join(map(_plain, value))
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    if value is Ellipsis:
        return "..."
    return str(value) if isinstance(value, np.dtype | np.generic) else repr(value)


def shortened(text: str, longest: int = LONGEST) -> str:
    """The text with its middle left out where it is too long for a box."""
    if len(text) <= longest:
        return text
    half = (longest - 1) // 2
    return f"{text[:half]}…{text[-half:]}"
