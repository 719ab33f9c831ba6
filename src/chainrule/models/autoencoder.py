"""The autoencoder: a network that reproduces its input through a narrow layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from chainrule import init, nn, ops
from chainrule.errors import ConfigError, ShapeError
from chainrule.graph import Tensor, as_tensor
from chainrule.graph.random import Stream, default_stream

__all__ = ["Autoencoder"]


class Autoencoder(nn.Module):
    """code = encode(x), x̂ = decode(code): linear layers with an activation between them, down to the code and,
    mirrored, up again.

    Trained with the input as the target (`losses.MSE()`, or `losses.BinaryCrossEntropy()` for numbers from 0 to 1,
    whose logits x̂ then is). Without an activation ("identity"), the best a code of k numbers can do under the squared
    error is to span the first k principal components, and gradient descent finds them (Baldi & Hornik 1989).

    Arguments:
        in_features: numbers in one sample, or its shape, such as (28, 28, 1).
        hidden: units of the layers down to the code, which is the last.
        activation: of all layers but the code and the output, which are linear.
        tied: whether the decoder's weights are the encoder's, transposed; biases are its own.
        corruption: the share of the numbers that are set to 0, by chance, in training: the denoising autoencoder has
            to fill them in. The target stays the whole x.
        dtype: of the parameters.

    Shape: (N, *in_features) → the same. `encode`: → (N, hidden[-1]).

    Source: Baldi & Hornik, "Neural Networks and Principal Component Analysis" (1989); Hinton & Salakhutdinov, "Reducing
    the Dimensionality of Data with Neural Networks" (2006); Vincent et al., "Extracting and Composing Robust Features
    with Denoising Autoencoders" (2008).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import models
        >>> model = models.Autoencoder((8, 8, 1), [32, 4], tied=True)
        >>> x = cr.ones((5, 8, 8, 1))
        >>> model(x).shape, model.encode(x).shape
        ((5, 8, 8, 1), (5, 4))
    """

    def __init__(
        self,
        in_features: int | Sequence[int],
        hidden: Sequence[int],
        *,
        activation: str = "relu",
        tied: bool = False,
        corruption: float = 0.0,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if not hidden:
            raise ConfigError("An autoencoder has at least the layer of its code.", fix="Autoencoder(64, [32, 8])")
        if not 0.0 <= corruption < 1.0:
            raise ConfigError(f"corruption is a share from 0 to below 1, got {corruption!r}.")
        self._shape = (in_features,) if isinstance(in_features, int) else tuple(in_features)
        self.corruption = float(corruption)
        self.stream = Stream(int(default_stream().integers(0, 2**32)))
        widths = [math.prod(self._shape), *hidden]
        down = [nn.Linear(a, b, dtype=dtype) for a, b in pairwise(widths)]
        up = [_Transposed(layer) if tied else nn.Linear(b, a, dtype=dtype) for layer, (a, b) in
              zip(reversed(down), reversed(list(pairwise(widths))), strict=True)]  # fmt: skip
        self.encoder = _alternating(down, activation)
        self.decoder = _alternating(up, activation)

    def forward(self, x: Any) -> Tensor:
        x = as_tensor(x)
        if self.training and self.corruption:
            kept = self.stream.bits(x.shape) >= np.uint32(self.corruption * 2.0**32)
            x = ops.where(kept, x, 0.0)
        return self.decode(self.encode(x))

    def encode(self, x: Any) -> Tensor:
        """The code of every sample, (N, *in_features) → (N, hidden[-1])."""
        x = as_tensor(x)
        if x.shape[1:] != self._shape:
            expected = f"(N, {', '.join(map(str, self._shape))})"
            raise ShapeError(f"{self.label()} got {x.shape}, expected {expected}.", fix="a batch of samples")
        return self.encoder(ops.reshape(x, (x.shape[0], -1)))

    def decode(self, code: Any) -> Tensor:
        """Samples from their codes, (N, hidden[-1]) → (N, *in_features)."""
        y = self.decoder(code)
        return ops.reshape(y, (y.shape[0], *self._shape))


class _Transposed(nn.Module):
    """y = x · Wᵀ + b with the weight of another layer, and a bias of its own."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.linear = linear
        self.bias = nn.Parameter(init.zeros((linear.in_features,), dtype=linear.weight.dtype), penalised=False)

    def forward(self, x: Tensor) -> Tensor:
        return ops.linear(x, self.linear.weight.mT, self.bias)


def _alternating(layers: Sequence[nn.Module], activation: str) -> nn.Sequential:
    """The layers with an activation between them."""
    between = [[layer, nn.activation(activation)] for layer in layers[:-1]]
    return nn.Sequential(*[module for pair in between for module in pair], layers[-1])
