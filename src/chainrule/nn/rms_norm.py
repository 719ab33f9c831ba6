"""RMSNorm: each row scaled to size one, without moving its mean."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import init, ops
from chainrule.errors import ConfigError, ShapeError
from chainrule.graph import Tensor
from chainrule.nn.checks import check_dtype, positive
from chainrule.nn.module import Module
from chainrule.nn.variables import Parameter

__all__ = ["RMSNorm"]


class RMSNorm(Module):
    """y = γx/√(mean(x²) + ε), the mean over the last axes of each row; the same in training and `eval`.

    Arguments:
        normalized_shape: the sizes of those axes; a number for just the last.
        epsilon: ε; None for the distance from 1 to the next number of the dtype, as in PyTorch.
        affine: whether there is γ (weight), of that shape.

    Shapes:
        x (…, *normalized_shape) → y of the same shape.

    Raises:
        ShapeError: when the last axes of x are not normalized_shape.

    Penalties leave γ out.

    Source: Zhang & Sennrich, "Root Mean Square Layer Normalization" (2019), equation 4.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> [round(v, 2) for v in nn.RMSNorm(2)(cr.tensor([[3.0, 4.0]]))[0].tolist()]
        [0.85, 1.13]
    """

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...],
        epsilon: float | None = None,
        affine: bool = True,
        *,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        sizes = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        if not sizes:
            raise ConfigError("RMSNorm needs at least one axis.", fix="RMSNorm(features)")
        self.normalized_shape = tuple(positive(n, "normalized_shape") for n in sizes)
        if epsilon is not None and not epsilon > 0:
            raise ConfigError(f"RMSNorm needs epsilon > 0, got {epsilon}.")
        self.epsilon = epsilon
        self.weight = Parameter(init.ones(self.normalized_shape, dtype=dtype), penalised=False) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        axes = len(self.normalized_shape)
        if x.shape[-axes:] != self.normalized_shape:
            raise ShapeError(
                f"{self.label()} got {x.shape}: its normalized_shape should be {x.shape[-axes:]}.",
                fix=f"RMSNorm({x.shape[-1] if x.shape else 1}), or inputs that end in {self.normalized_shape}",
            )
        if self.weight is not None:
            check_dtype(self, x, self.weight)
        epsilon = float(np.finfo(x.dtype).eps) if self.epsilon is None else self.epsilon
        return ops.rms_norm(x, self.weight, epsilon=epsilon, axes=axes)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, epsilon={self.epsilon}, affine={self.weight is not None}"
