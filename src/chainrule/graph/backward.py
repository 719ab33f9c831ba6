"""Reverse accumulation: the chain rule over the recorded graph, without recursion.

Nodes are visited once each, newest first. A node's number is larger than those of all nodes it depends on, so
descending order is a topological order of any graph, and a chain of any length works.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from chainrule.errors import GradientError, OpError, ShapeError
from chainrule.graph.context import QUIET, RECORDING
from chainrule.graph.node import Node
from chainrule.graph.registry import FUNCTIONS
from chainrule.graph.sparse import RowSparse
from chainrule.graph.tensor import Tensor, wrap

__all__ = ["backward", "gradients", "nodes_of"]


_order = attrgetter("order")


def nodes_of(tensors: Iterable[Tensor]) -> list[Node]:
    """Every node that the Tensors were computed by, newest first."""
    return _history(tensors)[0]


def _history(tensors: Iterable[Tensor]) -> tuple[list[Node], set[int]]:
    """Every node that the Tensors were computed by, newest first, and the identities of the leaves behind them."""
    nodes: list[Node] = []
    seen: set[int] = set()
    leaves: set[int] = set()
    stack: list[Node] = []
    for t in tensors:
        if t._node is None:
            leaves.add(id(t))
        else:
            stack.append(t._node)
    while stack:
        node = stack.pop()
        if node.order in seen:
            continue
        seen.add(node.order)
        nodes.append(node)
        for x, needed in zip(node.inputs, node.needs, strict=True):
            if needed:
                made = x._node
                if made is None:
                    leaves.add(id(x))
                elif made.order not in seen:
                    stack.append(made)
    nodes.sort(key=_order, reverse=True)
    return nodes, leaves


def backward(tensor: Tensor, gradient: Any, *, retain_graph: bool, create_graph: bool) -> None:
    """Adds gradients to `.grad` of the leaves; see `Tensor.backward`."""
    for leaf, g in gradients([tensor], [gradient], retain_graph=retain_graph, create_graph=create_graph):
        leaf.grad = g if leaf.grad is None else _sum(leaf.grad, g)


def gradients(
    outputs: Sequence[Tensor],
    seeds: Sequence[Any],
    *,
    wanted: Sequence[Tensor] | None = None,
    retain_graph: bool = False,
    create_graph: bool = False,
) -> list[tuple[Tensor, Any]]:
    """The gradients of the outputs, weighted by the seeds, as pairs of (Tensor, gradient).

    Arguments:
        outputs: what is differentiated.
        seeds: for each output its own gradient, or None for the 1 of a single number.
        wanted: the Tensors to differentiate by, leaves or not; None means every leaf that was reached.
        retain_graph: keep saved values for another pass.
        create_graph: record the pass itself; implies `retain_graph`.

    Raises:
        GradientError: when an output needs no gradient, a seed is missing, or the graph was freed.
    """
    retain_graph = retain_graph or create_graph
    starts = [_seed(y, g) for y, g in zip(outputs, seeds, strict=True)]
    nodes, behind = _history(outputs)
    useful: set[int] | None = None
    targets: set[Any] = set()
    if wanted is not None:
        targets = {_key(t) for t in wanted if t._node is not None}
        if targets or not behind.issubset([id(t) for t in wanted]):  # else every rule has to run
            useful = _leading_to(nodes, wanted)

    # Gradients on their way: of a node's output (or of each of several) by its number, of leaves by identity.
    arriving: dict[int, Any] = {}
    leaves: dict[int, tuple[Tensor, Any]] = {}
    found: dict[Any, Any] = {}

    def send(x: Tensor, g: Any) -> None:
        node = x._node
        if node is None:
            held = leaves.get(id(x))
            leaves[id(x)] = (x, g if held is None else _sum(held[1], g))
        elif not node.op.several:
            held = arriving.get(node.order)
            arriving[node.order] = g if held is None else _sum(held, g)
        else:
            slots = arriving.get(node.order)
            if slots is None:
                slots = arriving[node.order] = [None] * len(node._output)
            held = slots[x._index]
            slots[x._index] = g if held is None else _sum(held, g)

    token, quiet = RECORDING.set(create_graph), QUIET.set(True)
    try:
        with np.errstate(all="ignore"):
            for y, g in zip(outputs, starts, strict=True):
                send(y, g)
            for node in nodes:
                arrived = arriving.pop(node.order, None)
                if arrived is None:
                    continue
                if useful is not None:
                    for index, g in enumerate(arrived if node.op.several else (arrived,)):
                        if g is not None and (node.order, index) in targets:
                            found[(node.order, index)] = g
                    if node.order not in useful:
                        continue
                answer = _apply_rule(node, arrived)
                for x, g, needed in zip(node.inputs, answer, node.needs, strict=True):
                    if needed and g is not None:  # a rule may give more than it was asked for
                        own, data = x._data, g._data if type(g) is Tensor else g
                        if data.shape != own.shape or data.dtype is not own.dtype:
                            g = _fit(g, x, node)
                        made = x._node
                        if made is None or made.op.several or made.order in arriving:
                            send(x, g)
                        else:
                            arriving[made.order] = g
                if not retain_graph:
                    node.free()
    finally:
        RECORDING.reset(token)
        QUIET.reset(quiet)

    if wanted is None:
        return list(leaves.values())
    nothing = (None, None)
    return [(t, leaves.get(id(t), nothing)[1] if t._node is None else found.get(_key(t))) for t in wanted]


def _sum(held: Any, g: Any) -> Any:
    """Both gradients together; a RowSparse one knows how to join a dense one, not the other way around."""
    return g + held if isinstance(g, RowSparse) else held + g


def _key(tensor: Tensor) -> Any:
    return id(tensor) if tensor._node is None else (tensor._node.order, tensor._index)


def _seed(y: Tensor, gradient: Any) -> Tensor:
    if not y.requires_grad:
        raise GradientError(
            "backward was asked of a Tensor that needs no gradient: nothing it was computed from has "
            "requires_grad=True.",
            fix="make the inputs with cr.tensor(..., requires_grad=True) or use nn.Parameter, and compute "
            "outside of cr.no_grad()",
        )
    if gradient is None:
        if y.size != 1:
            raise GradientError(
                "backward without a gradient needs a single number, such as a loss; this Tensor has the shape "
                f"{y.shape}.",
                fix="y.sum().backward(), y.mean().backward(), or y.backward(gradient)",
            )
        data = y._data
        return wrap(data.dtype.type(1)) if isinstance(data, np.generic) else FUNCTIONS["ones_like"](y.detach())
    # asarray keeps the digits of a float64 gradient, which as_tensor would round to float32
    g = gradient if isinstance(gradient, Tensor) else FUNCTIONS["asarray"](gradient, dtype=y.dtype)
    if g.shape != y.shape:
        raise ShapeError(f"The gradient has the shape {g.shape}, the Tensor it belongs to {y.shape}.")
    return g if g.dtype == y.dtype else FUNCTIONS["astype"](g, y.dtype)


def _leading_to(nodes: list[Node], wanted: Sequence[Tensor]) -> set[int]:
    """The nodes through which a wanted Tensor is reached; the rules of all others need not run."""
    keys = {_key(t) for t in wanted}
    useful: set[int] = set()
    for node in reversed(nodes):
        for x, needed in zip(node.inputs, node.needs, strict=True):
            if needed and (_key(x) in keys or (x._node is not None and x._node.order in useful)):
                useful.add(node.order)
                break
    return useful


def _apply_rule(node: Node, arrived: Any) -> Sequence[Any]:
    results, op = node._results, node.op
    if results is None:
        raise GradientError(
            f"The values that the backward rule of {op.name} needs were released by an earlier backward pass.",
            where=node.source,
            fix="backward(retain_graph=True) the first time, or compute the result again",
        )
    if op.several:
        g: Any = tuple(
            wrap(np.zeros(r.shape, r.dtype)) if s is None else s for s, r in zip(arrived, results, strict=True)
        )
    else:
        g = arrived.dense() if isinstance(arrived, RowSparse) else arrived
    assert op.backward is not None
    answer = op.backward(node, g)
    if len(answer) != len(node.inputs):
        raise OpError(f"The backward rule of {op.name} gave {len(answer)} gradients for {len(node.inputs)} inputs.")
    return answer


def _fit(g: Any, x: Tensor, node: Node) -> Any:
    """The gradient in the shape and dtype of its input: summed over broadcast axes, in this one place for all ops."""
    if g.shape != x.shape:
        if isinstance(g, RowSparse):
            raise OpError(
                f"The backward rule of {node.op.name} gave a gradient for {g.shape} to an input of shape {x.shape}."
            )
        extra = g.ndim - x.ndim
        stretched = tuple(
            axis for axis in range(g.ndim) if axis < extra or (x.shape[axis - extra] == 1 and g.shape[axis] != 1)
        )
        if extra < 0 or any(
            g.shape[axis] != x.shape[axis - extra] for axis in range(extra, g.ndim) if axis not in stretched
        ):
            raise OpError(
                f"The backward rule of {node.op.name} gave a gradient of shape {g.shape} for an input of shape "
                f"{x.shape}.",
                where=node.source,
            )
        g = FUNCTIONS["reshape"](FUNCTIONS["sum"](g, axis=stretched), x.shape)
    if g.dtype != x.dtype:
        dtype = x.dtype
        g = (
            g.map(lambda v: FUNCTIONS["astype"](v, dtype))
            if isinstance(g, RowSparse)
            else FUNCTIONS["astype"](g, dtype)
        )
    return g
