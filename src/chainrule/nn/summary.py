"""The table of a model's layers."""

from __future__ import annotations

from typing import Any

from chainrule import ops
from chainrule.array import float32
from chainrule.graph import Tensor
from chainrule.nn.module import Module, quiet_forward
from chainrule.nn.watching import watch

__all__ = ["summary"]


def summary(model: Module, inputs: tuple[Any, ...]) -> str:
    """See `Module.summary`."""
    first = next(model.parameters(), None)
    dtype = float32 if first is None else first.dtype
    given = tuple(ops.zeros(x, dtype=dtype) if _is_shape(x) else x for x in inputs)
    shapes: dict[str, str] = {}
    with watch(lambda path, module, inputs, outputs: shapes.setdefault(path, _shape(outputs))):
        quiet_forward(model, given)
    rows = []
    for path, module in model.named_modules():
        count = sum(p.size for p in module.parameters())
        rows.append((path, type(module).__name__, shapes.get(path, "not used"), f"{count:,}"))
    header = ("layer", "kind", "output", "parameters")
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(4)]
    lines = [_line(header, widths), "  ".join("-" * w for w in widths), *(_line(row, widths) for row in rows)]
    parameters = list(model.parameters())
    size = sum(p.size * p.dtype.itemsize for p in parameters)
    frozen = sum(p.size for p in parameters if not p.requires_grad)
    note = f", {frozen:,} of them frozen" if frozen else ""
    return "\n".join([*lines, f"{sum(p.size for p in parameters):,} parameters{note}, {_bytes(size)}"])


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    cells = [*(cell.ljust(width) for cell, width in zip(row[:3], widths, strict=False)), row[3].rjust(widths[3])]
    return "  ".join(cells).rstrip()


def _is_shape(x: Any) -> bool:
    return isinstance(x, tuple) and all(isinstance(n, int) for n in x)


def _shape(outputs: Any) -> str:
    if isinstance(outputs, Tensor):
        return str(outputs.shape)
    if isinstance(outputs, tuple | list):
        return ", ".join(_shape(y) for y in outputs)
    return type(outputs).__name__


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
