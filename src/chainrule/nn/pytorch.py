"""Weights from PyTorch: a `state_dict` with PyTorch's names and layouts, read into the model of the same structure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.errors import CheckpointError
from chainrule.nn.module import Module

__all__ = ["load_pytorch"]


def load_pytorch(model: Module, state: Mapping[str, Any]) -> None:
    """Takes over the weights of a PyTorch model with the same structure: the same paths, in PyTorch's layouts.

    Each layer turns its own entries into its layout (`Module.from_pytorch`): Linear weights from (out, in) to
    (in, out), convolutions from channels first to channels last, the gates of recurrent layers as they are named.

    Arguments:
        model: whose layers have the paths that they have in PyTorch, such as `encoder.0.linear1`.
        state: `torch_model.state_dict()`, or the arrays of a safetensors file by name. Nothing is unpickled here.

    Raises:
        CheckpointError: as `Module.load_state_dict` does, naming every entry that does not fit.

    Example:
        >>> import numpy as np
        >>> from chainrule import nn
        >>> model = nn.Sequential(nn.Linear(2, 3))
        >>> nn.load_pytorch(model, {"0.weight": np.ones((3, 2)), "0.bias": np.zeros(3)})
        >>> model[0].weight.shape
        (2, 3)
    """
    entries: dict[str, dict[str, np.ndarray]] = {}
    for path, value in state.items():
        place, _, name = path.rpartition(".")
        entries.setdefault(place, {})[name] = _array(value)
    converted: dict[str, np.ndarray] = {}
    for place, module in model.named_modules():
        prefix = f"{place}." if place else ""
        try:
            own = module.from_pytorch(entries.pop(place, {}))
        except ValueError as error:
            raise CheckpointError(f"The entries of {place or 'the model'} do not fit {module!r}: {error}") from None
        converted |= {f"{prefix}{name}": value for name, value in own.items()}
    converted |= {f"{place}.{name}": value for place, left in entries.items() for name, value in left.items()}
    streams = {path: v for path, v in model.state_dict().items() if path.rpartition(".")[2] == "stream"}
    model.load_state_dict({**streams, **converted})


def _array(value: Any) -> np.ndarray:
    return np.asarray(value.detach().cpu().numpy() if hasattr(value, "detach") else value)
