"""RAdam: Adam that waits until it knows the size of the gradient."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from chainrule.errors import ConfigError
from chainrule.graph import Tensor, op
from chainrule.optim.optimizer import Group, Optimizer

__all__ = ["RAdam"]


@op(
    several=True,
    samples=lambda rng: [
        ((np.int64(t), np.asarray(0.01)), {"beta1": 0.9, "beta2": 0.999, "least": 4.0}) for t in (2, 40)
    ],
)
def radam_scales(xp: Any, count: Any, lr: Any, /, *, beta1: float, beta2: float, least: float) -> Any:
    """The size of the step, and whether it is to be divided by the root of the second moment."""
    t = count.astype(lr.dtype)
    size = lr / (1.0 - beta1**t)
    power = beta2**t
    longest = 2.0 / (1.0 - beta2) - 1.0
    length = longest - 2.0 * t * power / (1.0 - power)
    known = length > least
    safe = xp.where(known, length, longest)
    rectified = xp.sqrt(
        (safe - 4.0) * (safe - 2.0) * longest / ((longest - 4.0) * (longest - 2.0) * safe) * (1.0 - power)
    )
    return size * xp.where(known, rectified, 1.0), known


@op(
    several=True,
    samples=lambda rng: [
        (
            (rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), rng.random((3, 4)), np.asarray(0.1), np.asarray(known)),
            {"beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8},
        )
        for known in (True, False)
    ],
)
def radam_rule(
    xp: Any, g: Any, m: Any, v: Any, size: Any, known: Any, /, *, beta1: float, beta2: float, epsilon: float
) -> Any:
    """The step and both moments."""
    m = beta1 * m + (1.0 - beta1) * g
    v = beta2 * v + (1.0 - beta2) * (g * g)
    return size.astype(g.dtype) * m / xp.where(known, xp.sqrt(v) + epsilon, 1.0), m, v


class RAdam(Optimizer):
    """Adam whose step is multiplied by a factor that makes up for how little v knows at first; as long as it knows too
    little, the step is η m̂, without v.

    With ρ∞ = 2/(1 − β₂) − 1 and ρ = ρ∞ − 2tβ₂ᵗ/(1 − β₂ᵗ), the factor is r = √((ρ − 4)(ρ − 2)ρ∞ / ((ρ∞ − 4)(ρ∞ −
    2)ρ)), and v counts once ρ > 4: no warm-up is needed.

    Arguments:
        parameters: Variables or groups.
        lr: η.
        betas: β₁ and β₂ > 0.6, so that ρ∞ > 4.
        epsilon: ε beside √v, which the paper leaves out.
        weight_decay: λ, as L2: g ← g + λθ.
        clip_norm, clip_value, lazy: as for every `Optimizer`.
        dialect: in "pytorch" v counts from ρ > 5 on.

    Source: Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond" (2020), algorithm 2.

    Example:
        >>> from chainrule import nn, optim
        >>> w = nn.Parameter([1.0])
        >>> optimizer = optim.RAdam([w], lr=0.25)
        >>> loss = optimizer.minimize((w * w).sum())
        >>> round(float(w[0]), 4)
        0.5
    """

    name = "radam"
    slots = ("m", "v")

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
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
            epsilon=float(epsilon),
        )

    def check(self, lr: float, options: dict[str, Any]) -> None:
        super().check(lr, options)
        if options["beta2"] <= 0.6:
            raise ConfigError(f"RAdam needs beta2 above 0.6, where its factor is defined, got {options['beta2']}.")

    def scales(self, group: Group) -> tuple[Tensor, ...]:
        o = group.options
        least = 5.0 if self.dialect == "pytorch" else 4.0
        return radam_scales(self.count, group.lr, beta1=o["beta1"], beta2=o["beta2"], least=least)  # type: ignore[return-value]

    def rule(
        self, g: Tensor, p: Tensor, state: tuple[Tensor, ...], scales: tuple[Tensor, ...], options: dict[str, Any]
    ) -> tuple[Tensor, ...]:
        o = options
        return radam_rule(g, *state, *scales, beta1=o["beta1"], beta2=o["beta2"], epsilon=o["epsilon"])  # type: ignore[return-value]
