"""Adamax: Adam with the largest gradient in place of the root of the mean square."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from chainrule.graph import Tensor, op
from chainrule.optim.optimizer import Group, Optimizer

__all__ = ["Adamax"]


@op(samples=lambda rng: [((np.int64(3), np.asarray(0.01)), {"beta1": 0.9})])
def adamax_size(xp: Any, count: Any, lr: Any, /, *, beta1: float) -> Any:
    """The size of the step, with the correction of the bias."""
    return lr / (1.0 - beta1 ** count.astype(lr.dtype))


@op(
    several=True,
    samples=lambda rng: [
        (
            (rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), rng.random((3, 4)), np.asarray(0.1)),
            {"beta1": 0.9, "beta2": 0.99, "inside": inside, "beside": 0.0},
        )
        for inside in (0.0, 1e-8)
    ],
)
def adamax_rule(
    xp: Any, g: Any, m: Any, u: Any, size: Any, /, *, beta1: float, beta2: float, inside: float, beside: float
) -> Any:
    """The step, the mean and the largest gradient; ε inside of the maximum or beside it."""
    m = beta1 * m + (1.0 - beta1) * g
    u = xp.maximum(beta2 * u, xp.abs(g) + inside)
    by = u + beside
    return size.astype(g.dtype) * m / xp.where(by == 0, 1.0, by), m, u


class Adamax(Optimizer):
    """m ← β₁m + (1 − β₁)g, u ← max(β₂u, |g|), θ ← θ − η/(1 − β₁ᵗ) · m / u: Adam under the largest norm; no step where
    u is 0.

    Arguments:
        parameters: Variables or groups.
        lr: η; in the dialect "keras" 10⁻³.
        betas: β₁ and β₂.
        epsilon: ε, which the paper leaves out: 0; in "pytorch" 10⁻⁸ inside, max(β₂u, |g| + ε); in "keras" 10⁻⁷ beside
            u.
        weight_decay: λ, as L2: g ← g + λθ.
        clip_norm, clip_value, lazy: as for every `Optimizer`.
        dialect: where ε stands, and whose defaults.

    Source: Kingma & Ba, "Adam: A Method for Stochastic Optimization" (2015), algorithm 2.

    Example:
        >>> from chainrule import nn, optim
        >>> w = nn.Parameter([1.0, -2.0])
        >>> optimizer = optim.Adamax([w], lr=0.5)
        >>> loss = optimizer.minimize((w * w).sum())
        >>> [round(x, 4) for x in w.tolist()]
        [0.5, -1.5]
    """

    name = "adamax"
    slots = ("m", "u")

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float | None = None,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float | None = None,
        *,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        lazy: bool = True,
        dialect: str = "paper",
    ) -> None:
        super().__init__(
            parameters,
            (1e-3 if dialect == "keras" else 2e-3) if lr is None else lr,
            weight_decay=weight_decay,
            clip_norm=clip_norm,
            clip_value=clip_value,
            lazy=lazy,
            dialect=dialect,
            beta1=float(betas[0]),
            beta2=float(betas[1]),
            epsilon={"pytorch": 1e-8, "keras": 1e-7}.get(dialect, 0.0) if epsilon is None else float(epsilon),
        )

    def scales(self, group: Group) -> tuple[Tensor, ...]:
        return (adamax_size(self.count, group.lr, beta1=group.options["beta1"]),)

    def rule(
        self, g: Tensor, p: Tensor, state: tuple[Tensor, ...], scales: tuple[Tensor, ...], options: dict[str, Any]
    ) -> tuple[Tensor, ...]:
        inside, beside = (0.0, options["epsilon"]) if self.dialect == "keras" else (options["epsilon"], 0.0)
        betas = {"beta1": options["beta1"], "beta2": options["beta2"]}
        return adamax_rule(g, *state, *scales, **betas, inside=inside, beside=beside)  # type: ignore[return-value]
