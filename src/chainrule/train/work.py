"""How much work a training step is, read from the graph of one forward pass, and how many steps to do together."""

from __future__ import annotations

import math
from typing import NamedTuple

from chainrule.array import on_a_cpu
from chainrule.graph import Tensor, Variable

__all__ = ["Work", "work_of"]

_SECONDS_TOGETHER = 0.5
# Of a small machine; decides how many steps are done together, and must not depend on the machine's mood.
_ASSUMED_FLOPS = 1e11
_SAMPLES_IN_A_LOOK, _OPERATIONS_IN_A_LOOK = 32, 2.5e8


class Work(NamedTuple):
    """What a training step costs.

    Attributes:
        operations: floating-point operations for one sample, roughly.
        loops: whether every operation runs as fast inside a loop as outside (`Op.in_loops`).
    """

    operations: float
    loops: bool

    def steps_together(self, batch: int, steps: int) -> int:
        """About half a second's worth, so that bars move and Ctrl-C is heard; where possible as many each time, of the
        steps of an epoch, as another number of them is another program to compile.

        They share what a call takes beside its steps, some 50 µs, and what is done with their results.

        Worked out from the network, never measured: a resumed run has to cut its steps at the same places.
        """
        most = int(min(max(_SECONDS_TOGETHER * _ASSUMED_FLOPS / max(self.operations * batch, 1.0), 1), 2000))
        return next((count for count in range(most, most // 2, -1) if steps % count == 0), most)

    @property
    def in_one_call(self) -> bool:
        """Whether steps run as fast in a loop of one program as in as many calls."""
        return self.loops or not on_a_cpu()

    def samples_in_a_look(self) -> int:
        """As many as NumPy takes forth and back in some hundredths of a second."""
        return int(min(max(_OPERATIONS_IN_A_LOOK / max(self.operations, 1.0), 4), _SAMPLES_IN_A_LOOK))


def work_of(cost: Tensor, samples: int) -> Work:
    """The work of a training step, from a loss and its graph.

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
    return Work(operations / samples, loops)
