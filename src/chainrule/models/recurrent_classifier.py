"""A recurrent network that reads a whole sequence and answers once."""

from __future__ import annotations

from typing import Any

from chainrule import nn, ops
from chainrule.errors import ConfigError, suggest
from chainrule.graph import as_tensor

__all__ = ["RecurrentClassifier"]

_CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


class RecurrentClassifier(nn.Module):
    """Recurrent layers over the sequence, and a linear layer over the mean of what the last of them gave at each step.

    Arguments:
        features: numbers at each step.
        out_features: units of the output; with `squeeze` a single unit gives (N,) instead of (N, 1).
        cell: "rnn", "lstm" or "gru".
        width: units of each layer.
        layers: how many.
        dropout: between the layers, and before the output.
        bidirectional: whether each layer also reads backwards.

    Shapes:
        (N, T, features) → (N, out_features); with `lengths` (N,), only the first steps of each sequence count, and what
        stands behind them changes nothing.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import models
        >>> models.RecurrentClassifier(3, 2, width=8)(cr.zeros((4, 7, 3))).shape
        (4, 2)
    """

    def __init__(
        self,
        features: int,
        out_features: int,
        *,
        cell: str = "lstm",
        width: int = 64,
        layers: int = 1,
        dropout: float = 0.0,
        bidirectional: bool = False,
        squeeze: bool = False,
    ) -> None:
        super().__init__()
        if cell not in _CELLS:
            raise ConfigError(f"There is no cell {cell!r}.{suggest(cell, _CELLS)}", fix=f"one of {', '.join(_CELLS)}")
        between = dropout if layers > 1 else 0.0
        self.recurrent = _CELLS[cell](features, width, layers, dropout=between, bidirectional=bidirectional)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width * (2 if bidirectional else 1), out_features)
        self.squeeze = squeeze and out_features == 1

    def forward(self, x: Any, lengths: Any = None) -> Any:
        outputs, _ = self.recurrent(x, lengths=lengths)
        if lengths is None:
            mean = ops.mean(outputs, axis=1)
        else:  # behind the end of a sequence the outputs are 0
            counts = ops.astype(ops.maximum(as_tensor(lengths), 1), outputs.dtype)
            mean = ops.sum(outputs, axis=1) / counts[:, None]
        y = self.head(self.dropout(mean))
        return y[:, 0] if self.squeeze else y
