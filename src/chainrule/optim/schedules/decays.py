"""Schedules that are one formula: constant, linear, step, exponential, 1/t, polynomial, cosine."""

from __future__ import annotations

import math
from collections.abc import Sequence

from chainrule.errors import ConfigError
from chainrule.optim.schedules.base import Schedule, at_least, whole

__all__ = ["Constant", "Cosine", "Exponential", "InverseTime", "Linear", "Polynomial", "Step"]


class Constant(Schedule):
    """lr(t) = lr.

    Example:
        >>> from chainrule import optim
        >>> optim.Constant(0.1)(7)
        0.1
    """

    name = "constant"

    def __init__(self, lr: float) -> None:
        self.lr = at_least(lr, 0.0, "lr")

    def __call__(self, step: int) -> float:
        return self.lr


class Linear(Schedule):
    """lr(t) = lr · (start + (end − start) · t / steps) up to t = steps, then lr · end.

    PyTorch's LinearLR. Its ConstantLR is `InTurn([Constant(lr * factor), Constant(lr)], [steps])`.

    Example:
        >>> from chainrule import optim
        >>> [optim.Linear(1.0, steps=4, start=0.5)(t) for t in (0, 2, 4, 9)]
        [0.5, 0.75, 1.0, 1.0]
    """

    name = "linear"

    def __init__(self, lr: float, steps: int, start: float = 1.0, end: float | None = None) -> None:
        self.lr = at_least(lr, 0.0, "lr")
        self.steps = whole(steps, "steps")
        self.start = at_least(start, 0.0, "start")
        self.end = at_least((0.0 if start == 1.0 else 1.0) if end is None else end, 0.0, "end")

    def __call__(self, step: int) -> float:
        t = min(step, self.steps) / self.steps
        return self.lr * (self.start + (self.end - self.start) * t)


class Step(Schedule):
    """lr(t) = lr · factorᵏ, where k counts the drops so far: one every so many steps, or at given steps.

    Arguments:
        lr: at the start.
        every: steps between drops (PyTorch's StepLR), or the list of steps at which it drops (MultiStepLR).
        factor: of each drop.

    Example:
        >>> from chainrule import optim
        >>> [optim.Step(1.0, every=2, factor=0.5)(t) for t in range(5)], optim.Step(1.0, every=[3, 4])(4)
        ([1.0, 1.0, 0.5, 0.5, 0.25], 0.01...)
    """

    name = "step"

    def __init__(self, lr: float, every: int | Sequence[int], factor: float = 0.1) -> None:
        self.lr = at_least(lr, 0.0, "lr")
        self.every = sorted(whole(e, "every") for e in every) if isinstance(every, Sequence) else whole(every, "every")
        self.factor = at_least(factor, 0.0, "factor")

    def __call__(self, step: int) -> float:
        drops = sum(step >= e for e in self.every) if isinstance(self.every, list) else step // self.every
        return self.lr * self.factor**drops


class Exponential(Schedule):
    """lr(t) = lr · factorᵗ.

    Example:
        >>> from chainrule import optim
        >>> optim.Exponential(1.0, factor=0.5)(3)
        0.125
    """

    name = "exponential"

    def __init__(self, lr: float, factor: float) -> None:
        self.lr = at_least(lr, 0.0, "lr")
        self.factor = at_least(factor, 0.0, "factor")

    def __call__(self, step: int) -> float:
        return self.lr * self.factor**step


class InverseTime(Schedule):
    """lr(t) = lr / (1 + rate · t): its sum diverges and that of its squares does not, the conditions for stochastic
    approximation.

    Source: Robbins & Monro, "A Stochastic Approximation Method" (1951).

    Example:
        >>> from chainrule import optim
        >>> optim.InverseTime(1.0, rate=0.5)(2)
        0.5
    """

    name = "inverse_time"

    def __init__(self, lr: float, rate: float) -> None:
        self.lr = at_least(lr, 0.0, "lr")
        self.rate = at_least(rate, 0.0, "rate")

    def __call__(self, step: int) -> float:
        return self.lr / (1.0 + self.rate * step)


class Polynomial(Schedule):
    """lr(t) = final + (lr − final) · (1 − t / steps)^power up to t = steps, then final.

    Example:
        >>> from chainrule import optim
        >>> optim.Polynomial(1.0, steps=4, power=2.0)(2)
        0.25
    """

    name = "polynomial"

    def __init__(self, lr: float, steps: int, power: float = 1.0, final: float = 0.0) -> None:
        self.lr = at_least(lr, 0.0, "lr")
        self.steps = whole(steps, "steps")
        self.power = at_least(power, 0.0, "power")
        self.final = at_least(final, 0.0, "final")

    def __call__(self, step: int) -> float:
        return self.final + (self.lr - self.final) * (1.0 - min(step, self.steps) / self.steps) ** self.power


class Cosine(Schedule):
    """lr(t) = final + ½(lr − final)(1 + cos(π t / steps)) up to t = steps, then final.

    Arguments:
        lr: at the start.
        steps: until it reaches `final`.
        final: the rate at the end.
        restarts: whether it then starts again (warm restarts), after `steps` steps.
        growth: how many times longer each period is than the one before, a whole number.

    Differs from PyTorch's CosineAnnealingLR, which rises again after `steps`. With restarts it is its
    CosineAnnealingWarmRestarts; the ends of the periods are where a snapshot ensemble takes its members.

    Source: Loshchilov & Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts" (2017), equation 5.

    Example:
        >>> from chainrule import optim
        >>> [round(optim.Cosine(1.0, steps=4)(t), 4) for t in (0, 2, 4, 5)]
        [1.0, 0.5, 0.0, 0.0]
    """

    name = "cosine"

    def __init__(self, lr: float, steps: int, final: float = 0.0, restarts: bool = False, growth: int = 1) -> None:
        self.lr = at_least(lr, 0.0, "lr")
        self.steps = whole(steps, "steps")
        self.final = at_least(final, 0.0, "final")
        if final > lr:
            raise ConfigError(f"Cosine goes down from lr to final, got lr={lr} and final={final}.")
        self.restarts = restarts
        self.growth = whole(growth, "growth")

    def __call__(self, step: int) -> float:
        t, period = self._in_period(step) if self.restarts else (min(step, self.steps), self.steps)
        return self.final + 0.5 * (self.lr - self.final) * (1.0 + math.cos(math.pi * t / period))

    def _in_period(self, step: int) -> tuple[int, int]:
        """The place in the period that a step belongs to, and its length."""
        if self.growth == 1:
            return step % self.steps, self.steps
        period = self.steps
        while step >= period:
            step, period = step - period, period * self.growth
        return step, period
