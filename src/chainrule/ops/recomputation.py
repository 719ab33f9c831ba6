"""Recomputation: a part of a computation that keeps its inputs alone, and is computed again for its gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.array import jax_namespace
from chainrule.errors import GradientError, OpError
from chainrule.graph import (
    FUNCTIONS,
    TRACE,
    Node,
    Variable,
    gradients,
    is_recording,
    op,
    source_of_caller,
    wrap,
)
from chainrule.graph.node import _order
from chainrule.graph.op import values
from chainrule.graph.tensor import is_tracer
from chainrule.ops.loops import _captured
from chainrule.ops.steps import Inside

__all__ = ["recompute"]


@dataclass(eq=False)
class Part:
    """What is computed again.

    Attributes:
        function: takes a list of Tensors and gives one.
        given: how many it takes; further inputs of the operation are what it uses from outside.
        context: the context variables of the first time, such as the path of the layer.
        made: the results of the first time and the values of the Variables that it read, until they are taken.
    """

    function: Callable[[list[Any]], list[Any]]
    given: int
    context: Context
    made: tuple[list[Any], dict[int, Any]] | None = None


class _Noting(Inside):
    """The trace of the first time, which notes what Variables held when they were read."""

    def __init__(self, outer: Any) -> None:
        super().__init__(outer, {})
        self.seen: dict[int, tuple[Variable, Any]] = {}

    def read(self, variable: Variable) -> Any:
        value = super().read(variable)
        if id(variable) not in self.held:
            self.seen[id(variable)] = variable, value
        return value


def _rule(node: Node, g: Any) -> list[Any]:
    """The gradients of all inputs, from the part computed once more with its Variables as they were."""
    part: Part = node.attributes["part"]
    higher = is_recording()
    given = list(values(node)[1][: part.given])
    captured = node.inputs[part.given :]
    seen: Any = node.saved
    held = {key: value for key, (_, value) in seen.items()}
    # Where the pass is recorded, what was computed again stays alive, and there is nothing to be saved.
    given = [
        FUNCTIONS["positive"](x) if x.requires_grad else wrap(x._data, needed)
        for x, needed in zip(given, node.needs, strict=False)
    ]
    cut = [*given, *(t for t in captured if not isinstance(t, Variable))]
    before = [(t._data, t._node, t._index) for t in cut]
    arrays = [t._data for t in cut]
    if not higher:
        arrays, held, g = _apart((arrays, held, g))
    inside = Inside(TRACE.get(), held)
    context = part.context.copy()  # as the part may be differentiated several times, and threads may share it
    context.run(TRACE.set, inside)
    token = TRACE.set(inside)
    try:
        for t, array in zip(cut, arrays, strict=True):
            t._data, t._node, t._index = array, None, 0  # the pass ends here
        results = context.run(part.function, given)
        kinds = [(y.shape, y.dtype) for y in results]
        if kinds != [(y.shape, y.dtype) for y in node._results or ()]:
            raise GradientError(
                "A part that is computed again for its gradient gave other results than the first time: "
                f"{', '.join(f'{d}{list(s)}' for s, d in kinds)}.",
                where=node.source,
                fix="random numbers from Streams, and state in Buffers: both are the same the second time",
            )
        pairs = [(y, d) for y, d in zip(results, g, strict=True) if y.requires_grad]
        sources = [x for x, needed in zip([*given, *captured], node.needs, strict=True) if needed]
        found = gradients([y for y, _ in pairs], [d for _, d in pairs], wanted=sources, create_graph=higher)
    finally:
        TRACE.reset(token)
        for t, (data, made, index) in zip(cut, before, strict=True):
            t._data, t._node, t._index = data, made, index
    answer = iter(found)
    return [next(answer)[1] if needed else None for needed in node.needs]


def _apart(parts: tuple[list[Any], dict[int, Any], Sequence[Any]]) -> tuple[list[Any], dict[int, Any], list[Any]]:
    """The same arrays where a program is being built, behind a barrier.

    Without it XLA would see that the part is computed twice, do it once, and keep everything until it is needed. The
    gradients that arrive go through the same barrier, so that nothing is computed again before they are there.
    """
    arrays, held, g = parts
    seeds = [d._data for d in g]
    if any(is_tracer(x) for x in (*arrays, *held.values(), *seeds)):
        arrays, held, seeds = jax_namespace().barrier((arrays, held, seeds))
    return arrays, held, [wrap(d) for d in seeds]


def _samples(rng: np.random.Generator) -> Any:
    def function(given: list[Any]) -> list[Any]:
        x, n, y = given
        return [FUNCTIONS["tanh"](x * y) * n, x, n + 1, FUNCTIONS["sum"](y * y)]

    part = Part(function, 3, copy_context())
    inputs = rng.normal(size=(2, 3)), np.asarray(2), rng.normal(size=3)
    yield inputs, {"part": part, "dtype": ("float64", "float64", "int64", "float64")}


@op(backward=_rule, several=True, saves=True, samples=_samples)
def _recomputed(xp: Any, *arrays: Any, part: Part, dtype: tuple[Any, ...]) -> Any:
    """The part as one operation on what it is given and what it captures; its results have the dtypes that it chose."""
    made, part.made = part.made, None
    return made or ([y._data for y in part.function([wrap(a) for a in arrays[: part.given]])], {})


def recompute(
    function: Callable[[list[Any]], list[Any]], inputs: Sequence[Any], *, context: Context | None = None
) -> list[Any]:
    """function(inputs) with an exact gradient, for which the function is computed again instead of being remembered.

    Gradients flow to the inputs and to all that the function uses from outside: parameters, other Tensors. The second
    time all Variables are as they were the first time, so that random streams give the same numbers; what is assigned
    to them then is forgotten.

    Arguments:
        function: takes a list of Tensors and gives a list of Tensors.
        inputs: the Tensors.
        context: the context variables for the second time; those of now unless said otherwise.

    Raises:
        OpError: for a function that leaves gradients in Variables, which it would do twice.
        GradientError: in the backward pass, for a function whose results differ the second time.
    """
    if not is_recording():
        return function(list(inputs))
    inside = _Noting(TRACE.get())
    token = TRACE.set(inside)
    start = next(_order)
    try:
        given = [wrap(x._data, x.requires_grad) for x in inputs]
        results = function(given)
        arrays = [y._data for y in results]
    finally:
        TRACE.reset(token)
    for variable, grad in inside.grads.values():
        if grad is not None:
            raise OpError(
                f"A part that is computed again for its gradient leaves a gradient in {variable.name or 'a Variable'}.",
                where=source_of_caller(),
                fix="cr.grad inside of it, or backward outside",
            )
        variable.grad = None
    own = {id(x) for x in given}
    captured = [t for t in _captured(results, start) if id(t) not in own]
    if any(x.requires_grad for x in (*inputs, *captured)):
        part = Part(function, len(given), context or copy_context(), (arrays, inside.seen))
        outputs = list(_recomputed(*inputs, *captured, part=part, dtype=tuple(a.dtype for a in arrays)))
    else:
        outputs = [wrap(a) for a in arrays]
    for variable in inside.written.values():
        variable.assign(wrap(inside.held[id(variable)]))
    return outputs
