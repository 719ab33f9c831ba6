"""What the two array namespaces have in common."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from chainrule.array.dtypes import float32
from chainrule.array.mixed_precision import current_precision

__all__ = ["Array", "Namespace", "as_index", "rounds"]

Array: TypeAlias = Any
"""A NumPy array or scalar, a JAX array or tracer: whatever a namespace computes with."""


class Namespace:
    """An array API namespace (`numpy` or `jax.numpy`) with chainrule's kernels beside its functions.

    A look-up falls through to the library once and is then remembered on the instance.
    """

    name: str
    library: Any

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.library, name)
        setattr(self, name, value)
        return value

    def linear(self, x: Array, weight: Array, bias: Array | None) -> Array:
        """x · weight + bias, of matrices."""
        y = self.matmul(x, weight)
        return y if bias is None else y + bias

    def head_products(self, q: Array, k: Array) -> Array:
        """The products of each q (N, T, H, d) with each k (N, S, H, d) of the same head: (N, H, T, S)."""
        return self.matmul(self.permute_dims(q, (0, 2, 1, 3)), self.permute_dims(k, (0, 2, 3, 1)))

    def head_sums(self, p: Array, v: Array, turned: bool) -> Array:
        """The sums of v (N, S, H, e) weighted by p (N, H, T, S), for each head: (N, T, H, e).

        `turned`: by p (N, H, S, T), whose matrices are transposed first.
        """
        v = self.permute_dims(v, (0, 2, 1, 3))
        if turned:  # contracting over the second-to-last axis of a left factor takes XLA on a CPU twice as long
            return self.permute_dims(self.matmul(v.mT, p), (0, 3, 1, 2))
        return self.permute_dims(self.matmul(p, v), (0, 2, 1, 3))


def as_index(part: Any) -> Any:
    """An index with room for any place: in 8 or 16 bits, the length of an axis or a row past its end may not fit, and
    the end of uint64 fits nowhere else.
    """
    if not hasattr(part, "dtype") or part.dtype.kind not in "iu":
        return part
    if part.dtype.itemsize < 4:
        return part.astype(np.int32)
    return part.astype(np.int64) if part.dtype == np.uint64 else part


def rounds(x1: Array, x2: Array) -> bool:
    """Whether the factors of this product are to be rounded: see `chainrule.array.mixed_precision`."""
    return current_precision() == "bf16" and x2.ndim == 2 and x1.ndim == 2 and x1.dtype == x2.dtype == float32
