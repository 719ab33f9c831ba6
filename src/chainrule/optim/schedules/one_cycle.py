"""One cycle: up, down, and out."""

from __future__ import annotations

import math

from chainrule.errors import ConfigError
from chainrule.optim.schedules.base import Schedule, at_least, whole

__all__ = ["OneCycle"]


class OneCycle(Schedule):
    """From lr / div up to lr, down again, and at last to lr / div / final_div, for training that is much faster than
    usual ("super-convergence").

    Arguments:
        lr: the highest rate.
        steps: how many there are in all; the last one has the lowest rate.
        rise: the fraction of the steps in which it rises.
        div: lr / div is the first rate; 10, in the dialect "pytorch" 25.
        final_div: the last rate is the first divided by this; 100, in "pytorch" 10⁴.
        shape: "linear" or "cosine".
        three_phase: down to the first rate in as many steps as it rose, then to the last rate; otherwise down to the
            last rate at once.
        dialect: "paper": straight lines and three phases, rise 0.45; "pytorch": cosines and two phases, rise 0.3.

    Source: Smith & Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates" (2018),
    section 3; Smith, "A Disciplined Approach to Neural Network Hyper-Parameters" (2018).

    Example:
        >>> from chainrule import optim
        >>> schedule = optim.OneCycle(1.0, steps=100, rise=0.5, div=10)
        >>> [round(schedule(t), 4) for t in (0, 49, 99)]
        [0.1, 1.0, 0.001]
    """

    name = "one_cycle"

    def __init__(
        self,
        lr: float,
        steps: int,
        *,
        rise: float | None = None,
        div: float | None = None,
        final_div: float | None = None,
        shape: str | None = None,
        three_phase: bool | None = None,
        dialect: str = "paper",
    ) -> None:
        if dialect not in ("paper", "pytorch", "keras"):
            raise ConfigError(f"There is no dialect {dialect!r}.", fix="'paper' or 'pytorch'")
        pytorch = dialect == "pytorch"
        self.lr = at_least(lr, 0.0, "lr")
        self.steps = whole(steps, "steps")
        self.rise = (0.3 if pytorch else 0.45) if rise is None else float(rise)
        self.div = at_least((25.0 if pytorch else 10.0) if div is None else div, 1.0, "div")
        self.final_div = at_least((1e4 if pytorch else 100.0) if final_div is None else final_div, 1e-12, "final_div")
        self.shape = ("cosine" if pytorch else "linear") if shape is None else shape
        self.three_phase = (not pytorch) if three_phase is None else three_phase
        if self.shape not in ("linear", "cosine"):
            raise ConfigError(f"OneCycle(shape=...) is 'linear' or 'cosine', got {shape!r}.")
        if not 0.0 <= self.rise <= (0.5 if self.three_phase else 1.0):
            raise ConfigError(
                "rise is a fraction of the steps, at most "
                f"{'a half with three phases' if self.three_phase else 'all'}, got {rise!r}."
            )
        low, last = self.lr / self.div, self.lr / self.div / self.final_div
        top = self.rise * self.steps - 1.0
        if self.three_phase:
            # Up and down take equally long; the rest goes to the last rate.
            self._ends = [
                (top, low, self.lr),
                (2.0 * self.rise * self.steps - 2.0, self.lr, low),
                (self.steps - 1.0, low, last),
            ]
        else:
            self._ends = [(top, low, self.lr), (self.steps - 1.0, self.lr, last)]

    def __call__(self, step: int) -> float:
        begin = 0.0
        for end, first, last in self._ends:
            if step <= end:
                t = (step - begin) / (end - begin) if end > begin else 1.0
                return first + (last - first) * (t if self.shape == "linear" else 0.5 * (1.0 - math.cos(math.pi * t)))
            begin = end
        return self._ends[-1][2]
