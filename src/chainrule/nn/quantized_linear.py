"""QuantizedLinear: a Linear layer of 8 bits, for prediction, and a model with such layers."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

import numpy as np

from chainrule import init, ops
from chainrule.errors import ConfigError, NonFiniteError, ShapeError
from chainrule.graph import Tensor
from chainrule.nn.checks import check_dtype, positive
from chainrule.nn.linear import Linear
from chainrule.nn.module import Module
from chainrule.nn.variables import Buffer
from chainrule.ops.quantized import quantized_linear

__all__ = ["QuantizedLinear", "quantize_dynamic"]

M = TypeVar("M", bound=Module)

_MOST = (2**31 - 1) // 127**2
"""Inputs whose sums fit into int32 whatever they are."""


class QuantizedLinear(Module):
    """y = x · W + bias for prediction, with W kept as whole numbers of 8 bits and x rounded to such as it comes.

    Of the weights, W_ij ≈ s_j·q_ij with s_j = max_i |W_ij| / 127, a scale for each output, and q = round(W / s).
    Of each row of x, likewise, x_i ≈ t·p_i. Then y_j = t·s_j·Σ_i p_i·q_ij + bias_j, whose sum is exact, in int32.

    Arguments:
        in_features, out_features, bias: as of `Linear`.
        dtype: of scale, bias, x and y; float32 unless said otherwise.

    Made by `quantize_dynamic`, or by `QuantizedLinear.of(linear)`; made alone it is 0 until a state is loaded.

    Shapes:
        x (…, in_features) → y (…, out_features). int8_weight (in_features, out_features), scale and bias
        (out_features,). `weight` is s·q, in floating numbers.

    Raises:
        ConfigError: in training mode, and for more than 133,000 inputs, whose sums int32 may not hold.
        OpError: when a gradient is asked for.
        ShapeError, DtypeError: as for `Linear`.

    The weights take a quarter of the bytes. Compiled, on a CPU with instructions for int8 (AVX-512 VNNI, AMX), a layer
    of 1024 × 1024 took 0.75, 0.3 and 0.25 of float32's time for 1, 32 and 512 rows. Eagerly it is no faster: NumPy has
    no such product.

    Differs from PyTorch's dynamic quantisation: rows are rounded one by one, so that a prediction does not depend on
    what else is in the batch; both sides are symmetric around 0; there is a scale for each output, which PyTorch has
    only when asked (`per_channel_dynamic_qconfig`).

    Source: Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference"
    (2018), section 2.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> layer = nn.QuantizedLinear.of(nn.Linear(8, 3))
        >>> layer.int8_weight.dtype.name, layer(cr.ones((2, 8))).shape
        ('int8', (2, 3))
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, *, dtype: Any = None) -> None:
        super().__init__()
        self.in_features = positive(in_features, "in_features")
        self.out_features = positive(out_features, "out_features")
        if in_features > _MOST:
            raise ConfigError(f"QuantizedLinear has at most {_MOST:,} inputs, got {in_features:,}.", fix="nn.Linear")
        self.int8_weight = Buffer(np.zeros((in_features, out_features), np.int8))
        self.scale = Buffer(init.ones((out_features,), dtype=dtype))
        self.bias = Buffer(init.zeros((out_features,), dtype=dtype)) if bias else None
        self.eval()

    @classmethod
    def of(cls, linear: Linear) -> QuantizedLinear:
        """The layer that computes nearly what a Linear computes.

        Raises:
            NonFiniteError: for weights that are not finite.
        """
        weight = linear.weight.numpy()
        if not np.isfinite(weight).all():
            raise NonFiniteError(f"Weights of {linear!r} are not finite; they cannot be rounded to 8 bits.")
        made = cls(linear.in_features, linear.out_features, linear.bias is not None, dtype=linear.weight.dtype)
        scale = np.max(np.abs(weight), axis=0) / weight.dtype.type(127)
        whole = np.clip(np.round(weight / np.where(scale > 0, scale, 1)), -127, 127)
        made.int8_weight.assign(whole.astype(np.int8))
        made.scale.assign(scale)
        if made.bias is not None and linear.bias is not None:
            made.bias.assign(linear.bias.detach())
        return made

    @property
    def weight(self) -> Tensor:
        """The weights as floating numbers, for layers that share them."""
        return ops.astype(self.int8_weight, self.scale.dtype) * self.scale

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            raise ConfigError(
                f"{self.label()} only predicts: whole numbers have no gradient.",
                fix="model.eval(); train the model as it was before quantize_dynamic",
            )
        if not x.shape or x.shape[-1] != self.in_features:
            raise ShapeError(
                f"{self.label()} got {x.shape}: it needs {self.in_features} numbers along the last axis.",
            )
        check_dtype(self, x, self.scale)
        return quantized_linear(x, self.int8_weight, self.scale, self.bias)

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}, bias={self.bias is not None}"


def quantize_dynamic(model: M) -> M:
    """A copy of the model for prediction, with a `QuantizedLinear` for every Linear layer; the model stays as it is.

    The copy is in `eval` and frozen. Its state is saved as any model's and loaded into a model of the same structure
    that went through this function too.

    Raises:
        ConfigError: for a model without Linear layers, which would not change.
        NonFiniteError: for weights that are not finite.

    Differs from PyTorch: all Linear layers and no others; recurrent layers stay in floating numbers.

    Example:
        >>> from chainrule import nn
        >>> nn.quantize_dynamic(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)))
        Sequential(
          (0): QuantizedLinear(4, 8, bias=True)
          (1): ReLU()
          (2): QuantizedLinear(8, 2, bias=True)
        )
    """
    made: dict[int, Any] = {}
    for module in model.modules():
        if isinstance(module, Linear):
            made[id(module)] = QuantizedLinear.of(module)
            made[id(module)]._rename(module._name)
    if not made:
        raise ConfigError(f"{type(model).__name__} has no Linear layers, which are what is made smaller.")
    copied = copy.deepcopy(model, made)  # which takes these for copies of the Linear layers
    for path, variable in copied._named_variables():
        variable.name = path
    return copied.freeze().eval()
