"""AdaGrad and AdaDelta: every number has a step size of its own, from the gradients it has seen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from chainrule.graph import Tensor, op
from chainrule.optim.optimizer import Optimizer

__all__ = ["AdaDelta", "AdaGrad"]


@op(
    several=True,
    samples=lambda rng: [
        ((rng.normal(size=(3, 4)), rng.random((3, 4)), np.asarray(0.1)), {"epsilon": 1e-7, "inside": inside})
        for inside in (True, False)
    ],
)
def adagrad_rule(xp: Any, g: Any, total: Any, lr: Any, /, *, epsilon: float, inside: bool) -> Any:
    """The step and the sum of squares; `inside`: ε is under the root."""
    total = total + g * g
    size = xp.sqrt(total + epsilon) if inside else xp.sqrt(total) + epsilon
    return lr.astype(g.dtype) * g / size, total


class AdaGrad(Optimizer):
    """S ← S + g², θ ← θ − η g / (√S + ε): rare features keep large steps. S only grows, so steps only shrink.

    Arguments:
        parameters: Variables or groups.
        lr: η.
        epsilon: ε; 10⁻¹⁰, in the dialect "keras" 10⁻⁷ and under the root: √(S + ε).
        initial: S at the start; 0, in "keras" 0.1.
        weight_decay: λ, as L2: g ← g + λθ.
        clip_norm, clip_value, lazy: as for every `Optimizer`. A row-sparse gradient updates just its rows, exactly.
        dialect: "paper" and "pytorch" agree.

    Source: Duchi, Hazan & Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization"
    (2011), figure 1, diagonal.

    Example:
        >>> from chainrule import nn, optim
        >>> w = nn.Parameter([1.0, -2.0])
        >>> optimizer = optim.AdaGrad([w], lr=0.5)
        >>> loss = optimizer.minimize((w * w).sum())
        >>> w.tolist()
        [0.5, -1.5]
    """

    name = "adagrad"
    slots = ("sum",)

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float = 0.01,
        epsilon: float | None = None,
        *,
        initial: float | None = None,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        lazy: bool = True,
        dialect: str = "paper",
    ) -> None:
        keras = dialect == "keras"
        self.initial = (0.1 if keras else 0.0) if initial is None else float(initial)
        super().__init__(
            parameters,
            lr,
            weight_decay=weight_decay,
            clip_norm=clip_norm,
            clip_value=clip_value,
            lazy=lazy,
            dialect=dialect,
            epsilon=(1e-7 if keras else 1e-10) if epsilon is None else float(epsilon),
        )

    def first(self, slot: str) -> float:
        return self.initial

    def rule(
        self, g: Tensor, p: Tensor, state: tuple[Tensor, ...], scales: tuple[Tensor, ...], options: dict[str, Any]
    ) -> tuple[Tensor, ...]:
        return adagrad_rule(g, *state, *scales, epsilon=options["epsilon"], inside=self.dialect == "keras")  # type: ignore[return-value]


@op(
    several=True,
    samples=lambda rng: [
        (
            (rng.normal(size=(3, 4)), rng.random((3, 4)), rng.random((3, 4)), np.asarray(1.0)),
            {"decay": 0.9, "epsilon": 1e-6},
        )
    ],
)
def adadelta_rule(xp: Any, g: Any, square: Any, moved: Any, lr: Any, /, *, decay: float, epsilon: float) -> Any:
    """The step, and the running means of the squares of gradients and of steps."""
    square = decay * square + (1.0 - decay) * (g * g)
    step = xp.sqrt(moved + epsilon) / xp.sqrt(square + epsilon) * g
    return lr.astype(g.dtype) * step, square, decay * moved + (1.0 - decay) * (step * step)


class AdaDelta(Optimizer):
    """E ← ρE + (1 − ρ)g², Δ = g·√(D + ε) / √(E + ε), D ← ρD + (1 − ρ)Δ², θ ← θ − ηΔ: steps in the units of the
    parameters.

    Arguments:
        parameters: Variables or groups.
        lr: η; the paper has none, which is 1; in the dialect "keras" 10⁻³.
        decay: ρ; 0.95, in "pytorch" 0.9.
        epsilon: ε; 10⁻⁶, in "keras" 10⁻⁷.
        weight_decay: λ, as L2: g ← g + λθ.
        clip_norm, clip_value, lazy: as for every `Optimizer`.
        dialect: whose defaults; the rule is the same.

    Source: Zeiler, "ADADELTA: An Adaptive Learning Rate Method" (2012), algorithm 1.

    Example:
        >>> from chainrule import nn, optim
        >>> w = nn.Parameter([1.0])
        >>> optimizer = optim.AdaDelta([w])
        >>> loss = optimizer.minimize((w * w).sum())
        >>> round(float(w[0]), 4)
        0.9955
    """

    name = "adadelta"
    slots = ("square", "moved")

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float | None = None,
        decay: float | None = None,
        epsilon: float | None = None,
        *,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        lazy: bool = True,
        dialect: str = "paper",
    ) -> None:
        keras = dialect == "keras"
        super().__init__(
            parameters,
            (1e-3 if keras else 1.0) if lr is None else lr,
            weight_decay=weight_decay,
            clip_norm=clip_norm,
            clip_value=clip_value,
            lazy=lazy,
            dialect=dialect,
            decay=(0.9 if dialect == "pytorch" else 0.95) if decay is None else float(decay),
            epsilon=(1e-7 if keras else 1e-6) if epsilon is None else float(epsilon),
        )

    def rule(
        self, g: Tensor, p: Tensor, state: tuple[Tensor, ...], scales: tuple[Tensor, ...], options: dict[str, Any]
    ) -> tuple[Tensor, ...]:
        return adadelta_rule(g, *state, *scales, decay=options["decay"], epsilon=options["epsilon"])  # type: ignore[return-value]
