"""Muon: momentum whose matrices are made orthogonal, so that every direction of a layer moves alike."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from chainrule.errors import ConfigError
from chainrule.graph import Tensor, op
from chainrule.optim.adam import adam_rule, adam_scales, decay_step
from chainrule.optim.optimizer import Group, Optimizer

__all__ = ["Muon"]

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of x ↦ ax + bx³ + cx⁵, which brings singular values from (0, 1] near 1 in five steps; from Jordan's note."""


@op(
    several=True,
    samples=lambda rng: [
        (
            (rng.normal(size=shape), rng.normal(size=shape), np.asarray(0.1)),
            {"momentum": 0.9, "nesterov": nesterov, "steps": 2, "factor": 1.5},
        )
        for shape, nesterov in (((3, 4), True), ((4, 2), False))
    ],
)
def muon_rule(
    xp: Any, g: Any, m: Any, lr: Any, /, *, momentum: float, nesterov: bool, steps: int, factor: float
) -> Any:
    """The step of a matrix, and the momentum."""
    m = momentum * m + (1.0 - momentum) * g
    x = (1.0 - momentum) * g + momentum * m if nesterov else m
    tall = x.shape[0] > x.shape[1]
    x = x.mT if tall else x
    size = xp.sqrt(xp.sum(x * x))
    x = x / xp.maximum(size, xp.full_like(size, 1e-7))
    a, b, c = _COEFFICIENTS
    for _ in range(steps):
        gram = xp.matmul(x, x.mT)
        x = a * x + xp.matmul(b * gram + c * xp.matmul(gram, gram), x)
    return (factor * lr).astype(g.dtype) * (x.mT if tall else x), m


class Muon(Optimizer):
    """m ← γm + (1 − γ)g, θ ← θ − η·s·O − ηλθ for matrices, where O is nearly the nearest matrix to (1 − γ)g + γm whose
    singular values are all 1. Everything that is no matrix follows AdamW.

    Arguments:
        parameters: Variables or groups. Give embeddings and the output layer to a group of another optimizer: the rule
            is meant for hidden layers.
        lr: η.
        momentum: γ.
        nesterov: False takes m alone.
        steps: iterations (Newton–Schulz) towards O.
        scale: s: "original" is √max(1, out/in), for weights (in, out); "match_rms_adamw" is 0.2·√max(in, out), with
            which learning rates found for AdamW fit.
        betas, epsilon: of AdamW.
        weight_decay: λ, decoupled, times η.
        clip_norm, clip_value: as for every `Optimizer`. Row-sparse gradients count as dense.
        dialect: all agree.

    Differs from PyTorch: what is no matrix is trained, not refused; weights are (in, out); the iteration runs in the
    parameters' dtype, not in bfloat16.

    Source: Jordan et al., "Muon: An Optimizer for Hidden Layers in Neural Networks" (2024); "match_rms_adamw": Liu et
    al., "Muon is Scalable for LLM Training" (2025), section 2.2.

    Example:
        >>> from chainrule import nn, optim
        >>> w = nn.Parameter([[1.0, 0.0], [0.0, 0.5]])
        >>> optimizer = optim.Muon([w], lr=0.1)
        >>> loss = optimizer.minimize((w * w).sum())
        >>> bool((w[0, 0] < 1.0) & (w[1, 1] < 0.5))
        True
    """

    name = "muon"
    slots = ("m", "v")

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.95,
        nesterov: bool = True,
        steps: int = 5,
        *,
        scale: str = "original",
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        weight_decay: float = 0.1,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        dialect: str = "paper",
    ) -> None:
        if scale not in ("original", "match_rms_adamw"):
            raise ConfigError(f"Muon(scale=...) is 'original' or 'match_rms_adamw', got {scale!r}.")
        self.nesterov, self.steps, self.scale = nesterov, steps, scale
        super().__init__(
            parameters,
            lr,
            weight_decay=weight_decay,
            clip_norm=clip_norm,
            clip_value=clip_value,
            lazy=False,
            dialect=dialect,
            momentum=float(momentum),
            beta1=float(betas[0]),
            beta2=float(betas[1]),
            epsilon=float(epsilon),
        )

    def slot_shape(self, slot: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (0,) if slot == "v" and len(shape) == 2 else shape

    def decayed(self, g: Tensor, p: Tensor, options: dict[str, Any]) -> Tensor:
        return g

    def scales(self, group: Group) -> tuple[Tensor, ...]:
        o = {name: group.options[name] for name in ("beta1", "beta2", "epsilon")}
        size, epsilon = adam_scales(self.count, group.lr, hat=True, **o)
        return group.lr, size, epsilon, group.lr * group.options["weight_decay"]

    def rule(
        self, g: Tensor, p: Tensor, state: tuple[Tensor, ...], scales: tuple[Tensor, ...], options: dict[str, Any]
    ) -> tuple[Tensor, ...]:
        lr, size, epsilon, decay = scales
        m, v = state
        new: Any
        if p.ndim == 2:
            rows, columns = p.shape
            original = math.sqrt(max(1.0, columns / rows))
            factor = original if self.scale == "original" else 0.2 * math.sqrt(max(rows, columns))
            o = {"momentum": options["momentum"], "nesterov": self.nesterov, "steps": self.steps}
            new = (*muon_rule(g, m, lr, factor=factor, **o), v)
        else:
            new = adam_rule(g, m, v, size, epsilon, beta1=options["beta1"], beta2=options["beta2"])
        return decay_step(new[0], p, decay), new[1], new[2]
