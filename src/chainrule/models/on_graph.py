"""A graph network together with its graph, so that what it is asked for are nodes."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import nn
from chainrule.data import Graph
from chainrule.graph import Tensor, as_tensor

__all__ = ["OnGraph"]

_SPARSE = 0.1


class OnGraph(nn.Module):
    """y = network(features, edges)[nodes]: a model whose samples are nodes of one graph, as `cr.Trainer` trains them.

    Arguments:
        network: such as `GCN`, called with features, edges and nodes.
        graph: whose features and edges it gets. They are constants: weights on file are the network's alone.
        scaled: whether the features are `graph.scaled_rows()`.

    Shape: nodes (N,), integers → (N, out_features).

    All nodes are computed whichever are asked for, since neighbours matter: train with `batch_size=None`. Features of
    which fewer than a tenth are not 0 are multiplied as `nn.SparseRows`.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> from chainrule import data, losses, models, optim
        >>> graph = data.Graph(np.eye(4), [[0, 1], [2, 3]], labels=[0, 0, 1, 1])
        >>> model = models.OnGraph(models.GCN(4, [8], 2, dropout=0.0), graph)
        >>> trainer = cr.Trainer(model, losses.CrossEntropy(), optim.Adam(model.parameters(), lr=0.1), progress=False)
        >>> run = trainer.fit((np.array([0, 2]), np.array([0, 1])), epochs=50, batch_size=None)
        >>> trainer.predict(np.array([1, 3])).argmax(axis=1).tolist()
        [0, 1]
    """

    def __init__(self, network: nn.Module, graph: Graph, *, scaled: bool = True) -> None:
        super().__init__()
        self.network = network
        features = graph.scaled_rows() if scaled else graph.features
        sparse = np.count_nonzero(features) < _SPARSE * features.size
        self.features = nn.SparseRows(features) if sparse else as_tensor(features)
        self.edges = graph.edges

    def forward(self, nodes: Any) -> Tensor:
        return self.network(self.features, self.edges, nodes)
