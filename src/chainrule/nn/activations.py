"""Activation functions as layers, and the table to choose one by name.

All are applied to each number by itself, except Softmax and Hardmax, which are applied to each row. Shapes and dtypes
stay.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import init, ops
from chainrule.errors import ConfigError, ShapeError, suggest
from chainrule.graph import Tensor
from chainrule.nn.checks import positive
from chainrule.nn.module import Module
from chainrule.nn.piecewise import Hardsigmoid, Hardswish, Hardtanh, ReLU6
from chainrule.nn.smooth import CELU, SELU, Mish, Softsign
from chainrule.nn.variables import Parameter

__all__ = [
    "ELU",
    "GELU",
    "Absolute",
    "Hardmax",
    "Heaviside",
    "Identity",
    "LeakyReLU",
    "LogSoftmax",
    "PReLU",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "activation",
]


class Identity(Module):
    """y = x: the linear unit, for a place where the type of layer is a choice.

    Example:
        >>> import chainrule as cr
        >>> cr.nn.Identity()(cr.tensor([-1.0, 2.0])).tolist()
        [-1.0, 2.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        return x


class Sigmoid(Module):
    """y = 1 / (1 + e⁻ˣ), between 0 and 1; its gradient y(1 − y) is at most ¼ and vanishes where |x| is large.

    Example:
        >>> import chainrule as cr
        >>> cr.nn.Sigmoid()(cr.tensor([0.0, 100.0])).tolist()
        [0.5, 1.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        return ops.sigmoid(x)


class Tanh(Module):
    """y = tanh x, between −1 and 1; its gradient (1 + y)(1 − y) vanishes where |x| is large.

    Example:
        >>> import chainrule as cr
        >>> cr.nn.Tanh()(cr.tensor([0.0, 100.0])).tolist()
        [0.0, 1.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        return ops.tanh(x)


class ReLU(Module):
    """y = max(x, 0); the gradient at 0 is 0.

    Source: Nair & Hinton, "Rectified Linear Units Improve Restricted Boltzmann Machines" (2010).

    Example:
        >>> import chainrule as cr
        >>> cr.nn.ReLU()(cr.tensor([-1.0, 2.0])).tolist()
        [0.0, 2.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        return ops.relu(x)


class LeakyReLU(Module):
    """y = x where x > 0, else slope · x, so that no unit is dead; the gradient at 0 is the slope.

    Arguments:
        negative_slope: the slope below 0.

    Source: Maas, Hannun & Ng, "Rectifier Nonlinearities Improve Neural Network Acoustic Models" (2013).

    Example:
        >>> import chainrule as cr
        >>> cr.nn.LeakyReLU(0.5)(cr.tensor([-1.0, 2.0])).tolist()
        [-0.5, 2.0]
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        super().__init__()
        self.negative_slope = negative_slope

    def forward(self, x: Tensor) -> Tensor:
        return ops.where(x > 0, x, self.negative_slope * x)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}"


class Absolute(Module):
    """y = |x|; the gradient at 0 is 0.

    Source: Jarrett et al., "What is the Best Multi-Stage Architecture for Object Recognition?" (2009), rectification.

    Example:
        >>> import chainrule as cr
        >>> cr.nn.Absolute()(cr.tensor([-1.0, 2.0])).tolist()
        [1.0, 2.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        return ops.abs(x)


class PReLU(Module):
    """y = x where x > 0, else a · x with a learned; the gradient by x at 0 is a.

    Arguments:
        num_parameters: 1 for one slope shared by all, or the size of the last axis for a slope of each channel.
        first: the value of the slopes at the start (PyTorch calls it init).

    The slopes are not penalised, as in the paper: a penalty pulls them towards 0, which is ReLU.

    Differs from PyTorch: channels are the last axis.

    Source: He et al., "Delving Deep into Rectifiers" (2015), section 2.1.

    Example:
        >>> import chainrule as cr
        >>> cr.nn.PReLU()(cr.tensor([-1.0, 2.0])).tolist()
        [-0.25, 2.0]
    """

    def __init__(self, num_parameters: int = 1, first: float = 0.25, *, dtype: Any = None) -> None:
        super().__init__()
        self.num_parameters = positive(num_parameters, "num_parameters")
        self.weight = Parameter(init.constant((num_parameters,), first, dtype=dtype), penalised=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.num_parameters > 1 and (not x.shape or x.shape[-1] != self.num_parameters):
            raise ShapeError(
                f"{self.label()} has {self.num_parameters} slopes and got {x.shape}: one for each entry of the "
                "last axis are needed.",
                fix=f"PReLU({x.shape[-1] if x.shape else 1}), or PReLU() for one shared slope",
            )
        return ops.where(x > 0, x, self.weight * x)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class ELU(Module):
    """y = x where x > 0, else α(eˣ − 1).

    Arguments:
        alpha: −α is the value far below 0.

    Source: Clevert, Unterthiner & Hochreiter, "Fast and Accurate Deep Network Learning by Exponential Linear Units"
    (2015).

    Example:
        >>> import chainrule as cr
        >>> cr.nn.ELU()(cr.tensor([-100.0, 2.0])).tolist()
        [-1.0, 2.0]
    """

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__()
        self.alpha = alpha

    def forward(self, x: Tensor) -> Tensor:
        # Both sides are computed: the exponential is kept from overflowing where it is not chosen.
        below = ops.expm1(ops.where(x > 0, 0.0, x))
        return ops.where(x > 0, x, self.alpha * below)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}"


class GELU(Module):
    """y = x · Φ(x), with Φ the distribution function of the standard normal.

    Arguments:
        approximate: "none" is exact; "tanh" the approximation ½x(1 + tanh(√(2/π)(x + 0.044715x³))).

    Source: Hendrycks & Gimpel, "Gaussian Error Linear Units" (2016), section 2.

    Example:
        >>> import chainrule as cr
        >>> cr.nn.GELU()(cr.tensor([0.0, 100.0])).tolist()
        [0.0, 100.0]
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        if approximate not in ("none", "tanh"):
            raise ConfigError(f"GELU(approximate=...) is 'none' or 'tanh', got {approximate!r}.")
        self.approximate = approximate

    def forward(self, x: Tensor) -> Tensor:
        return ops.gelu(x, approximate=self.approximate == "tanh")

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class SiLU(Module):
    """y = x · σ(x), also called swish.

    Source: Elfwing, Uchibe & Doya, "Sigmoid-Weighted Linear Units" (2017); Ramachandran, Zoph & Le (2017).

    Example:
        >>> import chainrule as cr
        >>> cr.nn.SiLU()(cr.tensor([0.0, 100.0])).tolist()
        [0.0, 100.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        return x * ops.sigmoid(x)


class Softplus(Module):
    """y = log(1 + e^(βx)) / β, a smooth max(x, 0).

    Arguments:
        beta: how sharply it bends; the larger, the closer to ReLU.

    Differs from PyTorch: no threshold above which it is replaced by x; the form used does not overflow.

    Source: Dugas et al., "Incorporating Second-Order Functional Knowledge for Better Option Pricing" (2000).

    Example:
        >>> import chainrule as cr
        >>> round(float(cr.nn.Softplus()(cr.tensor(0.0))), 4)
        0.6931
    """

    def __init__(self, beta: float = 1.0) -> None:
        super().__init__()
        if not beta > 0:
            raise ConfigError(f"Softplus needs beta > 0, got {beta}.")
        self.beta = beta

    def forward(self, x: Tensor) -> Tensor:
        return ops.softplus(x) if self.beta == 1 else ops.softplus(self.beta * x) / self.beta

    def extra_repr(self) -> str:
        return f"beta={self.beta}"


class Heaviside(Module):
    """y = 1 where x ≥ 0, else 0: the step of the perceptron (ReLU is not a step).

    Its derivative is 0 wherever it exists, so nothing behind it learns by gradients; the perceptron has a rule of its
    own.

    Arguments:
        at_zero: the value at exactly 0.

    Source: Rosenblatt, "The Perceptron" (1958).

    Example:
        >>> import chainrule as cr
        >>> cr.nn.Heaviside()(cr.tensor([-1.0, 0.0, 2.0])).tolist()
        [0.0, 1.0, 1.0]
    """

    def __init__(self, at_zero: float = 1.0) -> None:
        super().__init__()
        self.at_zero = at_zero

    def forward(self, x: Tensor) -> Tensor:
        if self.at_zero in (0.0, 1.0):
            return ops.astype(x >= 0 if self.at_zero else x > 0, x.dtype)
        return ops.where(x == 0, self.at_zero, ops.astype(x > 0, x.dtype))

    def extra_repr(self) -> str:
        return f"at_zero={self.at_zero}"


def _hardmax(x: Tensor, axis: int) -> Tensor:
    place = np.arange(x.shape[axis]).reshape([-1 if a == axis % x.ndim else 1 for a in range(x.ndim)])
    return ops.astype(ops.argmax(x, axis=axis, keepdims=True) == place, x.dtype)


class Hardmax(Module):
    """y = 1 at the largest entry of each row (the first of equal ones), else 0: argmax as a vector.

    Its derivative is 0 wherever it exists; it is the limit of Softmax for temperature 0.

    Arguments:
        axis: what a row is.

    Example:
        >>> import chainrule as cr
        >>> cr.nn.Hardmax()(cr.tensor([[1.0, 3.0, 2.0]])).tolist()
        [[0.0, 1.0, 0.0]]
    """

    def __init__(self, axis: int = -1) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, x: Tensor) -> Tensor:
        return _hardmax(x, self.axis)

    def extra_repr(self) -> str:
        return f"axis={self.axis}"


class Softmax(Module):
    """y = e^(x/T) / Σ e^(x/T) of each row: probabilities. Large inputs do not overflow.

    The losses of classification take the numbers before a softmax (logits): leave it out of a model that is trained
    with `losses.cross_entropy`.

    Arguments:
        axis: what a row is.
        temperature: T; above 1 the probabilities even out, towards 0 they become `Hardmax`, which 0 itself is.

    Differs from PyTorch: the axis has a default, the last.

    Example:
        >>> import chainrule as cr
        >>> cr.nn.Softmax()(cr.tensor([[0.0, 0.0]])).tolist()
        [[0.5, 0.5]]
        >>> cr.nn.Softmax(temperature=0)(cr.tensor([[1.0, 2.0]])).tolist()
        [[0.0, 1.0]]
    """

    def __init__(self, axis: int = -1, *, temperature: float = 1.0) -> None:
        super().__init__()
        if not temperature >= 0:
            raise ConfigError(f"A temperature is at least 0, got {temperature}.")
        self.axis = axis
        self.temperature = temperature

    def forward(self, x: Tensor) -> Tensor:
        if self.temperature == 0:
            return _hardmax(x, self.axis)
        return ops.softmax(x if self.temperature == 1 else x / self.temperature, axis=self.axis)

    def extra_repr(self) -> str:
        return f"axis={self.axis}" + (f", temperature={self.temperature}" if self.temperature != 1 else "")


class LogSoftmax(Module):
    """y = log softmax(x) of each row, without the loss of digits of taking the two apart; `losses.nll` takes it.

    Arguments:
        axis: what a row is.

    Example:
        >>> import chainrule as cr
        >>> cr.nn.LogSoftmax()(cr.tensor([[0.0, 1000.0]])).tolist()
        [[-1000.0, 0.0]]
    """

    def __init__(self, axis: int = -1) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, x: Tensor) -> Tensor:
        return ops.log_softmax(x, axis=self.axis)

    def extra_repr(self) -> str:
        return f"axis={self.axis}"


_BY_NAME: dict[str, type[Module]] = {
    "identity": Identity,
    "linear": Identity,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "relu": ReLU,
    "leaky_relu": LeakyReLU,
    "absolute": Absolute,
    "prelu": PReLU,
    "elu": ELU,
    "selu": SELU,
    "celu": CELU,
    "gelu": GELU,
    "silu": SiLU,
    "swish": SiLU,
    "mish": Mish,
    "softplus": Softplus,
    "softsign": Softsign,
    "hardtanh": Hardtanh,
    "hardsigmoid": Hardsigmoid,
    "hardswish": Hardswish,
    "relu6": ReLU6,
    "heaviside": Heaviside,
    "hardmax": Hardmax,
    "softmax": Softmax,
}


def activation(name: str, **options: Any) -> Module:
    """An activation layer by its name in a configuration, such as `"relu"` or `"leaky_relu"`.

    Raises:
        ConfigError: for an unknown name, with the nearest known one.

    Example:
        >>> from chainrule import nn
        >>> nn.activation("leaky_relu", negative_slope=0.1)
        LeakyReLU(negative_slope=0.1)
    """
    found = _BY_NAME.get(name.lower().replace("-", "_"))
    if found is None:
        raise ConfigError(
            f"There is no activation {name!r}.{suggest(name, _BY_NAME)}", fix=f"one of {', '.join(_BY_NAME)}"
        )
    return found(**options)
