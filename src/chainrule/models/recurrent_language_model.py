"""A recurrent network that continues sequences of tokens."""

from __future__ import annotations

from typing import Any

from chainrule import nn
from chainrule.errors import ConfigError, ShapeError, suggest
from chainrule.graph import Tensor

__all__ = ["RecurrentLanguageModel"]

_CELLS: dict[str, type[nn.RNN | nn.LSTM | nn.GRU]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


class RecurrentLanguageModel(nn.Module):
    """Token vectors, recurrent layers, and for each position the scores of the next token.

    Arguments:
        vocabulary: V, the number of tokens.
        cell: "rnn", "lstm" or "gru".
        width: units of each recurrent layer.
        layers: how many.
        embedding: the size of the token vectors; by default the width.
        dropout: of the vectors, between the layers and before the scores; never from step to step.
        dtype: float32 unless said otherwise.

    Raises:
        ConfigError: for another cell.

    Shapes:
        tokens (N, T), integers → logits (N, T, V). Without a state, every sequence begins with zeros; `read` takes and
        gives the state, for long texts in pieces.

    Source: Mikolov et al., "Recurrent Neural Network Based Language Model" (2010); where dropout acts: Zaremba,
    Sutskever & Vinyals, "Recurrent Neural Network Regularization" (2014).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import models
        >>> model = models.RecurrentLanguageModel(50, cell="gru", width=16)
        >>> model(cr.zeros((3, 5), dtype="int32")).shape
        (3, 5, 50)
        >>> models.generate(model, [1, 2, 3], 4, stream=0).shape
        (7,)
    """

    def __init__(
        self,
        vocabulary: int,
        *,
        cell: str = "lstm",
        width: int = 256,
        layers: int = 2,
        embedding: int | None = None,
        dropout: float = 0.0,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if cell not in _CELLS:
            raise ConfigError(f"There is no cell {cell!r}.{suggest(cell, _CELLS)}", fix=f"one of {', '.join(_CELLS)}")
        self.vocabulary = vocabulary
        features = embedding or width
        self.tokens = nn.Embedding(vocabulary, features, dtype=dtype)
        self.dropout = nn.Dropout(dropout)
        between = dropout if layers > 1 else 0.0
        self.layers: Any = _CELLS[cell](features, width, layers, dropout=between, dtype=dtype)
        self.head = nn.Linear(width, vocabulary, dtype=dtype)

    def forward(self, tokens: Tensor, state: Any = None) -> Tensor:
        return self.read(tokens, state)[0]

    def read(self, tokens: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """The scores (N, T, V) and the state after the last token, from which the next piece of a text goes on.

        Detach the state between pieces that are trained on: truncated backpropagation through time.
        """
        if tokens.ndim != 2:
            raise ShapeError(f"{self.label()} got {tokens.shape}: tokens are (N, T).")
        y, state = self.layers(self.dropout(self.tokens(tokens)), state)
        return self.head(self.dropout(y)), state

    def initial_state(self, batch: int) -> Any:
        """The state before the first token: zeros."""
        return self.layers.initial_state(batch)

    def start(self, batch: int) -> Any:
        """What `next` begins with, for `models.generate`: the state before the first token."""
        return self.initial_state(batch)

    def next(self, tokens: Tensor, cache: Any) -> tuple[Tensor, Any]:
        """The scores (N, V) of the token after the given ones (N, k), and the state after them."""
        y, state = self.layers(self.dropout(self.tokens(tokens)), cache)
        return self.head(self.dropout(y[:, -1])), state

    def extra_repr(self) -> str:
        return f"{self.vocabulary}"
