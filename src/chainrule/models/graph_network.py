"""What the models on graphs have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chainrule import nn, ops
from chainrule.graph import Tensor

__all__ = ["GraphNetwork"]


class GraphNetwork(nn.Module):
    """Layers that are called with features and edges, an activation between them and dropout before each.

    Arguments:
        layers: from the features to what comes out.
        activation, dropout: of the hidden layers; the dropout is also of the features.

    Shape:
        features (nodes, in_features), a Tensor or `nn.SparseRows`, and edges (E, 2) → (nodes, out_features); with
        `nodes` (N,), of those only: (N, out_features).
    """

    def __init__(self, layers: Sequence[nn.Module], activation: str, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.activation = nn.activation(activation)
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Any, edges: Any, nodes: Any = None) -> Tensor:
        x = features
        for number, layer in enumerate(self.layers):
            x = self.activation(x) if number else x
            x = x.map(self.dropout) if isinstance(x, nn.SparseRows) else self.dropout(x)
            x = layer(x, edges)
        return x if nodes is None else ops.take(x, nodes, axis=0)
