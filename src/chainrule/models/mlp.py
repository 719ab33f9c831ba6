"""The multi-layer perceptron."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from chainrule import nn
from chainrule.errors import ConfigError

__all__ = ["MLP"]


class MLP(nn.Module):
    """Linear layers with an activation (and, if asked for, batch normalisation and dropout) between them.

    h₀ = x, hₖ = dropout(activation(norm(hₖ₋₁ Wₖ + bₖ))), y = h_K W + b.

    Arguments:
        in_features: numbers in one sample, or its shape, such as (28, 28, 1): every sample is flattened.
        hidden: units of each hidden layer; empty makes a linear model.
        out_features: units of the output; with `squeeze` a single unit gives (N,) instead of (N, 1).
        activation, dropout, batch_norm: of the hidden layers.

    Shape: (N, *in_features) → (N, out_features).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import models
        >>> models.MLP((8, 8, 1), [16], 10)(cr.zeros((2, 8, 8, 1))).shape
        (2, 10)
    """

    def __init__(
        self,
        in_features: int | Sequence[int],
        hidden: Sequence[int],
        out_features: int,
        *,
        activation: str = "relu",
        dropout: float = 0.0,
        batch_norm: bool = False,
        squeeze: bool = False,
    ) -> None:
        super().__init__()
        width = in_features if isinstance(in_features, int) else math.prod(in_features)
        layers: list[nn.Module] = [] if isinstance(in_features, int) else [nn.Flatten()]
        for units in hidden:
            if units < 1:
                raise ConfigError(f"A hidden layer needs at least one unit, got {units}.")
            layers.append(nn.Linear(width, units))
            if batch_norm:
                layers.append(nn.BatchNorm(units))
            layers.append(nn.activation(activation))
            if dropout:
                layers.append(nn.Dropout(dropout))
            width = units
        layers.append(nn.Linear(width, out_features))
        self.layers = nn.Sequential(*layers)
        self.squeeze = squeeze and out_features == 1

    def forward(self, x: Any) -> Any:
        y = self.layers(x)
        return y[:, 0] if self.squeeze else y
