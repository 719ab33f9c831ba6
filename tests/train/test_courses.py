"""Courses of the learning rate: the rates that a run really used are those of the formula."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule import train
from chainrule.errors import ConfigError
from chainrule.train import COURSES, Config, ScheduleConfig
from chainrule.train.courses import make_course

LR = 0.01


def cosine(low: float, high: float, t: float) -> float:
    """From low (t = 0) to high (t = 1)."""
    return low + (high - low) * (1 - math.cos(math.pi * t)) / 2


def one_cycle(t: int, steps: int) -> float:
    top = 0.25 * steps - 1
    return cosine(0.1, 1, t / top) if t <= top else cosine(1, 0.01, (t - top) / (steps - 1 - top))


FORMULAS: dict[str, tuple[dict[str, Any], Any]] = {
    "one-cycle": ({"warmup": 0.25, "start_factor": 0.1, "end_factor": 0.01}, one_cycle),
    "cosine": (
        {"warmup": 0.5, "end_factor": 0.1},
        lambda t, steps: 2 * t / steps if t < steps / 2 else cosine(1, 0.1, 2 * t / steps - 1),
    ),
    "linear": ({"warmup": 0.0, "end_factor": 0.5}, lambda t, steps: 1 - 0.5 * t / steps),
    "step": (
        {"warmup": 0.0, "milestones": [0.5, 0.75], "drop_factor": 0.2},
        lambda t, steps: 0.2 ** ((t >= steps / 2) + (t >= 3 * steps / 4)),
    ),
    "constant": ({"warmup": 0.5}, lambda t, steps: min(2 * t / steps, 1)),
}


@pytest.mark.parametrize("name", COURSES)
def test_the_rates_of_a_run_are_those_of_the_formula(name: str, tmp_path: Path) -> None:
    options, formula = FORMULAS[name]
    assert options.keys() == COURSES[name].options.keys()  # every number is tried
    config = Config()
    for option, value in (options | {"name": name}).items():
        config.set(f"schedule.{option}", value)
    for option, value in (("optimizer.lr", LR), ("model.hidden", [4]), ("trainer.batch_size", 0)):
        config.set(option, value)
    config.set("trainer.epochs", 12)  # full batches: an epoch is a step, and tells its rate
    config.data.source = "xor"
    trained = train.train(config, out=tmp_path / "run", progress=False)
    used = [record["learning_rate"] for record in trained.run.history]
    assert used == pytest.approx([LR * formula(t, 12) for t in range(12)], rel=1e-5, abs=1e-9)
    saved = Config.read(tmp_path / "run" / "config.toml").schedule
    assert {option: value for option, value in vars(saved).items() if value is not None} == options | {"name": name}


@pytest.mark.parametrize("name", COURSES)
def test_what_is_not_chosen_is_the_usual_and_noted(name: str, tmp_path: Path) -> None:
    config = Config()
    config.set("schedule.name", name)
    for option, value in (("trainer.epochs", 1), ("model.hidden", [4])):
        config.set(option, value)
    config.data.source = "xor"
    train.train(config, out=tmp_path / "run", progress=False)
    saved = vars(Config.read(tmp_path / "run" / "config.toml").schedule)
    assert {option: saved[option] for option in COURSES[name].options} == COURSES[name].options


@given(st.sampled_from(list(COURSES)), st.integers(1, 60), st.floats(0, 1), st.floats(0, 1))
def test_no_course_leaves_the_range_of_its_rates(name: str, steps: int, warmup: float, end_factor: float) -> None:
    options = {"warmup": warmup, "end_factor": end_factor}
    chosen = {option: value for option, value in options.items() if option in COURSES[name].options}
    schedule = make_course(name, LR, steps, **chosen)
    assert all(0 <= schedule(t) <= LR * (1 + 1e-9) for t in range(steps + 2))


@pytest.mark.parametrize(
    ("name", "option", "value", "message"),
    [
        ("constant", "end_factor", 0.1, "constant has no end_factor, which one-cycle and cosine and linear have."),
        ("cosine", "milestones", [0.5], "cosine has no milestones, which step has."),
        ("linear", "start_factor", 0.5, "linear has no start_factor, which one-cycle has."),
    ],
)
def test_a_number_that_the_course_does_not_have_is_refused_before_data_are_read(
    name: str, option: str, value: Any, message: str
) -> None:
    config = Config()
    config.set("schedule.name", name)
    config.set(f"schedule.{option}", value)
    config.data.source = "no-such-file.csv"
    with pytest.raises(ConfigError, match="has no") as caught:
        train.train(config, progress=False)
    assert message in str(caught.value)


@pytest.mark.parametrize("name", COURSES)
def test_a_run_of_a_single_step_learns_by_it(name: str) -> None:
    assert make_course(name, LR, 1)(0) == LR


def test_snapshots_have_a_cosine_each_and_refuse_another_course(tmp_path: Path) -> None:
    config = Config()
    for option, value in (("ensemble.members", 2), ("ensemble.kind", "snapshot"), ("trainer.epochs", 4)):
        config.set(option, value)
    for option, value in (("model.hidden", [4]), ("trainer.batch_size", 0), ("optimizer.lr", LR)):
        config.set(option, value)
    config.data.source = "xor"
    trained = train.train(config, out=tmp_path / "run", progress=False)
    used = [record["learning_rate"] for record in trained.run.history]
    assert used == pytest.approx([LR, LR / 2, LR, LR / 2], rel=1e-5)
    again = Config.read(tmp_path / "run" / "config.toml")
    assert again.schedule.name == "cosine"
    prepared = train.prepare_data(again)
    train.complete(again, prepared)  # as resuming does
    for option, value in (("end_factor", 0.5), ("name", "constant")):
        other = Config.read(tmp_path / "run" / "config.toml")
        other.schedule = ScheduleConfig(**{"name": "one-cycle", option: value})
        with pytest.raises(ConfigError, match="no other schedule fits"):
            train.complete(other, prepared)


def test_the_usual_numbers_are_no_ones_to_change() -> None:
    config = Config()
    config.set("schedule.name", "step")
    config.data.source = "xor"
    train.complete(config, train.prepare_data(config))
    assert config.schedule.milestones is not None
    config.schedule.milestones.append(0.9)
    assert len(COURSES["step"].options["milestones"]) == 2
