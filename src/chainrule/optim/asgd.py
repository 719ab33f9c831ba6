"""ASGD: gradient descent with a falling rate, and the average of where it has been."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from chainrule.graph import Tensor, op
from chainrule.optim.optimizer import Group, Optimizer

__all__ = ["ASGD"]


@op(several=True, samples=lambda rng: [((np.int64(3), np.asarray(0.1)), {"fall": 1e-2, "power": 0.75, "start": 1.0})])
def asgd_scales(xp: Any, count: Any, lr: Any, /, *, fall: float, power: float, start: float) -> Any:
    """The rate of this step, and how much the new parameters count in the average."""
    before = count.astype(lr.dtype) - 1.0
    return lr / (1.0 + fall * lr * before) ** power, 1.0 / xp.maximum(before - start, xp.ones_like(before))


@op(
    several=True,
    samples=lambda rng: [
        ((*rng.normal(size=(3, 3, 4)), np.asarray(0.1), np.asarray(share)), {"fall": 1e-2}) for share in (0.25, 1.0)
    ],
)
def asgd_rule(xp: Any, g: Any, p: Any, average: Any, lr: Any, share: Any, /, *, fall: float) -> Any:
    """The step and the average."""
    step = lr.astype(g.dtype) * (g + fall * p)
    share = share.astype(g.dtype)
    return step, (1.0 - share) * average + share * (p - step)


class ASGD(Optimizer):
    """η ← lr / (1 + λ·lr·t)^α, θ ← θ − η(g + λθ), and from step t₀ on the average of all θ: `averages`.

    Arguments:
        parameters: Variables or groups.
        lr: at the start.
        fall: λ.
        power: α.
        start: t₀; before, the average is θ itself.
        weight_decay: as L2: g ← g + weight_decay·θ, besides λ.
        clip_norm, clip_value, lazy: as for every `Optimizer`. With `lazy`, rows that a batch does not touch keep their
            average.
        dialect: all agree.

    `EMA` averages under any update rule; with `decay=1.0` evenly, as here.

    Differs from PyTorch: names (lambd, alpha, t0); a change of lr acts at once, not one step later.

    Source: Polyak & Juditsky, "Acceleration of Stochastic Approximation by Averaging" (1992); Xu, "Towards Optimal One
    Pass Large Scale Learning with Averaged Stochastic Gradient Descent" (2011), section 2.

    Example:
        >>> from chainrule import nn, optim
        >>> w = nn.Parameter([1.0])
        >>> optimizer = optim.ASGD([w], lr=0.25, fall=0.0, start=0)
        >>> for _ in range(3):
        ...     loss = optimizer.minimize((w * w).sum())
        >>> w.tolist(), optimizer.averages[0].tolist()
        ([0.125], [0.1875])
    """

    name = "asgd"
    slots = ("average",)

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float = 0.01,
        fall: float = 1e-4,
        power: float = 0.75,
        start: float = 1e6,
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
            fall=float(fall),
            power=float(power),
            start=float(start),
        )
        for p in self.parameters:
            self._state[id(p)][0].assign(p.detach())

    @property
    def averages(self) -> list[Tensor]:
        """The average of each parameter, in the order of `parameters`."""
        return [self._state[id(p)][0].detach() for p in self.parameters]

    def scales(self, group: Group) -> tuple[Tensor, ...]:
        o = group.options
        return asgd_scales(self.count, group.lr, fall=o["fall"], power=o["power"], start=o["start"])  # type: ignore[return-value]

    def rule(
        self, g: Tensor, p: Tensor, state: tuple[Tensor, ...], scales: tuple[Tensor, ...], options: dict[str, Any]
    ) -> tuple[Tensor, ...]:
        return asgd_rule(g, p, *state, *scales, fall=options["fall"])  # type: ignore[return-value]
