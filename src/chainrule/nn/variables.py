"""Parameter and Buffer: the two kinds of Variable that a Module keeps."""

from __future__ import annotations

import copy
from typing import Any, cast

from chainrule import ops
from chainrule.graph import TRACE, Variable, changed

__all__ = ["Buffer", "Parameter"]


class Parameter(Variable):
    """A Variable that is learned.

    Arguments:
        data: the first value, such as `init.he_normal((2, 3))`; copied. float64 data stay float64 only when `dtype`
            says so or when they are a float64 Tensor.
        name: how it is called in messages; a Module that it is assigned to names it after the attribute.
        requires_grad: False keeps it as it is; `Module.freeze` sets this for all parameters of a module.
        dtype: float32 unless said otherwise.
        penalised: whether penalties (`losses.l1`, `losses.l2`, `losses.elastic_net`) count it; layers set False for
            biases and for the scale and shift of a normalisation, whose size says nothing about how complex the model
            is.

    Attributes:
        mask: None, or a Buffer of truth values: where it is False the parameter is 0 whatever is assigned to it, and
            optimizers leave its gradient out (`prune`).

    Example:
        >>> from chainrule import init, nn
        >>> weight = nn.Parameter(init.ones((2, 3)))
        >>> weight.shape, weight.requires_grad
        ((2, 3), True)
    """

    __slots__ = ("_mask", "penalised")

    def __init__(
        self, data: Any, *, name: str = "", requires_grad: bool = True, dtype: Any = None, penalised: bool = True
    ) -> None:
        super().__init__(data, name=name, requires_grad=requires_grad, dtype=dtype)
        self.penalised = penalised
        self._mask: Buffer | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        made = cast(Parameter, super().__deepcopy__(memo))
        made.penalised = self.penalised
        made._mask = copy.deepcopy(self._mask, memo)
        return made

    @property
    def mask(self) -> Buffer | None:
        trace = TRACE.get()
        if trace is not None:
            trace.guard(self, "mask", self._mask)
        return self._mask

    @mask.setter
    def mask(self, value: Buffer | None) -> None:
        self._mask = value
        changed()

    def assign(self, value: Any) -> None:
        super().assign(value)
        mask = self.mask
        if mask is not None:
            super().assign(ops.where(mask, self.detach(), 0.0))


class Buffer(Variable):
    """A Variable that belongs to a module's state without being learned, such as a running mean; saved with the
    parameters.

    Example:
        >>> from chainrule import init, nn
        >>> mean = nn.Buffer(init.zeros((3,)))
        >>> mean.requires_grad
        False
    """

    __slots__ = ()

    def __init__(self, data: Any, *, name: str = "", dtype: Any = None) -> None:
        super().__init__(data, name=name, dtype=dtype)
