"""Lion: steps of equal size in every direction, by the sign of a momentum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from chainrule.graph import Tensor, op
from chainrule.optim.optimizer import Optimizer

__all__ = ["Lion"]


@op(
    several=True,
    samples=lambda rng: [
        (
            (rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), np.asarray(0.1)),
            {"beta1": 0.9, "beta2": 0.99, "decay": decay},
        )
        for decay in (0.0, 0.1)
    ],
)
def lion_rule(xp: Any, g: Any, p: Any, m: Any, lr: Any, /, *, beta1: float, beta2: float, decay: float) -> Any:
    """The step, decay included, and the momentum."""
    direction = xp.sign(beta1 * m + (1.0 - beta1) * g)
    if decay:
        direction = direction + decay * p
    return lr.astype(g.dtype) * direction, beta2 * m + (1.0 - beta2) * g


class Lion(Optimizer):
    """θ ← θ − η(sign(β₁m + (1 − β₁)g) + λθ), m ← β₂m + (1 − β₂)g.

    Arguments:
        parameters: Variables or groups.
        lr: η; the paper advises 3 to 10 times less than for AdamW.
        betas: β₁ and β₂.
        weight_decay: λ, decoupled, times η as in the paper.
        clip_norm, clip_value, lazy: as for every `Optimizer`.
        dialect: all agree; PyTorch has no Lion.

    Source: Chen et al., "Symbolic Discovery of Optimization Algorithms" (2023), algorithm 2.

    Example:
        >>> from chainrule import nn, optim
        >>> w = nn.Parameter([1.0, -2.0])
        >>> optimizer = optim.Lion([w], lr=0.5)
        >>> loss = optimizer.minimize((w * w).sum())
        >>> w.tolist()
        [0.5, -1.5]
    """

    name = "lion"
    slots = ("m",)

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        *,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        lazy: bool = True,
        dialect: str = "paper",
    ) -> None:
        super().__init__(
            parameters,
            lr,
            weight_decay=weight_decay,
            clip_norm=clip_norm,
            clip_value=clip_value,
            lazy=lazy,
            dialect=dialect,
            beta1=float(betas[0]),
            beta2=float(betas[1]),
        )

    def decayed(self, g: Tensor, p: Tensor, options: dict[str, Any]) -> Tensor:
        return g

    def rule(
        self, g: Tensor, p: Tensor, state: tuple[Tensor, ...], scales: tuple[Tensor, ...], options: dict[str, Any]
    ) -> tuple[Tensor, ...]:
        o = options
        return lion_rule(g, p, *state, *scales, beta1=o["beta1"], beta2=o["beta2"], decay=o["weight_decay"])  # type: ignore[return-value]
