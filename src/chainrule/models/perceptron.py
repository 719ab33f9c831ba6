"""The perceptron: one unit that is on or off, and the rule that taught the first machines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import init, nn, ops
from chainrule.compile import compile
from chainrule.errors import ConfigError, LabelError, NonFiniteError, ShapeError
from chainrule.graph import Tensor, as_tensor, no_grad
from chainrule.nn.checks import positive

__all__ = ["Learning", "Perceptron", "linearly_separable"]


@dataclass(frozen=True)
class Learning:
    """How the perceptron's learning ended.

    Attributes:
        converged: whether it went through all samples without a mistake.
        separable: whether a line (a plane) separates the classes at all: proved by having found one, or by linear
            programming.
        epochs: how often it went through the samples.
        mistakes: how often the weights were changed.
        reason: all of it in a sentence.
    """

    converged: bool
    separable: bool
    epochs: int
    mistakes: int
    reason: str


class Perceptron(nn.Module):
    """y = 1 where x · weight + bias ≥ 0, else 0: a line with a class on either side.

    Its step has no slope to follow, so it does not learn by gradients but by Rosenblatt's rule, `fit`. What no line
    separates, such as XOR, it cannot learn; an `MLP` can.

    Arguments:
        in_features: D.
        dtype: float32 unless said otherwise.

    Shapes:
        x (N, D) → y (N,), of 0 and 1.

    Source: Rosenblatt, "The Perceptron: A Probabilistic Model for Information Storage and Organization in the Brain"
    (1958); Minsky & Papert, "Perceptrons" (1969), on XOR.

    Example:
        >>> from chainrule import models
        >>> x = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
        >>> unit = models.Perceptron(2)
        >>> unit.fit(x, [0, 0, 0, 1]).converged
        True
        >>> ending = models.Perceptron(2).fit(x, [0, 1, 1, 0])
        >>> ending.converged, ending.separable
        (False, False)
    """

    def __init__(self, in_features: int, *, dtype: Any = None) -> None:
        super().__init__()
        self.in_features = positive(in_features, "in_features")
        self.weight = nn.Parameter(init.zeros((in_features,), dtype=dtype))
        self.bias = nn.Parameter(init.zeros((), dtype=dtype), penalised=False)

    def forward(self, x: Any) -> Tensor:
        x = as_tensor(x)
        if not x.shape or x.shape[-1] != self.in_features:
            raise ShapeError(
                f"{self.label()} got {x.shape}; its last axis is to be {self.in_features}.",
                fix=f"Perceptron({x.shape[-1] if x.shape else 1})",
            )
        return ops.astype(ops.matmul(x, self.weight) + self.bias >= 0, self.weight.dtype)

    def fit(self, x: Any, y: Any, epochs: int = 1000, lr: float = 1.0) -> Learning:
        """Goes through the samples in their order until none is wrong: w ← w + η(t − y)x, b ← b + η(t − y) at each.

        From weights of 0, classes that a line separates with the margin γ are learned in at most (R/γ)² mistakes, where
        R is the length of the longest (x, 1) (Novikoff 1962). It stops as soon as an epoch ends with weights that an
        earlier one ended with: from there it would go round for ever.

        Arguments:
            x: (N, D).
            y: t, (N,): 0 and 1, or truth values.
            epochs: at most.
            lr: η; from weights of 0 it only scales them.

        Raises:
            ShapeError: when x and y do not fit; LabelError: for a target that is neither 0 nor 1; NonFiniteError: for
                an x that is not finite.
        """
        samples, targets = self._checked(x, y)
        if not lr > 0 or epochs < 1:
            raise ConfigError(f"Perceptron.fit needs lr > 0 and at least one epoch, got {lr} and {epochs}.")

        def learn(sample: Any, target: Any) -> Tensor:
            with no_grad():
                error = target - self(sample)
                self.weight.assign(self.weight + lr * error * sample)
                self.bias.assign(self.bias + lr * error)
            return error != 0

        epoch = compile(learn)
        seen = {self._key(): 0}
        mistakes = 0
        for count in range(1, epochs + 1):
            wrong = int(epoch.scan(samples, targets).numpy().sum())
            mistakes += wrong
            if not wrong:
                return Learning(True, True, count, mistakes, f"Learned in {mistakes} mistakes, {count} epochs.")
            if seen.setdefault(self._key(), count) != count:
                ending = f"the weights went round in a circle after {count} epochs."
                break
        else:
            count, ending = epochs, f"{epochs} epochs were not enough."
        separable = linearly_separable(samples, targets)
        verdict = (
            "Linearly separable, but not yet learned"
            if separable
            else "Not linearly separable: no line has all of one class on one side"
        )
        return Learning(False, separable, count, mistakes, f"{verdict}; {ending}")

    def _key(self) -> bytes:
        return self.weight.numpy().tobytes() + self.bias.numpy().tobytes()

    def _checked(self, x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        samples, targets = np.asarray(as_tensor(x).numpy(), self.weight.dtype), np.asarray(as_tensor(y).numpy())
        if samples.ndim != 2 or samples.shape[1] != self.in_features or targets.shape != samples.shape[:1]:
            raise ShapeError(
                f"Perceptron.fit got samples of shape {samples.shape} and targets of shape {targets.shape}.",
                fix=f"(N, {self.in_features}) and (N,)",
            )
        if not np.isfinite(samples).all():
            raise NonFiniteError("Perceptron.fit got samples with nan or infinity.")
        wrong = np.flatnonzero((targets != 0) & (targets != 1))
        if wrong.size:
            raise LabelError(
                f"A perceptron's target is 0 or 1, got {targets[wrong[0]]:g} in row {wrong[0]}.",
                fix="y == positive_class",
            )
        return samples, targets.astype(samples.dtype)

    def extra_repr(self) -> str:
        return str(self.in_features)


def linearly_separable(x: Any, y: Any) -> bool:
    """Whether some line (plane) has all samples of one class on one side and all of the other on the other.

    Decided by linear programming: weights with s·(w·x + b) ≥ 1 for all samples exist, or they do not.

    Arguments:
        x: (N, D).
        y: (N,): 0 and 1, or truth values.

    Example:
        >>> from chainrule import models
        >>> x = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
        >>> models.linearly_separable(x, [0, 1, 1, 1]), models.linearly_separable(x, [0, 1, 1, 0])
        (True, False)
    """
    from scipy.optimize import linprog

    samples = np.asarray(as_tensor(x).numpy(), np.float64)
    signs = np.where(np.asarray(as_tensor(y).numpy()) > 0, 1.0, -1.0)
    if samples.ndim != 2 or signs.shape != samples.shape[:1]:
        raise ShapeError(
            f"linearly_separable got samples of shape {samples.shape} and classes of shape {signs.shape}.",
            fix="(N, D) and (N,)",
        )
    # Shifting and scaling a column changes nothing but the solver's digits.
    spread = samples.std(axis=0)
    samples = (samples - samples.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    rows = -signs[:, None] * np.column_stack([samples, np.ones(len(samples))])
    found = linprog(np.zeros(rows.shape[1]), A_ub=rows, b_ub=-np.ones(len(rows)), bounds=(None, None), method="highs")
    if found.status not in (0, 2):
        raise NonFiniteError(f"Linear programming came to no decision: {found.message}")
    return found.status == 0
