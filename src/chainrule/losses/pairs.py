"""Losses of embeddings, which compare vectors with one another: what belongs together near, the rest apart.

As objects they take the vectors as a tuple: `loss((first, second), same)`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.errors import ConfigError, ShapeError
from chainrule.graph import Tensor, as_tensor
from chainrule.losses.base import Loss
from chainrule.losses.cross_entropy import cross_entropy
from chainrule.losses.labels import as_signs
from chainrule.losses.reduce import as_target, reduce, same_shape

__all__ = [
    "Contrastive",
    "CosineEmbedding",
    "HingeEmbedding",
    "InfoNCE",
    "TripletMargin",
    "contrastive",
    "cosine_embedding",
    "hinge_embedding",
    "info_nce",
    "nt_xent",
    "triplet_margin",
]


def _vectors(loss: str, first: Any, *others: Any) -> list[Tensor]:
    """Vectors (…, D) of the same shape and dtype."""
    made = [as_tensor(first)]
    for other in others:
        made.append(as_target(other, made[0]))
        same_shape(loss, made[0], made[-1])
    if not made[0].shape:
        raise ShapeError(f"{loss} compares vectors, (…, D), and got single numbers.")
    return made


def _signs(loss: str, target: Any, rows: Tensor) -> Tensor:
    target = as_tensor(target)
    if target.shape != rows.shape:
        raise ShapeError(
            f"{loss} got {rows.shape} pairs and a target of shape {target.shape}.", fix="one number for each pair"
        )
    return as_signs(loss, target, rows)


def contrastive(
    first: Any, second: Any, same: Any, *, margin: float = 1.0, reduction: str = "mean", weights: Any = None
) -> Tensor:
    """½d² of a pair that belongs together, ½ max(0, margin − d)² of one that does not, with d = ‖first − second‖; and
    their mean.

    Arguments:
        first, second: (…, D), floating.
        same: (…): 1 or True for pairs that belong together, else 0 (or −1) or False. (The paper has them the other way
            round.)
        margin: beyond which pairs that do not belong together are left alone.
        reduction: "mean", "sum" or "none".
        weights: how much each pair counts; the mean is over their sum.

    The gradient of a pair at distance 0 is 0.

    Source: Hadsell, Chopra & LeCun, "Dimensionality Reduction by Learning an Invariant Mapping" (2006), equation 4.

    Example:
        >>> import chainrule as cr
        >>> a, b = cr.tensor([[0.0, 0.0], [0.0, 0.0]]), cr.tensor([[3.0, 4.0], [3.0, 4.0]])
        >>> cr.losses.contrastive(a, b, cr.tensor([1, 0]), margin=6.0, reduction="none").tolist()
        [12.5, 0.5]
    """
    a, b = _vectors("contrastive", first, second)
    square = ops.square(a - b).sum(axis=-1)
    apart = square > 0
    distance = ops.where(apart, ops.sqrt(ops.where(apart, square, 1.0)), 0.0)  # a root's gradient at 0 is infinite
    together = _signs("contrastive", same, square) > 0
    return reduce(0.5 * ops.where(together, square, ops.square(ops.relu(margin - distance))), reduction, weights)


def cosine_embedding(
    first: Any, second: Any, same: Any, *, margin: float = 0.0, reduction: str = "mean", weights: Any = None
) -> Tensor:
    """1 − cos of a pair that belongs together, max(0, cos − margin) of one that does not, with cos the cosine of their
    angle; and their mean.

    Arguments:
        first, second: (…, D), floating.
        same: (…): 1 for pairs that belong together, −1 (or 0) for others, or truth values.
        margin: the cosine below which pairs that do not belong together are left alone, from −1 to 1.
        reduction, weights: as for `contrastive`.

    A vector of zeros has the cosine 0 with all; 10⁻¹² beside the squares keeps it so, as in PyTorch.

    Example:
        >>> import chainrule as cr
        >>> a, b = cr.tensor([[1.0, 0.0], [1.0, 0.0]]), cr.tensor([[0.0, 2.0], [3.0, 0.0]])
        >>> cr.losses.cosine_embedding(a, b, cr.tensor([1, -1]), reduction="none").tolist()
        [1.0, 1.0]
    """
    a, b = _vectors("cosine_embedding", first, second)
    sizes = (ops.square(a).sum(axis=-1) + 1e-12) * (ops.square(b).sum(axis=-1) + 1e-12)
    cosine = (a * b).sum(axis=-1) / ops.sqrt(sizes)
    together = _signs("cosine_embedding", same, cosine) > 0
    return reduce(ops.where(together, 1.0 - cosine, ops.relu(cosine - margin)), reduction, weights)


def hinge_embedding(
    distance: Any, same: Any, *, margin: float = 1.0, reduction: str = "mean", weights: Any = None
) -> Tensor:
    """d of what belongs together, max(0, margin − d) of what does not; and their mean.

    Arguments:
        distance: d, (N, …), floating, already computed.
        same: of the same shape: 1 or −1 (or 0), or truth values.
        margin, reduction, weights: as for `contrastive`.

    Example:
        >>> import chainrule as cr
        >>> cr.losses.hinge_embedding(cr.tensor([0.25, 0.25]), cr.tensor([1, -1]), reduction="none").tolist()
        [0.25, 0.75]
    """
    d = as_tensor(distance)
    together = _signs("hinge_embedding", same, d) > 0
    return reduce(ops.where(together, d, ops.relu(margin - d)), reduction, weights)


def triplet_margin(
    anchor: Any,
    positive: Any,
    negative: Any,
    *,
    margin: float = 1.0,
    p: float = 2.0,
    swap: bool = False,
    reduction: str = "mean",
    weights: Any = None,
) -> Tensor:
    """max(0, d(a, p) − d(a, n) + margin) of each triplet, and their mean: what belongs to the anchor is to be nearer
    than what does not.

    Arguments:
        anchor, positive, negative: (…, D), floating.
        margin: by how much nearer.
        p: of the norm: d(x, y) = ‖x − y + 10⁻⁶‖_p, as in PyTorch; the constant keeps the gradient at 0 finite.
        swap: takes d(p, n) for d(a, n) where that is smaller.
        reduction, weights: as for `contrastive`.

    Source: Balntas et al., "Learning Local Feature Descriptors with Triplets and Shallow Convolutional Neural Networks"
    (2016), sections 2.2 and 2.3.

    Example:
        >>> import chainrule as cr
        >>> a, b = cr.tensor([[0.0, 0.0]]), cr.tensor([[3.0, 4.0]])
        >>> round(float(cr.losses.triplet_margin(a, b, a)), 4)
        6.0
    """
    if not p >= 1:
        raise ConfigError(f"The p of a norm is at least 1, got {p}.")
    a, b, c = _vectors("triplet_margin", anchor, positive, negative)

    def distance(x: Tensor, y: Tensor) -> Tensor:
        d = x - y + 1e-6
        return ops.sqrt(ops.square(d).sum(axis=-1)) if p == 2 else (ops.abs(d) ** p).sum(axis=-1) ** (1.0 / p)

    far = ops.minimum(distance(a, c), distance(b, c)) if swap else distance(a, c)
    return reduce(ops.relu(distance(a, b) - far + margin), reduction, weights)


def _unit(x: Tensor) -> Tensor:
    return x / ops.sqrt(ops.square(x).sum(axis=-1, keepdims=True) + 1e-12)


def info_nce(
    queries: Any, keys: Any, *, temperature: float = 0.1, reduction: str = "mean", weights: Any = None
) -> Tensor:
    """−log (e^(q_i·k_i/τ) / Σ_j e^(q_i·k_j/τ)) of each row, and their mean, of vectors scaled to length 1: every query
    is to find its own key among all keys of the batch.

    Arguments:
        queries, keys: (N, D), floating; row i of one belongs to row i of the other.
        temperature: τ > 0; the smaller, the more the hardest others count.
        reduction, weights: as for `contrastive`.

    Source: van den Oord, Li & Vinyals, "Representation Learning with Contrastive Predictive Coding" (2018), equation 4.

    Example:
        >>> import chainrule as cr
        >>> x = cr.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> round(float(cr.losses.info_nce(x, x, temperature=1.0)), 4)
        0.3133
    """
    q, k = _rows("info_nce", queries, keys, temperature)
    return cross_entropy(
        _unit(q) @ _unit(k).mT / temperature, np.arange(q.shape[0]), reduction=reduction, weights=weights
    )


def nt_xent(first: Any, second: Any, *, temperature: float = 0.5, reduction: str = "mean") -> Tensor:
    """`info_nce` of all 2N vectors, each of which is to find its partner among all others, itself left out.

    Arguments:
        first, second: (N, D), floating; two views of each sample.
        temperature: τ > 0.
        reduction: "mean", "sum", or "none" (2N values, those of `first` before those of `second`).

    Source: Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations" (2020), equation 1.

    Example:
        >>> import chainrule as cr
        >>> x = cr.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> round(float(cr.losses.nt_xent(x, x, temperature=1.0)), 4)
        0.5514
    """
    a, b = _rows("nt_xent", first, second, temperature)
    n = a.shape[0]
    units = _unit(ops.concat([a, b], axis=0))
    scores = ops.where(np.eye(2 * n, dtype=bool), -math.inf, units @ units.mT / temperature)
    return cross_entropy(scores, np.roll(np.arange(2 * n), n), reduction=reduction)


def _rows(loss: str, first: Any, second: Any, temperature: float) -> list[Tensor]:
    if not temperature > 0:
        raise ConfigError(f"The temperature of {loss} is above 0, got {temperature}.")
    made = _vectors(loss, first, second)
    if made[0].ndim != 2:
        raise ShapeError(f"{loss} takes vectors (N, D), got {made[0].shape}.")
    return made


class Contrastive(Loss):
    """`contrastive` as an object, called as `loss((first, second), same)`.

    Example:
        >>> import chainrule as cr
        >>> a, b = cr.tensor([[0.0, 0.0]]), cr.tensor([[3.0, 4.0]])
        >>> float(cr.losses.Contrastive()((a, b), cr.tensor([1])))
        12.5
    """

    name = "contrastive"

    def __init__(self, *, margin: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(margin=margin, reduction=reduction)

    def __call__(self, outputs: Any, target: Any, *, weights: Any = None) -> Tensor:
        first, second = self.several(outputs, "first", "second")
        return contrastive(first, second, target, weights=weights, **self.options)


class CosineEmbedding(Loss):
    """`cosine_embedding` as an object, called as `loss((first, second), same)`.

    Example:
        >>> import chainrule as cr
        >>> a, b = cr.tensor([[1.0, 0.0]]), cr.tensor([[0.0, 2.0]])
        >>> float(cr.losses.CosineEmbedding()((a, b), cr.tensor([1])))
        1.0
    """

    name = "cosine_embedding"

    def __init__(self, *, margin: float = 0.0, reduction: str = "mean") -> None:
        super().__init__(margin=margin, reduction=reduction)

    def __call__(self, outputs: Any, target: Any, *, weights: Any = None) -> Tensor:
        first, second = self.several(outputs, "first", "second")
        return cosine_embedding(first, second, target, weights=weights, **self.options)


class HingeEmbedding(Loss):
    """`hinge_embedding` as an object, called as `loss(distance, same)`.

    Example:
        >>> import chainrule as cr
        >>> float(cr.losses.HingeEmbedding()(cr.tensor([0.25]), cr.tensor([False])))
        0.75
    """

    name = "hinge_embedding"

    def __init__(self, *, margin: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(margin=margin, reduction=reduction)

    def __call__(self, outputs: Any, target: Any, *, weights: Any = None) -> Tensor:
        return hinge_embedding(outputs, target, weights=weights, **self.options)


class TripletMargin(Loss):
    """`triplet_margin` as an object, called as `loss((anchor, positive, negative))`.

    Example:
        >>> import chainrule as cr
        >>> a, b = cr.tensor([[0.0, 0.0]]), cr.tensor([[3.0, 4.0]])
        >>> round(float(cr.losses.TripletMargin(margin=2.0)((a, b, a))), 4)
        7.0
    """

    name = "triplet_margin"

    def __init__(self, *, margin: float = 1.0, p: float = 2.0, swap: bool = False, reduction: str = "mean") -> None:
        super().__init__(margin=margin, p=p, swap=swap, reduction=reduction)

    def __call__(self, outputs: Any, target: Any = None, *, weights: Any = None) -> Tensor:
        anchor, positive, negative = self.several(outputs, "anchor", "positive", "negative")
        return triplet_margin(anchor, positive, negative, weights=weights, **self.options)


class InfoNCE(Loss):
    """`info_nce` as an object, called as `loss((queries, keys))`.

    Example:
        >>> import chainrule as cr
        >>> x = cr.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> round(float(cr.losses.InfoNCE(temperature=1.0)((x, x))), 4)
        0.3133
    """

    name = "info_nce"

    def __init__(self, *, temperature: float = 0.1, reduction: str = "mean") -> None:
        super().__init__(temperature=temperature, reduction=reduction)

    def __call__(self, outputs: Any, target: Any = None, *, weights: Any = None) -> Tensor:
        queries, keys = self.several(outputs, "queries", "keys")
        return info_nce(queries, keys, weights=weights, **self.options)
