"""The graph convolutional network."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from chainrule import nn
from chainrule.models.graph_network import GraphNetwork

__all__ = ["GCN"]


class GCN(GraphNetwork):
    """Graph convolutions with an activation between them and dropout before each: Z = Â relu(Â X W₁) W₂ for one hidden
    layer.

    Arguments:
        in_features: numbers at each node.
        hidden: units of each hidden layer; the paper's network for citations has 16.
        out_features: numbers for each node that come out, such as one for each class.
        activation, dropout: of the hidden layers; the dropout is also of the features.

    Shape:
        features (nodes, in_features), a Tensor or `nn.SparseRows`, and edges (E, 2) → logits (nodes, out_features);
        with `nodes` (N,), of those only: (N, out_features).

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
        widths = [in_features, *hidden, out_features]
        super().__init__([nn.GCNConv(a, b) for a, b in pairwise(widths)], activation, dropout)
