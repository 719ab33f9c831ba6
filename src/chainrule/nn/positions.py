"""Positions: what tells attention, which by itself knows no order, where in the sequence a vector stands."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import init, ops
from chainrule.errors import ConfigError, ShapeError, suggest
from chainrule.graph import Tensor, as_tensor
from chainrule.nn.checks import check_dtype, positive
from chainrule.nn.module import Module
from chainrule.nn.variables import Parameter

__all__ = ["LearnedPositions", "RotaryPositions", "SinusoidalPositions"]


def _angles(first: Any, length: int, features: int, base: float, dtype: Any) -> Tensor:
    """position · base^(−2i/features) for positions from the first on, (length, features / 2)."""
    steps = as_tensor(np.arange(length)) + first
    speeds = as_tensor(base ** (-np.arange(0, features, 2) / features))
    return ops.astype(steps, dtype)[:, None] * ops.astype(speeds, dtype)


def _even(features: int, name: str) -> int:
    if positive(features, name) % 2:
        raise ConfigError(f"{name} is split into pairs, so it has to be even; got {features}.")
    return features


def _check_features(layer: Module, x: Tensor, features: int) -> None:
    if x.ndim < 2 or x.shape[-1] != features:
        raise ShapeError(f"{layer.label()} got {x.shape} and needs (…, T, {features}).")


class SinusoidalPositions(Module):
    """y = x + P, with P[t, 2i] = sin(t / 10000^(2i/D)) and P[t, 2i + 1] = cos of the same: nothing to learn, any
    length.

    Arguments:
        features: D, even.
        base: the 10000.

    Shapes:
        x (…, T, D) → y of the same shape. `first`, the position of x[..., 0, :], is a number or a Tensor.

    Source: Vaswani et al., "Attention Is All You Need" (2017), section 3.5.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.SinusoidalPositions(4)(cr.zeros((1, 2, 4)))[0, 0].tolist()
        [0.0, 1.0, 0.0, 1.0]
    """

    def __init__(self, features: int, base: float = 10000.0) -> None:
        super().__init__()
        self.features = _even(features, "features")
        self.base = float(base)

    def forward(self, x: Tensor, first: Any = 0) -> Tensor:
        _check_features(self, x, self.features)
        angles = _angles(first, x.shape[-2], self.features, self.base, x.dtype)
        both = ops.stack([ops.sin(angles), ops.cos(angles)], axis=-1)
        return x + both.reshape((x.shape[-2], self.features))

    def extra_repr(self) -> str:
        return f"{self.features}"


class LearnedPositions(Module):
    """y = x + weight[t]: a learned vector for each position.

    Arguments:
        length: the number of positions.
        features: D.

    Shapes:
        x (…, T, D), T ≤ length → y of the same shape. weight (length, D), first drawn from N(0, 0.02²). `first`, the
        position of x[..., 0, :], is a number or a Tensor.

    Raises:
        ShapeError: for a sequence that is longer than the positions.

    Source: Radford et al., "Improving Language Understanding by Generative Pre-Training" (2018), section 4.1.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.LearnedPositions(8, 4)(cr.zeros((1, 2, 4))).shape
        (1, 2, 4)
    """

    def __init__(self, length: int, features: int, *, dtype: Any = None) -> None:
        super().__init__()
        self.length = positive(length, "length")
        self.features = positive(features, "features")
        self.weight = Parameter(init.normal((length, features), std=0.02, dtype=dtype))

    def forward(self, x: Tensor, first: Any = 0) -> Tensor:
        _check_features(self, x, self.features)
        check_dtype(self, x, self.weight)
        steps = x.shape[-2]
        last = first + steps if isinstance(first, int) else steps
        if last > self.length:
            raise ShapeError(
                f"{self.label()} knows {self.length} positions and got a sequence that reaches position {last}.",
                fix=f"shorter sequences, or positions for all: LearnedPositions({last}, {self.features})",
            )
        if isinstance(first, int):
            return x + (self.weight if last - first == self.length else self.weight[first:last])
        return x + ops.embedding(self.weight, as_tensor(np.arange(steps)) + first)

    def extra_repr(self) -> str:
        return f"{self.length}, {self.features}"


class RotaryPositions(Module):
    """Each pair (2i, 2i + 1) of queries and keys turned by the angle t · 10000^(−2i/d): their products then depend on
    how far apart they stand.

    Arguments:
        features: d, the size of a head, even.
        base: the 10000.

    Shapes:
        x (N, T, H, d) → y of the same shape. `first`, the position of x[:, 0], is a number or a Tensor.

    Differs from some published weights, which pair i with i + d/2 instead.

    Source: Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding" (2021), equations 15 and 34.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> y = nn.RotaryPositions(2)(cr.tensor([[[[1.0, 0.0]], [[1.0, 0.0]]]]))
        >>> [round(v, 2) for v in y[0, 1, 0].tolist()]
        [0.54, 0.84]
    """

    def __init__(self, features: int, base: float = 10000.0) -> None:
        super().__init__()
        self.features = _even(features, "features")
        self.base = float(base)

    def forward(self, x: Tensor, first: Any = 0) -> Tensor:
        if x.ndim != 4 or x.shape[-1] != self.features:
            raise ShapeError(f"{self.label()} got {x.shape} and needs (N, T, heads, {self.features}).")
        angles = _angles(first, x.shape[1], self.features, self.base, x.dtype)[:, None]
        cos, sin = ops.cos(angles), ops.sin(angles)
        even, odd = x[..., 0::2], x[..., 1::2]
        return ops.stack([even * cos - odd * sin, even * sin + odd * cos], axis=-1).reshape(x.shape)

    def extra_repr(self) -> str:
        return f"{self.features}"


def positions_by_name(name: str, length: int, features: int, *, dtype: Any = None) -> Module | None:
    """What a model adds to its input for positions of this kind: "rotary" ones are turned in the attention instead.

    Raises:
        ConfigError: for an unknown name.
    """
    known = ("learned", "sinusoidal", "rotary", "none")
    if name not in known:
        raise ConfigError(
            f"There are no positions {name!r}.{suggest(name, known, 1)}", fix=f"one of {', '.join(known)}"
        )
    if name == "learned":
        return LearnedPositions(length, features, dtype=dtype)
    return SinusoidalPositions(features) if name == "sinusoidal" else None
