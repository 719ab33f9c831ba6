"""Negative log-likelihoods of numbers: Gaussian with a width of its own, and Poisson for counts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.errors import ConfigError, LabelError, ShapeError
from chainrule.graph import Tensor, as_tensor
from chainrule.losses.base import Loss
from chainrule.losses.reduce import as_target, known_values, reduce, same_shape

__all__ = ["GaussianNLL", "PoissonNLL", "gaussian_nll", "poisson_nll"]


def gaussian_nll(
    mean: Any,
    target: Any,
    variance: Any,
    *,
    full: bool = False,
    epsilon: float = 1e-6,
    reduction: str = "mean",
    weights: Any = None,
) -> Tensor:
    """½(log v + (t − μ)² / v) of each number, and their mean: a linear output unit that says how sure it is. With v = 1
    it is ½ `mse`.

    Arguments:
        mean: μ, (N, …), floating.
        target: t, of the same shape.
        variance: v, of the same shape, at least 0.
        full: with the constant ½ log 2π.
        epsilon: smaller variances count as this one; the gradient is that at ε, so that they can grow again.
        reduction: "mean", "sum" or "none".
        weights: how much each row counts; the mean is over their sum.

    Raises:
        ShapeError: when the shapes differ; ConfigError: for an ε that is not above 0; LabelError: for a variance
            below 0.

    Differs from PyTorch: the variance has the shape of the mean; it is not broadcast.

    Source: Nix & Weigend, "Estimating the Mean and Variance of the Target Probability Distribution" (1994).

    Example:
        >>> import chainrule as cr
        >>> float(cr.losses.gaussian_nll(cr.tensor([1.0]), cr.tensor([3.0]), cr.tensor([1.0])))
        2.0
    """
    if not epsilon > 0:
        raise ConfigError(f"The epsilon of gaussian_nll is above 0, got {epsilon}.")
    mean = as_tensor(mean)
    target, variance = as_target(target, mean), as_target(variance, mean)
    same_shape("gaussian_nll", mean, target)
    same_shape("gaussian_nll", mean, variance)
    values = known_values(variance)
    if values is not None and (values < 0).any():
        raise LabelError(
            f"gaussian_nll got the variance {values.min():g}; it is at least 0.", fix="exp or softplus of it"
        )
    v = variance + (ops.maximum(variance, epsilon) - variance).detach()
    rows = 0.5 * (ops.log(v) + ops.square(target - mean) / v)
    return reduce(rows + 0.5 * math.log(2.0 * math.pi) if full else rows, reduction, weights)


def poisson_nll(
    rate: Any,
    target: Any,
    *,
    log_input: bool = True,
    full: bool = False,
    epsilon: float = 1e-8,
    reduction: str = "mean",
    weights: Any = None,
) -> Tensor:
    """λ − t·log λ of each count, and their mean, for t that follow a Poisson distribution of mean λ (without log t!,
    which does not depend on λ).

    Arguments:
        rate: log λ, (N, …), floating; with `log_input=False` λ itself, which has to be at least 0.
        target: t, of the same shape: counts.
        log_input: whether the rate is given as its logarithm.
        full: with Stirling's approximation of log t!, t·log t − t + ½ log 2πt where t > 1.
        epsilon: beside λ in the logarithm, where the rate is λ itself.
        reduction, weights: as for `gaussian_nll`.

    Raises:
        ShapeError: when the shapes differ.

    Example:
        >>> import chainrule as cr
        >>> float(cr.losses.poisson_nll(cr.tensor([0.0]), cr.tensor([3.0])))
        1.0
    """
    rate = as_tensor(rate)
    target = as_target(target, rate)
    same_shape("poisson_nll", rate, target)
    rows = ops.exp(rate) - target * rate if log_input else rate - target * ops.log(rate + epsilon)
    if full:
        many = target > 1
        t = ops.where(many, target, 1.0)
        rows = rows + ops.where(many, t * ops.log(t) - t + 0.5 * ops.log(2.0 * math.pi * t), 0.0)
    return reduce(rows, reduction, weights)


class GaussianNLL(Loss):
    """`gaussian_nll` of outputs (…, 2), which are the mean and the logarithm of the variance of each number, such as an
    `nn.Linear(features, 2)` gives; `predict` gives the means.

    Arguments:
        full, reduction: as for `gaussian_nll`.

    Example:
        >>> import chainrule as cr
        >>> loss = cr.losses.GaussianNLL()
        >>> float(loss(cr.tensor([[1.0, 0.0]]), cr.tensor([3.0])))
        2.0
    """

    name = "gaussian_nll"

    def __init__(self, *, full: bool = False, reduction: str = "mean") -> None:
        super().__init__(full=full, reduction=reduction)

    def __call__(self, outputs: Any, target: Any, *, weights: Any = None) -> Tensor:
        outputs = as_tensor(outputs)
        if not outputs.shape or outputs.shape[-1] != 2:
            raise ShapeError(
                f"GaussianNLL takes the mean and the logarithm of the variance of each number, (…, 2), and got "
                f"{outputs.shape}.",
                fix="a model with two outputs for each number; or losses.gaussian_nll(mean, target, variance)",
            )
        return gaussian_nll(outputs[..., 0], target, ops.exp(outputs[..., 1]), weights=weights, **self.options)

    def predict(self, outputs: np.ndarray) -> np.ndarray:
        """The means."""
        return outputs[..., 0]


class PoissonNLL(Loss):
    """`poisson_nll` as an object; `predict` gives the expected counts.

    Example:
        >>> import chainrule as cr
        >>> float(cr.losses.PoissonNLL()(cr.tensor([0.0]), cr.tensor([3.0])))
        1.0
    """

    name = "poisson_nll"

    def __init__(
        self, *, log_input: bool = True, full: bool = False, epsilon: float = 1e-8, reduction: str = "mean"
    ) -> None:
        super().__init__(log_input=log_input, full=full, epsilon=epsilon, reduction=reduction)

    def __call__(self, outputs: Any, target: Any, *, weights: Any = None) -> Tensor:
        return poisson_nll(outputs, target, weights=weights, **self.options)

    def predict(self, outputs: np.ndarray) -> np.ndarray:
        """λ."""
        return np.exp(outputs) if self.options["log_input"] else outputs
