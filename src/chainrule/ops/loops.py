"""scan: a recurrence over the leading axis, with an exact gradient.

Eagerly it is a Python loop that leaves the nodes of every step, to be looked at. While compiling it is one operation
with one loop, whose rule is one loop too: the state before each step is kept, each step is computed again and
differentiated by the reverse mode that differentiates everything else. The rule is a scan itself, so it can be
differentiated again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from chainrule.array import is_floating, jax_namespace
from chainrule.errors import CompileError, DtypeError, OpError, ShapeError
from chainrule.graph import (
    FUNCTIONS,
    TRACE,
    Node,
    Tensor,
    Variable,
    as_tensor,
    is_recording,
    nodes_of,
    op,
    source_of_caller,
    wrap,
)
from chainrule.graph.node import _order
from chainrule.graph.op import values
from chainrule.ops.steps import Inside, Loop, compiling, floating

__all__ = ["scan"]


def _flatten(value: Any, leaves: list[Tensor]) -> Any:
    """Appends the Tensors of a nested value to `leaves`; gives its structure."""
    if value is None:
        return None
    if isinstance(value, list | tuple):
        return (type(value), [_flatten(v, leaves) for v in value])
    if isinstance(value, dict):
        return (dict, [(key, _flatten(v, leaves)) for key, v in value.items()])
    leaves.append(as_tensor(value))
    return ()


def _rebuild(structure: Any, leaves: Iterator[Tensor]) -> Any:
    if structure is None:
        return None
    if structure == ():
        return next(leaves)
    kind, parts = structure
    if kind is dict:
        return {key: _rebuild(part, leaves) for key, part in parts}
    made = [_rebuild(part, leaves) for part in parts]
    return kind(*made) if hasattr(kind, "_fields") else kind(made)


def _scan_rule(node: Node, g: Any) -> list[Any]:
    loop: Loop = node.attributes["loop"]
    changed = [t.name for t in loop.captured if any(t is v for v in loop.written) and isinstance(t, Variable)]
    if changed:
        raise CompileError(
            f"{', '.join(changed)} is assigned to inside the step of a scan whose gradient by it is asked for.",
            where=node.source,
            fix="carry it as a Tensor, or differentiate uncompiled",
        )
    results, inputs = values(node)
    carry, sequence, captured = loop.divide(inputs)
    needs = node.needs[len(carry) : len(carry) + len(sequence)]
    kept = results[len(results) - len(carry) :]
    dlast = floating(g[: loop.carried])
    doutputs = floating(g[len(carry) : len(results) - len(carry)])
    dkept = floating(g[len(results) - len(carry) :][: loop.carried])
    if all(type(d._data) is np.ndarray and not d._data.any() for d in dkept):
        dkept = []  # nobody used them, as always but in gradients of gradients
    zeros = [FUNCTIONS["zeros_like"](c.detach()) for c in captured]
    back = Loop(loop.back(needs), len(dlast) + len(zeros), loop.captured, (), loop.length, not loop.reverse)
    parts = [*kept, *sequence, *doutputs, *dkept]
    answer = list(_scan(*dlast, *zeros, *parts, *captured, loop=back, keep=is_recording()))
    dlast, dcaptured, dsequence = answer[: len(dlast)], answer[len(dlast) : back.carried], answer[back.carried :]
    dcarry, dx = iter(dlast), iter(dsequence)
    return [
        *(next(dcarry) if is_floating(c.dtype) else None for c in carry[: loop.carried]),
        *(None for _ in loop.written),
        *(next(dx) if needed else None for needed in needs),
        *dcaptured,
    ]


def _samples(rng: np.random.Generator) -> Any:
    shift, weight = wrap(np.zeros(2), requires_grad=True), wrap(np.zeros((2, 2)), requires_grad=True)

    def step(carry: list[Any], x: list[Any]) -> tuple[list[Any], list[Any]]:
        h = FUNCTIONS["tanh"](FUNCTIONS["matmul"](weight, carry[0]) + shift * x[0])
        return [h, carry[1] + 1], [h * x[0], carry[1]]

    for length, reverse in ((3, False), (2, True), (0, False)):
        inputs = rng.normal(size=2), np.asarray(4), rng.normal(size=(length, 2)), rng.normal(size=2)
        loop = Loop(step, 2, (shift, weight), (), length, reverse)
        yield (*inputs, rng.normal(size=(2, 2))), {"loop": loop, "keep": True}


@op(backward=_scan_rule, several=True, samples=_samples)
def _scan(xp: Any, *arrays: Any, loop: Loop, keep: bool) -> Any:
    """The loop as one operation on its first carry, the values of its Variables, its sequences and what it captures.

    Gives the last carry and Variables, the outputs stacked and, for the rule, the carry before each step.
    """
    if compiling():
        xp = jax_namespace()  # what the step uses from outside may be part of the program where nothing given is
    carry, sequence, captured = loop.divide(arrays)

    def step(carry: list[Any], x: list[Any]) -> tuple[list[Any], list[Any]]:
        new, outputs = loop.run(carry, x, captured)
        return new, [*outputs, *(carry if keep else [])]

    last, made = xp.scan(step, carry, sequence, loop.length, loop.reverse)
    return [*last, *made]


@op(
    backward=lambda node, g: [FUNCTIONS["stack"](g)],
    several=True,
    samples=lambda rng: [((rng.normal(size=(3, 2)),), {}), ((rng.normal(size=3),), {})],
)
def _slices(xp: Any, x: Any, /) -> Any:
    """The slices along the first axis as results of one operation, whose gradients are joined in one piece."""
    return [x[t] for t in range(x.shape[0])]


# -- what is public ---------------------------------------------------------------------------------------------------


def scan(
    step: Callable[[Any, Any], tuple[Any, Any]],
    carry: Any,
    sequence: Any = None,
    *,
    length: int | None = None,
    reverse: bool = False,
) -> tuple[Any, Any]:
    """A recurrence: carry, yₜ = step(carry, xₜ) for every entry xₜ of the leading axis of the sequence.

    Arguments:
        step: takes the carry and one entry, gives the next carry (of the same structure, shapes and dtypes) and an
            output.
        carry: the first one: a Tensor, or a nesting of them in tuples, lists and dictionaries; may be None.
        sequence: (T, …), or a nesting of such; None for a loop that only counts.
        length: T; needed only without a sequence.
        reverse: from the last entry to the first; outputs stay at the places of their entries.

    Returns:
        the last carry, and the outputs stacked along a new leading axis.

    Gradients flow to the first carry, the sequence, and all that the step uses from outside: parameters of layers,
    Tensors. Variables that the step assigns to, such as running statistics and random streams, go from step to step as
    in a Python loop. Run eagerly, it is one, and every step's nodes can be looked at. In `cr.compile` the program has
    one loop, however long the sequence, and one for the gradient, which keeps the carries and computes the rest of each
    step again.

    Raises:
        ShapeError: for sequences of different lengths, or a carry whose shape changes.
        DtypeError: for a carry whose dtype changes.
        OpError: for a step that does not give a pair, or a carry or output of another structure than before.

    Differs from `jax.lax.scan`: the step need not be pure.

    Example:
        >>> import chainrule as cr
        >>> total, sums = cr.scan(lambda total, x: (total + x, total + x), cr.tensor(0.0), cr.tensor([1.0, 2.0, 3.0]))
        >>> float(total), sums.tolist()
        (6.0, [1.0, 3.0, 6.0])
    """
    first: list[Tensor] = []
    sequences: list[Tensor] = []
    carry_structure, structure = _flatten(carry, first), _flatten(sequence, sequences)
    steps = _length(sequences, length)
    output_structure: list[Any] = []

    def flat(carry: list[Any], x: list[Any]) -> tuple[list[Any], list[Any]]:
        answer = step(_rebuild(carry_structure, iter(carry)), _rebuild(structure, iter(x)))
        if not isinstance(answer, tuple) or len(answer) != 2:
            raise OpError(
                f"The step of a scan gives a pair (carry, output), got {type(answer).__name__}.",
                where=source_of_caller(),
                fix="return carry, output; or carry, None",
            )
        new: list[Tensor] = []
        outputs: list[Tensor] = []
        _check_carry(first, carry_structure, new, _flatten(answer[0], new))
        output_structure.append(_flatten(answer[1], outputs))
        if output_structure[-1] != output_structure[0]:
            raise OpError("The outputs of the steps of a scan differ in structure.", where=source_of_caller())
        return new, outputs

    if compiling() or not steps:
        last, made = _as_one(flat, first, sequences, steps, reverse)
    else:
        slices = [_slices(x) for x in sequences]
        last, outputs = first, [[]] * steps
        for t in reversed(range(steps)) if reverse else range(steps):
            last, outputs[t] = flat(last, [s[t] for s in slices])
        made = [FUNCTIONS["stack"](parts) for parts in zip(*outputs, strict=True)]
    return _rebuild(carry_structure, iter(last)), _rebuild(output_structure[0], iter(made))


def _length(sequences: list[Tensor], length: int | None) -> int:
    lengths = {x.shape[0] if x.ndim else None for x in sequences} | ({length} if length is not None else set())
    if len(lengths) == 1 and None not in lengths:
        return lengths.pop() or 0
    raise ShapeError(
        f"scan needs sequences with one common leading axis, got {[x.shape for x in sequences]}"
        + (f" and length={length}." if length is not None or not sequences else "."),
        where=source_of_caller(),
        fix="time is the first axis: permute_dims(x, (1, 0, 2)) of a batch (N, T, C); without a sequence, length=T",
    )


def _check_carry(first: list[Tensor], structure: Any, new: list[Tensor], given: Any) -> None:
    if given != structure:
        raise OpError(
            "The step of a scan gives a carry of another structure than the first one.",
            where=source_of_caller(),
            fix="return it nested as it was given: (h, c) for (h, c)",
        )
    for before, after in zip(first, new, strict=True):
        if after.shape != before.shape:
            raise ShapeError(
                f"The carry of a scan keeps its shape; it began as {before.shape} and a step made it {after.shape}.",
                where=source_of_caller(),
            )
        if after.dtype != before.dtype:
            raise DtypeError(
                f"The carry of a scan keeps its dtype; it began as {before.dtype} and a step made it {after.dtype}.",
                where=source_of_caller(),
                fix=f"a first carry of dtype {after.dtype}, or astype in the step",
            )


def _as_one(
    step: Callable[..., Any], carry: list[Tensor], sequences: list[Tensor], length: int, reverse: bool
) -> tuple[list[Tensor], list[Tensor]]:
    """The loop as one operation, after one step outside of it that shows what it uses; that one's results go unused."""
    recording = is_recording()
    inside = Inside(TRACE.get(), {})
    token = TRACE.set(inside)
    start = next(_order)
    try:
        x = [s.detach()[0] if length else FUNCTIONS["zeros"](s.shape[1:], dtype=s.dtype) for s in sequences]
        new, outputs = step([c.detach() for c in carry], x)
        captured = _captured([*new, *outputs], start) if recording else []
    finally:
        TRACE.reset(token)
    for variable, grad in inside.grads.values():
        if grad is not None:
            raise CompileError(
                f"The step of a scan leaves a gradient in {variable.name or 'a Variable'}, which cannot be carried on.",
                where=source_of_caller(),
                fix="use optimizer.minimize(loss), or cr.grad",
            )
        variable.grad = None
    written = list(inside.written.values())
    loop = Loop(step, len(carry), tuple(captured), tuple(written), length, reverse)
    inputs = [*carry, *(v.detach() for v in written), *sequences, *captured]
    keep = recording and any(x.requires_grad for x in inputs)
    results = list(_scan(*inputs, loop=loop, keep=keep))
    for variable, value in zip(written, results[len(carry) :], strict=False):
        variable.assign(value.detach())
    first = len(carry) + len(written)
    return results[: len(carry)], results[first : first + len(outputs)]


def _captured(results: list[Tensor], start: int) -> list[Tensor]:
    """What needs a gradient and was not made since the start, of all that the results were computed from."""

    def outside(x: Tensor) -> bool:
        return x.requires_grad and (x._node is None or x._node.order < start)

    found = {id(y): y for y in results if outside(y)}
    for node in nodes_of(results):
        if node.order > start:
            found |= {id(x): x for x, needed in zip(node.inputs, node.needs, strict=True) if needed and outside(x)}
    return list(found.values())
