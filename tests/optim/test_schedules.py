"""Schedules: their ends, and what they refuse; the values in between are compared with PyTorch."""

from __future__ import annotations

from typing import Any

import pytest

from chainrule import optim
from chainrule.errors import ConfigError


def test_ends() -> None:
    assert optim.Polynomial(1.0, 10, final=0.2)(10) == pytest.approx(0.2)
    assert optim.Polynomial(1.0, 10, final=0.2)(99) == pytest.approx(0.2)
    assert optim.Cosine(1.0, 10, 0.1)(0) == 1.0 and optim.Cosine(1.0, 10, 0.1)(99) == pytest.approx(0.1)
    assert optim.Cosine(1.0, 10, restarts=True)(20) == 1.0
    assert optim.InverseTime(1.0, 1.0)(3) == 0.25
    cycle = optim.OneCycle(1.0, 100)
    assert cycle(0) == pytest.approx(0.1) and max(map(cycle, range(100))) == pytest.approx(1.0)
    assert cycle(99) == pytest.approx(0.001) and cycle(500) == pytest.approx(0.001)
    assert [optim.OneCycle(1.0, n)(0) > 0 for n in (1, 2, 3)] == [True] * 3


def test_warm_up_composes() -> None:
    schedule = optim.Warmup(optim.Step(1.0, 2, 0.1), 2, start=0.5)
    assert [schedule(t) for t in range(6)] == pytest.approx([0.5, 0.75, 1.0, 1.0, 0.1, 0.1])
    assert optim.Warmup(optim.Constant(1.0), 0)(0) == 1.0


def test_restarts_that_grow_begin_where_snapshots_are_taken() -> None:
    schedule = optim.Cosine(1.0, 3, restarts=True, growth=2)
    starts = [t for t in range(50) if schedule(t) == 1.0]
    assert starts == [0, 3, 9, 21, 45]
    assert all(schedule(t - 1) < 0.3 for t in starts[1:])


def test_linear_falls_to_0_unless_it_rises_to_1() -> None:
    assert optim.Linear(0.2, 4)(4) == 0.0 and optim.Linear(0.2, 4, start=0.5)(9) == 0.2
    assert optim.Linear(0.2, 4, 1.0, 0.5)(9) == pytest.approx(0.1)


def test_plateau_remembers_and_ignores_what_is_no_number() -> None:
    schedule = optim.ReduceOnPlateau(1.0, 0.5, patience=0)
    assert [schedule.observe(v) for v in (1.0, float("nan"), 0.5)] == [1.0, 0.5, 0.5]
    other = optim.ReduceOnPlateau(1.0, 0.5, patience=0)
    other.load_state_dict(schedule.state_dict())
    assert other(0) == 0.5 and other.observe(0.6) == schedule.observe(0.6) == 0.25


@pytest.mark.parametrize("name", sorted(optim.SCHEDULES))
def test_all_are_found_by_name_and_never_negative(name: str) -> None:
    options: dict[str, Any] = {
        "step": {"every": 3}, "exponential": {"factor": 0.9}, "inverse_time": {"rate": 0.1},
        "polynomial": {"steps": 20}, "cosine": {"steps": 20}, "one_cycle": {"steps": 20},
        "linear": {"steps": 20},
    }.get(name, {})  # fmt: skip
    schedule = optim.make_schedule(name, 0.1, **options)
    rates = [schedule(t) for t in range(50)]
    assert all(type(rate) is float and 0 <= rate <= 0.1 + 1e-12 for rate in rates)
    assert type(schedule).__name__ in repr(schedule)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optim.Constant(-0.1), "lr is a number"),
        (lambda: optim.Step(0.1, 0), "every is a whole number"),
        (lambda: optim.Cosine(0.1, 0), "steps is a whole number"),
        (lambda: optim.Cosine(0.1, 5, final=0.2), "goes down"),
        (lambda: optim.Cosine(0.1, 5, growth=0), "growth is a whole number"),
        (lambda: optim.Linear(0.1, 5, start=-1.0), "start is a number"),
        (lambda: optim.Cyclic(0.1, 0.2), "rises from low"),
        (lambda: optim.Cyclic(0.1, mode="square"), "'triangular2'"),
        (lambda: optim.InTurn([optim.Constant(1.0)] * 3, [5, 5]), "rising milestones"),
        (lambda: optim.InTurn([optim.Constant(1.0)], [5]), "rising milestones"),
        (lambda: optim.Product(0.1, []), "no schedules"),
        (lambda: optim.OneCycle(0.1, 10, shape="round"), "'linear' or 'cosine'"),
        (lambda: optim.OneCycle(0.1, 10, rise=0.7), "at most a half"),
        (lambda: optim.OneCycle(0.1, 10, dialect="jax"), "dialect"),
        (lambda: optim.ReduceOnPlateau(0.1, factor=1.0), "below 1"),
        (lambda: optim.make_schedule("cosin", 0.1), "Did you mean 'cosine'"),
        (lambda: optim.make_schedule("cosine", 0.1, step=3), "Did you mean 'steps'"),
    ],
)
def test_nonsense_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()
