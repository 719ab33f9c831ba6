"""Schedules made of schedules: one after another, and several at once."""

from __future__ import annotations

import math
from collections.abc import Sequence

from chainrule.errors import ConfigError
from chainrule.optim.schedules.base import Schedule, at_least, whole

__all__ = ["InTurn", "Product"]


class InTurn(Schedule):
    """The first schedule up to the first milestone, then the second from its beginning, and so on (PyTorch's
    SequentialLR).

    Arguments:
        schedules: two or more.
        milestones: the steps at which the next one begins: one fewer, rising.

    Example:
        >>> from chainrule import optim
        >>> schedule = optim.InTurn([optim.Constant(0.1), optim.Exponential(1.0, 0.5)], [2])
        >>> [schedule(t) for t in range(5)]
        [0.1, 0.1, 1.0, 0.5, 0.25]
    """

    name = "in_turn"

    def __init__(self, schedules: Sequence[Schedule], milestones: Sequence[int]) -> None:
        self.schedules = list(schedules)
        self.milestones = [whole(m, "a milestone") for m in milestones]
        if len(self.schedules) != len(self.milestones) + 1 or self.milestones != sorted(set(self.milestones)):
            raise ConfigError(
                f"InTurn needs rising milestones, one fewer than schedules, got {self.milestones} for "
                f"{len(self.schedules)}.",
                fix="InTurn([first, second, third], [100, 200])",
            )

    def __call__(self, step: int) -> float:
        place = sum(step >= m for m in self.milestones)
        return self.schedules[place](step - self.milestones[place - 1] if place else step)


class Product(Schedule):
    """lr(t) = lr · Π sᵢ(t), of schedules that give factors: made with lr = 1 (PyTorch's ChainedScheduler).

    Arguments:
        lr: what the factors multiply.
        schedules: sᵢ.

    Example:
        >>> from chainrule import optim
        >>> optim.Product(0.5, [optim.Exponential(1.0, 0.5), optim.Step(1.0, 2)])(2)
        0.0125
    """

    name = "product"

    def __init__(self, lr: float, schedules: Sequence[Schedule]) -> None:
        self.lr = at_least(lr, 0.0, "lr")
        self.schedules = list(schedules)
        if not self.schedules:
            raise ConfigError("Product was given no schedules.", fix="Product(0.1, [optim.Cosine(1.0, 100), ...])")

    def __call__(self, step: int) -> float:
        return self.lr * math.prod(schedule(step) for schedule in self.schedules)
