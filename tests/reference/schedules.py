"""Schedules: the learning rate of every step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule import optim
from reference.cases import Arrays, Case

STEPS = 40


def _case(
    name: str, schedule: Callable[[], Any], theirs: Callable[[Any, Any], Any], lr: float = 0.3, steps: int = STEPS
) -> Case:
    """`theirs(torch.optim.lr_scheduler, optimizer)`; the optimizer starts with lr."""

    def run_theirs(inputs: Arrays) -> Arrays:
        import torch

        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr)
        made = theirs(torch.optim.lr_scheduler, optimizer)
        rates = []
        for _ in range(steps):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            if len(rates) < steps:
                made.step()
        return {"lr": np.array(rates)}

    def run_ours(inputs: Arrays, wrap: Callable[[Any], Any]) -> Arrays:
        made = schedule()
        return {"lr": np.array([made(t) for t in range(steps)])}

    return Case(f"schedule/{name}", lambda rng: {"steps": np.arange(steps)}, run_ours, run_theirs)


def _plateau_case(name: str, higher: bool) -> Case:
    options: dict[str, Any] = {"factor": 0.5, "patience": 2, "cooldown": 1, "threshold": 1e-2}

    def run_theirs(inputs: Arrays) -> Arrays:
        import torch

        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.3)
        made = torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer, mode="max" if higher else "min", min_lr=0.01, **options
        )
        rates = []
        for value in inputs["values"]:
            made.step(float(value))
            rates.append(optimizer.param_groups[0]["lr"])
        return {"lr": np.array(rates)}

    def run_ours(inputs: Arrays, wrap: Callable[[Any], Any]) -> Arrays:
        made = optim.ReduceOnPlateau(0.3, minimum=0.01, higher_is_better=higher, **options)
        return {"lr": np.array([made.observe(float(value)) for value in inputs["values"]])}

    def draw(rng: np.random.Generator) -> Arrays:
        return {"values": 2.0 + np.cumsum(rng.normal(0, 0.05, 60))}

    return Case(f"schedule/{name}", draw, run_ours, run_theirs)


CASES = [
    _case("constant", lambda: optim.Constant(0.3), lambda s, o: s.LambdaLR(o, lambda t: 1.0)),
    _case("step", lambda: optim.Step(0.3, 7, 0.4), lambda s, o: s.StepLR(o, 7, 0.4)),
    _case("multi_step", lambda: optim.Step(0.3, [5, 20, 21], 0.4), lambda s, o: s.MultiStepLR(o, [5, 20, 21], 0.4)),
    _case("exponential", lambda: optim.Exponential(0.3, 0.93), lambda s, o: s.ExponentialLR(o, 0.93)),
    _case("inverse_time", lambda: optim.InverseTime(0.3, 0.2), lambda s, o: s.LambdaLR(o, lambda t: 1 / (1 + 0.2 * t))),
    _case("polynomial", lambda: optim.Polynomial(0.3, 30, 2.0), lambda s, o: s.PolynomialLR(o, 30, 2.0)),
    _case("cosine", lambda: optim.Cosine(0.3, STEPS, 0.02), lambda s, o: s.CosineAnnealingLR(o, STEPS, 0.02)),
    _case(
        "cosine_restarts",
        lambda: optim.Cosine(0.3, 9, 0.02, restarts=True),
        lambda s, o: s.CosineAnnealingWarmRestarts(o, 9, eta_min=0.02),
    ),
    _case(
        "cosine_growing_restarts",
        lambda: optim.Cosine(0.3, 5, 0.02, restarts=True, growth=2),
        lambda s, o: s.CosineAnnealingWarmRestarts(o, 5, 2, 0.02),
    ),
    _case("linear", lambda: optim.Linear(0.3, 25, 0.4, 0.9), lambda s, o: s.LinearLR(o, 0.4, 0.9, 25)),
    _case(
        "cyclic",
        lambda: optim.Cyclic(0.3, 0.1, 4, 7, "triangular2"),
        lambda s, o: s.CyclicLR(o, 0.1, 0.3, 4, 7, mode="triangular2", cycle_momentum=False),
    ),
    _case(
        "product",
        lambda: optim.Product(0.3, [optim.Linear(1.0, 9, 0.5, 1.0), optim.Step(1.0, 12, 0.4)]),
        lambda s, o: s.ChainedScheduler([s.LinearLR(o, 0.5, 1.0, 9), s.StepLR(o, 12, 0.4)], optimizer=o),
    ),
    _case("warmup", lambda: optim.Warmup(optim.Constant(0.3), 10, 0.1), lambda s, o: s.LinearLR(o, 0.1, 1.0, 10)),
    _case(
        "warmup_cosine",
        lambda: optim.Warmup(optim.Cosine(0.3, 30), 10, 0.1),
        lambda s, o: s.SequentialLR(o, [s.LinearLR(o, 0.1, 1.0, 10), s.CosineAnnealingLR(o, 30)], [10]),
    ),
    _case("one_cycle", lambda: optim.OneCycle(0.3, STEPS, dialect="pytorch"), lambda s, o: s.OneCycleLR(o, 0.3, STEPS)),
    _case(
        "one_cycle_three_phases",
        lambda: optim.OneCycle(0.3, STEPS, rise=0.4, div=5, final_div=50),
        lambda s, o: s.OneCycleLR(
            o, 0.3, STEPS, pct_start=0.4, div_factor=5, final_div_factor=50, anneal_strategy="linear", three_phase=True
        ),
    ),
    _plateau_case("plateau", False),
    _plateau_case("plateau_higher", True),
]
