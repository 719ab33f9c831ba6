"""Cyclic: up and down, again and again."""

from __future__ import annotations

from chainrule.errors import ConfigError
from chainrule.optim.schedules.base import Schedule, at_least, whole

__all__ = ["Cyclic"]


class Cyclic(Schedule):
    """Straight from `low` up to lr and down again, in cycles: lr(t) = low + (lr − low) · height · x, with x from 0 to 1
    and back.

    Arguments:
        lr: the highest rate.
        low: the lowest.
        up: steps from low to lr.
        down: steps back; as many unless said otherwise.
        mode: how high later cycles reach: "triangular": all the same; "triangular2": half of the one before; "exp":
            height = factorᵗ.
        factor: for "exp".

    Differs from PyTorch's CyclicLR: the momentum is left alone.

    Source: Smith, "Cyclical Learning Rates for Training Neural Networks" (2017), section 3.

    Example:
        >>> from chainrule import optim
        >>> [optim.Cyclic(1.0, 0.5, up=2)(t) for t in range(6)]
        [0.5, 0.75, 1.0, 0.75, 0.5, 0.75]
    """

    name = "cyclic"

    def __init__(
        self,
        lr: float,
        low: float = 0.0,
        up: int = 2000,
        down: int | None = None,
        mode: str = "triangular",
        factor: float = 1.0,
    ) -> None:
        self.lr = at_least(lr, 0.0, "lr")
        self.low = at_least(low, 0.0, "low")
        if low > lr:
            raise ConfigError(f"Cyclic rises from low to lr, got low={low} and lr={lr}.")
        self.up = whole(up, "up")
        self.down = self.up if down is None else whole(down, "down")
        if mode not in ("triangular", "triangular2", "exp"):
            raise ConfigError(f"Cyclic(mode=...) is 'triangular', 'triangular2' or 'exp', got {mode!r}.")
        self.mode = mode
        self.factor = at_least(factor, 0.0, "factor")

    def __call__(self, step: int) -> float:
        cycle, t = divmod(step, self.up + self.down)
        x = t / self.up if t <= self.up else (self.up + self.down - t) / self.down
        height = {"triangular": 1.0, "triangular2": 0.5**cycle, "exp": self.factor**step}[self.mode]
        return self.low + (self.lr - self.low) * x * height
