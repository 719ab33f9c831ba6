"""A restricted Boltzmann machine for ratings: collaborative filtering."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import ops
from chainrule.errors import ConfigError, LabelError, ShapeError
from chainrule.graph import Tensor, as_tensor, no_grad
from chainrule.models.rbm import RBM

__all__ = ["RatingsRBM"]


class RatingsRBM(RBM):
    """An RBM whose visible units are ratings: for each item one of K, or missing.

    An item of K ratings is K binary units of which one is on (a softmax unit), all off where the rating is missing: a
    missing rating says nothing, and gets no gradient. With the one-hot v (N, items · K), F(v) and p(h | v) are those
    of `RBM`, and p(item i has rating k | h) is the softmax over k of a + W·h.

    Arguments:
        items: how many there are.
        ratings: K, how many values a rating has.
        hidden: hidden units, the tastes.
        stream, dtype: as for `RBM`.

    Shapes:
        v is what `one_hot` makes of ratings, (N, items · K).

    Trained as an RBM, `ContrastiveDivergence(model)` with (v, v): in its samples the missing ratings stay missing.
    Persistent chains do not fit, since each user has rated other items.

    Source: Salakhutdinov, Mnih & Hinton, "Restricted Boltzmann Machines for Collaborative Filtering" (2007), section 2.

    Example:
        >>> import numpy as np
        >>> from chainrule import models
        >>> model = models.RatingsRBM(3, 5, 4)
        >>> v = model.one_hot(np.array([[5, 0, 1], [0, 2, 0]]))
        >>> v.shape, float(v.sum()), model.predict(v).shape
        ((2, 15), 3.0, (2, 3))
    """

    def __init__(self, items: int, ratings: int, hidden: int, *, stream: Any = None, dtype: Any = None) -> None:
        if items < 1 or ratings < 2:
            raise ConfigError(f"A model of ratings needs items and at least 2 ratings, got {items} and {ratings}.")
        super().__init__(items * ratings, hidden, stream=stream, dtype=dtype)
        self.items, self.ratings = items, ratings

    def one_hot(self, ratings: Any) -> Tensor:
        """The visible units of ratings (N, items), integers from 1 to K with 0 for a missing one."""
        values = np.asarray(ratings)
        if values.ndim != 2 or values.shape[1] != self.items:
            raise ShapeError(f"The ratings have shape {values.shape}, expected (N, {self.items}).")
        if values.size and (values.min() < 0 or values.max() > self.ratings or values.dtype.kind not in "iu"):
            raise LabelError(
                f"Ratings are integers from 1 to {self.ratings}, 0 for a missing one; got {values.dtype} from "
                f"{values.min()} to {values.max()}."
            )
        chosen = values[..., None] == np.arange(1, self.ratings + 1)
        return as_tensor(chosen.reshape(len(values), -1).astype(self.weight.dtype))

    def visible_mean(self, h: Any) -> Tensor:
        logits = ops.linear(as_tensor(h), self.weight.mT, self.visible_bias)
        return ops.reshape(ops.softmax(self._by_item(logits)), logits.shape)

    def gibbs(self, v: Any, steps: int = 1) -> Tensor:
        rated = self._by_item(self._rows(v)).sum(axis=-1, keepdims=True)
        with no_grad():
            for _ in range(steps):
                p = self._by_item(self.visible_mean(self.sample_hidden(v)))
                # the first rating at which the sum of probabilities passes a random number
                below = ops.cumulative_sum(p, axis=-1) < self.stream.uniform((*p.shape[:-1], 1), dtype=p.dtype)
                rating = ops.minimum(ops.sum(below, axis=-1, keepdims=True), self.ratings - 1)
                v = ops.reshape((rating == ops.arange(self.ratings)) * rated, v.shape)
        return v

    def sample_visible(self, h: Any) -> Tensor:
        raise ConfigError(
            "Which items are rated is no part of the model, so it has no samples of its own.",
            fix="gibbs(v, steps), from ratings",
        )

    def sample(self, count: int, steps: int = 1000) -> Tensor:
        return self.sample_visible(None)

    def fit_visible_bias(self, v: Any) -> None:
        """Starts the biases at the logarithm of how often each item gets each rating."""
        counts = self._by_item(self._rows(v)).numpy().sum(axis=0, dtype=np.float64) + 1.0 / self.ratings
        share = np.log(counts / counts.sum(axis=1, keepdims=True))
        self.visible_bias.assign(share.reshape(-1).astype(self.visible_bias.dtype))

    def predict(self, v: Any) -> Tensor:
        """The expected rating of every item, rated or not, given those that are in v: (N, items · K) → (N, items)."""
        p = self._by_item(self.reconstruct(v))
        return (p * ops.arange(1, self.ratings + 1, dtype=p.dtype)).sum(axis=-1)

    def _by_item(self, v: Tensor) -> Tensor:
        return ops.reshape(v, (v.shape[0], self.items, self.ratings))
