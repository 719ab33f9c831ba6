"""The probe: how large activations, gradients and updates are in each layer, from one eager pass over a few samples.

It runs on NumPy in evaluation mode, so it changes nothing and compiles nothing; the layers are found in the graph
itself.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.graph import RowSparse, Tensor, gradients
from chainrule.nn import Module, watch

__all__ = ["layer_statistics"]


def layer_statistics(
    model: Module,
    loss: Any,
    inputs: tuple[np.ndarray, ...],
    target: np.ndarray,
    before: dict[str, np.ndarray],
    steps: int,
) -> list[dict[str, Any]]:
    """One record for each layer that has parameters or changes its input, in the order in which they ran.

    Arguments:
        inputs, target: a few samples.
        before: the parameters when they were looked at last, to measure how far they have moved; `steps`: updates since
            then.
    """
    was_training = model.training
    model.eval()
    outputs: dict[str, tuple[Module, np.ndarray]] = {}

    def note(path: str, module: Module, given: Any, output: Any) -> None:
        outputs[path] = module, (output[0] if isinstance(output, tuple) else output).numpy()  # states come after

    try:
        with watch(note):
            cost = loss(model(*inputs), target)
        wanted = [p for p in model.parameters() if p.requires_grad]
        slopes = {id(p): g for p, g in gradients([cost], [None], wanted=wanted)}
    finally:
        if was_training:
            model.train()

    records = []
    for path, (module, activation) in outputs.items():
        if next(module.children(), None) is not None:
            continue  # its layers speak for it
        values = np.array(activation, np.float64)
        mean, zeros = float(values.mean()), 1.0 - np.count_nonzero(activation) / activation.size
        values -= mean
        record: dict[str, Any] = {
            "layer": path,
            "kind": type(module).__name__,
            "activation_mean": mean,
            "activation_std": _root_mean_square(values),
            "activation_zero": zeros,
        }
        for name, parameter in module.named_parameters():
            if "." in name:
                continue
            weight = parameter.numpy()
            scale = _root_mean_square(weight)
            record.setdefault("weight_rms", {})[name] = scale
            slope = slopes.get(id(parameter))
            if isinstance(slope, Tensor | RowSparse):
                record.setdefault("gradient_rms", {})[name] = _root_mean_square(slope.numpy())
            old = before.get(f"{path}.{name}")
            if old is not None and steps and scale:
                moved = _root_mean_square(weight - old)
                record.setdefault("update_ratio", {})[name] = moved / steps / scale
        records.append(record)
    return records


def _root_mean_square(x: np.ndarray) -> float:
    """In float64 where float32 cannot hold the squares, such as those of gradients that vanish."""
    with np.errstate(over="ignore"):
        norm = float(np.linalg.norm(x))
    if not 1e-15 < norm < 1e15:
        norm = float(np.linalg.norm(np.asarray(x, np.float64)))
    return norm / math.sqrt(x.size)
