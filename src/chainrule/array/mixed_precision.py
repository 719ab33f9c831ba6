"""Precision: in which numbers matrices are multiplied."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from chainrule.errors import ConfigError, suggest

__all__ = ["PRECISIONS", "as_precision", "current_precision", "precision"]

PRECISIONS = ("float32", "bf16")

_PRECISION: ContextVar[str] = ContextVar("chainrule_precision", default="float32")


@contextmanager
def precision(name: str) -> Iterator[None]:
    """Within it, or in a function decorated with it, float32 Tensors are multiplied by matrices in this precision.

    "bf16" rounds both factors to bfloat16, which has the range of float32 and 8 bits of its mantissa, and adds up their
    products in float32; processors with units for it (AMX, AVX-512 BF16, tensor cores) take a half to a quarter of the
    time. That is mixed precision: parameters, their gradients, the optimizer's state and everything between two
    products stay float32, so that no scaling of the loss is needed. Gradients are rounded as well where `backward` runs
    within it. Products of float64, of two stacks of matrices (attention's scores) and convolutions are as ever.

    Raises:
        ConfigError: for another name.

    Differs from `torch.autocast`: activations stay float32, and the backward pass follows the place where it runs.

    Source: Kalamkar et al., "A Study of BFLOAT16 for Deep Learning Training" (2019), section 3.

    Example:
        >>> import chainrule as cr
        >>> x = cr.tensor([[1.0 + 2**-9]])
        >>> with cr.precision("bf16"):
        ...     y = x @ cr.ones((1, 1))
        >>> y.tolist(), (x @ cr.ones((1, 1))).tolist()
        ([[1.0]], [[1.001953125]])
    """
    token = _PRECISION.set(as_precision(name))
    try:
        yield
    finally:
        _PRECISION.reset(token)


def as_precision(name: str) -> str:
    """The name of a precision, looked at.

    Raises:
        ConfigError: when it is none.
    """
    if name not in PRECISIONS:
        raise ConfigError(f"There is no precision {name!r}.{suggest(name, PRECISIONS)}", fix=" or ".join(PRECISIONS))
    return name


def current_precision() -> str:
    """The name of the precision that holds here."""
    return _PRECISION.get()
