"""The Kullback–Leibler divergence, and distillation, which is made of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import ops
from chainrule.errors import ConfigError, ShapeError
from chainrule.graph import Tensor, as_tensor
from chainrule.losses.base import Loss
from chainrule.losses.cross_entropy import CrossEntropy, cross_entropy
from chainrule.losses.reduce import as_target, reduce, same_shape, times_log

__all__ = ["Distillation", "KLDivergence", "distillation", "kl_divergence"]


def kl_divergence(
    log_probabilities: Any, target: Any, *, log_target: bool = False, reduction: str = "mean", weights: Any = None
) -> Tensor:
    """KL(t ‖ q) = Σ_c t_c (log t_c − log q_c) of each row, and their mean: how many nats more it takes to write down
    draws from t with a code made for q. It is at least 0, and 0 only where they are equal.

    Arguments:
        log_probabilities: log q, (…, C), floating, such as `nn.LogSoftmax` gives.
        target: t, (…, C), probabilities; with `log_target` their logarithms.
        log_target: whether the target is given as logarithms.
        reduction: "mean" (over the rows), "sum" or "none" (a value for each row).
        weights: how much each row counts; the mean is over their sum.

    Raises:
        ShapeError: when the shapes differ.

    Differs from PyTorch: classes are summed first, so "mean" is its "batchmean" (its own "mean" divides by C as well)
    and "none" has a value for each row.

    Source: Kullback & Leibler, "On Information and Sufficiency" (1951).

    Example:
        >>> import chainrule as cr
        >>> q = cr.log(cr.tensor([[0.5, 0.5]]))
        >>> round(float(cr.losses.kl_divergence(q, cr.tensor([[1.0, 0.0]]))), 4)
        0.6931
    """
    log_q = as_tensor(log_probabilities)
    target = as_target(target, log_q)
    same_shape("kl_divergence", log_q, target)
    if log_target:
        p, log_p = ops.exp(target), target
    else:
        p, log_p = target, ops.log(ops.where(target == 0, 1.0, target))
    terms = times_log(p, log_p) - times_log(p, log_q)
    return reduce(terms.sum(axis=-1) if terms.shape else terms, reduction, weights)


def distillation(
    student: Any,
    teacher: Any,
    labels: Any = None,
    *,
    temperature: float = 2.0,
    alpha: float = 0.5,
    reduction: str = "mean",
    weights: Any = None,
) -> Tensor:
    """α T² · KL(softmax(z_t / T) ‖ softmax(z_s / T)) + (1 − α) · cross-entropy(z_s, labels): a small network learns
    what a large one believes of every class, not just the right one.

    Arguments:
        student: z_s, (…, C), floating logits.
        teacher: z_t, of the same shape; no gradient goes there.
        labels: (…), integers (or soft targets), for the second term; None only where α is 1.
        temperature: T > 0; the higher, the more the small probabilities count. T² keeps the size of the gradients the
            same for every T.
        alpha: α from 0 to 1.
        reduction, weights: as for `cross_entropy`.

    Raises:
        ShapeError: when student and teacher differ in shape; ConfigError: for a T or an α that cannot be, or missing
            labels.

    Source: Hinton, Vinyals & Dean, "Distilling the Knowledge in a Neural Network" (2015), section 2; with the
    divergence in place of the cross-entropy with soft targets, whose gradient is the same.

    Example:
        >>> import chainrule as cr
        >>> z = cr.tensor([[2.0, 0.0]])
        >>> float(cr.losses.distillation(z, z, temperature=4.0, alpha=1.0))
        0.0
    """
    if not temperature > 0:
        raise ConfigError(f"A temperature of distillation is above 0, got {temperature}.")
    if not 0.0 <= alpha <= 1.0:
        raise ConfigError(f"The alpha of distillation lies between 0 and 1, got {alpha}.")
    student = as_tensor(student)
    teacher = as_target(teacher, student).detach()
    if student.shape != teacher.shape:
        raise ShapeError(
            f"distillation got logits of a student of shape {student.shape} and of a teacher of shape {teacher.shape}.",
            fix="the same batch for both, and as many classes",
        )
    if labels is None and alpha < 1.0:
        raise ConfigError(
            f"distillation with alpha={alpha} needs labels for its second term.",
            fix="distillation(student, teacher, labels), or alpha=1.0",
        )
    soft = kl_divergence(
        ops.log_softmax(student / temperature),
        ops.log_softmax(teacher / temperature),
        log_target=True,
        reduction=reduction,
        weights=weights,
    )
    soft = alpha * temperature**2 * soft
    return (
        soft
        if alpha == 1.0
        else soft + (1.0 - alpha) * cross_entropy(student, labels, reduction=reduction, weights=weights)
    )


class KLDivergence(Loss):
    """`kl_divergence` as an object; `predict` makes probabilities of the log-probabilities.

    Example:
        >>> import chainrule as cr
        >>> q = cr.log(cr.tensor([[0.5, 0.5]]))
        >>> float(cr.losses.KLDivergence()(q, cr.tensor([[0.5, 0.5]])))
        0.0
    """

    name = "kl_divergence"

    def __init__(self, *, log_target: bool = False, reduction: str = "mean") -> None:
        super().__init__(log_target=log_target, reduction=reduction)

    def __call__(self, outputs: Any, target: Any, *, weights: Any = None) -> Tensor:
        return kl_divergence(outputs, target, weights=weights, **self.options)

    def predict(self, outputs: np.ndarray) -> np.ndarray:
        """Probabilities (…, C): the exponential."""
        return np.exp(outputs)


class Distillation(CrossEntropy):
    """`distillation` as an object: called as `loss(student, (teacher, labels))`, or with the teacher alone where α is
    1; `predict` makes probabilities of the student's logits.

    Example:
        >>> import chainrule as cr
        >>> z = cr.tensor([[2.0, 0.0]])
        >>> round(float(cr.losses.Distillation(temperature=4.0, alpha=0.5)(z, (z, cr.tensor([0])))), 4)
        0.0635
    """

    name = "distillation"

    def __init__(self, *, temperature: float = 2.0, alpha: float = 0.5, reduction: str = "mean") -> None:
        Loss.__init__(self, temperature=temperature, alpha=alpha, reduction=reduction)

    def __call__(self, outputs: Any, target: Any, *, weights: Any = None) -> Tensor:
        teacher, labels = target if isinstance(target, tuple) else (target, None)
        return distillation(outputs, teacher, labels, weights=weights, **self.options)
