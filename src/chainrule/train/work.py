"""How much work a training step is, and whether loops are good for it, read from the graph of one forward pass."""

from __future__ import annotations

import math

from chainrule.graph import Tensor, Variable

__all__ = ["work_of"]


def work_of(cost: Tensor, samples: int) -> tuple[float, bool]:
    """Floating-point operations of a training step for one sample, roughly, and whether every operation runs as fast
    inside a loop as outside (`Op.in_loops`).

    Each parameter takes part in one multiplication and one addition at every place where it is used (a convolution's at
    every pixel, an attention's at every token), three times: forward, and for the gradients by input and by parameter.

    Arguments:
        cost: the loss of a few samples, with its graph.
        samples: how many these were.
    """
    operations, loops = 0.0, True
    stack, seen = [cost.node], set()
    while stack:
        node = stack.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        loops = loops and node.op.in_loops
        for x in node.inputs:
            if isinstance(x, Variable) and node._results:
                shape = node._results[0].shape
                operations += 6.0 * x.size * math.prod(shape[:-1])
            elif isinstance(x, Tensor):
                stack.append(x.node)
    return operations / samples, loops
