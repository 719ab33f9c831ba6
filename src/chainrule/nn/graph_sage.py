"""SAGEConv: a node beside a sample, or all, of its neighbours."""

from __future__ import annotations

from typing import Any

from chainrule import ops
from chainrule.errors import ConfigError, suggest
from chainrule.graph import Tensor
from chainrule.nn.checks import positive
from chainrule.nn.edges import check_edges, check_nodes
from chainrule.nn.linear import Linear
from chainrule.nn.module import Module
from chainrule.nn.sparse_rows import SparseRows, product

__all__ = ["SAGEConv"]

_AGGREGATORS = ("mean", "sum", "max")


class SAGEConv(Module):
    """yᵢ = aggregate(xⱼ over the edges j → i) · W_l + b + xᵢ · W_r.

    Arguments:
        in_channels, out_channels: features of a node before and after.
        aggr: "mean", "sum" or "max" of each feature; without a neighbour they are 0.
        normalize: whether every yᵢ is divided by its length (algorithm 1, line 7).
        root_weight: whether the node itself takes part.
        project: whether neighbours first pass xⱼ ← relu(xⱼ · W + b); with `aggr="max"` it is the paper's pooling
            aggregator (equation 3).
        bias: whether there is b.
        dtype: of the parameters; float32 unless said otherwise.

    Shapes:
        x (nodes, in_channels), a Tensor or `SparseRows`, edges (E, 2) of integers, source and target →
        (nodes, out_channels). lin_l.weight and
        lin_r.weight (in_channels, out_channels) are Glorot's first, lin_l.bias (out_channels,) 0.

    The paper writes one matrix for the node and its neighbourhood side by side; W_r and W_l are its two halves. Graphs
    that are too large are sampled outside: the edges say which neighbours count.

    Raises:
        ConfigError: for an unknown aggregator. ShapeError, LabelError: as for `GCNConv`.

    Differs from PyTorch Geometric: edges are (E, 2); equal largest neighbours share the gradient.

    Source: Hamilton, Ying & Leskovec, "Inductive Representation Learning on Large Graphs" (2017), algorithm 1 and
    section 3.3.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.SAGEConv(4, 2, aggr="max")(cr.ones((3, 4)), cr.asarray([[0, 1], [1, 0]])).shape
        (3, 2)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        aggr: str = "mean",
        normalize: bool = False,
        root_weight: bool = True,
        project: bool = False,
        bias: bool = True,
        *,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if aggr not in _AGGREGATORS:
            raise ConfigError(
                f"There is no aggregator {aggr!r}.{suggest(str(aggr), _AGGREGATORS)}",
                fix=f"one of {', '.join(_AGGREGATORS)}",
            )
        self.in_channels = positive(in_channels, "in_channels")
        self.out_channels = positive(out_channels, "out_channels")
        self.aggr = aggr
        self.normalize = normalize

        def linear(width: int, bias: bool) -> Linear:
            return Linear(in_channels, width, bias=bias, dialect="keras", dtype=dtype)

        self.lin = linear(in_channels, True) if project else None
        self.lin_l = linear(out_channels, bias)
        self.lin_r = linear(out_channels, False) if root_weight else None

    def forward(self, x: Tensor | SparseRows, edges: Any) -> Tensor:
        check_nodes(self, x, self.lin_l.weight)
        nodes = x.shape[0]
        source, target = check_edges(self, edges, nodes)
        neighbours = x if self.lin is None else ops.relu(product(x, self.lin))
        sparse = isinstance(neighbours, SparseRows)
        narrow = self.aggr != "max" and (sparse or self.out_channels < self.in_channels)
        if narrow:  # a sum of products is the product of the sum: along the edges go the fewer numbers
            neighbours = neighbours @ self.lin_l.weight
        elif sparse:
            neighbours = neighbours.dense()
        ones = ops.ones(source.shape, dtype=x.dtype)
        if self.aggr == "max":
            h = ops.segment_max(ops.take(neighbours, source, axis=0), target, count=nodes)
        else:
            h = ops.sparse_product(ones, neighbours, target, source, count=nodes)
        if self.aggr == "mean":
            degree = ops.segment_sum(ones, target, count=nodes)
            h = h * (1.0 / ops.maximum(degree, 1.0))[:, None]
        if not narrow:
            y = self.lin_l(h)
        else:
            y = h if self.lin_l.bias is None else h + self.lin_l.bias
        if self.lin_r is not None:
            y = y + product(x, self.lin_r)
        return _unit(y) if self.normalize else y

    def extra_repr(self) -> str:
        return f"{self.in_channels}, {self.out_channels}, aggr={self.aggr!r}"


def _unit(y: Tensor) -> Tensor:
    """The rows at length 1; a row of zeros stays, with no gradient."""
    square = ops.square(y).sum(axis=-1, keepdims=True)
    zero = square == 0
    return ops.where(zero, y.detach(), y / ops.sqrt(ops.where(zero, 1.0, square)))
