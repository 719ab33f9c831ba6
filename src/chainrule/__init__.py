"""chainrule: deep learning that shows its work.

At the top level live the functions of the Python array API standard on Tensors (`cr.exp`, `cr.matmul`,
`cr.linalg.solve`), the graph (`cr.tensor`, `cr.grad`, `cr.no_grad`) and `cr.compile`; the other parts are modules
(`cr.nn`, `cr.optim`, `cr.data`), loaded when first used.
"""

# ruff: noqa: F403 - what a family offers stands in its own __all__
from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from chainrule import errors, ops
from chainrule.array import (
    bfloat16,
    complex64,
    complex128,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    precision,
    uint8,
    uint16,
    uint32,
    uint64,
)
from chainrule.array import (
    bool_ as bool,
)
from chainrule.compile import compile
from chainrule.graph import (
    Node,
    Tensor,
    Variable,
    compare_gradients,
    draw,
    draw_layers,
    enable_grad,
    grad,
    gradcheck,
    hessian,
    hvp,
    is_recording,
    jacobian,
    jvp,
    no_grad,
    random,
    tensor,
    value_and_grad,
    vjp,
)
from chainrule.ops import *

if TYPE_CHECKING:
    from chainrule import data, init, losses, metrics, models, nn, optim, report, train
    from chainrule.train import Trainer

__version__ = "0.1.0"

__all__ = [
    "Node",
    "Tensor",
    "Trainer",
    "Variable",
    "__version__",
    "bfloat16",
    "bool",
    "compare_gradients",
    "compile",
    "complex64",
    "complex128",
    "data",
    "draw",
    "draw_layers",
    "enable_grad",
    "errors",
    "float32",
    "float64",
    "grad",
    "gradcheck",
    "hessian",
    "hvp",
    "init",
    "int8",
    "int16",
    "int32",
    "int64",
    "is_recording",
    "jacobian",
    "jvp",
    "losses",
    "metrics",
    "models",
    "nn",
    "no_grad",
    "ops",
    "optim",
    "precision",
    "random",
    "report",
    "tensor",
    "train",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "value_and_grad",
    "vjp",
]
__all__ += ops.__all__

# Loaded when first used, so that `import chainrule` stays quick: what each name is, and where it lives.
_MODULES = ("data", "init", "losses", "metrics", "models", "nn", "optim", "report", "train")
_ELSEWHERE = {"Trainer": "chainrule.train"}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"chainrule.{name}")
    if name in _ELSEWHERE:
        value = globals()[name] = getattr(importlib.import_module(_ELSEWHERE[name]), name)
        return value
    hint = errors.suggest(name, [*globals(), *_MODULES, *_ELSEWHERE], limit=1)
    raise AttributeError(f"chainrule has no attribute {name!r}.{hint}", name=name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
