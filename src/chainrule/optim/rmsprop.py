"""RMSProp: the gradient divided by a moving average of its size."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from chainrule.errors import ConfigError
from chainrule.graph import Tensor, op
from chainrule.optim.optimizer import Optimizer

__all__ = ["RMSProp"]


@op(
    several=True,
    samples=lambda rng: [
        (
            (rng.normal(size=(3, 4)), rng.random((3, 4)), np.asarray(0.1)),
            {"decay": 0.9, "epsilon": 1e-7, "inside": inside},
        )
        for inside in (True, False)
    ],
)
def rmsprop_rule(xp: Any, g: Any, square: Any, lr: Any, /, *, decay: float, epsilon: float, inside: bool) -> Any:
    """The step and the mean square; `inside`: ε is under the root."""
    square = decay * square + (1.0 - decay) * (g * g)
    size = xp.sqrt(square + epsilon) if inside else xp.sqrt(square) + epsilon
    return lr.astype(g.dtype) * g / size, square


@op(
    several=True,
    samples=lambda rng: [
        (
            (
                rng.normal(size=(3, 4)),
                rng.uniform(1.0, 2.0, (3, 4)),
                rng.uniform(0.1, 0.2, (3, 4)),
                rng.normal(size=(3, 4)),
                np.asarray(0.1),
            ),
            {"decay": 0.9, "epsilon": 1e-7, "momentum": momentum, "inside": inside, "scaled": scaled},
        )
        for momentum, inside, scaled in ((0.0, True, True), (0.9, False, False))
    ],
)
def rmsprop_moving_rule(
    xp: Any,
    g: Any,
    square: Any,
    mean: Any,
    velocity: Any,
    lr: Any,
    /,
    *,
    decay: float,
    epsilon: float,
    momentum: float,
    inside: bool,
    scaled: bool,
    centered: bool = True,
) -> Any:
    """The step, the mean square, the mean, and the velocity; `scaled`: the learning rate is inside the velocity."""
    lr = lr.astype(g.dtype)
    square = decay * square + (1.0 - decay) * (g * g)
    variance = square
    if centered:
        mean = decay * mean + (1.0 - decay) * g
        variance = square - mean * mean
    size = xp.sqrt(variance + epsilon) if inside else xp.sqrt(variance) + epsilon
    step = g / size
    velocity = momentum * velocity + (lr * step if scaled else step)
    return velocity if scaled else lr * velocity, square, mean, velocity


class RMSProp(Optimizer):
    """S ← ρS + (1 − ρ)g², θ ← θ − η g / (√S + ε): AdaGrad that forgets.

    Arguments:
        parameters: Variables or groups.
        lr: η; 10⁻³, in the dialect "pytorch" 10⁻².
        decay: ρ; 0.9 as in the lecture, in "pytorch" 0.99.
        epsilon: ε, which the lecture leaves out; 10⁻⁸, in "keras" 10⁻⁷ and under the root: √(S + ε).
        momentum: γ: the step becomes v ← γv + η g / (√S + ε); in "pytorch" with η outside of v.
        centered: S − (the moving average of g)² in place of S: the variance.
        weight_decay: λ, as L2: g ← g + λθ.
        clip_norm, clip_value, lazy: as for every `Optimizer`.
        dialect: whose defaults, and where ε stands.

    Source: Hinton, Srivastava & Swersky, "Neural Networks for Machine Learning", lecture 6e (2012). Centered, with
    momentum: Graves, "Generating Sequences with Recurrent Neural Networks" (2013), equations 38 to 41.

    Example:
        >>> from chainrule import nn, optim
        >>> w = nn.Parameter([1.0])
        >>> optimizer = optim.RMSProp([w], lr=0.1, decay=0.75)
        >>> loss = optimizer.minimize((w * w).sum())
        >>> round(float(w[0]), 4)
        0.8
    """

    name = "rmsprop"
    slots = ("square",)

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float | None = None,
        decay: float | None = None,
        epsilon: float | None = None,
        *,
        momentum: float = 0.0,
        centered: bool = False,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        lazy: bool = True,
        dialect: str = "paper",
    ) -> None:
        self.centered = centered
        # Only what is asked for is remembered.
        self.slots = ("square", "mean", "velocity") if centered or momentum else ("square",)
        pytorch = dialect == "pytorch"
        super().__init__(
            parameters,
            (1e-2 if pytorch else 1e-3) if lr is None else lr,
            weight_decay=weight_decay,
            clip_norm=clip_norm,
            clip_value=clip_value,
            lazy=lazy,
            dialect=dialect,
            decay=(0.99 if pytorch else 0.9) if decay is None else float(decay),
            epsilon=(1e-7 if dialect == "keras" else 1e-8) if epsilon is None else float(epsilon),
            momentum=float(momentum),
        )

    def check(self, lr: float, options: dict[str, Any]) -> None:
        super().check(lr, options)
        if options["momentum"] and len(self.slots) == 1:
            raise ConfigError(
                "A group of RMSProp has a momentum, and no velocity is kept.",
                fix="RMSProp(groups, momentum=0.9), with momentum=0.0 in the groups that are to have none",
            )

    def rule(
        self, g: Tensor, p: Tensor, state: tuple[Tensor, ...], scales: tuple[Tensor, ...], options: dict[str, Any]
    ) -> tuple[Tensor, ...]:
        o = {"decay": options["decay"], "epsilon": options["epsilon"], "inside": self.dialect == "keras"}
        if len(self.slots) > 1:
            o |= {"momentum": options["momentum"], "centered": self.centered, "scaled": self.dialect != "pytorch"}
            return rmsprop_moving_rule(g, *state, *scales, **o)  # type: ignore[return-value]
        return rmsprop_rule(g, *state, *scales, **o)  # type: ignore[return-value]
