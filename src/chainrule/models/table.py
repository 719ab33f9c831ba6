"""A network for tables: categories become embeddings, numbers stay, and an MLP takes both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.models.mlp import MLP
from chainrule.ops import concat

__all__ = ["TableNetwork"]


class TableNetwork(nn.Module):
    """x = [numbers, E₁[c₁], …, E_k[c_k]], y = MLP(x): each category column has a table of learned vectors.

    Arguments:
        numbers: numeric columns.
        categories: for each category column how many codes it has. Code 0 is for what training never saw; its vector
            starts at 0, so that without training it adds nothing.
        hidden, out_features, activation, dropout, batch_norm, squeeze: the MLP's.
        width: features of an embedding; by default min(16, (codes + 1) // 2).

    Shape: (N, numbers) and int (N, len(categories)) → (N, out_features).

    Source: Guo & Berkhahn, "Entity Embeddings of Categorical Variables" (2016).

    Example:
        >>> import chainrule as cr, numpy as np
        >>> from chainrule import models
        >>> model = models.TableNetwork(2, [5, 3], [8], 1, squeeze=True)
        >>> model(cr.zeros((4, 2)), np.zeros((4, 2), np.int32)).shape
        (4,)
    """

    def __init__(
        self,
        numbers: int,
        categories: Sequence[int],
        hidden: Sequence[int],
        out_features: int,
        *,
        activation: str = "relu",
        dropout: float = 0.0,
        batch_norm: bool = False,
        squeeze: bool = False,
        width: int | None = None,
    ) -> None:
        super().__init__()
        widths = [width or min(16, (codes + 1) // 2) for codes in categories]
        tables = [nn.Embedding(codes, w) for codes, w in zip(categories, widths, strict=True)]
        for embedding in tables:
            weight = np.array(embedding.weight.numpy())
            weight[0] = 0
            embedding.weight.assign(weight)
        self.embeddings = nn.ModuleList(tables)
        self.mlp = MLP(
            numbers + sum(widths), hidden, out_features,
            activation=activation, dropout=dropout, batch_norm=batch_norm, squeeze=squeeze,
        )  # fmt: skip
        self.numbers = numbers

    def forward(self, numbers: Any, categories: Any = None) -> Any:
        parts = [numbers] if self.numbers else []
        parts += [embedding(categories[:, i]) for i, embedding in enumerate(self.embeddings)]
        return self.mlp(concat(parts, axis=1) if len(parts) > 1 else parts[0])
