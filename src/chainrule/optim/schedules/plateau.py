"""Reduce on plateau: a schedule that looks at how training goes."""

from __future__ import annotations

import math
from typing import Any

from chainrule.errors import ConfigError
from chainrule.optim.schedules.base import Schedule, at_least, whole

__all__ = ["ReduceOnPlateau"]


class ReduceOnPlateau(Schedule):
    """lr · factor each time the observed value has not improved for more than `patience` observations.

    Unlike the others it has a state: `observe(value)` after each epoch, and the call gives the present rate, whatever
    the step.

    Arguments:
        lr: at the start.
        factor: what the rate is multiplied by.
        patience: how many observations without improvement are waited for.
        threshold: an improvement is a change by more than this fraction of the best value.
        minimum: the rate never goes below.
        cooldown: observations after a reduction in which none is counted.
        higher_is_better: for a score rather than a loss.

    Agrees with PyTorch's ReduceLROnPlateau with its defaults (relative threshold). A value that is not a number is no
    improvement.

    Example:
        >>> from chainrule import optim
        >>> schedule = optim.ReduceOnPlateau(1.0, factor=0.5, patience=1)
        >>> [schedule.observe(loss) for loss in (3.0, 2.0, 2.0, 2.0, 2.0)]
        [1.0, 1.0, 1.0, 0.5, 0.5]
    """

    name = "reduce_on_plateau"

    def __init__(
        self,
        lr: float,
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        minimum: float = 0.0,
        cooldown: int = 0,
        higher_is_better: bool = False,
    ) -> None:
        self.lr = at_least(lr, 0.0, "lr")
        self.factor = at_least(factor, 0.0, "factor")
        if factor >= 1.0:
            raise ConfigError(f"The factor of ReduceOnPlateau lies below 1, got {factor}.")
        self.patience = whole(patience, "patience", least=0)
        self.threshold = at_least(threshold, 0.0, "threshold")
        self.minimum = at_least(minimum, 0.0, "minimum")
        self.cooldown = whole(cooldown, "cooldown", least=0)
        self.higher_is_better = higher_is_better
        self._rate = self.lr
        self._best: float | None = None
        self._bad = 0
        self._cooling = 0

    def __call__(self, step: int) -> float:
        return self._rate

    def observe(self, value: float) -> float:
        """Takes in the value of one more epoch; returns the rate from now on."""
        value = float(value)
        if self._improves(value):
            self._best, self._bad = value, 0
        else:
            self._bad += 1
        if self._cooling:
            self._cooling -= 1
            self._bad = 0
        if self._bad > self.patience:
            self._rate = max(self._rate * self.factor, self.minimum)
            self._cooling, self._bad = self.cooldown, 0
        return self._rate

    def _improves(self, value: float) -> bool:
        if math.isnan(value):
            return False
        if self._best is None:
            return True
        if self.higher_is_better:
            return value > self._best * (1.0 + self.threshold)
        return value < self._best * (1.0 - self.threshold)

    def state_dict(self) -> dict[str, Any]:
        """Everything it remembers, in plain numbers."""
        return {"rate": self._rate, "best": self._best, "bad": self._bad, "cooling": self._cooling}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes over what `state_dict` gave."""
        self._rate, self._best, self._bad, self._cooling = (state[key] for key in ("rate", "best", "bad", "cooling"))
