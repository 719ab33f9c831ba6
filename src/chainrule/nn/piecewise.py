"""Activation functions made of straight pieces (and one of parabolas), which cost next to nothing."""

from __future__ import annotations

from chainrule import ops
from chainrule.errors import ConfigError
from chainrule.graph import Tensor
from chainrule.graph.random import Stream, default_stream
from chainrule.nn.module import Module

__all__ = ["Hardshrink", "Hardsigmoid", "Hardswish", "Hardtanh", "RReLU", "ReLU6", "Softshrink", "Threshold"]


class Hardtanh(Module):
    """y = x between min_val and max_val, else the nearer of the two.

    Example:
        >>> import chainrule as cr
        >>> cr.nn.Hardtanh()(cr.tensor([-3.0, 0.5, 2.0])).tolist()
        [-1.0, 0.5, 1.0]
    """

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0) -> None:
        super().__init__()
        if not min_val < max_val:
            raise ConfigError(f"Hardtanh needs min_val < max_val, got {min_val} and {max_val}.")
        self.min_val, self.max_val = min_val, max_val

    def forward(self, x: Tensor) -> Tensor:
        return ops.clip(x, self.min_val, self.max_val)

    def extra_repr(self) -> str:
        return f"{self.min_val}, {self.max_val}"


class ReLU6(Module):
    """y = min(max(x, 0), 6).

    Source: Howard et al., "MobileNets" (2017).

    Example:
        >>> import chainrule as cr
        >>> cr.nn.ReLU6()(cr.tensor([-3.0, 0.5, 9.0])).tolist()
        [0.0, 0.5, 6.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        return ops.clip(x, 0.0, 6.0)


class Hardsigmoid(Module):
    """y = min(max(x/6 + ½, 0), 1): a sigmoid of three straight lines.

    Differs from Keras before its version 3, whose slope was 0.2.

    Example:
        >>> import chainrule as cr
        >>> cr.nn.Hardsigmoid()(cr.tensor([-3.0, 0.0, 9.0])).tolist()
        [0.0, 0.5, 1.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        return ops.clip(x / 6.0 + 0.5, 0.0, 1.0)


class Hardswish(Module):
    """y = x · min(max(x/6 + ½, 0), 1): `SiLU` with a hard sigmoid.

    Source: Howard et al., "Searching for MobileNetV3" (2019), section 5.2.

    Example:
        >>> import chainrule as cr
        >>> cr.nn.Hardswish()(cr.tensor([1.5, 3.0])).tolist()
        [1.125, 3.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        return x * ops.clip(x / 6.0 + 0.5, 0.0, 1.0)


class Hardshrink(Module):
    """y = x where |x| > λ, else 0.

    Arguments:
        lambd: λ.

    Example:
        >>> import chainrule as cr
        >>> cr.nn.Hardshrink()(cr.tensor([-2.0, 0.25, 1.0])).tolist()
        [-2.0, 0.0, 1.0]
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, x: Tensor) -> Tensor:
        return ops.where(ops.abs(x) > self.lambd, x, 0.0)

    def extra_repr(self) -> str:
        return f"{self.lambd}"


class Softshrink(Module):
    """y = sign(x) · max(|x| − λ, 0).

    Arguments:
        lambd: λ.

    Example:
        >>> import chainrule as cr
        >>> cr.nn.Softshrink()(cr.tensor([-2.0, 0.25, 1.0])).tolist()
        [-1.5, 0.0, 0.5]
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        if not lambd >= 0:
            raise ConfigError(f"Softshrink needs lambd of at least 0, got {lambd}.")
        self.lambd = lambd

    def forward(self, x: Tensor) -> Tensor:
        return x - ops.clip(x, -self.lambd, self.lambd)

    def extra_repr(self) -> str:
        return f"{self.lambd}"


class Threshold(Module):
    """y = x where x > threshold, else value.

    Example:
        >>> import chainrule as cr
        >>> cr.nn.Threshold(1.0, -5.0)(cr.tensor([0.5, 2.0])).tolist()
        [-5.0, 2.0]
    """

    def __init__(self, threshold: float, value: float) -> None:
        super().__init__()
        self.threshold, self.value = threshold, value

    def forward(self, x: Tensor) -> Tensor:
        return ops.where(x > self.threshold, x, self.value)

    def extra_repr(self) -> str:
        return f"{self.threshold}, {self.value}"


class RReLU(Module):
    """y = x where x > 0, else a · x, with a drawn anew for each number in training, and their mean (lower + upper)/2 in
    `eval`.

    Arguments:
        lower, upper: a is uniform between them.
        stream: where the slopes come from; as for `Dropout`.

    Source: Xu et al., "Empirical Evaluation of Rectified Activations in Convolutional Network" (2015), section 2.4.

    Example:
        >>> import chainrule as cr
        >>> cr.nn.RReLU(0.25, 0.75).eval()(cr.tensor([-2.0, 2.0])).tolist()
        [-1.0, 2.0]
    """

    def __init__(self, lower: float = 1.0 / 8.0, upper: float = 1.0 / 3.0, *, stream: Stream | None = None) -> None:
        super().__init__()
        if not lower <= upper:
            raise ConfigError(f"RReLU needs lower ≤ upper, got {lower} and {upper}.")
        self.lower, self.upper = lower, upper
        self.stream = Stream(int(default_stream().integers(0, 2**32))) if stream is None else stream

    def forward(self, x: Tensor) -> Tensor:
        slope = (
            self.stream.uniform(x.shape, self.lower, self.upper, x.dtype)
            if self.training
            else 0.5 * (self.lower + self.upper)
        )
        return ops.where(x > 0, x, slope * x)

    def extra_repr(self) -> str:
        return f"{self.lower}, {self.upper}"
