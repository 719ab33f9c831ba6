"""Schedule: the learning rate as a function of the step, and what starts one gently."""

from __future__ import annotations

from typing import ClassVar

from chainrule.errors import ConfigError

__all__ = ["Schedule", "Warmup", "at_least", "whole"]


class Schedule:
    """A function of the step (0, 1, 2, …; or of the epoch, if that is what one counts) to the learning rate, on Python
    numbers.

    `optimizer.lr = schedule(step)` before the step applies it, to compiled steps too.
    """

    name: ClassVar[str] = "schedule"

    def __call__(self, step: int) -> float:
        """The learning rate of this step."""
        raise NotImplementedError

    def __repr__(self) -> str:
        shown = ", ".join(f"{key}={value!r}" for key, value in vars(self).items() if not key.startswith("_"))
        return f"{type(self).__name__}({shown})"


class Warmup(Schedule):
    """Rises in a straight line from `start` times the schedule's first rate to that rate, then follows the schedule
    from its beginning.

    lr(t) = s(0) · (start + (1 − start) · t / steps) for t < steps, then s(t − steps).

    Arguments:
        schedule: s.
        steps: how long it rises.
        start: the fraction to begin with.

    Source: Goyal et al., "Accurate, Large Minibatch SGD" (2017), section 2.2.

    Example:
        >>> from chainrule import optim
        >>> schedule = optim.Warmup(optim.Constant(1.0), steps=4)
        >>> [schedule(t) for t in range(6)]
        [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    """

    name = "warmup"

    def __init__(self, schedule: Schedule, steps: int, start: float = 0.0) -> None:
        self.schedule = schedule
        self.steps = whole(steps, "steps", least=0)
        self.start = at_least(start, 0.0, "start")

    def __call__(self, step: int) -> float:
        if step >= self.steps:
            return self.schedule(step - self.steps)
        return self.schedule(0) * (self.start + (1.0 - self.start) * step / self.steps)


def at_least(value: float, least: float, name: str) -> float:
    """The value as a number of at least `least`."""
    if not isinstance(value, int | float) or not value >= least:
        raise ConfigError(f"{name} is a number of at least {least:g}, got {value!r}.")
    return float(value)


def whole(value: int, name: str, least: int = 1) -> int:
    """The value as a whole number of at least `least`."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < least:
        raise ConfigError(f"{name} is a whole number of at least {least}, got {value!r}.")
    return int(value)
