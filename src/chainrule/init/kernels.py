"""The first values of convolutions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.array import as_dtype, float32
from chainrule.errors import ConfigError, suggest
from chainrule.graph import Tensor, wrap
from chainrule.graph.random import Stream
from chainrule.init.draws import he_normal, uniform, xavier_uniform
from chainrule.init.fans import fans

__all__ = ["convolution"]


def convolution(
    shape: tuple[int, ...],
    *,
    dialect: str = "paper",
    fan_in: int | None = None,
    dtype: Any = None,
    stream: Stream | None = None,
) -> tuple[Tensor, Tensor]:
    """The first kernel and bias of a convolution in a dialect.

    Arguments:
        shape: of the kernel, (*size, in / groups, out).
        dialect: "paper": kernel from N(0, 2 / fan_in) (He et al. 2015, equation 10), bias 0; "pytorch": both uniform in
            ±1/√fan_in; "keras": kernel uniform in ±√(6 / (fan_in + fan_out)) (Glorot & Bengio 2010), bias 0.
        fan_in: what PyTorch counts as such where it is not the kernel's own (transposed convolutions).

    Raises:
        ConfigError: for an unknown dialect.

    Example:
        >>> from chainrule import init
        >>> kernel, bias = init.convolution((3, 3, 16, 32))
        >>> kernel.shape, bias.shape
        ((3, 3, 16, 32), (32,))
    """
    zero = wrap(np.zeros(shape[-1], float32 if dtype is None else as_dtype(dtype)))
    if dialect == "paper":
        return he_normal(shape, dtype=dtype, stream=stream), zero
    if dialect == "keras":
        return xavier_uniform(shape, dtype=dtype, stream=stream), zero
    if dialect == "pytorch":
        bound = 1.0 / math.sqrt(fan_in or fans(shape)[0])
        kernel = uniform(shape, -bound, bound, dtype=dtype, stream=stream)
        return kernel, uniform((shape[-1],), -bound, bound, dtype=dtype, stream=stream)
    known = ("paper", "pytorch", "keras")
    raise ConfigError(f"There is no dialect {dialect!r}.{suggest(dialect, known)}", fix=f"one of {', '.join(known)}")
