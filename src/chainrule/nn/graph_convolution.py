"""GCNConv: the graph convolution of Kipf and Welling."""

from __future__ import annotations

from typing import Any

from chainrule import init, ops
from chainrule.graph import Tensor, as_tensor
from chainrule.nn.checks import positive
from chainrule.nn.edges import check_edges, check_nodes
from chainrule.nn.linear import Linear
from chainrule.nn.module import Module
from chainrule.nn.sparse_rows import SparseRows, product
from chainrule.nn.variables import Parameter

__all__ = ["GCNConv"]


class GCNConv(Module):
    """Y = D^-½ (A + I) D^-½ X W + b: every node takes a weighted mean of its neighbours' features and its own.

    A[i, j] is the weight of the edge from j to i, 1 without weights, and D[i, i] = 1 + Σⱼ A[i, j]. The matrix stays
    a list of edges.

    Arguments:
        in_channels, out_channels: features of a node before and after.
        add_self_loops: whether there is the I; edges from a node to itself that the graph has count beside it.
        normalize: whether there are the D^-½.
        bias: whether there is b.
        dtype: of the parameters; float32 unless said otherwise.

    Shapes:
        x (nodes, in_channels), a Tensor or `SparseRows`, edges (E, 2) of integers, source and target, weights (E,) or
        None → (nodes, out_channels). lin.weight (in_channels, out_channels) is Glorot's first, bias (out_channels,) 0.

    An undirected graph has each edge in both directions (`data.Graph` sees to it). The order of edges does not matter.
    Weights may be learned; a node whose weights add up to −1 or less has no D^-½, and gets nan.

    Raises:
        ShapeError: for features, edges or weights of another shape.
        LabelError: for an edge to a node that the graph does not have, naming it; while compiling, where edges may be
            unknown, such a source gives its target nan, and such a target leaves the edge out.

    Differs from PyTorch Geometric: edges are (E, 2); self loops that the graph has are not replaced.

    Source: Kipf & Welling, "Semi-Supervised Classification with Graph Convolutional Networks" (2017), equations 2
    and 8.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> edges = cr.asarray([[0, 1], [1, 0]])  # node 2 has no neighbour
        >>> nn.GCNConv(4, 2)(cr.ones((3, 4)), edges).shape
        (3, 2)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        add_self_loops: bool = True,
        normalize: bool = True,
        bias: bool = True,
        *,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.in_channels = positive(in_channels, "in_channels")
        self.out_channels = positive(out_channels, "out_channels")
        self.add_self_loops = add_self_loops
        self.normalize = normalize
        self.lin = Linear(in_channels, out_channels, bias=False, dialect="keras", dtype=dtype)
        self.bias = Parameter(init.zeros((out_channels,), dtype=dtype), penalised=False) if bias else None

    def forward(self, x: Tensor | SparseRows, edges: Any, weights: Any = None) -> Tensor:
        check_nodes(self, x, self.lin.weight)
        nodes = x.shape[0]
        source, target = check_edges(self, edges, nodes, weights)
        values = ops.ones(source.shape, dtype=x.dtype) if weights is None else as_tensor(weights)
        h = own = product(x, self.lin)
        if self.normalize:
            degree = ops.segment_sum(values, target, count=nodes) + float(self.add_self_loops)
            isolated = degree == 0
            scale = ops.where(isolated, 0.0, 1.0 / ops.sqrt(ops.where(isolated, 1.0, degree)))
            values = values * ops.take(scale, source) * ops.take(scale, target)
            own = h * ops.square(scale)[:, None]
        y = ops.sparse_product(values, h, target, source, count=nodes)
        if self.add_self_loops:
            y = y + own
        return y if self.bias is None else y + self.bias

    def extra_repr(self) -> str:
        return f"{self.in_channels}, {self.out_channels}"
