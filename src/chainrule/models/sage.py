"""GraphSAGE: samples and aggregates."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from chainrule import nn
from chainrule.models.graph_network import GraphNetwork

__all__ = ["GraphSAGE"]


class GraphSAGE(GraphNetwork):
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
        widths = [in_features, *hidden, out_features]
        pool = aggregator == "pool"
        layers = [
            nn.SAGEConv(a, b, "max" if pool else aggregator, normalize and number < len(hidden), project=pool)
            for number, (a, b) in enumerate(pairwise(widths))
        ]
        super().__init__(layers, activation, dropout)
