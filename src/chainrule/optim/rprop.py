"""Rprop: every number has a step size that only the sign of its gradient changes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from chainrule.errors import ConfigError
from chainrule.graph import Tensor, op, wrap
from chainrule.optim.optimizer import Optimizer

__all__ = ["Rprop"]


@op(
    several=True,
    samples=lambda rng: [
        (
            (rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), rng.uniform(0.1, 0.2, (3, 4))),
            {"shrink": 0.5, "grow": 1.2, "least": 1e-6, "most": 50.0},
        )
    ],
)
def rprop_rule(
    xp: Any, g: Any, last: Any, size: Any, /, *, shrink: float, grow: float, least: float, most: float
) -> Any:
    """The step, the gradient to remember, and the sizes of the steps."""
    turn = xp.sign(g) * xp.sign(last)
    size = xp.clip(size * xp.where(turn > 0, grow, xp.where(turn < 0, shrink, 1.0)), least, most)
    g = xp.where(turn < 0, 0.0, g)
    return size * xp.sign(g), g, size


class Rprop(Optimizer):
    """Δ grows by η⁺ where the gradient keeps its sign and shrinks by η⁻ where it turns (where the step is left out);
    θ ← θ − sign(g)·Δ. How large gradients are does not matter.

    For whole batches: the signs of mini-batch gradients turn by chance.

    Arguments:
        parameters: Variables or groups.
        lr: Δ at the start; later changes of it do nothing.
        etas: η⁻ and η⁺.
        step_sizes: the smallest and the largest Δ.
        weight_decay: λ, as L2: g ← g + λθ.
        clip_norm, clip_value, lazy: as for every `Optimizer`.
        dialect: all agree.

    Source: Riedmiller & Braun, "A Direct Adaptive Method for Faster Backpropagation Learning: The RPROP Algorithm"
    (1993); as iRprop⁻ of Igel & Hüsken, "Improving the Rprop Learning Algorithm" (2000), which PyTorch has too.

    Example:
        >>> from chainrule import nn, optim
        >>> w = nn.Parameter([1.0, -200.0])
        >>> optimizer = optim.Rprop([w], lr=0.5)
        >>> loss = optimizer.minimize((w * w).sum())
        >>> w.tolist()
        [0.5, -199.5]
    """

    name = "rprop"
    slots = ("last", "size")

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float = 0.01,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50.0),
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
            shrink=float(etas[0]),
            grow=float(etas[1]),
            least=float(step_sizes[0]),
            most=float(step_sizes[1]),
        )
        for group in self.groups:
            for p in group.parameters:
                self._state[id(p)][1].assign(wrap(np.full(p.shape, group.first_lr, p.dtype)))

    def check(self, lr: float, options: dict[str, Any]) -> None:
        super().check(lr, options)
        if not 0.0 < options["shrink"] < 1.0 < options["grow"]:
            raise ConfigError(f"Rprop: the etas lie below and above 1, got {options['shrink']}, {options['grow']}.")
        if not 0.0 < options["least"] <= options["most"]:
            raise ConfigError(
                f"Rprop: the step sizes are the smallest, above 0, and the largest, got {options['least']}, "
                f"{options['most']}."
            )

    def rule(
        self, g: Tensor, p: Tensor, state: tuple[Tensor, ...], scales: tuple[Tensor, ...], options: dict[str, Any]
    ) -> tuple[Tensor, ...]:
        chosen = {name: options[name] for name in ("shrink", "grow", "least", "most")}
        return rprop_rule(g, *state, **chosen)  # type: ignore[return-value]
