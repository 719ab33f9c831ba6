"""The learning-rate range test: how the loss answers while the rate grows from tiny to far too large."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.data import Prepared, Samples
from chainrule.errors import ConfigError, NonFiniteError
from chainrule.graph import random
from chainrule.nn import Module
from chainrule.optim import Optimizer
from chainrule.train.evaluator import as_samples
from chainrule.train.trainer import Trainer

__all__ = ["LearningRateRange", "learning_rate_range"]

_BROKEN = 4.0  # times the lowest loss ends the test
_WINDOW = 5


@dataclass
class LearningRateRange:
    """What a range test measured.

    Attributes:
        rates: the learning rate of each step, growing by a constant factor.
        losses: of the batch, before the step.
        smoothed: the losses, averaged with their neighbours on both sides, so that no place is shifted.
        steepest: the rate at which the smoothed loss falls fastest, before its lowest point.
        tenth: a tenth of the rate of the lowest point. Both are usual choices; where they are far apart, the curve
            wants to be looked at.
    """

    rates: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray
    steepest: float
    tenth: float

    def __str__(self) -> str:
        return f"steepest descent at {self.steepest:.2g}, a tenth of the lowest point's rate is {self.tenth:.2g}"


def learning_rate_range(
    model: Module,
    loss: Any,
    optimizer: Optimizer,
    train: Any,
    *,
    lowest: float = 1e-6,
    highest: float = 10.0,
    steps: int = 100,
    batch_size: int = 32,
    seed: int = 0,
) -> LearningRateRange:
    """Trains for a few steps, each with a larger learning rate, until the loss breaks out, and undoes it all.

    rate(t) = lowest · (highest / lowest)^(t / (steps − 1)). Where the loss does not fall yet, the rate is too small;
    where it falls fastest, it is about right; where it rises, too large. Model, optimizer and random streams are
    afterwards what they were before, bit for bit.

    Arguments:
        model, loss, optimizer: as for a `Trainer`.
        train: as for `Trainer.fit`.
        lowest, highest: the first and the last rate.
        steps: at most; the test ends when the loss is four times its lowest, or no number any more.
        batch_size: samples in a step; the right rate depends on it.
        seed: of the order of the samples.

    Raises:
        ConfigError: for rates that do not grow, or fewer than 10 steps; NonFiniteError: when the loss is no number
            within so few steps that nothing can be said.

    Source: Smith, "Cyclical Learning Rates for Training Neural Networks" (2017), section 3.3, which lets the rate grow
    linearly.

    Example:
        >>> import numpy as np
        >>> from chainrule import losses, nn, optim, train
        >>> x = np.random.default_rng(0).normal(size=(256, 1)).astype(np.float32)
        >>> model = nn.Linear(1, 1)
        >>> found = train.learning_rate_range(model, losses.MSE(), optim.SGD(model.parameters(), lr=0.1), (x, 3 * x))
        >>> bool(0.01 < found.steepest < 1.0)  # 1 is where descent on this parabola diverges
        True
    """
    if not 0.0 < lowest < highest < math.inf:
        raise ConfigError(f"A range of learning rates goes up from above 0, got {lowest} to {highest}.")
    if steps < 10:
        raise ConfigError(f"A range test takes at least 10 steps, got {steps}.")
    if isinstance(train, Prepared):
        train = train.train
    samples = as_samples(train, "training")
    rates = np.geomspace(lowest, highest, steps)
    stream = random.default_stream().state
    before = (model.state_dict(), optimizer.state_dict(), stream.numpy().copy())
    modes = [(module, module.training) for module in model.modules()]
    trainer = Trainer(model, loss, optimizer, schedule=lambda step: float(rates[step]), seed=seed, progress=False)
    try:
        found = np.array(list(_losses(trainer, samples, rates, min(batch_size, len(samples)), seed)))
    finally:
        model.load_state_dict(before[0])
        optimizer.load_state_dict(before[1])
        stream.assign(before[2])
        for module, mode in modes:
            module.training = mode
    if len(found) < _WINDOW:
        raise NonFiniteError(
            f"The loss is no number after {len(found)} steps of learning rates from {lowest:g}.",
            fix="look at the data and the initial weights, or begin with a lower rate",
        )
    rates = rates[: len(found)]
    smoothed = _smooth(found, max(steps // 10, 1))
    bottom = max(int(smoothed.argmin()), 1)
    steepest = int(np.gradient(smoothed)[: bottom + 1].argmin())
    return LearningRateRange(rates, found, smoothed, float(rates[steepest]), float(rates[bottom] / 10))


def _losses(trainer: Trainer, samples: Samples, rates: np.ndarray, batch: int, seed: int) -> Iterator[float]:
    """The loss of each step, until it breaks out."""
    trainer._check(samples)
    trainer._hold(samples)
    trainer.model.train()
    whole = max(len(samples) // batch, 1)
    best, recent, order = math.inf, [], samples.rows()
    for step, rate in enumerate(rates):
        if step % whole == 0:
            order = samples.order(seed, step // whole)
        first = step % whole * batch
        value = float(trainer._train_step(order[first : first + batch], float(rate))[0])
        if not math.isfinite(value):
            return
        yield value
        recent = [*recent, value][-_WINDOW:]
        level = sum(recent) / len(recent)
        if len(recent) == _WINDOW:
            best = min(best, level)
        if level > _BROKEN * best:
            return


def _smooth(values: np.ndarray, reach: int) -> np.ndarray:
    """Each value averaged with its neighbours, the nearer the more: weights fall linearly to 0 beyond the reach."""
    weights = 1.0 - np.abs(np.arange(-reach, reach + 1)) / (reach + 1)
    total = np.convolve(values, weights)[reach : reach + len(values)]
    return total / np.convolve(np.ones(len(values)), weights)[reach : reach + len(values)]
