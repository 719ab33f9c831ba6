"""Every schedule that PyTorch has too, over options drawn at random: hundreds of steps, relative error at most 1e-6."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule import optim

STEPS = 300
Draw = Callable[[Any], Any]
Made = tuple[Callable[[int], float], Callable[[Any, Any], Any]]
"""Ours, and PyTorch's of (torch.optim.lr_scheduler, an optimizer that starts with lr)."""

RATES = st.floats(1e-4, 2.0)
FACTORS = st.floats(0.05, 0.999)
COUNTS = st.integers(1, 350)


def _step(lr: float, draw: Draw) -> Made:
    every, factor = draw(COUNTS), draw(FACTORS)
    return optim.Step(lr, every, factor), lambda s, o: s.StepLR(o, every, factor)


def _multi_step(lr: float, draw: Draw) -> Made:
    at, factor = draw(st.lists(COUNTS, min_size=1, max_size=5, unique=True)), draw(FACTORS)
    return optim.Step(lr, at, factor), lambda s, o: s.MultiStepLR(o, sorted(at), factor)


def _exponential(lr: float, draw: Draw) -> Made:
    factor = draw(FACTORS)
    return optim.Exponential(lr, factor), lambda s, o: s.ExponentialLR(o, factor)


def _function(lr: float, draw: Draw) -> Made:
    rate = draw(st.floats(0.0, 2.0))
    return optim.InverseTime(lr, rate), lambda s, o: s.LambdaLR(o, lambda t: 1 / (1 + rate * t))


def _polynomial(lr: float, draw: Draw) -> Made:
    steps, power = draw(COUNTS), draw(st.floats(0.5, 3.0))
    return optim.Polynomial(lr, steps, power), lambda s, o: s.PolynomialLR(o, steps, power)


def _linear(lr: float, draw: Draw) -> Made:
    steps, start, end = draw(COUNTS), draw(st.floats(0.01, 1.0)), draw(st.floats(0.0, 1.0))
    return optim.Linear(lr, steps, start, end), lambda s, o: s.LinearLR(o, start, end, steps)


def _constant(lr: float, draw: Draw) -> Made:
    steps, factor = draw(COUNTS), draw(FACTORS)
    ours = optim.InTurn([optim.Constant(lr * factor), optim.Constant(lr)], [steps])
    return ours, lambda s, o: s.ConstantLR(o, factor, steps)


def _cosine(lr: float, draw: Draw) -> Made:
    final = lr * draw(st.floats(0.0, 1.0))
    return optim.Cosine(lr, STEPS, final), lambda s, o: s.CosineAnnealingLR(o, STEPS, final)


def _restarts(lr: float, draw: Draw) -> Made:
    steps, growth, final = draw(st.integers(1, 60)), draw(st.integers(1, 3)), lr * draw(st.floats(0.0, 1.0))
    return (
        optim.Cosine(lr, steps, final, restarts=True, growth=growth),
        lambda s, o: s.CosineAnnealingWarmRestarts(o, steps, growth, final),
    )


def _cyclic(lr: float, draw: Draw) -> Made:
    low, up, down = (
        lr * draw(st.floats(0.0, 1.0)),
        draw(st.integers(1, 90)),
        draw(st.one_of(st.none(), st.integers(1, 90))),
    )
    mode, factor = draw(st.sampled_from(["triangular", "triangular2", "exp"])), draw(st.floats(0.9, 1.0))
    return (
        optim.Cyclic(lr, low, up, down, mode, factor),
        lambda s, o: s.CyclicLR(
            o, low, lr, up, down, mode="exp_range" if mode == "exp" else mode, gamma=factor, cycle_momentum=False
        ),
    )


def _one_cycle(lr: float, draw: Draw) -> Made:
    three, shape = draw(st.booleans()), draw(st.sampled_from(["linear", "cosine"]))
    rise, div, final = draw(st.floats(0.1, 0.45)), draw(st.floats(2.0, 50.0)), draw(st.floats(10.0, 1e4))
    return (
        optim.OneCycle(lr, STEPS, rise=rise, div=div, final_div=final, shape=shape, three_phase=three),
        lambda s, o: s.OneCycleLR(
            o,
            lr,
            STEPS,
            pct_start=rise,
            div_factor=div,
            final_div_factor=final,
            anneal_strategy="cos" if shape == "cosine" else "linear",
            three_phase=three,
            cycle_momentum=False,
        ),
    )


def _in_turn(lr: float, draw: Draw) -> Made:
    first, second = draw(st.integers(1, 150)), draw(st.integers(151, 299))
    steps, factor, start = draw(COUNTS), draw(FACTORS), draw(st.floats(0.01, 1.0))
    return (
        optim.InTurn(
            [optim.Linear(lr, first, start, 1.0), optim.Step(lr, steps, factor), optim.Exponential(lr, 0.99)],
            [first, second],
        ),
        lambda s, o: s.SequentialLR(
            o, [s.LinearLR(o, start, 1.0, first), s.StepLR(o, steps, factor), s.ExponentialLR(o, 0.99)], [first, second]
        ),
    )


def _warmup(lr: float, draw: Draw) -> Made:
    steps, start = draw(st.integers(1, 150)), draw(st.floats(0.01, 1.0))
    return (
        optim.Warmup(optim.Exponential(lr, 0.98), steps, start),
        lambda s, o: s.SequentialLR(o, [s.LinearLR(o, start, 1.0, steps), s.ExponentialLR(o, 0.98)], [steps]),
    )


def _product(lr: float, draw: Draw) -> Made:
    steps, factor, start = draw(COUNTS), draw(FACTORS), draw(st.floats(0.01, 1.0))
    return (
        optim.Product(
            lr, [optim.Linear(1.0, steps, start, 1.0), optim.Exponential(1.0, 0.99), optim.Step(1.0, 40, factor)]
        ),
        lambda s, o: s.ChainedScheduler(
            [s.LinearLR(o, start, 1.0, steps), s.ExponentialLR(o, 0.99), s.StepLR(o, 40, factor)], optimizer=o
        ),
    )


SCHEDULES: dict[str, Callable[[float, Draw], Made]] = {
    "step": _step,
    "multi_step": _multi_step,
    "exponential": _exponential,
    "function": _function,
    "polynomial": _polynomial,
    "linear": _linear,
    "constant": _constant,
    "cosine": _cosine,
    "cosine_restarts": _restarts,
    "cyclic": _cyclic,
    "one_cycle": _one_cycle,
    "in_turn": _in_turn,
    "warmup": _warmup,
    "product": _product,
}


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore:The epoch parameter in `scheduler.step")  # by PyTorch's own SequentialLR
@pytest.mark.parametrize("name", SCHEDULES)
@settings(deadline=None, max_examples=20)
@given(lr=RATES, data=st.data())
def test_rates(name: str, lr: float, data: Any) -> None:
    import torch

    ours, theirs = SCHEDULES[name](lr, data.draw)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr)
    schedule = theirs(torch.optim.lr_scheduler, optimizer)
    expected = []
    for t in range(STEPS):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if t < STEPS - 1:
            schedule.step()
    np.testing.assert_allclose([ours(t) for t in range(STEPS)], expected, rtol=1e-6, atol=1e-9 * lr)


@pytest.mark.torch
@settings(deadline=None, max_examples=40)
@given(
    lr=RATES,
    factor=FACTORS,
    patience=st.integers(0, 8),
    cooldown=st.integers(0, 5),
    threshold=st.floats(0.0, 0.1),
    higher=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_plateaus(
    lr: float, factor: float, patience: int, cooldown: int, threshold: float, higher: bool, seed: int
) -> None:
    import torch

    options: dict[str, Any] = {"factor": factor, "patience": patience, "cooldown": cooldown, "threshold": threshold}
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, "max" if higher else "min", min_lr=0.01 * lr, eps=0.0, **options
    )
    ours = optim.ReduceOnPlateau(lr, minimum=0.01 * lr, higher_is_better=higher, **options)
    for value in 2.0 + np.cumsum(np.random.default_rng(seed).normal(0, 0.05, STEPS)):
        theirs.step(float(value))
        assert ours.observe(float(value)) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9)
