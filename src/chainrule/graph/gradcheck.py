"""gradcheck: gradients by backpropagation against central differences, and the culprit named where they disagree."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.array import is_floating
from chainrule.errors import GradcheckError
from chainrule.graph.agreement import Agreement, Disagreement, Settings, compare, signed
from chainrule.graph.backward import nodes_of
from chainrule.graph.differences import Differentiable, floating_outputs, in_float64, place
from chainrule.graph.node import Node
from chainrule.graph.tensor import Tensor, Variable, as_tensor, wrap

__all__ = ["GradcheckReport", "gradcheck"]

_NODES_TO_SEARCH = 1000


@dataclass(frozen=True)
class GradcheckReport:
    """What a passed check covered.

    Attributes:
        order: 1 or 2, the highest derivative compared.
        entries: how many entries of Jacobians, or of combinations of their rows, were compared.
        worst_relative_error: of all of them; at most the tolerance.
        forward_passes: evaluations of the function.
        backward_passes: passes back through its graph.
    """

    order: int
    entries: int
    worst_relative_error: float
    forward_passes: int
    backward_passes: int

    def __str__(self) -> str:
        return (
            f"gradcheck passed: {self.entries} entries up to order {self.order}, "
            f"worst relative error {self.worst_relative_error:.1e}, "
            f"{self.forward_passes} forward and {self.backward_passes} backward passes"
        )


def gradcheck(
    function: Callable[..., Any],
    inputs: Any,
    *,
    wrt: Iterable[Variable] = (),
    order: int = 1,
    step: float = 6e-6,
    rtol: float = 1e-5,
    atol: float = 1e-7,
    seed: int = 0,
) -> GradcheckReport:
    """Compares the derivatives of backpropagation with central differences (f(x + h) - f(x - h)) / 2h, in float64.

    Small functions are compared over the whole Jacobian. For many outputs, random combinations of all of them take
    the place of its rows; for many inputs, groups that move together take that of its columns: every entry counts.
    Where a group disagrees, it is halved until the entry is found, and each operation of the graph is tried by itself
    to find the one whose backward rule is wrong.

    Arguments:
        function: returns Tensors of any shape, alone or in tuples, lists and dicts; the same inputs must give the
            same values each time.
        inputs: one Tensor, array or number, or a tuple or list of them. Floating ones become float64 and are
            differentiated by; everything else is handed on as it is.
        wrt: Variables that the function uses, such as `model.parameters()`, to differentiate by as well; frozen ones
            are left out. They hold float64 during the check, and afterwards what they held before.
        order: 2 also checks the gradient of the gradient, by the inputs and by the gradient that comes in.
        step: h, relative to entries larger than 1.
        rtol: the difference allowed, relative to the larger of the two.
        atol: the difference allowed in any case; the rounding error of the differences comes on top.
        seed: of the random combinations.

    Returns:
        A report of what was compared.

    Raises:
        GradcheckError: where the two disagree, with the entry, both values and the source line; or when the function
            cannot be checked.

    Differs from PyTorch: the inputs need be neither float64 nor marked; a kink near the point (relu close to 0) is
    stepped around with a smaller step.

    Example:
        >>> import chainrule as cr
        >>> report = cr.gradcheck(lambda x: (x * cr.exp(x)).sum(), cr.tensor([0.5, 1.0]), order=2)
        >>> report.worst_relative_error < 1e-6
        True
    """
    if order not in (1, 2):
        raise GradcheckError(f"gradcheck compares derivatives of order 1 or 2, not {order!r}.")
    variables = list({id(v): v for v in wrt if v.requires_grad}.values())
    settings = Settings(step, rtol, atol, np.random.default_rng(seed))
    with in_float64(variables):
        first = _as_differentiable(function, inputs, variables)
        steps = [(first, compare(first, settings))]
        if order == 2 and steps[0][1].worst is None:
            second = first.gradient_function([signed(settings.rng, y.shape) for y in steps[0][1].outputs])
            steps.append((second, compare(second, settings)))
        reached = len(steps)
        checked, result = steps[-1]
        if result.worst is not None:
            raise _explain(checked, result, result.worst, settings, reached, _culprit(first, settings, reached))
    return GradcheckReport(
        order,
        sum(found.entries for _, found in steps),
        max(found.relative for _, found in steps),
        sum(problem.forward_passes for problem, _ in steps),
        sum(problem.backward_passes for problem, _ in steps),
    )


def _as_differentiable(function: Callable[..., Any], inputs: Any, variables: list[Variable]) -> Differentiable:
    given = list(inputs) if isinstance(inputs, tuple | list) else [inputs]
    known = _parameter_names(function)
    start: list[np.ndarray] = []
    names: list[str] = []
    positions: list[int] = []
    for position, x in enumerate(given):
        if not isinstance(x, Tensor | np.ndarray | np.generic | float | list):
            continue
        tensor = as_tensor(x)
        if is_floating(tensor.dtype):
            positions.append(position)
            start.append(np.array(tensor.numpy() if isinstance(x, Tensor) else x, np.float64))
            names.append(f"input {position} ({known[position]})" if position < len(known) else f"input {position}")
        else:
            given[position] = tensor
    for i, variable in enumerate(variables):
        start.append(np.array(variable.numpy()))
        names.append(f"Variable {variable.name!r}" if variable.name else f"Variable {i}")
    if not start:
        raise GradcheckError(
            "gradcheck found nothing to differentiate by: no floating input, no Variable that requires a gradient.",
            fix="pass floating Tensors as inputs, or parameters as wrt=",
        )

    def run(leaves: list[Tensor], recorded: bool) -> list[Tensor]:
        arguments = list(given)
        for position, leaf in zip(positions, leaves, strict=False):
            arguments[position] = leaf
        outputs = floating_outputs(function(*arguments))
        if not outputs:
            raise GradcheckError("The function under gradcheck returned no floating Tensor to differentiate.")
        return outputs

    return Differentiable(run, start, [None] * len(positions) + variables, names)


def _parameter_names(function: Callable[..., Any]) -> list[str]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # a built-in without a signature
        return []
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


# -- where they disagree ---------------------------------------------------------------------------------------------


def _explain(
    checked: Differentiable,
    result: Agreement,
    worst: Disagreement,
    settings: Settings,
    order: int,
    culprit: Node | None,
) -> GradcheckError:
    """The error for the worst disagreement, narrowed down to one entry of one output by one entry of one input."""
    at, step = checked.vector, settings.step
    leaves, outputs = checked.record()
    entry = _narrow_entries(checked, at, worst, step)
    output = _narrow_outputs(checked, at, leaves, outputs, entry, worst.cotangent, step)
    one = np.zeros(len(worst.cotangent))
    one[output] = 1.0
    analytic = float(checked.pullback(leaves, outputs, one)[entry])
    change, moved, _ = checked.difference(at, np.array([entry]), np.ones(1), step)
    numeric = float(change[output] / moved[0])
    leaf, index = checked.place(entry)
    made, made_index = place(outputs, output)
    if order == 2:
        target = f"the gradient by {checked.names[made]}"
    else:
        target = f"output {made}" if len(outputs) > 1 else "the output"
    difference = abs(analytic - numeric)
    relative = difference / max(abs(analytic), abs(numeric), 1e-300)
    lines = [
        f"gradcheck: {'the gradient' if order == 1 else 'a second derivative'} is wrong, that of "
        f"{target}{_subscript(made_index)} by {checked.names[leaf]}{_subscript(index)}:",
        f"  backpropagation      {analytic:.10g}",
        f"  central differences  {numeric:.10g}",
        f"  they differ by       {difference:.3g}, relative {relative:.3g} where {settings.rtol:g} is allowed",
        f"  in all, {result.wrong} of {result.comparisons} comparisons disagree; this is the worst",
    ]
    left, right = _slopes(checked, at, entry, output, step)
    kink = abs(left - right) > 1e-3 * max(abs(left), abs(right))
    if kink:
        lines.append(f"  there is a kink or a jump: the slope is {left:.6g} on the left and {right:.6g} on the right")
    where = None if culprit is None else f"{culprit.op.name} at {culprit.source}"
    if not np.isfinite([analytic, numeric]).all():
        fix = "check at a point where the value and the gradient are finite"
    elif kink:
        fix = "check at another point: at a kink there is no derivative, only a convention"
    elif culprit is None:
        fix = (
            "each operation's rule is right by itself: look for a detach(), an assign() or a NumPy call in the function"
        )
    elif order == 1:
        fix = f"the backward rule of {culprit.op.name} disagrees with its own forward: correct the rule"
    else:
        fix = (
            f"the backward rule of {culprit.op.name} is right, its own derivative is not: "
            "every step of a rule must be an operation on the Tensors it is handed"
        )
    return GradcheckError("\n".join(lines), where=where, fix=fix)


def _subscript(index: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, index))}]" if index else ""


def _narrow_entries(checked: Differentiable, at: np.ndarray, worst: Disagreement, step: float) -> int:
    """The one entry of the group that disagrees most, by halving."""
    entries, signs = worst.entries, worst.signs
    while len(entries) > 1:
        errors = []
        halves = list(zip(np.array_split(entries, 2), np.array_split(signs, 2), strict=True))
        for part, ways in halves:
            change, moved, width = checked.difference(at, part, ways, step)
            errors.append(abs(float(worst.cotangent @ change) - float(worst.gradient[part] @ moved)) * width)
        entries, signs = halves[int(np.argmax(np.nan_to_num(errors, nan=np.inf)))]
    return int(entries[0])


def _narrow_outputs(
    checked: Differentiable,
    at: np.ndarray,
    leaves: list[Tensor],
    outputs: list[Tensor],
    entry: int,
    row: np.ndarray,
    step: float,
) -> int:
    """The one output of the combination whose derivative by this entry disagrees most, by halving."""
    change, moved, _ = checked.difference(at, np.array([entry]), np.ones(1), step)
    candidates = np.flatnonzero(row)
    while len(candidates) > 1:
        errors = []
        halves = np.array_split(candidates, 2)
        for part in halves:
            cotangent = np.zeros(len(row))
            cotangent[part] = row[part]
            analytic = checked.pullback(leaves, outputs, cotangent)[entry]
            errors.append(abs(float(analytic) - float(cotangent[part] @ change[part] / moved[0])))
        candidates = halves[int(np.argmax(np.nan_to_num(errors, nan=np.inf)))]
    return int(candidates[0])


def _slopes(checked: Differentiable, at: np.ndarray, entry: int, output: int, step: float) -> tuple[float, float]:
    """The one-sided differences, to the left and to the right."""
    base = checked.value(at)[output]
    reach = step * max(1.0, abs(at[entry]))
    found = []
    for way in (-reach, reach):
        moved = at.copy()
        moved[entry] += way
        found.append(float((checked.value(moved)[output] - base) / way))
    return found[0] + 0.0, found[1] + 0.0  # never -0


def _culprit(problem: Differentiable, settings: Settings, order: int) -> Node | None:
    """The first operation of the graph whose rule, by itself, disagrees with its own forward."""
    _, outputs = problem.record()
    quick = Settings(
        settings.step, settings.rtol, settings.atol, np.random.default_rng(0), full_outputs=0, random_rows=1, groups=8
    )
    for node in reversed(nodes_of(outputs)[-_NODES_TO_SEARCH:]):
        alone = _alone(node)
        check = compare(alone, quick)
        if check.worst is None and order == 2:
            check = compare(alone.gradient_function([signed(quick.rng, y.shape) for y in check.outputs]), quick)
        if check.worst is not None:
            return node
    return None


def _alone(node: Node) -> Differentiable:
    """One operation of a graph as a function of those of its inputs that a gradient is to reach."""
    arrays = node._arrays
    assert arrays is not None
    positions = [i for i, needed in enumerate(node.needs) if needed]

    def run(leaves: list[Tensor], recorded: bool) -> list[Tensor]:
        inputs = [wrap(a) if isinstance(x, Tensor) else x for x, a in zip(node.inputs, arrays, strict=True)]
        for position, leaf in zip(positions, leaves, strict=True):
            inputs[position] = leaf
        return floating_outputs(node.op(*inputs, **node.attributes))

    start = [np.array(arrays[i], np.float64) for i in positions]
    return Differentiable(run, start, [None] * len(start), [f"input {i}" for i in positions])
