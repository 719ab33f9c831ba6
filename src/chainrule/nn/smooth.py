"""More activation functions without corners (and those of one bend that are made of exponentials)."""

from __future__ import annotations

from chainrule import ops
from chainrule.errors import ConfigError
from chainrule.graph import Tensor
from chainrule.nn.module import Module

__all__ = ["CELU", "SELU", "LogSigmoid", "Mish", "Softmin", "Softsign", "Tanhshrink"]


class Mish(Module):
    """y = x · tanh(log(1 + eˣ)).

    Source: Misra, "Mish: A Self Regularized Non-Monotonic Activation Function" (2019).

    Example:
        >>> import chainrule as cr
        >>> cr.nn.Mish()(cr.tensor([0.0, 100.0])).tolist()
        [0.0, 100.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        return x * ops.tanh(ops.softplus(x))


class CELU(Module):
    """y = x where x > 0, else α(e^(x/α) − 1): `ELU` whose slope at 0 is 1 for every α.

    Source: Barron, "Continuously Differentiable Exponential Linear Units" (2017).

    Example:
        >>> import chainrule as cr
        >>> cr.nn.CELU(2.0)(cr.tensor([-100.0, 2.0])).tolist()
        [-2.0, 2.0]
    """

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__()
        if not alpha > 0:
            raise ConfigError(f"CELU needs alpha > 0, got {alpha}.")
        self.alpha = alpha

    def forward(self, x: Tensor) -> Tensor:
        return ops.where(x > 0, x, self.alpha * ops.expm1(ops.where(x > 0, 0.0, x) / self.alpha))

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}"


class SELU(Module):
    """y = s·x where x > 0, else s·α(eˣ − 1), with s = 1.0507… and α = 1.6733…, under which activations of mean 0 and
    variance 1 stay so through layers with weights of variance 1/in.

    Source: Klambauer et al., "Self-Normalizing Neural Networks" (2017), equation 14.

    Example:
        >>> import chainrule as cr
        >>> [round(v, 4) for v in cr.nn.SELU()(cr.tensor([-100.0, 1.0])).tolist()]
        [-1.7581, 1.0507]
    """

    def forward(self, x: Tensor) -> Tensor:
        scale, alpha = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
        return scale * ops.where(x > 0, x, alpha * ops.expm1(ops.where(x > 0, 0.0, x)))


class LogSigmoid(Module):
    """y = log σ(x) = −log(1 + e⁻ˣ), without overflow.

    Example:
        >>> import chainrule as cr
        >>> cr.nn.LogSigmoid()(cr.tensor([-100.0])).tolist()
        [-100.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        return -ops.softplus(-x)


class Softsign(Module):
    """y = x / (1 + |x|): as tanh, but nearing ±1 slowly.

    Source: Bergstra et al., "Quadratic Polynomials Learn Better Image Features" (2009).

    Example:
        >>> import chainrule as cr
        >>> cr.nn.Softsign()(cr.tensor([-1.0, 3.0])).tolist()
        [-0.5, 0.75]
    """

    def forward(self, x: Tensor) -> Tensor:
        return x / (1.0 + ops.abs(x))


class Tanhshrink(Module):
    """y = x − tanh x.

    Example:
        >>> import chainrule as cr
        >>> cr.nn.Tanhshrink()(cr.tensor([0.0, 100.0])).tolist()
        [0.0, 99.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        return x - ops.tanh(x)


class Softmin(Module):
    """y = e⁻ˣ / Σ e⁻ˣ of each row: `Softmax` of −x.

    Arguments:
        axis: what a row is.

    Example:
        >>> import chainrule as cr
        >>> cr.nn.Softmin()(cr.tensor([[0.0, 1000.0]])).tolist()
        [[1.0, 0.0]]
    """

    def __init__(self, axis: int = -1) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, x: Tensor) -> Tensor:
        return ops.softmax(-x, axis=self.axis)

    def extra_repr(self) -> str:
        return f"axis={self.axis}"
