"""Dropout: units left out by chance."""

from __future__ import annotations

import numpy as np

from chainrule import ops
from chainrule.graph import Tensor
from chainrule.graph.random import Stream, default_stream
from chainrule.nn.checks import fraction
from chainrule.nn.module import Module

__all__ = ["Dropout"]


class Dropout(Module):
    """In training, each number is set to 0 with probability p and the others are divided by 1 − p, so that the mean
    stays; else y = x.

    The mask is fresh in every forward. It comes from a stream whose state belongs to the module's state: saved and
    loaded with it, carried along in compiled functions, and the same again when a step is replayed.

    Arguments:
        p: the probability of leaving out.
        stream: where the masks come from; by default a stream of the layer's own, started by a number drawn from the
            default stream, so that `cr.random.seed` before the model is made fixes everything.

    Raises:
        ConfigError: when p is not between 0 and 1.

    Differs from the paper, which scales at test time instead ("inverted" dropout; the same in expectation).

    Source: Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting" (2014), sections 4
    and 10.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> layer = nn.Dropout(0.5)
        >>> sorted(set(layer(cr.ones((100,))).tolist())), layer.eval()(cr.ones((2,))).tolist()
        ([0.0, 2.0], [1.0, 1.0])
    """

    def __init__(self, p: float = 0.5, *, stream: Stream | None = None) -> None:
        super().__init__()
        self.p = fraction(p, "p")
        self.stream = Stream(int(default_stream().integers(0, 2**32))) if stream is None else stream

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0.0:
            return x
        if self.p == 1.0:
            return x * 0.0
        # The bits are compared as they are: what is below p·2³² is left out.
        kept = self.stream.bits(x.shape) >= np.uint32(min(round(self.p * 2.0**32), 2**32 - 1))
        return ops.where(kept, x * (1.0 / (1.0 - self.p)), 0.0)

    def extra_repr(self) -> str:
        return f"p={self.p}"
