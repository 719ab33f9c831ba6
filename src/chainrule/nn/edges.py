"""What layers on graphs check of nodes and edges, with errors that say which edge is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule import ops
from chainrule.errors import DtypeError, LabelError, ShapeError
from chainrule.graph import Tensor, as_tensor
from chainrule.graph.tensor import is_tracer
from chainrule.nn.checks import check_dtype

if TYPE_CHECKING:
    from chainrule.nn.module import Module
    from chainrule.nn.sparse_rows import SparseRows

__all__ = ["check_edges", "check_nodes"]


def check_nodes(layer: Module, x: Tensor | SparseRows, weight: Tensor) -> None:
    """Refuses features that are not one row for each node, of as many channels as the weight has rows, in its dtype."""
    channels = weight.shape[0]
    if x.ndim != 2 or x.shape[1] != channels:
        raise ShapeError(
            f"{layer.label()} got features of shape {x.shape}, expected (nodes, {channels}).",
            fix="one row for each node"
            + (
                f", and in_channels={x.shape[1]} in the layer"
                if x.ndim == 2
                else "; graphs in a batch become one graph"
            ),
        )
    check_dtype(layer, x if isinstance(x, Tensor) else x.values, weight)


def check_edges(layer: Module, edges: Any, nodes: int, weights: Any = None) -> tuple[Tensor, Tensor]:
    """The sources and the targets of the edges.

    While compiling, edges that are an argument have no values yet: a source outside the graph then points past its end,
    where the look-up gives nan, and so does a target, where nothing is added.
    """
    edges = as_tensor(edges)
    if edges.ndim != 2 or edges.shape[1] != 2:
        turned = edges.ndim == 2 and edges.shape[0] == 2
        raise ShapeError(
            f"{layer.label()} got edges of shape {edges.shape}, expected (E, 2): source and target of each.",
            fix="edges.T, where each row is one edge" if turned else "one row for each edge",
        )
    if edges.dtype.kind not in "iu":
        raise DtypeError(f"{layer.label()} got edges of {edges.dtype}, expected integers.", fix="edges.astype('int32')")
    if weights is not None and as_tensor(weights).shape != edges.shape[:1]:
        raise ShapeError(
            f"{layer.label()} got weights of shape {as_tensor(weights).shape} for {edges.shape[0]} edges.",
            fix=f"one weight for each edge, of shape ({edges.shape[0]},)",
        )
    edges = ops.astype(edges, "int32") if edges.dtype.itemsize < 4 else edges  # there may be more nodes than it counts
    if is_tracer(edges._data):
        edges = ops.where(edges < 0, nodes, edges) if edges.dtype.kind == "i" else edges
    else:
        _check_ids(layer, edges.numpy(), nodes)
    return edges[:, 0], edges[:, 1]


def _check_ids(layer: Module, edges: np.ndarray, nodes: int) -> None:
    if not edges.size or (edges.min() >= 0 and edges.max() < nodes):
        return
    row = int(np.argmax(((edges < 0) | (edges >= nodes)).any(axis=1)))
    source, target = (int(end) for end in edges[row])
    raise LabelError(
        f"{layer.label()} got the edge {source} → {target} in row {row}; the graph has the nodes 0 to {nodes - 1}.",
        fix="features of every node, and nodes numbered from 0",
    )
