"""GATConv: attention over the neighbours of a node."""

from __future__ import annotations

import math
from typing import Any

from chainrule import init, ops
from chainrule.graph import Tensor
from chainrule.nn.checks import positive
from chainrule.nn.dropout import Dropout
from chainrule.nn.edges import check_edges, check_nodes
from chainrule.nn.linear import Linear
from chainrule.nn.module import Module
from chainrule.nn.sparse_rows import SparseRows, product
from chainrule.nn.variables import Parameter

__all__ = ["GATConv"]


class GATConv(Module):
    """yᵢ = Σⱼ αᵢⱼ hⱼ + b with h = X W, and the attention αᵢⱼ the softmax, over the edges j → i, of LeakyReLU(a_src · hⱼ
    + a_dst · hᵢ); in several heads.

    Arguments:
        in_channels: features of a node before.
        out_channels: features of each head after.
        heads: H, how many there are, each with its own W and a.
        concat: whether the heads stand side by side; otherwise y is their mean.
        negative_slope: of the LeakyReLU.
        dropout: probability with which an αᵢⱼ is left out in training.
        add_self_loops: whether every node also attends to itself.
        bias: whether there is b.
        feature_dropout: probability with which a number of hⱼ is left out in training, on its way along the edges; not
            in the paper, but in its authors' code.
        dtype: of the parameters; float32 unless said otherwise.

    Shapes:
        x (nodes, in_channels), a Tensor or `SparseRows`, edges (E, 2) of integers, source and target →
        (nodes, heads · out_channels), or (nodes, out_channels) without concat. lin.weight (in_channels,
        heads · out_channels), att_src and att_dst (1, heads, out_channels) are Glorot's first, bias 0.

    The paper's one vector a for the pair (hᵢ, hⱼ) is att_dst beside att_src. Without self loops, a node without edges
    gets b.

    Raises:
        ShapeError, LabelError: as for `GCNConv`.

    Differs from PyTorch Geometric: edges are (E, 2); self loops that the graph has are not replaced, so a node with
    one attends to itself twice.

    Source: Veličković et al., "Graph Attention Networks" (2018), equations 1 to 6.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.GATConv(4, 2, heads=3)(cr.ones((3, 4)), cr.asarray([[0, 1], [1, 0]])).shape
        (3, 6)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        heads: int = 1,
        concat: bool = True,
        negative_slope: float = 0.2,
        dropout: float = 0.0,
        add_self_loops: bool = True,
        bias: bool = True,
        *,
        feature_dropout: float = 0.0,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.in_channels = positive(in_channels, "in_channels")
        self.out_channels = positive(out_channels, "out_channels")
        self.heads = positive(heads, "heads")
        self.concat = concat
        self.negative_slope = float(negative_slope)
        self.add_self_loops = add_self_loops
        self.lin = Linear(in_channels, heads * out_channels, bias=False, dialect="keras", dtype=dtype)
        # Glorot's bounds are of one head: each is a map of its own, from in_channels to out_channels and on to 1
        bound = math.sqrt(6.0 / (in_channels + out_channels))
        self.lin.weight.assign(init.uniform((in_channels, heads * out_channels), -bound, bound, dtype=dtype))
        bound = math.sqrt(6.0 / (out_channels + 1))
        self.att_src = Parameter(init.uniform((1, heads, out_channels), -bound, bound, dtype=dtype))
        self.att_dst = Parameter(init.uniform((1, heads, out_channels), -bound, bound, dtype=dtype))
        width = heads * out_channels if concat else out_channels
        self.bias = Parameter(init.zeros((width,), dtype=dtype), penalised=False) if bias else None
        self.dropout = Dropout(dropout)
        self.feature_dropout = Dropout(feature_dropout)

    def forward(self, x: Tensor | SparseRows, edges: Any) -> Tensor:
        check_nodes(self, x, self.lin.weight)
        nodes = x.shape[0]
        source, target = check_edges(self, edges, nodes)
        if self.add_self_loops:
            loops = ops.arange(nodes, dtype=source.dtype)
            source, target = ops.concat([source, loops]), ops.concat([target, loops])
        h = ops.reshape(product(x, self.lin), (nodes, self.heads, self.out_channels))
        sent, received = (h * self.att_src).sum(axis=-1), (h * self.att_dst).sum(axis=-1)
        scores = ops.take(sent, source, axis=0) + ops.take(received, target, axis=0)
        scores = ops.where(scores > 0, scores, self.negative_slope * scores)
        attention = self.dropout(ops.segment_softmax(scores, target, count=nodes))
        h = self.feature_dropout(h)
        y = ops.sparse_product(attention, h, target, source, count=nodes)
        y = ops.reshape(y, (nodes, self.heads * self.out_channels)) if self.concat else y.mean(axis=1)
        return y if self.bias is None else y + self.bias

    def extra_repr(self) -> str:
        return f"{self.in_channels}, {self.out_channels}, heads={self.heads}, concat={self.concat}"
