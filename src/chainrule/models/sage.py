"""GraphSAGE: samples and aggregates."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from chainrule import nn, ops

__all__ = ["GraphSAGE"]


class GraphSAGE(nn.Module):
    """Layers that set each node beside the aggregate of its neighbours, with an activation between them and dropout
    before each.

    Arguments:
        in_features: numbers at each node.
        hidden: units of each hidden layer.
        out_features: numbers for each node that come out, such as one for each class.
        aggregator: "mean", "sum", "max" or "pool" (the maximum of what a layer makes of the neighbours).
        normalize: whether the rows of hidden layers have length 1.
        activation, dropout: of the hidden layers; the dropout is also of the features.

    Shape: as `GCN`. Nodes that training never saw are welcome: the weights belong to features, not to nodes.

    Source: Hamilton, Ying & Leskovec, "Inductive Representation Learning on Large Graphs" (2017), algorithm 1.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import models
        >>> models.GraphSAGE(4, [16], 2, aggregator="pool")(cr.ones((3, 4)), cr.asarray([[0, 1], [1, 0]])).shape
        (3, 2)
    """

    def __init__(
        self,
        in_features: int,
        hidden: Sequence[int],
        out_features: int,
        *,
        aggregator: str = "mean",
        normalize: bool = False,
        activation: str = "relu",
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        widths = [in_features, *hidden, out_features]
        pool = aggregator == "pool"
        self.layers = nn.ModuleList(
            nn.SAGEConv(a, b, "max" if pool else aggregator, normalize and number < len(hidden), project=pool)
            for number, (a, b) in enumerate(pairwise(widths))
        )
        self.activation = nn.activation(activation)
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Any, edges: Any, nodes: Any = None) -> Any:
        x = features
        for number, layer in enumerate(self.layers):
            x = layer(self.dropout(self.activation(x) if number else x), edges)
        return x if nodes is None else ops.take(x, nodes, axis=0)
