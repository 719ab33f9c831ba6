"""BatchNorm: channels normalised over the batch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule import init, ops
from chainrule.errors import ConfigError, ShapeError
from chainrule.graph import Tensor, no_grad
from chainrule.nn.checks import check_dtype, positive
from chainrule.nn.module import Module
from chainrule.nn.variables import Buffer, Parameter
from chainrule.ops.normalisation import batch_norm

__all__ = ["BatchNorm"]


class BatchNorm(Module):
    """y = γ(x − μ)/√(v + ε) + β, with the mean μ and variance v of each channel over all other axes: of the batch in
    training, running ones in `eval`.

    Arguments:
        num_features: C, the size of the last axis.
        epsilon: ε.
        momentum: how much of the batch enters the running statistics: running ← (1 − momentum)·running +
            momentum·batch. This is PyTorch's convention; Keras's momentum is 1 − this.
        affine: whether there are γ (weight) and β (bias).

    Shapes:
        x (…, C) → y of the same shape: (N, C), (N, T, C), (N, H, W, C). weight, bias, running_mean, running_var (C,).

    The batch is normalised with the biased variance (1/n), the running variance takes the unbiased one (1/(n − 1)), as
    in PyTorch and in the paper's algorithm 2. Penalties leave γ and β out.

    Raises:
        ShapeError: when the last axis of x is not num_features, or in training for a single row, which has no variance.

    Differs from PyTorch: channels are the last axis, so one class serves all ranks; no count of batches is kept.

    Source: Ioffe & Szegedy, "Batch Normalization" (2015), algorithms 1 and 2.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> layer = nn.BatchNorm(1)
        >>> y = layer(cr.tensor([[1.0], [3.0]]))
        >>> [round(v, 3) for v in y[:, 0].tolist()]
        [-1.0, 1.0]
        >>> round(float(layer.running_mean[0]), 3), round(float(layer.running_var[0]), 3)
        (0.2, 1.1)
    """

    def __init__(
        self, num_features: int, epsilon: float = 1e-5, momentum: float = 0.1, affine: bool = True, *, dtype: Any = None
    ) -> None:
        super().__init__()
        self.num_features = positive(num_features, "num_features")
        if not epsilon > 0:
            raise ConfigError(f"BatchNorm needs epsilon > 0, got {epsilon}.")
        if not 0.0 <= momentum <= 1.0:
            raise ConfigError(
                f"The momentum of BatchNorm lies between 0 and 1, got {momentum}.", fix="0.1; Keras's 0.99 is 0.01 here"
            )
        self.epsilon = float(epsilon)
        self.momentum = float(momentum)
        shape = (num_features,)
        self.weight = Parameter(init.ones(shape, dtype=dtype), penalised=False) if affine else None
        self.bias = Parameter(init.zeros(shape, dtype=dtype), penalised=False) if affine else None
        self.running_mean = Buffer(init.zeros(shape, dtype=dtype))
        self.running_var = Buffer(init.ones(shape, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim < 2 or x.shape[-1] != self.num_features:
            raise ShapeError(
                f"{self.label()} got {x.shape}: "
                + ("it needs a batch, (N, …, C)." if x.ndim < 2 else f"its num_features should be {x.shape[-1]}."),
                fix="channels are the last axis: (N, C) or (N, H, W, C)",
            )
        check_dtype(self, x, self.running_mean)
        if not self.training:
            scale = 1.0 / ops.sqrt(self.running_var + self.epsilon)
            if self.weight is not None:
                scale = scale * self.weight
            y = (x - self.running_mean) * scale
            return y if self.bias is None else y + self.bias
        n = math.prod(x.shape[:-1])
        if n < 2:
            raise ShapeError(
                f"{self.label()} got {x.shape} in training: a single row has no variance.",
                fix="larger batches (drop the last one where it has a single row), or model.eval() to predict",
            )
        y, mean, variance = batch_norm(x, self.weight, self.bias, epsilon=self.epsilon)
        with no_grad():
            keep, m = 1.0 - self.momentum, self.momentum
            self.running_mean.assign(keep * self.running_mean + m * mean)
            self.running_var.assign(keep * self.running_var + (m * n / (n - 1)) * variance)
        return y

    def from_pytorch(self, entries: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: value for name, value in entries.items() if name != "num_batches_tracked"}

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, epsilon={self.epsilon}, momentum={self.momentum}, affine={self.weight is not None}"
        )
