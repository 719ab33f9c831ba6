"""Courses of the learning rate over a whole run, by name, each with the numbers that can be chosen."""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from chainrule import optim
from chainrule.errors import ConfigError

__all__ = ["COURSES", "Course", "course_options", "make_course"]


@dataclass(frozen=True)
class Course:
    """How the rate of a run goes, from its first step to its last.

    Attributes:
        make: `make(lr, steps, **options)`: the schedule of a run of so many steps with this highest rate.
        options: what can be chosen, with the usual choice. Shares are of the run (`warmup`, `milestones`), factors of
            the highest rate (`start_factor`, `end_factor`) or of the rate before a drop (`drop_factor`).
    """

    make: Callable[..., optim.Schedule]
    options: dict[str, Any]


def _one_cycle(lr: float, steps: int, warmup: float, start_factor: float, end_factor: float) -> optim.Schedule:
    if steps == 1:  # the first step is the last one too, whose rate teaches nothing
        return optim.Constant(lr)
    last = start_factor / end_factor if end_factor else math.inf
    return optim.OneCycle(lr, steps, rise=warmup, div=1.0 / start_factor, final_div=last, dialect="pytorch")


def _step(lr: float, steps: int, milestones: list[float], drop_factor: float) -> optim.Schedule:
    return optim.Step(lr, [max(round(share * steps), 1) for share in milestones], drop_factor)


def _warmed_up(course: Callable[..., optim.Schedule]) -> Callable[..., optim.Schedule]:
    """The course after a warm-up from 0, which takes its share of the steps; the rest of them is the course's."""

    def make(lr: float, steps: int, warmup: float, **options: Any) -> optim.Schedule:
        rising = round(warmup * steps)
        schedule = course(lr, max(steps - rising, 1), **options)
        return optim.Warmup(schedule, rising) if rising else schedule

    return make


_COSINE = _warmed_up(lambda lr, steps, end_factor: optim.Cosine(lr, steps, end_factor * lr))
_LINEAR = _warmed_up(lambda lr, steps, end_factor: optim.Polynomial(lr, steps, final=end_factor * lr))

COURSES: dict[str, Course] = {
    "one-cycle": Course(_one_cycle, {"warmup": 0.2, "start_factor": 0.04, "end_factor": 4e-6}),
    "cosine": Course(_COSINE, {"warmup": 0.0, "end_factor": 0.0}),
    "linear": Course(_LINEAR, {"warmup": 0.0, "end_factor": 0.0}),
    "step": Course(_warmed_up(_step), {"warmup": 0.0, "milestones": [1 / 3, 2 / 3], "drop_factor": 0.1}),
    "constant": Course(_warmed_up(lambda lr, steps: optim.Constant(lr)), {"warmup": 0.0}),
}
"""Every course by name."""


def course_options(name: str, **given: Any) -> dict[str, Any]:
    """All numbers of a course: those given, and for those that are None the usual ones.

    Raises:
        ConfigError: for one that the course does not have; it says which courses have it.

    Example:
        >>> course_options("cosine", warmup=0.1, end_factor=None)
        {'warmup': 0.1, 'end_factor': 0.0}
    """
    usual, chosen = COURSES[name].options, {option: value for option, value in given.items() if value is not None}
    for option in chosen:
        if option not in usual:
            having = [other for other, course in COURSES.items() if option in course.options]
            raise ConfigError(
                f"The schedule {name} has no {option}, which {' and '.join(having)} {'have' if having[1:] else 'has'}.",
                fix=f"it has {', '.join(usual)}",
            )
    return {**deepcopy(usual), **chosen}


def make_course(name: str, lr: float, steps: int, **given: Any) -> optim.Schedule:
    """The course of this name over so many steps, with lr as its highest rate; see `course_options`.

    Example:
        >>> [round(make_course("cosine", 1.0, 10, warmup=0.2)(t), 2) for t in (0, 1, 2, 6, 10)]
        [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    return COURSES[name].make(lr, steps, **course_options(name, **given))
