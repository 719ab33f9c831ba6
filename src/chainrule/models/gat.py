"""The graph attention network."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule import nn
from chainrule.models.graph_network import GraphNetwork

__all__ = ["GAT"]


class GAT(GraphNetwork):
    """Layers of attention over neighbours, in several heads that stand side by side, with an activation between them
    and dropout before each; the heads of the last one are averaged.

    Arguments:
        in_features: numbers at each node.
        hidden: units of each head of each hidden layer; the paper's network for citations has 8.
        out_features: numbers for each node that come out, such as one for each class.
        heads, out_heads: heads of the hidden layers and of the last one.
        activation, dropout: of the hidden layers; the dropout is also of the features, of the attention,
            and, as in the authors' code, of what goes along the edges.

    Shape: as `GCN`.

    Source: Veličković et al., "Graph Attention Networks" (2018), section 3.3.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import models
        >>> models.GAT(4, [8], 2)(cr.ones((3, 4)), cr.asarray([[0, 1], [1, 0]])).shape
        (3, 2)
    """

    def __init__(
        self,
        in_features: int,
        hidden: Sequence[int],
        out_features: int,
        *,
        heads: int = 8,
        out_heads: int = 1,
        activation: str = "elu",
        dropout: float = 0.6,
    ) -> None:
        layers, width = [], in_features
        for units in hidden:
            layers.append(nn.GATConv(width, units, heads, dropout=dropout, feature_dropout=dropout))
            width = units * heads
        layers.append(
            nn.GATConv(width, out_features, out_heads, concat=False, dropout=dropout, feature_dropout=dropout)
        )
        super().__init__(layers, activation, dropout)
