"""A transformer encoder that classifies sequences of tokens or of vectors."""

from __future__ import annotations

import functools
import operator
from typing import Any

from chainrule import nn, ops
from chainrule.errors import ConfigError, ShapeError
from chainrule.graph import Tensor, as_tensor
from chainrule.nn.positions import positions_by_name

__all__ = ["TransformerClassifier"]


class TransformerClassifier(nn.Module):
    """Vectors and positions, blocks with normalisation first in which every place sees every other, the mean over the
    places that are not padding, and from it the scores of the classes.

    Arguments:
        outputs: C, the number of classes; with `squeeze` a single one gives (N,) instead of (N, 1).
        vocabulary: the number of tokens, for sequences of tokens; or
        features: the numbers at each place, for sequences of vectors.
        width: the size of the vectors inside, a multiple of `heads`.
        layers, heads: of the blocks.
        context: the longest sequence.
        dropout: after the positions and in the blocks.
        positions: "learned", "sinusoidal", "rotary" or "none".
        padding_idx: the token that fills up short sequences.

    Called with:
        x (N, T) tokens or (N, T, features); lengths (N,): what stands behind the end of a sequence is padding; or
        padding (N, T): True where a place is. Tokens that are `padding_idx` are padding by themselves.

    Shapes:
        → (N, C). Sequences of nothing but padding count as vectors of 0.

    Raises:
        ShapeError: for sequences longer than the context.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import models
        >>> model = models.TransformerClassifier(3, vocabulary=50, width=16, heads=2, padding_idx=0)
        >>> model(cr.asarray([[7, 2, 0], [4, 5, 6]])).shape
        (2, 3)
    """

    def __init__(
        self,
        outputs: int,
        *,
        vocabulary: int | None = None,
        features: int | None = None,
        width: int = 64,
        layers: int = 2,
        heads: int = 4,
        context: int = 128,
        dropout: float = 0.1,
        positions: str = "learned",
        padding_idx: int | None = None,
        squeeze: bool = False,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if (vocabulary is None) == (features is None):
            raise ConfigError(
                "TransformerClassifier needs either the number of tokens or that of the features.",
                fix="TransformerClassifier(3, vocabulary=50), or TransformerClassifier(3, features=8)",
            )
        self.context, self.features = context, features
        self.padding_idx = padding_idx
        self.squeeze = squeeze and outputs == 1
        self.input = (
            nn.Linear(features, width, dialect="keras", dtype=dtype)
            if features is not None
            else nn.Embedding(vocabulary or 0, width, padding_idx, dtype=dtype)
        )
        self.positions = positions_by_name(positions, context, width, dtype=dtype)
        self.dropout = nn.Dropout(dropout)
        self.encoder = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(
                width, heads, 4 * width, dropout, "gelu", norm_first=True, rotary=positions == "rotary", dtype=dtype
            ),
            layers,
            nn.LayerNorm(width, dtype=dtype),
        )
        self.head = nn.Linear(width, outputs, dialect="keras", dtype=dtype)

    def forward(self, x: Tensor, lengths: Any = None, padding: Any = None) -> Tensor:
        wanted = 2 if self.features is None else 3
        if x.ndim != wanted or x.shape[1] > self.context:
            kind = "tokens (N, T)" if self.features is None else f"vectors (N, T, {self.features})"
            raise ShapeError(
                f"{self.label()} got {x.shape}: it takes {kind} with T up to {self.context}.",
                fix="shorter sequences, a larger context, or a recurrent network, which takes any length"
                if x.ndim == wanted
                else kind,
            )
        padding = self._padding(x, lengths, padding)
        h = self.input(x)
        h = self.dropout(h if self.positions is None else self.positions(h))
        h = self.encoder(h, src_key_padding_mask=padding)
        y = self.head(_mean(h, padding))
        return y[:, 0] if self.squeeze else y

    def _padding(self, x: Tensor, lengths: Any, padding: Any) -> Tensor | None:
        """True where a place is padding, whatever says so; None where nothing does."""
        found = [] if padding is None else [as_tensor(padding)]
        if lengths is not None:
            lengths = as_tensor(lengths)
            if lengths.shape != x.shape[:1]:
                raise ShapeError(
                    f"{self.label()} got lengths {lengths.shape} for inputs {x.shape}: one for each sequence.",
                    fix="a mask (N, T) is given as padding=",
                )
            found.append(ops.arange(x.shape[1]) >= lengths[:, None])
        if self.padding_idx is not None:
            found.append(x == self.padding_idx)
        return functools.reduce(operator.or_, found) if found else None

    def extra_repr(self) -> str:
        return f"context={self.context}"


def _mean(h: Tensor, padding: Tensor | None) -> Tensor:
    """The mean over the places that are not padding."""
    if padding is None:
        return h.mean(axis=1)
    kept = ~padding[..., None]
    count = ops.astype(kept, h.dtype).sum(axis=1)
    return ops.where(kept, h, 0.0).sum(axis=1) / ops.maximum(count, 1.0)
