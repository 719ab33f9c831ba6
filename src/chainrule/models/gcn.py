"""The graph convolutional network."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from chainrule import nn, ops

__all__ = ["GCN"]


class GCN(nn.Module):
    """Graph convolutions with an activation between them and dropout before each: Z = Â relu(Â X W₁) W₂ for one hidden
    layer.

    Arguments:
        in_features: numbers at each node.
        hidden: units of each hidden layer; the paper's network for citations has 16.
        out_features: numbers for each node that come out, such as one for each class.
        activation, dropout: of the hidden layers; the dropout is also of the features.

    Shape:
        features (nodes, in_features), edges (E, 2) → logits (nodes, out_features); with `nodes` (N,), of those only:
        (N, out_features).

    Source: Kipf & Welling, "Semi-Supervised Classification with Graph Convolutional Networks" (2017), section 3.1.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import models
        >>> model = models.GCN(4, [16], 2)
        >>> model(cr.ones((3, 4)), cr.asarray([[0, 1], [1, 0]]), nodes=cr.asarray([2])).shape
        (1, 2)
    """

    def __init__(
        self,
        in_features: int,
        hidden: Sequence[int],
        out_features: int,
        *,
        activation: str = "relu",
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        widths = [in_features, *hidden, out_features]
        self.layers = nn.ModuleList(nn.GCNConv(a, b) for a, b in pairwise(widths))
        self.activation = nn.activation(activation)
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Any, edges: Any, nodes: Any = None) -> Any:
        x = features
        for number, layer in enumerate(self.layers):
            x = layer(self.dropout(self.activation(x) if number else x), edges)
        return x if nodes is None else ops.take(x, nodes, axis=0)
