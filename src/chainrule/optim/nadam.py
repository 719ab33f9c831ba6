"""NAdam: Adam that looks ahead as Nesterov's momentum does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from chainrule.graph import Tensor, Variable, op, wrap
from chainrule.optim.optimizer import Group, Optimizer

__all__ = ["NAdam"]


@op(
    several=True,
    samples=lambda rng: [
        (
            (np.int64(3), np.asarray(0.01), np.asarray(0.7)),
            {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "momentum_decay": 0.004},
        )
    ],
)
def nadam_scales(
    xp: Any, count: Any, lr: Any, product: Any, /, *, beta1: float, beta2: float, epsilon: float, momentum_decay: float
) -> Any:
    """What the gradient and the mean are multiplied by, ε (with √v̂ = √v / correction), and the product of all μ so
    far.
    """
    t = count.astype(lr.dtype)
    correction = xp.sqrt(1.0 - beta2**t)
    mu = beta1 * (1.0 - 0.5 * 0.96 ** (t * momentum_decay))
    following = beta1 * (1.0 - 0.5 * 0.96 ** ((t + 1.0) * momentum_decay))
    product = product * mu
    of_gradient = lr * correction * (1.0 - mu) / (1.0 - product)
    of_mean = lr * correction * following / (1.0 - product * following)
    return of_gradient, of_mean, epsilon * correction, product


@op(
    several=True,
    samples=lambda rng: [
        (
            (
                rng.normal(size=(3, 4)),
                rng.normal(size=(3, 4)),
                rng.random((3, 4)),
                *(np.asarray(x) for x in (0.1, 0.2, 1e-8)),
            ),
            {"beta1": 0.9, "beta2": 0.99},
        )
    ],
)
def nadam_rule(
    xp: Any, g: Any, m: Any, v: Any, of_gradient: Any, of_mean: Any, epsilon: Any, /, *, beta1: float, beta2: float
) -> Any:
    """The step and both moments."""
    m = beta1 * m + (1.0 - beta1) * g
    v = beta2 * v + (1.0 - beta2) * (g * g)
    a, b, e = (x.astype(g.dtype) for x in (of_gradient, of_mean, epsilon))
    return (a * g + b * m) / (xp.sqrt(v) + e), m, v


class NAdam(Optimizer):
    """m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², θ ← θ − η((1 − μₜ)g/(1 − Πμ) + μₜ₊₁m/(1 − μₜ₊₁Πμ)) / (√v̂ + ε), with
    μₜ = β₁(1 − ½·0.96^(tψ)) and Πμ the product of μ₁ … μₜ.

    Arguments:
        parameters: Variables or groups.
        lr: η.
        betas: β₁ and β₂.
        epsilon: ε.
        momentum_decay: ψ, how fast the momentum grows to β₁.
        weight_decay: λ, as L2: g ← g + λθ.
        clip_norm, clip_value, lazy: as for every `Optimizer`.
        dialect: all agree; the mean m is decayed by β₁, as in PyTorch and Keras, where the paper takes μₜ.

    Source: Dozat, "Incorporating Nesterov Momentum into Adam" (2016).

    Example:
        >>> from chainrule import nn, optim
        >>> w = nn.Parameter([1.0])
        >>> optimizer = optim.NAdam([w], lr=0.1)
        >>> loss = optimizer.minimize((w * w).sum())
        >>> round(float(w[0]), 2)
        0.89
    """

    name = "nadam"
    slots = ("m", "v")

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        momentum_decay: float = 0.004,
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
            momentum_decay=float(momentum_decay),
        )
        self.products = tuple(Variable(wrap(np.ones(())), name="product of momenta") for _ in self.groups)

    def named_variables(self) -> Iterator[tuple[str, Variable]]:
        yield from super().named_variables()
        for number, product in enumerate(self.products):
            yield f"product.{number}", product

    def scales(self, group: Group) -> tuple[Tensor, ...]:
        o = {name: value for name, value in group.options.items() if name != "weight_decay"}
        product = self.products[self.groups.index(group)]
        *found, new = nadam_scales(self.count, group.lr, product, **o)
        product.assign(new)
        return tuple(found)

    def rule(
        self, g: Tensor, p: Tensor, state: tuple[Tensor, ...], scales: tuple[Tensor, ...], options: dict[str, Any]
    ) -> tuple[Tensor, ...]:
        return nadam_rule(g, *state, *scales, beta1=options["beta1"], beta2=options["beta2"])  # type: ignore[return-value]
