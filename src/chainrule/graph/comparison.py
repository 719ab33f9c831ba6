"""N + 1 passes against 2: one gradient by forward differences, by central differences and by backpropagation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from chainrule.errors import GradcheckError, GradientError
from chainrule.graph.differences import Differentiable, in_float64
from chainrule.graph.tensor import Tensor, Variable

__all__ = ["GradientComparison", "GradientMethod", "compare_gradients"]

_FORWARD_STEP = 1.5e-8
_CENTRAL_STEP = 6e-6


@dataclass(frozen=True)
class GradientMethod:
    """One way to a gradient, and what it cost.

    Attributes:
        name: `"forward differences"`, `"central differences"` or `"backpropagation"`.
        forward_passes: evaluations of the loss that the whole gradient takes.
        backward_passes: passes back through its graph.
        seconds: for the whole gradient; where only some entries were computed, the time of those scaled up.
        relative_error: ‖this - backpropagation‖ / ‖backpropagation‖ over the entries computed.
        largest_error: the largest difference of one entry.
        gradient: the entries computed, float64.
    """

    name: str
    forward_passes: int
    backward_passes: int
    seconds: float
    relative_error: float
    largest_error: float
    gradient: np.ndarray


@dataclass(frozen=True)
class GradientComparison:
    """One gradient computed in three ways; `print` shows it as a table.

    Attributes:
        parameters: N, the number of entries of the gradient.
        measured: how many of them were computed by differences.
        loss: the value that was differentiated.
        forward, central, backpropagation: the three ways.
        disagreement: ‖forward - central‖ / ‖central‖.
    """

    parameters: int
    measured: int
    loss: float
    forward: GradientMethod
    central: GradientMethod
    backpropagation: GradientMethod
    disagreement: float

    def __str__(self) -> str:
        rows: list[tuple[str, ...]] = [("", "passes", "time", "relative error", "largest error")]
        for m in (self.forward, self.central, self.backpropagation):
            passes = f"{m.forward_passes:,} forward" + (f" + {m.backward_passes} backward" if m.backward_passes else "")
            about = "≈ " if self.measured < self.parameters and not m.backward_passes else ""
            errors = ("-", "-") if m.backward_passes else (f"{m.relative_error:.1e}", f"{m.largest_error:.1e}")
            rows.append((m.name, passes, about + _duration(m.seconds), *errors))
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = [
            f"The gradient of a loss ({self.loss:.6g}) by {self.parameters:,} parameters, in float64",
            "",
            *("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows),
            "",
            f"Errors are against backpropagation; forward against central differences: {self.disagreement:.1e}.",
        ]
        if self.measured < self.parameters:
            lines.append(
                f"The differences were taken for {self.measured:,} entries chosen at random; their times are scaled up."
            )
        ratio = self.central.seconds / max(self.backpropagation.seconds, 1e-12)
        if ratio > 1:
            lines.append(f"Backpropagation is {ratio:,.0f} times faster than central differences here.")
        return "\n".join(lines)


def compare_gradients(
    loss_function: Callable[[], Tensor], parameters: Iterable[Variable], *, limit: int = 1000, seed: int = 0
) -> GradientComparison:
    """Computes one gradient by forward differences, central differences and backpropagation, and counts the passes.

    Differences move one parameter at a time: (L(θ + h eᵢ) - L(θ)) / h takes N + 1 evaluations of the loss for N
    parameters, (L(θ + h eᵢ) - L(θ - h eᵢ)) / 2h takes 2N. Backpropagation takes 1 forward and 1 backward pass.

    Arguments:
        loss_function: takes nothing and returns the loss, a single number, from the parameters; the same each time.
        parameters: Variables, such as `model.parameters()`; frozen ones are left out. They hold float64 meanwhile, and
            afterwards what they held before; their `.grad` is not touched.
        limit: the most entries to take differences for; beyond, a random choice of so many stands for all.
        seed: of that choice.

    Raises:
        GradientError: when the loss is not a single number, or does not depend on the parameters.
        GradcheckError: when the loss differs from one evaluation to the next.

    Example:
        >>> import chainrule as cr
        >>> w = cr.Variable([1.0, -2.0, 3.0], requires_grad=True)
        >>> result = cr.compare_gradients(lambda: (w * w).sum(), [w])
        >>> result.forward.forward_passes, result.central.forward_passes
        (4, 6)
        >>> result.backpropagation.forward_passes, result.backpropagation.backward_passes
        (1, 1)
        >>> result.central.relative_error < 1e-8
        True
    """
    variables = list({id(v): v for v in parameters if v.requires_grad}.values())
    if not variables:
        raise GradientError(
            "compare_gradients got no Variable that requires a gradient.", fix="pass model.parameters(), not frozen"
        )

    def run(leaves: list[Tensor], recorded: bool) -> list[Tensor]:
        loss = loss_function()
        if not isinstance(loss, Tensor) or loss.size != 1:
            arrived = f"a Tensor of shape {loss.shape}" if isinstance(loss, Tensor) else type(loss).__name__
            raise GradientError(f"The loss function must return a single number, and returned {arrived}.")
        return [loss]

    with in_float64(variables):
        start = [np.array(v.numpy()) for v in variables]
        problem = Differentiable(run, start, list(variables), [v.name for v in variables])
        at = problem.vector
        loss = float(problem.value(at)[0])
        if problem.value(at)[0] != loss:
            raise GradcheckError(
                "The loss differs from one evaluation to the next, so differences of it mean nothing.",
                fix="start its random stream again inside of it (stream.seed(0)), or switch dropout off: model.eval()",
            )
        chosen = np.arange(len(at))
        if len(at) > limit:
            chosen = np.sort(np.random.default_rng(seed).choice(len(at), limit, replace=False))
        backward, backward_cost = _best_of(5, problem, lambda: _by_backpropagation(problem))
        by_forward, forward_cost = _best_of(1, problem, lambda: _by_forward_differences(problem, at, chosen))
        by_central, central_cost = _best_of(1, problem, lambda: _by_central_differences(problem, at, chosen))
    exact = backward[chosen]
    scale = len(at) / max(len(chosen), 1)

    def method(name: str, found: np.ndarray, cost: _Cost, base: int = 0) -> GradientMethod:
        error = np.abs(found - exact)
        passes = base + round((cost.forward_passes - base) * scale)
        relative = float(_norm(error) / max(_norm(exact), 1e-300))
        return GradientMethod(name, passes, 0, cost.seconds * scale, relative, float(error.max(initial=0.0)), found)

    return GradientComparison(
        parameters=len(at),
        measured=len(chosen),
        loss=loss,
        forward=method("forward differences", by_forward, forward_cost, base=1),
        central=method("central differences", by_central, central_cost),
        backpropagation=GradientMethod(
            "backpropagation",
            backward_cost.forward_passes,
            backward_cost.backward_passes,
            backward_cost.seconds,
            0.0,
            0.0,
            backward,
        ),
        disagreement=float(_norm(by_forward - by_central) / max(_norm(by_central), 1e-300)),
    )


@dataclass(frozen=True)
class _Cost:
    seconds: float
    forward_passes: int
    backward_passes: int


def _best_of(times: int, problem: Differentiable, compute: Callable[[], np.ndarray]) -> tuple[np.ndarray, _Cost]:
    """The result and the cost of the quickest of several runs."""
    costs = []
    result = np.zeros(0)
    for _ in range(times):
        forward, backward = problem.forward_passes, problem.backward_passes
        start = time.perf_counter()
        result = compute()
        seconds = time.perf_counter() - start
        costs.append(_Cost(seconds, problem.forward_passes - forward, problem.backward_passes - backward))
    return result, min(costs, key=lambda cost: cost.seconds)


def _by_backpropagation(problem: Differentiable) -> np.ndarray:
    leaves, outputs = problem.record()
    if not outputs[0].requires_grad:
        raise GradientError("The loss does not depend on the parameters, or was computed inside cr.no_grad().")
    return problem.pullback(leaves, outputs, np.ones(1))


def _by_forward_differences(problem: Differentiable, at: np.ndarray, entries: np.ndarray) -> np.ndarray:
    base = problem.value(at)[0]
    found = np.empty(len(entries))
    moved = at.copy()
    for place, entry in enumerate(entries):
        moved[entry] += _FORWARD_STEP * max(1.0, abs(at[entry]))
        found[place] = (problem.value(moved)[0] - base) / (moved[entry] - at[entry])
        moved[entry] = at[entry]
    return found


def _by_central_differences(problem: Differentiable, at: np.ndarray, entries: np.ndarray) -> np.ndarray:
    found = np.empty(len(entries))
    for place in range(len(entries)):
        change, moved, _ = problem.difference(at, entries[place : place + 1], np.ones(1), _CENTRAL_STEP)
        found[place] = change[0] / moved[0]
    return found


def _norm(x: np.ndarray) -> float:
    return float(np.sqrt((x * x).sum()))


def _duration(seconds: float) -> str:
    for unit, size in (("h", 3600.0), ("min", 60.0), ("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"
