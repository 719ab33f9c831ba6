"""Momentum and Nesterov: the velocity carries on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.errors import ConfigError
from chainrule.graph import RowSparse, Tensor, Variable, gradients, no_grad, op
from chainrule.optim.clipping import distinct_rows
from chainrule.optim.optimizer import Optimizer

__all__ = ["Momentum", "Nesterov"]


def _samples(**attributes: Any) -> Any:
    return lambda rng: [
        (
            (rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), np.asarray(0.1)),
            {"momentum": 0.9, "scaled": scaled, **attributes},
        )
        for scaled in (True, False)
    ]


@op(several=True, samples=_samples())
def momentum_rule(xp: Any, g: Any, v: Any, lr: Any, /, *, momentum: float, scaled: bool) -> Any:
    """The step and the velocity; `scaled`: the learning rate is inside the velocity."""
    lr = lr.astype(g.dtype)
    if scaled:
        v = momentum * v + lr * g
        return v, v
    v = momentum * v + g
    return lr * v, v


@op(several=True, samples=_samples())
def nesterov_rule(xp: Any, g: Any, v: Any, lr: Any, /, *, momentum: float, scaled: bool) -> Any:
    """The step of the look-ahead point and the velocity; `scaled`: the learning rate is inside the velocity."""
    lr = lr.astype(g.dtype)
    if scaled:
        step = lr * g
        v = momentum * v + step
        return momentum * v + step, v
    v = momentum * v + g
    return lr * (g + momentum * v), v


class Momentum(Optimizer):
    """v ← γv + ηg, θ ← θ − v: a ball that rolls, so that steps add up along a valley and cancel across it.

    Arguments:
        parameters: Variables or groups.
        lr: η.
        momentum: γ.
        weight_decay: λ, as L2: g ← g + λθ.
        clip_norm, clip_value, lazy: as for every `Optimizer`. With `lazy`, the velocity of rows that a batch does not
            touch rests.
        dialect: "paper" and "keras" keep η inside the velocity, so that a change of η acts on new gradients only;
            "pytorch" keeps it outside, v ← γv + g, θ ← θ − ηv (`torch.optim.SGD` with momentum). For a constant η they
            are the same.

    Source: Polyak, "Some Methods of Speeding up the Convergence of Iteration Methods" (1964); Rumelhart, Hinton &
    Williams (1986).

    Example:
        >>> from chainrule import nn, optim
        >>> w = nn.Parameter([1.0])
        >>> optimizer = optim.Momentum([w], lr=0.25, momentum=0.5)
        >>> for _ in range(2):
        ...     loss = optimizer.minimize((w * w).sum())
        >>> w.tolist()
        [0.0]
    """

    name = "momentum"
    slots = ("velocity",)

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float = 0.01,
        momentum: float = 0.9,
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
            momentum=float(momentum),
        )

    def rule(
        self, g: Tensor, p: Tensor, state: tuple[Tensor, ...], scales: tuple[Tensor, ...], options: dict[str, Any]
    ) -> tuple[Tensor, ...]:
        return momentum_rule(g, *state, *scales, momentum=options["momentum"], scaled=self.dialect != "pytorch")  # type: ignore[return-value]


class Nesterov(Optimizer):
    """Nesterov's momentum: the gradient is taken where the velocity is about to lead.

    Two forms of the same sequence. With φ = θ − γv, the look-ahead point:

    - "reparametrised": the parameters hold φ: v ← γv + ηg(φ), φ ← φ − (γv + ηg). Any training loop will do; it is what
      PyTorch and Keras do.
    - "look-ahead": the parameters hold θ: v ← γv + ηg(θ − γv), θ ← θ − v. The gradient has to be computed elsewhere
      than at the parameters, so `minimize` takes a function that computes the loss, and `step` is refused.

    Arguments:
        parameters: Variables or groups.
        lr: η.
        momentum: γ.
        form: "reparametrised" or "look-ahead".
        weight_decay: λ, as L2: g ← g + λθ (in the look-ahead form, of the look-ahead point).
        clip_norm, clip_value, lazy: as for every `Optimizer`.
        dialect: "paper" and "keras" keep η inside the velocity; "pytorch" outside: v ← γv + g, φ ← φ − η(g + γv)
            (`torch.optim.SGD` with `nesterov=True`). For a constant η they are the same.

    Source: Nesterov (1983), in the form of Sutskever et al., "On the Importance of Initialization and Momentum in Deep
    Learning" (2013), equations 3 and 4. Reparametrised: Bengio, Boulanger-Lewandowski & Pascanu, "Advances in
    Optimizing Recurrent Networks" (2012), equation 7.

    Example:
        >>> from chainrule import nn, optim
        >>> w = nn.Parameter([1.0])
        >>> optimizer = optim.Nesterov([w], lr=0.25, momentum=0.5, form="look-ahead")
        >>> for _ in range(2):
        ...     loss = optimizer.minimize(lambda: (w * w).sum())
        >>> w.tolist()
        [0.125]
    """

    name = "nesterov"
    slots = ("velocity",)

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float = 0.01,
        momentum: float = 0.9,
        *,
        form: str = "reparametrised",
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        lazy: bool = True,
        dialect: str = "paper",
    ) -> None:
        if form not in ("reparametrised", "look-ahead"):
            raise ConfigError(f"Nesterov(form=...) is 'reparametrised' or 'look-ahead', got {form!r}.")
        self.form = form
        super().__init__(
            parameters,
            lr,
            weight_decay=weight_decay,
            clip_norm=clip_norm,
            clip_value=clip_value,
            lazy=lazy,
            dialect=dialect,
            momentum=float(momentum),
        )

    def step(self) -> None:
        if self.form == "look-ahead":
            raise ConfigError(
                "Nesterov's look-ahead form needs the gradient at the look-ahead point, not at the parameters.",
                fix="optimizer.minimize(lambda: loss(model(x), y)), or form='reparametrised'",
            )
        super().step()

    def minimize(self, loss: Tensor | Callable[[], Tensor]) -> Tensor:
        if self.form != "look-ahead":
            return super().minimize(loss)
        if not callable(loss):
            raise ConfigError(
                "Nesterov's look-ahead form computes the loss itself, at the look-ahead point; it was given one "
                "already computed.",
                fix="optimizer.minimize(lambda: loss(model(x), y)), or form='reparametrised'",
            )
        held = [p.detach() for p in self.parameters]
        try:
            with no_grad():
                for group in self.groups:
                    for p in group.parameters:
                        reach = group.options["momentum"] * self._state[id(p)][0]
                        p.assign(p - (reach if self.dialect != "pytorch" else reach * group.lr.astype(p.dtype)))
            made = loss()
            wanted = [p for p in self.parameters if p.requires_grad]
            found = {id(p): g for p, g in gradients([made], [None], wanted=wanted)}
            with no_grad():
                for group in self.groups:
                    for p in group.parameters:
                        found[id(p)] = self._decayed_here(found.get(id(p)), p, group.options["weight_decay"])
        finally:
            for p, value in zip(self.parameters, held, strict=True):
                p.assign(value)
        self.zero_grad()
        self.update([found.get(id(p)) for p in self.parameters])
        return made

    def rule(
        self, g: Tensor, p: Tensor, state: tuple[Tensor, ...], scales: tuple[Tensor, ...], options: dict[str, Any]
    ) -> tuple[Tensor, ...]:
        chosen = momentum_rule if self.form == "look-ahead" else nesterov_rule
        return chosen(g, *state, *scales, momentum=options["momentum"], scaled=self.dialect != "pytorch")  # type: ignore[return-value]

    def _decayed_here(self, g: Any, p: Variable, decay: float) -> Any:
        """The gradient with the decay of the look-ahead point, where the parameter is now."""
        if g is None or not decay:
            return g
        if isinstance(g, RowSparse) and self.lazy:
            g = distinct_rows(g)
            return RowSparse(g.rows, g.values + decay * ops.take(p, g.rows, axis=0), g.shape)
        return (g.dense() if isinstance(g, RowSparse) else g) + decay * p

    def decayed(self, g: Tensor, p: Tensor, options: dict[str, Any]) -> Tensor:
        return g if self.form == "look-ahead" else super().decayed(g, p, options)
