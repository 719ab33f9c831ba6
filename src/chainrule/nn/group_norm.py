"""GroupNorm: the channels of each example normalised group by group."""

from __future__ import annotations

from typing import Any

from chainrule import init, ops
from chainrule.errors import ConfigError, ShapeError
from chainrule.graph import Tensor
from chainrule.nn.checks import check_dtype, positive
from chainrule.nn.module import Module
from chainrule.nn.variables import Parameter

__all__ = ["GroupNorm"]


class GroupNorm(Module):
    """y = γ(x − μ)/√(v + ε) + β, with the mean μ and (biased) variance v of each group of neighbouring channels of each
    example, over all its places; the same in training and `eval`.

    Arguments:
        num_groups: G; one group normalises all channels together, C groups each by itself.
        num_channels: C, a multiple of G.
        epsilon: ε.
        affine: whether there are γ (weight) and β (bias), of shape (C,).

    Shapes:
        x (N, …, C) → y of the same shape.

    Raises:
        ConfigError: when C is no multiple of G.
        ShapeError: when the last axis of x is not C.

    Differs from PyTorch: channels last. Penalties leave γ and β out.

    Source: Wu & He, "Group Normalization" (2018).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> cr.round(nn.GroupNorm(2, 4)(cr.tensor([[1.0, 3.0, 10.0, 30.0]]))).tolist()
        [[-1.0, 1.0, -1.0, 1.0]]
    """

    def __init__(
        self, num_groups: int, num_channels: int, epsilon: float = 1e-5, affine: bool = True, *, dtype: Any = None
    ) -> None:
        super().__init__()
        self.num_groups = positive(num_groups, "num_groups")
        self.num_channels = positive(num_channels, "num_channels")
        if num_channels % num_groups:
            raise ConfigError(
                f"num_channels is divided into groups: {num_channels} is no multiple of {num_groups}.",
                fix=f"GroupNorm({next(g for g in range(num_groups, 0, -1) if num_channels % g == 0)}, {num_channels})",
            )
        if not epsilon > 0:
            raise ConfigError(f"GroupNorm needs epsilon > 0, got {epsilon}.")
        self.epsilon = float(epsilon)
        self.weight = Parameter(init.ones((num_channels,), dtype=dtype), penalised=False) if affine else None
        self.bias = Parameter(init.zeros((num_channels,), dtype=dtype), penalised=False) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim < 2 or x.shape[-1] != self.num_channels:
            hint = " with the channels on the last axis, not after N" if x.shape[1:2] == (self.num_channels,) else ""
            raise ShapeError(
                f"{self.label()} got {x.shape}: its num_channels should be {x.shape[-1] if x.shape else 1}.",
                fix=f"inputs (N, …, {self.num_channels}){hint}",
            )
        if self.weight is not None:
            check_dtype(self, x, self.weight)
        return ops.group_norm(x, self.weight, self.bias, groups=self.num_groups, epsilon=self.epsilon)

    def extra_repr(self) -> str:
        affine = self.weight is not None
        return f"{self.num_groups}, {self.num_channels}, epsilon={self.epsilon}, affine={affine}"
