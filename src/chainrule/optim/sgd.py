"""SGD: a step against the gradient."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from chainrule.errors import ConfigError
from chainrule.graph import RowSparse, Tensor, Variable, op
from chainrule.ops.rows import add_rows
from chainrule.optim.optimizer import Optimizer

__all__ = ["SGD"]


@op(samples=lambda rng: [((rng.normal(size=(3, 4)), np.asarray(0.1)), {})])
def sgd_rule(xp: Any, g: Any, lr: Any, /) -> Any:
    """lr · g, in the dtype of g."""
    return lr.astype(g.dtype) * g


class SGD(Optimizer):
    """θ ← θ − η g: gradient descent; stochastic where g comes from a part of the data.

    Arguments:
        parameters: Variables or groups.
        lr: η.
        weight_decay: λ, as L2: g ← g + λθ.
        clip_norm, clip_value, lazy: as for every `Optimizer`. A row-sparse gradient updates just its rows, exactly.

    Differs from PyTorch: momentum has classes of its own, `Momentum` and `Nesterov`. All dialects agree.

    Source: Robbins & Monro, "A Stochastic Approximation Method" (1951).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn, optim
        >>> w = nn.Parameter([1.0, 2.0])
        >>> optimizer = optim.SGD([w], lr=0.5)
        >>> loss = optimizer.minimize((w * w).sum())
        >>> w.tolist()
        [0.0, 0.0]
    """

    name = "sgd"

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float = 0.01,
        *,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        lazy: bool = True,
        dialect: str = "paper",
    ) -> None:
        if momentum:
            raise ConfigError(
                "SGD has no momentum here: it is a rule of its own.",
                fix=f"optim.Momentum(parameters, lr={lr}, momentum={momentum}, dialect='pytorch') is PyTorch's "
                "SGD with momentum",
            )
        super().__init__(
            parameters,
            lr,
            weight_decay=weight_decay,
            clip_norm=clip_norm,
            clip_value=clip_value,
            lazy=lazy,
            dialect=dialect,
        )

    def rule(
        self, g: Tensor, p: Tensor, state: tuple[Tensor, ...], scales: tuple[Tensor, ...], options: dict[str, Any]
    ) -> tuple[Tensor, ...]:
        return (sgd_rule(g, *scales),)

    def update_rows(self, p: Variable, g: RowSparse, scales: tuple[Tensor, ...], options: dict[str, Any]) -> None:
        if options["weight_decay"]:
            super().update_rows(p, g, scales, options)
        else:  # without a look at the rows
            p.assign(add_rows(p, g.rows, -sgd_rule(g.values, *scales)))
