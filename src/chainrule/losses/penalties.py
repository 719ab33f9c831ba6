"""Penalties on the size of parameters, added to a loss; and the step that gives exact zeros.

They count weights only: biases and the parameters of normalisations are left out (`Parameter.penalised` is False)
unless asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.errors import ConfigError
from chainrule.graph import Tensor, Variable, as_tensor, no_grad, op, wrap

__all__ = ["ElasticNet", "elastic_net", "l1", "l2", "shrink"]


def _chosen(parameters: Any, every: bool) -> list[Variable]:
    if isinstance(parameters, Variable):
        return [parameters]
    given = list(parameters.parameters() if hasattr(parameters, "parameters") else parameters)
    if not given:
        raise ConfigError("A penalty was given no parameters.", fix="losses.l2(model, 1e-4)")
    return [p for p in given if every or getattr(p, "penalised", True)]


def _strength(value: float, name: str) -> float:
    if not isinstance(value, int | float) or not value >= 0:
        raise ConfigError(f"{name} is a number of at least 0, got {value!r}.")
    return float(value)


def _total(terms: list[Tensor]) -> Tensor:
    total = terms[0] if terms else as_tensor(0.0)
    for term in terms[1:]:
        total = total + term
    return total


def l1(parameters: Any, strength: float, *, every: bool = False) -> Tensor:
    """λ Σ|θ|: pulls with the same force on all weights, so that unneeded ones go to 0 (exactly by `shrink`). The
    gradient at 0 is 0.

    Arguments:
        parameters: a Module, or an iterable of parameters.
        strength: λ.
        every: biases and the parameters of normalisations too.

    Source: Tibshirani, "Regression Shrinkage and Selection via the Lasso" (1996).

    Example:
        >>> from chainrule import losses, nn
        >>> float(losses.l1([nn.Parameter([1.0, -2.0])], 0.5))
        1.5
    """
    return elastic_net(parameters, strength, 0.0, every=every)


def l2(parameters: Any, strength: float, *, every: bool = False) -> Tensor:
    """λ Σθ²: pulls on weights in proportion to their size. Arguments as for `l1`.

    An optimizer's `weight_decay` of the L2 kind is the gradient of ½·weight_decay·Σθ²: `l2(model, λ)` equals
    weight_decay = 2λ.

    Source: Hoerl & Kennard, "Ridge Regression" (1970).

    Example:
        >>> from chainrule import losses, nn
        >>> float(losses.l2([nn.Parameter([1.0, -2.0])], 0.5))
        2.5
    """
    return elastic_net(parameters, 0.0, strength, every=every)


def elastic_net(parameters: Any, l1: float, l2: float, *, every: bool = False) -> Tensor:
    """λ₁ Σ|θ| + λ₂ Σθ².

    Arguments:
        parameters: a Module, or an iterable of parameters.
        l1, l2: the strengths λ₁ and λ₂.
        every: biases and the parameters of normalisations too.

    Source: Zou & Hastie, "Regularization and Variable Selection via the Elastic Net" (2005), equation 3.

    Example:
        >>> from chainrule import losses, nn
        >>> float(losses.elastic_net([nn.Parameter([1.0, -2.0])], 1.0, 0.5))
        5.5
    """
    first, second = _strength(l1, "l1"), _strength(l2, "l2")
    terms = []
    for p in _chosen(parameters, every):
        if first:
            terms.append(first * ops.abs(p).sum())
        if second:
            terms.append(second * ops.square(p).sum())
    return _total(terms)


@op(samples=lambda rng: [((rng.normal(size=(3, 4)), rng.random(()) * 0.1), {"l1": 2.0, "l2": 0.5})])
def soft_threshold(xp: Any, x: Any, lr: Any, /, *, l1: float, l2: float) -> Any:
    """sign(x)·max(|x| − lr·l1, 0) / (1 + 2·lr·l2)."""
    lr = lr.astype(x.dtype)
    return (x - xp.clip(x, -lr * l1, lr * l1)) / (1.0 + 2.0 * lr * l2)


def shrink(parameters: Any, lr: Any, l1: float, l2: float = 0.0, *, every: bool = False) -> None:
    """θ ← sign(θ)·max(|θ| − ηλ₁, 0) / (1 + 2ηλ₂): the proximal step of the elastic net, to take after an optimizer's
    step instead of adding the penalty to the loss. Weights that do not pull against it become exactly 0.

    Arguments:
        parameters: a Module, or an iterable of parameters; those that are frozen are left alone.
        lr: η, a number or the optimizer's `lr`; the step is exact for plain SGD.
        l1, l2: the strengths λ₁ and λ₂.
        every: biases and the parameters of normalisations too.

    Source: Beck & Teboulle, "A Fast Iterative Shrinkage-Thresholding Algorithm" (2009), equation 1.5; Parikh & Boyd,
    "Proximal Algorithms" (2014), section 6.5.3.

    Example:
        >>> from chainrule import losses, nn
        >>> w = nn.Parameter([1.0, -0.25, 0.5])
        >>> losses.shrink([w], lr=0.5, l1=0.5)
        >>> w.tolist()
        [0.75, 0.0, 0.25]
    """
    first, second = _strength(l1, "l1"), _strength(l2, "l2")
    rate = lr if isinstance(lr, Tensor) else wrap(np.asarray(lr, np.float64))
    with no_grad():
        for p in _chosen(parameters, every):
            if p.requires_grad:
                p.assign(soft_threshold(p, rate, l1=first, l2=second))


class ElasticNet:
    """The penalty as an object, with its two strengths: called with a model it gives λ₁ Σ|θ| + λ₂ Σθ², and `shrink`
    takes its proximal step.

    Arguments:
        l1, l2: the strengths; l2 = 0 is the lasso, l1 = 0 ridge regression.
        every: biases and the parameters of normalisations too.

    Example:
        >>> from chainrule import losses, nn
        >>> penalty = losses.ElasticNet(l1=1.0, l2=0.5)
        >>> float(penalty([nn.Parameter([1.0, -2.0])]))
        5.5
    """

    name = "elastic_net"

    def __init__(self, l1: float = 0.0, l2: float = 0.0, *, every: bool = False) -> None:
        self.options = {"l1": _strength(l1, "l1"), "l2": _strength(l2, "l2"), "every": every}

    def __call__(self, parameters: Iterable[Variable] | Any) -> Tensor:
        return elastic_net(parameters, **self.options)

    def shrink(self, parameters: Iterable[Variable] | Any, lr: Any) -> None:
        """The proximal step with the learning rate lr; see `losses.shrink`."""
        shrink(parameters, lr, **self.options)

    def __repr__(self) -> str:
        return f"ElasticNet({', '.join(f'{k}={v!r}' for k, v in self.options.items())})"
