"""What the tests of the op table share: every record with the inputs it names for itself."""

from __future__ import annotations

import importlib
import zlib
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.graph import OPS, Op

# Other floors have records of their own (update rules, proximal steps), which register when they are imported.
for _floor in ("nn", "losses", "optim"):
    importlib.import_module(f"chainrule.{_floor}")

RECORDS: dict[str, Op[Any]] = {name: OPS[name] for name in sorted(OPS)}

DIFFERENTIABLE = [name for name, op in RECORDS.items() if op.backward is not None]


def samples_of(op: Op[Any]) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    """The record's samples, the same ones every time."""
    assert op.samples is not None, f"{op.name} has no samples"
    rng = np.random.default_rng(zlib.crc32(op.name.encode()))
    return [(tuple(inputs), dict(attributes)) for inputs, attributes in op.samples(rng)]


def floating_positions(inputs: tuple[Any, ...]) -> list[int]:
    return [i for i, x in enumerate(inputs) if isinstance(x, np.ndarray) and x.dtype.kind == "f"]


def as_tuple(result: Any) -> tuple[Any, ...]:
    return result if isinstance(result, tuple) else (result,)


def as_inputs(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The sample as Tensors; None and Python numbers stay."""
    return tuple(cr.asarray(x) if isinstance(x, np.ndarray) else x for x in inputs)
