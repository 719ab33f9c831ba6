"""Adafactor: adaptive steps that remember rows and columns in place of every number."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from chainrule.graph import Tensor, op
from chainrule.optim.optimizer import Group, Optimizer

__all__ = ["Adafactor"]


@op(several=True, samples=lambda rng: [((np.int64(3), np.asarray(0.1)), {"power": 0.8})])
def adafactor_scales(xp: Any, count: Any, lr: Any, /, *, power: float) -> Any:
    """The relative step, how much the new gradient counts, and the learning rate."""
    t = count.astype(lr.dtype)
    return xp.minimum(lr, 1.0 / xp.sqrt(t)), t**-power, lr


def _samples(rng: np.random.Generator) -> list[Any]:
    numbers = [np.asarray(x) for x in (0.1, 0.3, 0.2)]
    made = []
    for shape, states in (((3, 4), ((3, 1), (1, 4), (0,))), ((4,), ((0,), (0,), (4,)))):
        arrays = [rng.normal(size=shape), rng.normal(size=shape), *(rng.random(s) for s in states), *numbers]
        options = {"epsilon": 1e-8, "least": 1e-3, "clip": 1.0, "decay": 0.1}
        made += [(tuple(arrays), {**options, "floor": floor}) for floor in (True, False)]
    return made


@op(several=True, samples=_samples)
def adafactor_rule(
    xp: Any,
    g: Any,
    p: Any,
    rows: Any,
    columns: Any,
    square: Any,
    relative: Any,
    share: Any,
    lr: Any,
    /,
    *,
    epsilon: float,
    least: float,
    clip: float,
    decay: float,
    floor: bool,
) -> Any:
    """The step, and what is remembered of rows and columns, or of every number; `floor`: ε is a lower bound of v."""
    relative, share, lr = (x.astype(g.dtype) for x in (relative, share, lr))
    squares = g * g if floor else g * g + epsilon
    if g.ndim > 1:
        rows = rows + share * (xp.mean(squares, axis=-1, keepdims=True) - rows)
        columns = columns + share * (xp.mean(squares, axis=-2, keepdims=True) - columns)
        mean = xp.mean(rows, axis=-2, keepdims=True)
        v = rows * columns / (xp.maximum(mean, xp.full_like(mean, epsilon)) if floor else mean)
    else:
        v = square = square + share * (squares - square)
    if floor:
        u = g / xp.sqrt(xp.maximum(v, xp.full_like(v, epsilon * epsilon)))
    elif g.ndim > 1:  # where a row and a column have no gradients, ε · ε would be 0 in float32
        u = g / (xp.sqrt(rows / mean) * xp.sqrt(columns))
    else:
        u = g / xp.sqrt(v)
    size = xp.sqrt(xp.mean(p * p))
    step = relative * xp.maximum(size, xp.full_like(size, least))
    largest = xp.sqrt(xp.mean(u * u)) / clip
    return step / xp.maximum(largest, xp.ones_like(largest)) * u + lr * decay * p, rows, columns, square


class Adafactor(Optimizer):
    """θ ← θ − α·U / max(1, RMS(U)/d), with U = g/√v, α = max(ε₂, RMS(θ))·min(lr, 1/√t), and v, for matrices, the
    product of what rows and columns remember: memory (rows + columns) in place of rows · columns.

    R ← R + t^−p (mean of g² + ε₁ over columns − R), C alike over rows, v = R C / mean R; vectors keep v itself.

    Arguments:
        parameters: Variables or groups.
        lr: the largest relative step.
        power: p, how soon old gradients are forgotten: β₂ = 1 − t^−p.
        epsilon: ε₁; 10⁻³⁰, in the dialect "pytorch" the precision of float32, 1.2·10⁻⁷ (float64: 2.2·10⁻¹⁶), as a lower
            bound of mean R, and squared of v.
        least: ε₂.
        clip: d.
        weight_decay: λ, decoupled: θ ← θ − lr·λ·θ.
        clip_norm, clip_value: as for every `Optimizer`. Row-sparse gradients count as dense, since their rows share
            what is remembered.
        dialect: where ε₁ stands.

    Kernels (more than two axes) are factored over their last two.

    Source: Shazeer & Stern, "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost" (2018), algorithms 4 and 5.

    Example:
        >>> from chainrule import nn, optim
        >>> w = nn.Parameter([[1.0, -2.0], [3.0, 0.5]])
        >>> optimizer = optim.Adafactor([w], lr=0.1)
        >>> loss = optimizer.minimize((w * w).sum())
        >>> [variable.shape for name, variable in optimizer.named_variables() if name[0] == "0"]
        [(2, 1), (1, 2), (0,)]
    """

    name = "adafactor"
    slots = ("rows", "columns", "square")

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float = 0.01,
        power: float = 0.8,
        epsilon: float | None = None,
        least: float = 1e-3,
        clip: float = 1.0,
        *,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        dialect: str = "paper",
    ) -> None:
        super().__init__(
            parameters,
            lr,
            weight_decay=weight_decay,
            clip_norm=clip_norm,
            clip_value=clip_value,
            lazy=False,
            dialect=dialect,
            power=float(power),
            epsilon=epsilon,
            least=float(least),
            clip=float(clip),
        )

    def check(self, lr: float, options: dict[str, Any]) -> None:
        super().check(lr, {name: value for name, value in options.items() if value is not None})

    def slot_shape(self, slot: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        if (len(shape) > 1) == (slot == "square"):
            return (0,)
        return {"rows": (*shape[:-1], 1), "columns": (*shape[:-2], 1, *shape[-1:])}.get(slot, shape)

    def decayed(self, g: Tensor, p: Tensor, options: dict[str, Any]) -> Tensor:
        return g

    def scales(self, group: Group) -> tuple[Tensor, ...]:
        return adafactor_scales(self.count, group.lr, power=group.options["power"])  # type: ignore[return-value]

    def rule(
        self, g: Tensor, p: Tensor, state: tuple[Tensor, ...], scales: tuple[Tensor, ...], options: dict[str, Any]
    ) -> tuple[Tensor, ...]:
        pytorch = self.dialect == "pytorch"
        epsilon = options["epsilon"]
        if epsilon is None:
            epsilon = (2.0**-52 if g.dtype.itemsize == 8 else 2.0**-23) if pytorch else 1e-30
        o = {"least": options["least"], "clip": options["clip"], "decay": options["weight_decay"]}
        return adafactor_rule(g, p, *state, *scales, epsilon=epsilon, floor=pytorch, **o)  # type: ignore[return-value]
