"""Losses for numbers: squared, absolute, and Huber's in between."""

from __future__ import annotations

from typing import Any

from chainrule import ops
from chainrule.errors import ConfigError
from chainrule.graph import Tensor, as_tensor
from chainrule.losses.base import Loss
from chainrule.losses.reduce import as_target, reduce, same_shape

__all__ = ["MAE", "MSE", "Huber", "SmoothL1", "huber", "mae", "mse", "smooth_l1"]


def _difference(loss: str, prediction: Any, target: Any) -> Tensor:
    prediction = as_tensor(prediction)
    target = as_target(target, prediction)
    same_shape(loss, prediction, target)
    return prediction - target


def mse(prediction: Any, target: Any, *, reduction: str = "mean", weights: Any = None) -> Tensor:
    """The mean squared error, mean (prediction − target)²: the negative log-likelihood of a Gaussian of fixed width,
    scaled.

    Arguments:
        prediction: (N, …), floating.
        target: of the same shape.
        reduction: "mean", "sum" or "none" (all losses, in their shape).
        weights: how much each row counts, (N,) or more axes of the prediction's shape; the mean is over their sum.

    Returns:
        0-d, or the losses.

    Raises:
        ShapeError: when the shapes differ, (N,) and (N, 1) included; naming both and the fix.

    Example:
        >>> import chainrule as cr
        >>> float(cr.losses.mse(cr.tensor([1.0, 2.0]), cr.tensor([1.0, 4.0])))
        2.0
    """
    return reduce(ops.square(_difference("mse", prediction, target)), reduction, weights)


def mae(prediction: Any, target: Any, *, reduction: str = "mean", weights: Any = None) -> Tensor:
    """The mean absolute error, mean |prediction − target|; its gradient where they are equal is 0. Arguments and errors
    are `mse`'s.

    PyTorch calls it `l1_loss`.

    Example:
        >>> import chainrule as cr
        >>> float(cr.losses.mae(cr.tensor([1.0, 2.0]), cr.tensor([1.0, 4.0])))
        1.0
    """
    return reduce(ops.abs(_difference("mae", prediction, target)), reduction, weights)


def huber(prediction: Any, target: Any, *, delta: float = 1.0, reduction: str = "mean", weights: Any = None) -> Tensor:
    """Huber's loss of d = prediction − target: ½d² where |d| ≤ δ, else δ(|d| − ½δ). Large errors count less than under
    `mse`.

    Arguments:
        delta: δ > 0, where it turns from a square into a line.
        prediction, target, reduction, weights: as for `mse`.

    Source: Huber, "Robust Estimation of a Location Parameter" (1964), equation 1.5.

    Example:
        >>> import chainrule as cr
        >>> cr.losses.huber(cr.tensor([0.5, 3.0]), cr.tensor([0.0, 0.0]), reduction="none").tolist()
        [0.125, 2.5]
    """
    if not delta > 0:
        raise ConfigError(f"huber needs delta > 0, got {delta}.")
    d = _difference("huber", prediction, target)
    size = ops.abs(d)
    return reduce(ops.where(size <= delta, 0.5 * d * d, delta * (size - 0.5 * delta)), reduction, weights)


def smooth_l1(
    prediction: Any, target: Any, *, beta: float = 1.0, reduction: str = "mean", weights: Any = None
) -> Tensor:
    """½d²/β where |d| < β, else |d| − ½β: `huber` with δ = β, divided by β, so that its slope far out is 1 for every β.

    Arguments:
        beta: β > 0; towards 0 it becomes `mae`.
        prediction, target, reduction, weights: as for `mse`.

    Source: Girshick, "Fast R-CNN" (2015), equation 3, with β = 1.

    Example:
        >>> import chainrule as cr
        >>> cr.losses.smooth_l1(cr.tensor([0.5, 3.0]), cr.tensor([0.0, 0.0]), beta=2.0, reduction="none").tolist()
        [0.0625, 2.0]
    """
    if not beta > 0:
        raise ConfigError(f"smooth_l1 needs beta > 0, got {beta}.", fix="losses.mae, which it becomes at 0")
    return huber(prediction, target, delta=beta, reduction=reduction, weights=weights) / beta


class MSE(Loss):
    """`mse` as an object.

    Example:
        >>> import chainrule as cr
        >>> loss = cr.losses.MSE()
        >>> float(loss(cr.tensor([1.0, 2.0]), cr.tensor([1.0, 4.0])))
        2.0
    """

    name = "mse"

    def __call__(self, outputs: Any, target: Any, *, weights: Any = None) -> Tensor:
        return mse(outputs, target, weights=weights, **self.options)


class MAE(Loss):
    """`mae` as an object.

    Example:
        >>> import chainrule as cr
        >>> float(cr.losses.MAE()(cr.tensor([1.0, 2.0]), cr.tensor([1.0, 4.0])))
        1.0
    """

    name = "mae"

    def __call__(self, outputs: Any, target: Any, *, weights: Any = None) -> Tensor:
        return mae(outputs, target, weights=weights, **self.options)


class Huber(Loss):
    """`huber` as an object.

    Example:
        >>> import chainrule as cr
        >>> float(cr.losses.Huber(delta=2.0)(cr.tensor([1.0]), cr.tensor([0.0])))
        0.5
    """

    name = "huber"

    def __init__(self, *, delta: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(delta=delta, reduction=reduction)

    def __call__(self, outputs: Any, target: Any, *, weights: Any = None) -> Tensor:
        return huber(outputs, target, weights=weights, **self.options)


class SmoothL1(Loss):
    """`smooth_l1` as an object.

    Example:
        >>> import chainrule as cr
        >>> float(cr.losses.SmoothL1(beta=2.0)(cr.tensor([3.0]), cr.tensor([0.0])))
        2.0
    """

    name = "smooth_l1"

    def __init__(self, *, beta: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(beta=beta, reduction=reduction)

    def __call__(self, outputs: Any, target: Any, *, weights: Any = None) -> Tensor:
        return smooth_l1(outputs, target, weights=weights, **self.options)
