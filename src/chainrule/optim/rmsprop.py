"""RMSProp: the gradient divided by a moving average of its size."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

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


class RMSProp(Optimizer):
    """S ← ρS + (1 − ρ)g², θ ← θ − η g / (√S + ε): AdaGrad that forgets.

    Arguments:
        parameters: Variables or groups.
        lr: η; 10⁻³, in the dialect "pytorch" 10⁻².
        decay: ρ; 0.9 as in the lecture, in "pytorch" 0.99.
        epsilon: ε, which the lecture leaves out; 10⁻⁸, in "keras" 10⁻⁷ and under the root: √(S + ε).
        weight_decay: λ, as L2: g ← g + λθ.
        clip_norm, clip_value, lazy: as for every `Optimizer`.
        dialect: whose defaults, and where ε stands.

    Source: Hinton, Srivastava & Swersky, "Neural Networks for Machine Learning", lecture 6e (2012).

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
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        lazy: bool = True,
        dialect: str = "paper",
    ) -> None:
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
        )

    def rule(
        self, g: Tensor, p: Tensor, state: tuple[Tensor, ...], scales: tuple[Tensor, ...], options: dict[str, Any]
    ) -> tuple[Tensor, ...]:
        o = options
        return rmsprop_rule(g, *state, *scales, decay=o["decay"], epsilon=o["epsilon"], inside=self.dialect == "keras")  # type: ignore[return-value]
