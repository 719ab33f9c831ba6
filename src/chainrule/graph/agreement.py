"""Whether backpropagation and central differences agree: over all of a Jacobian, or random combinations of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from chainrule.errors import GradcheckError
from chainrule.graph.differences import Differentiable
from chainrule.graph.tensor import Tensor

__all__ = ["Agreement", "Disagreement", "Settings", "compare", "signed"]


@dataclass(frozen=True)
class Settings:
    """How a comparison is made.

    Attributes:
        step, rtol, atol: as `gradcheck` takes them.
        rng: gives the random combinations.
        full_outputs: up to so many outputs all rows of the Jacobian are compared; beyond, `random_rows` mixtures.
        groups: up to so many inputs all columns are compared; beyond, so many groups, which together hold every one.
    """

    step: float
    rtol: float
    atol: float
    rng: np.random.Generator
    full_outputs: int = 64
    random_rows: int = 4
    groups: int = 512


@dataclass(frozen=True)
class Disagreement:
    """Where two derivatives differ most.

    Attributes:
        cotangent: the row, as weights of the outputs.
        gradient: what backpropagation gave for that row.
        entries, signs: the inputs that moved together, and which way.
        excess: the error over what is allowed.
    """

    cotangent: np.ndarray
    gradient: np.ndarray
    entries: np.ndarray
    signs: np.ndarray
    excess: float


@dataclass
class Agreement:
    """What a comparison found.

    Attributes:
        outputs: the recorded outputs.
        entries: how many entries of the Jacobian, or of a combination of its rows, were compared.
        comparisons: how many numbers were compared, and `wrong` how many of them disagree.
        relative: the largest relative error among those that agree.
        worst: the largest disagreement, or None.
    """

    outputs: list[Tensor]
    entries: int = 0
    comparisons: int = 0
    wrong: int = 0
    relative: float = 0.0
    worst: Disagreement | None = None


def signed(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Random numbers of either sign, none of them near 0."""
    return np.asarray(rng.uniform(0.5, 1.5, shape) * rng.choice([-1.0, 1.0], shape))


def compare(problem: Differentiable, settings: Settings) -> Agreement:
    """Compares the derivatives of a function at its start.

    Raises:
        GradcheckError: when the function gives different values for the same inputs.
    """
    base = problem.value(problem.vector)
    if not np.array_equal(base, problem.value(problem.vector), equal_nan=True):
        raise GradcheckError(
            "The function under gradcheck gives different values for the same inputs: differences of it mean nothing.",
            fix="start its random stream again inside of it (stream.seed(0)), or switch dropout off with model.eval()",
        )
    comparison = _Comparison(problem, settings, base)
    result = Agreement(comparison.outputs)
    for entries, signs in _groups(problem, settings):
        relative, excess = comparison.errors(entries, signs, settings.step)
        # A kink nearby looks like an error until the step is shorter than the way to it.
        for step in (settings.step / 30, settings.step / 1000):
            if not (excess > 1.0).any():
                break
            again, still = comparison.errors(entries, signs, step)
            relative, excess = np.where(still < excess, again, relative), np.minimum(still, excess)
        result.entries += len(comparison.rows) * len(entries) if comparison.full else len(entries)
        result.comparisons += len(excess)
        wrong = excess > 1.0
        result.wrong += int(wrong.sum())
        result.relative = max(result.relative, float(relative[~wrong].max(initial=0.0)))
        if wrong.any():
            row = int(np.argmax(excess))
            if result.worst is None or excess[row] > result.worst.excess:
                cotangent, gradient = comparison.rows[row], comparison.gradient[row]
                result.worst = Disagreement(cotangent, gradient, entries, signs, float(excess[row]))
    return result


class _Comparison:
    """The rows that are compared, their gradients by backpropagation, and the errors of groups of columns."""

    def __init__(self, problem: Differentiable, settings: Settings, base: np.ndarray) -> None:
        self.problem = problem
        self.settings = settings
        self.at = problem.vector
        self.full = len(base) <= settings.full_outputs
        self.rows = np.eye(len(base)) if self.full else signed(settings.rng, (settings.random_rows, len(base)))
        self.scale = np.abs(base) if self.full else np.abs(self.rows) @ np.abs(base)
        leaves, self.outputs = problem.record()
        self.gradient = np.zeros((len(self.rows), len(self.at)))
        for row, cotangent in enumerate(self.rows):
            self.gradient[row] = problem.pullback(leaves, self.outputs, cotangent)

    def errors(self, entries: np.ndarray, signs: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
        """For each row the relative error, and the error over what is allowed (inf where something is not finite)."""
        rtol, atol = self.settings.rtol, self.settings.atol
        with np.errstate(all="ignore"):
            change, moved, width = self.problem.difference(self.at, entries, signs, step)
            numeric = change if self.full else self.rows @ change
            terms = self.gradient[:, entries] * moved
            analytic = terms.sum(axis=1)
            size = np.maximum(np.abs(numeric), np.sqrt((terms * terms).sum(axis=1)))
            rounding = 16 * np.finfo(np.float64).eps * self.scale / width
            error = np.abs(analytic - numeric)
            finite = np.isfinite(error)
            excess = np.where(finite, error / (np.maximum(rtol * size, atol) + rounding), np.inf)
            relative = np.where(finite, error / np.maximum(size, (atol + rounding) / rtol), np.inf)
        return relative, excess


def _groups(problem: Differentiable, settings: Settings) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Entries that move together, never across leaves: one with small gradients would drown in one with large ones."""
    total = sum(problem.sizes)
    for offset, size in zip(problem.offsets, problem.sizes, strict=False):
        if not size:
            continue
        alone = total <= settings.groups
        count = size if alone else min(size, max(1, settings.groups * size // total))
        order = np.arange(size) if alone else settings.rng.permutation(size)
        for part in np.array_split(order, count):
            signs = np.ones(1) if len(part) == 1 else settings.rng.choice([-1.0, 1.0], len(part))
            yield part + offset, signs
