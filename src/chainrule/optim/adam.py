"""Adam and AdamW: steps in the units of the gradient's own running size."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from chainrule.graph import Tensor, Variable, op
from chainrule.optim.optimizer import Group, Optimizer

__all__ = ["Adam", "AdamW"]


@op(
    several=True,
    samples=lambda rng: [
        ((np.int64(3), np.asarray(0.01)), {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "hat": hat})
        for hat in (True, False)
    ],
)
def adam_scales(xp: Any, count: Any, lr: Any, /, *, beta1: float, beta2: float, epsilon: float, hat: bool) -> Any:
    """The size of the step and its ε, both in float64, with the corrections of the bias moved into them: s and e such
    that the step is s·m / (√v + e).
    """
    t = count.astype(lr.dtype)
    correction = xp.sqrt(1.0 - beta2**t)
    # With ε beside √v̂ = √v / correction, multiplying both sides of the fraction by the correction leaves it beside √v.
    return lr * correction / (1.0 - beta1**t), epsilon * (correction if hat else xp.ones_like(correction))


def _step(xp: Any, g: Any, m: Any, v: Any, size: Any, epsilon: Any, beta1: float, beta2: float) -> tuple[Any, Any, Any]:
    # += and its like, on what was made a line before, spare NumPy memory that is not at hand: half of the time.
    m = beta1 * m
    m += (1.0 - beta1) * g
    square = g * g
    square *= 1.0 - beta2
    v = beta2 * v
    v += square
    del square  # the root is made where it was
    root = xp.sqrt(v)
    root += epsilon
    step = size * m
    step /= root
    return step, m, v


@op(
    several=True,
    samples=lambda rng: [
        (
            (rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), rng.random((3, 4)), np.asarray(0.1), np.asarray(1e-8)),
            {"beta1": 0.9, "beta2": 0.99},
        )
    ],
)
def adam_rule(xp: Any, g: Any, m: Any, v: Any, size: Any, epsilon: Any, /, *, beta1: float, beta2: float) -> Any:
    """The step and both moments."""
    # The barrier: each is computed once, before rows of tables, for which this is, are written.
    return xp.barrier(_step(xp, g, m, v, size.astype(g.dtype), epsilon.astype(g.dtype), beta1, beta2))


@op(
    several=True,
    samples=lambda rng: [
        (
            (
                rng.normal(size=(3, 4)),
                rng.normal(size=(3, 4)),
                rng.uniform(0.1, 0.2, (3, 4)),
                rng.uniform(0.5, 2.0, (3, 4)),
                np.asarray(0.1),
                np.asarray(1e-8),
            ),
            {"beta1": 0.9, "beta2": 0.99},
        )
    ],
)
def amsgrad_rule(
    xp: Any, g: Any, m: Any, v: Any, largest: Any, size: Any, epsilon: Any, /, *, beta1: float, beta2: float
) -> Any:
    """The step, both moments, and the largest second moment so far."""
    m = beta1 * m + (1.0 - beta1) * g
    v = beta2 * v + (1.0 - beta2) * (g * g)
    largest = xp.maximum(largest, v)
    return size.astype(g.dtype) * m / (xp.sqrt(largest) + epsilon.astype(g.dtype)), m, v, largest


def _samples_together(rng: np.random.Generator) -> list[Any]:
    shapes = ((3, 4), (4,))
    arrays = [x for shape in shapes for x in (*rng.normal(size=(3, *shape)), rng.random(shape))]
    options = {"beta1": 0.9, "beta2": 0.99}
    return [
        ((np.asarray(0.1), np.asarray(1e-8), None, *arrays), {**options, "decay": 0.1}),
        ((np.asarray(0.1), np.asarray(1e-8), np.asarray(0.01), *arrays), options),
    ]


@op(several=True, samples=_samples_together)
def adam_together(
    xp: Any, size: Any, epsilon: Any, fraction: Any, /, *arrays: Any, beta1: float, beta2: float, decay: float = 0.0
) -> Any:
    """`adam_rule` for several parameters at once: from (g, p, m, v) of each, one after the other, the new (p, m, v).

    The decay enters as decay · p through the gradient, and as fraction · p (None for nothing) through the step.
    """
    new = []
    for i in range(0, len(arrays), 4):
        g, p, m, v = arrays[i : i + 4]
        if i == 0 or g.dtype != arrays[i - 4].dtype:
            s, e = -size.astype(g.dtype), epsilon.astype(g.dtype)
        q, m, v = _step(xp, g + decay * p if decay else g, m, v, s, e, beta1, beta2)
        if fraction is not None:
            q -= fraction.astype(p.dtype) * p
        q += p
        new += (q, m, v)
    return new


class Adam(Optimizer):
    """m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², θ ← θ − η · m̂ / (√v̂ + ε), with m̂ = m / (1 − β₁ᵗ) and v̂ = v / (1 −
    β₂ᵗ).

    Arguments:
        parameters: Variables or groups.
        lr: η.
        betas: β₁ and β₂.
        epsilon: ε; 10⁻⁸, in the dialect "keras" 10⁻⁷.
        amsgrad: whether the largest v so far takes the place of v, so that no step size ever grows (Reddi, Kale &
            Kumar, "On the Convergence of Adam and Beyond", 2018, algorithm 2; with Adam's corrections of the bias, as
            in PyTorch).
        weight_decay: λ, as L2: g ← g + λθ, which the division by √v̂ then evens out; `AdamW` does not.
        clip_norm, clip_value: as for every `Optimizer`.
        lazy: row-sparse gradients update just their rows, and the moments of other rows do not decay meanwhile; False
            is the paper's rule for all rows. (PyTorch's SparseAdam is `lazy` with `dialect="keras", epsilon=1e-8`.)
        dialect: "paper" and "pytorch" agree. "keras" is the paper's second form (end of section 2), θ ← θ − η·√(1 −
            β₂ᵗ)/(1 − β₁ᵗ) · m / (√v + ε̂), in which ε weighs more in the first steps.

    The step count is the optimizer's: a parameter without a gradient in some steps has its bias corrected by all steps
    (PyTorch: by its own).

    Source: Kingma & Ba, "Adam: A Method for Stochastic Optimization" (2015), algorithm 1.

    Example:
        >>> from chainrule import nn, optim
        >>> w = nn.Parameter([1.0, -2.0])
        >>> optimizer = optim.Adam([w], lr=0.1)
        >>> loss = optimizer.minimize((w * w).sum())
        >>> [round(x, 4) for x in w.tolist()]
        [0.9, -1.9]
    """

    name = "adam"
    slots = ("m", "v")

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float | None = None,
        *,
        amsgrad: bool = False,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        lazy: bool = True,
        dialect: str = "paper",
    ) -> None:
        if epsilon is None:
            epsilon = 1e-7 if dialect == "keras" else 1e-8
        self.amsgrad = amsgrad
        if amsgrad:
            self.slots = ("m", "v", "largest")
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

    def scales(self, group: Group) -> tuple[Tensor, ...]:
        o = group.options
        hat = self.dialect != "keras"
        options = {"beta1": o["beta1"], "beta2": o["beta2"], "epsilon": o["epsilon"]}
        return adam_scales(self.count, group.lr, hat=hat, **options)  # type: ignore[return-value]

    def rule(
        self, g: Tensor, p: Tensor, state: tuple[Tensor, ...], scales: tuple[Tensor, ...], options: dict[str, Any]
    ) -> tuple[Tensor, ...]:
        chosen = amsgrad_rule if self.amsgrad else adam_rule
        return chosen(g, *state, *scales[:2], beta1=options["beta1"], beta2=options["beta2"])  # type: ignore[return-value]

    def rules(
        self,
        gs: list[Tensor],
        ps: list[Variable],
        states: list[tuple[Variable, ...]],
        scales: tuple[Tensor, ...],
        options: dict[str, Any],
    ) -> Iterable[tuple[Tensor, ...]]:
        if self.amsgrad:
            return super().rules(gs, ps, states, scales, options)
        decoupled = scales[2] if len(scales) > 2 and options["weight_decay"] else None
        decay = options["weight_decay"] if len(scales) == 2 else 0.0
        arrays = [x for g, p, (m, v) in zip(gs, ps, states, strict=True) for x in (g, p, m, v)]
        new: Any = adam_together(
            *scales[:2], decoupled, *arrays, beta1=options["beta1"], beta2=options["beta2"], decay=decay
        )
        return zip(new[::3], new[1::3], new[2::3], strict=True)


@op(samples=lambda rng: [((rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), np.asarray(0.1)), {})])
def decay_step(xp: Any, delta: Any, p: Any, fraction: Any, /) -> Any:
    """The step with the decay of the parameter added: delta + fraction · p."""
    return delta + fraction.astype(p.dtype) * p


class AdamW(Adam):
    """Adam with decoupled weight decay: θ ← θ − η · m̂ / (√v̂ + ε) − s · λ · θ, where s is the schedule's multiplier.

    Arguments:
        lr: η.
        weight_decay: λ. In the paper's form it is the fraction that every weight loses at each step, times s = lr /
            (the first lr); in the dialects "pytorch" and "keras" that fraction is lr · λ. So PyTorch's `lr=1e-3,
            weight_decay=1e-2` is `weight_decay=1e-5` here. By default 10⁻⁵, in "pytorch" 10⁻², in "keras" 4·10⁻³.
        parameters, betas, epsilon, amsgrad, clip_norm, clip_value, lazy, dialect: as for `Adam`. With `lazy`, only
            touched rows of an embedding decay.

    Warns:
        UserWarning: for a weight_decay of 0.01 or more in the paper's form, which is almost always meant for PyTorch's.

    Source: Loshchilov & Hutter, "Decoupled Weight Decay Regularization" (2019), algorithm 2.

    Example:
        >>> from chainrule import nn, optim
        >>> w = nn.Parameter([1.0, -2.0])
        >>> optimizer = optim.AdamW([w], lr=0.1, weight_decay=0.5, dialect="pytorch")
        >>> loss = optimizer.minimize((w * w).sum())
        >>> [round(x, 4) for x in w.tolist()]
        [0.85, -1.8]
    """

    name = "adamw"

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float | None = None,
        *,
        amsgrad: bool = False,
        weight_decay: float | None = None,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        lazy: bool = True,
        dialect: str = "paper",
    ) -> None:
        if weight_decay is None:
            weight_decay = {"pytorch": 1e-2, "keras": 4e-3}.get(dialect, 1e-5)
        elif dialect == "paper" and weight_decay >= 0.01:
            warnings.warn(
                f"AdamW(weight_decay={weight_decay}) in the paper's form takes {weight_decay:.0%} off every "
                "weight at each step. "
                "PyTorch multiplies by the learning rate: for that use dialect='pytorch'.",
                UserWarning,
                stacklevel=2,
            )
        super().__init__(
            parameters,
            lr,
            betas,
            epsilon,
            amsgrad=amsgrad,
            weight_decay=weight_decay,
            clip_norm=clip_norm,
            clip_value=clip_value,
            lazy=lazy,
            dialect=dialect,
        )

    def decayed(self, g: Tensor, p: Tensor, options: dict[str, Any]) -> Tensor:
        return g

    def scales(self, group: Group) -> tuple[Tensor, ...]:
        decay = group.options["weight_decay"]
        if self.dialect == "paper":
            decay = decay / group.first_lr if group.first_lr else 0.0
        return (*super().scales(group), group.lr * decay)

    def rule(
        self, g: Tensor, p: Tensor, state: tuple[Tensor, ...], scales: tuple[Tensor, ...], options: dict[str, Any]
    ) -> tuple[Tensor, ...]:
        delta, *new = super().rule(g, p, state, scales, options)
        return (decay_step(delta, p, scales[2]) if options["weight_decay"] else delta, *new)

    rules = Adam.rules  # it knows of both decays
