"""LayerNorm: each row normalised by itself."""

from __future__ import annotations

from typing import Any

from chainrule import init
from chainrule.errors import ConfigError, ShapeError
from chainrule.graph import Tensor
from chainrule.nn.checks import check_dtype, positive
from chainrule.nn.module import Module
from chainrule.nn.variables import Parameter
from chainrule.ops.normalisation import layer_norm

__all__ = ["LayerNorm"]


class LayerNorm(Module):
    """y = γ(x − μ)/√(v + ε) + β, with the mean μ and (biased) variance v of each row over its last axes; the same in
    training and `eval`.

    Arguments:
        normalized_shape: the sizes of those axes; a number for just the last.
        epsilon: ε.
        affine: whether there are γ (weight) and β (bias), of that shape.
        bias: False leaves out β alone.

    Shapes:
        x (…, *normalized_shape) → y of the same shape.

    Raises:
        ShapeError: when the last axes of x are not normalized_shape.

    Differs from Keras: ε is 10⁻⁵ as in PyTorch, not 10⁻³. Penalties leave γ and β out.

    Source: Ba, Kiros & Hinton, "Layer Normalization" (2016).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> [round(v, 2) for v in nn.LayerNorm(2)(cr.tensor([[1.0, 3.0]]))[0].tolist()]
        [-1.0, 1.0]
    """

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...],
        epsilon: float = 1e-5,
        affine: bool = True,
        bias: bool = True,
        *,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        sizes = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        if not sizes:
            raise ConfigError("LayerNorm needs at least one axis.", fix="LayerNorm(features)")
        self.normalized_shape = tuple(positive(n, "normalized_shape") for n in sizes)
        if not epsilon > 0:
            raise ConfigError(f"LayerNorm needs epsilon > 0, got {epsilon}.")
        self.epsilon = float(epsilon)
        self.weight = Parameter(init.ones(self.normalized_shape, dtype=dtype), penalised=False) if affine else None
        shift = affine and bias
        self.bias = Parameter(init.zeros(self.normalized_shape, dtype=dtype), penalised=False) if shift else None

    def forward(self, x: Tensor) -> Tensor:
        axes = len(self.normalized_shape)
        if x.shape[-axes:] != self.normalized_shape:
            raise ShapeError(
                f"{self.label()} got {x.shape}: its normalized_shape should be {x.shape[-axes:]}.",
                fix=f"LayerNorm({x.shape[-1] if x.shape else 1}), or inputs that end in {self.normalized_shape}",
            )
        if self.weight is not None:
            check_dtype(self, x, self.weight)
        return layer_norm(x, self.weight, self.bias, epsilon=self.epsilon, axes=axes)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, epsilon={self.epsilon}, affine={self.weight is not None}"
