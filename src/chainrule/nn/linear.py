"""Linear: the affine map."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import init, ops
from chainrule.errors import ShapeError
from chainrule.graph import Tensor
from chainrule.nn.checks import check_dtype, positive
from chainrule.nn.module import Module
from chainrule.nn.variables import Parameter

__all__ = ["Linear"]


class Linear(Module):
    """y = x · weight + bias.

    Arguments:
        in_features: size of the last axis of x.
        out_features: size of the last axis of y.
        bias: whether there is one.
        dialect: how the first values are drawn. "paper": weight from N(0, 2 / in_features) (He et al. 2015, equation
            10), bias 0; "pytorch": both uniform in ±1/√in_features; "keras": weight uniform in ±√(6 / (in + out))
            (Glorot & Bengio 2010), bias 0.
        dtype: of weight and bias; float32 unless said otherwise.

    Shapes:
        x (…, in_features) → y (…, out_features). weight (in_features, out_features), bias (out_features,).

    Raises:
        ShapeError: when the last axis of x is not in_features; it names the layer and what would fit.
        DtypeError: when x has another dtype than the weight.

    Differs from PyTorch: the weight is (in, out), so that y = x · weight without a transpose, and the first values are
    He's.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.Linear(3, 2)(cr.ones((5, 3))).shape
        (5, 2)
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, *, dialect: str = "paper", dtype: Any = None
    ) -> None:
        super().__init__()
        self.in_features = positive(in_features, "in_features")
        self.out_features = positive(out_features, "out_features")
        weight, first_bias = init.linear(in_features, out_features, dialect=dialect, dtype=dtype)
        self.weight = Parameter(weight)
        self.bias = Parameter(first_bias, penalised=False) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        if not x.shape or x.shape[-1] != self.in_features:
            raise ShapeError(
                f"{self.label()} got {x.shape}: "
                + (f"its in_features should be {x.shape[-1]}." if x.shape else "it needs at least one axis."),
                fix=f"Linear({x.shape[-1] if x.shape else 1}, {self.out_features}), or inputs whose last axis is "
                f"{self.in_features}" + (", such as the output of nn.Flatten()" if x.ndim > 2 else ""),
            )
        check_dtype(self, x, self.weight)
        return ops.linear(x, self.weight, self.bias)

    def label(self) -> str:
        return super().label().replace(self.extra_repr(), f"{self.in_features}, {self.out_features}")

    def from_pytorch(self, entries: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: value.T if name == "weight" else value for name, value in entries.items()}

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"
