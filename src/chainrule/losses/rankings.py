"""Losses of orders: one score above another."""

from __future__ import annotations

from typing import Any

from chainrule import ops
from chainrule.errors import ShapeError
from chainrule.graph import Tensor, as_tensor
from chainrule.losses.base import Loss
from chainrule.losses.labels import as_signs
from chainrule.losses.reduce import as_target, reduce, same_shape

__all__ = ["BPR", "MarginRanking", "bpr", "margin_ranking"]


def bpr(positive: Any, negative: Any, *, reduction: str = "mean", weights: Any = None) -> Tensor:
    """−log σ(s⁺ − s⁻) of each pair, and their mean: what a user chose is to score above what was passed over (Bayesian
    personalised ranking).

    Arguments:
        positive: s⁺, (N,), floating: scores of what was chosen.
        negative: s⁻, (N,), or (N, K) for several drawn for each.
        reduction: "mean", "sum" or "none".
        weights: how much each row counts; the mean is over their sum.

    The paper's penalty on the parameters is `losses.l2`.

    Raises:
        ShapeError: when the rows differ.

    Source: Rendle et al., "BPR: Bayesian Personalized Ranking from Implicit Feedback" (2009), section 4.1.

    Example:
        >>> import chainrule as cr
        >>> round(float(cr.losses.bpr(cr.tensor([1.0]), cr.tensor([[1.0, 1.0]]))), 4)
        0.6931
    """
    chosen = as_tensor(positive)
    passed = as_target(negative, chosen)
    if passed.ndim == chosen.ndim + 1 and passed.shape[:-1] == chosen.shape:
        chosen = chosen[..., None]
    elif passed.shape != chosen.shape:
        raise ShapeError(
            f"bpr got positive scores of shape {chosen.shape} and negative ones of shape {passed.shape}.",
            fix="(N,) and (N,), or (N,) and (N, K) with K negatives for each positive",
        )
    return reduce(ops.softplus(passed - chosen), reduction, weights)


def margin_ranking(
    first: Any, second: Any, target: Any, *, margin: float = 0.0, reduction: str = "mean", weights: Any = None
) -> Tensor:
    """max(0, margin − t·(first − second)) of each pair, and their mean: with t = 1 the first is to be larger, with −1
    the second.

    Arguments:
        first, second: scores of the same shape, floating.
        target: t, of that shape: 1 or −1 (or 0), or truth values.
        margin: by how much larger.
        reduction, weights: as for `bpr`.

    Source: Herbrich, Graepel & Obermayer, "Support Vector Learning for Ordinal Regression" (1999).

    Example:
        >>> import chainrule as cr
        >>> float(cr.losses.margin_ranking(cr.tensor([1.0]), cr.tensor([3.0]), cr.tensor([1])))
        2.0
    """
    a = as_tensor(first)
    b, t = as_target(second, a), as_tensor(target)
    same_shape("margin_ranking", a, b)
    same_shape("margin_ranking", a, t)
    return reduce(ops.relu(margin - as_signs("margin_ranking", t, a) * (a - b)), reduction, weights)


class BPR(Loss):
    """`bpr` as an object, called as `loss((positive, negative))`.

    Example:
        >>> import chainrule as cr
        >>> round(float(cr.losses.BPR()((cr.tensor([1.0]), cr.tensor([1.0])))), 4)
        0.6931
    """

    name = "bpr"

    def __call__(self, outputs: Any, target: Any = None, *, weights: Any = None) -> Tensor:
        positive, negative = self.several(outputs, "positive", "negative")
        return bpr(positive, negative, weights=weights, **self.options)


class MarginRanking(Loss):
    """`margin_ranking` as an object, called as `loss((first, second), target)`.

    Example:
        >>> import chainrule as cr
        >>> float(cr.losses.MarginRanking()((cr.tensor([1.0]), cr.tensor([3.0])), cr.tensor([1])))
        2.0
    """

    name = "margin_ranking"

    def __init__(self, *, margin: float = 0.0, reduction: str = "mean") -> None:
        super().__init__(margin=margin, reduction=reduction)

    def __call__(self, outputs: Any, target: Any, *, weights: Any = None) -> Tensor:
        first, second = self.several(outputs, "first", "second")
        return margin_ranking(first, second, target, weights=weights, **self.options)
