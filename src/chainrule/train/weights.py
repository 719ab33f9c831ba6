"""A model's weights in a file of their own."""

from __future__ import annotations

from pathlib import Path

from chainrule.errors import ChainruleError
from chainrule.nn import Module
from chainrule.train.files import read_tensors, write_tensors

__all__ = ["load_weights", "save_weights"]


def save_weights(model: Module, path: str | Path) -> None:
    """Writes the parameters and buffers of a model as safetensors, by their names in `model.state_dict()`.

    The file is written whole or not at all, and every program that reads safetensors can read it.

    Raises:
        RunError: when it cannot be written.

    Example:
        >>> import tempfile
        >>> from chainrule import nn, train
        >>> path = Path(tempfile.mkdtemp()) / "model.safetensors"
        >>> model, other = nn.Linear(3, 2), nn.Linear(3, 2)
        >>> train.save_weights(model, path)
        >>> train.load_weights(other, path)
        >>> bool((model.weight.numpy() == other.weight.numpy()).all())
        True
    """
    write_tensors(Path(path), model.state_dict())


def load_weights(model: Module, path: str | Path) -> None:
    """Gives a model the weights of a file; the names and shapes must be the model's own.

    Raises:
        CheckpointError: when the file is missing, damaged or a pickle, or belongs to another model.
    """
    tensors, _ = read_tensors(Path(path))
    try:
        model.load_state_dict(tensors)
    except ChainruleError as error:
        error.where = error.where or str(path)
        raise
