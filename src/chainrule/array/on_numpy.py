"""NumPy's namespace, with the few kernels that the array API standard lacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.array.convolution import Geometry, convolve_numpy, kernel_gradient_numpy
from chainrule.array.dtypes import bfloat16, float32
from chainrule.array.namespace import Array, Namespace, as_index, rounds
from chainrule.array.sparse_product import sparse_product_numpy

__all__ = ["numpy_namespace"]


class _NumpyNamespace(Namespace):
    name = "numpy"
    library = np

    # The reductions as NumPy's own functions end up computing them, without the layers of Python in between.

    def sum(self, x: Array, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Array:
        return np.add.reduce(x, axis=axis, dtype=dtype, keepdims=keepdims)

    def prod(self, x: Array, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Array:
        return np.multiply.reduce(x, axis=axis, dtype=dtype, keepdims=keepdims)

    def max(self, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
        return np.maximum.reduce(x, axis=axis, keepdims=keepdims)

    def min(self, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
        return np.minimum.reduce(x, axis=axis, keepdims=keepdims)

    def mean(self, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
        if x.dtype.kind not in "fc":
            return np.mean(x, axis=axis, keepdims=keepdims)
        total = np.add.reduce(x, axis=axis, keepdims=keepdims)
        return total / (x.size // total.size) if total.size else total

    def reshape(self, x: Array, shape: tuple[int, ...]) -> Array:
        return x.reshape(shape)

    def permute_dims(self, x: Array, axes: tuple[int, ...]) -> Array:
        return x.transpose(axes)

    def broadcast_to(self, x: Array, shape: tuple[int, ...]) -> Array:
        if x.ndim:
            return np.broadcast_to(x, shape)
        return np.ndarray(shape, x.dtype, np.asarray(x), 0, (0,) * len(shape))  # one number, met at every place

    def matmul(self, x1: Array, x2: Array) -> Array:
        if rounds(x1, x2):
            x1, x2 = (x.astype(bfloat16).astype(float32) for x in (x1, x2))
        return np.matmul(x1, x2)

    def outer_sum(self, x: Array, g: Array) -> Array:
        """xᵀ · g of rows x (N, K) and g (N, M): the sum of their outer products, as the gradient of a weight is."""
        return self.matmul(x.T, g)

    def inner_products(self, x: Array, w: Array) -> Array:
        """x · wᵀ of rows x (N, K) and w (M, K): the product of each row of x with each of w."""
        return self.matmul(x, w.T)

    def erf(self, x: Array) -> Array:
        """The error function, which the standard lacks."""
        from scipy import special

        return special.erf(x)

    def getitem(self, x: Array, index: Any) -> Array:
        """x[index]."""
        return x[index]

    def place(self, values: Array, index: Any, shape: tuple[int, ...]) -> Array:
        """Zeros of the shape with the values added at the index; repeated places add up."""
        y = np.zeros(shape, values.dtype)
        if any(isinstance(part, np.ndarray | list) for part in index):
            np.add.at(y, index, values)
        else:  # slices and single numbers meet no place twice
            y[index] = values
        return y

    def add_rows(self, x: Array, rows: Array, values: Array) -> Array:
        """A copy of x with the values added to the given rows of its first axis; repeated ones add up."""
        y = np.array(x, copy=True)
        np.add.at(y, rows, values)
        return y

    def max_rows(self, x: Array, rows: Array, values: Array) -> Array:
        """A copy of x whose given rows, of its first axis, are the larger of what was there and the values."""
        y = np.array(x, copy=True)
        np.maximum.at(y, rows, values)
        return y

    def set_rows(self, x: Array, rows: Array, values: Array) -> Array:
        """A copy of x with the given rows replaced; rows outside x are dropped."""
        inside = rows < x.shape[0]
        y = np.array(x, copy=True)
        y[rows[inside]] = values[inside]
        return y

    def sparse_product(self, values: Array, x: Array, rows: Array, columns: Array, count: int) -> Array:
        """A sparse matrix times x; see `chainrule.array.sparse_product`."""
        return sparse_product_numpy(values, x, rows, columns, count)

    def solve_triangular(self, x1: Array, x2: Array, upper: bool) -> Array:
        """The solution of triangular equations; the other triangle of x1 is not read."""
        return np.linalg.solve(np.triu(x1) if upper else np.tril(x1), x2)

    def unique_rows(self, rows: Array, count: int) -> tuple[Array, Array]:
        """The distinct rows of a table with so many, and for each of the given rows its place among them."""
        unique, inverse = np.unique(as_index(rows), return_inverse=True)
        return unique, inverse

    def convolve(self, x: Array, kernel: Array, geometry: Geometry) -> Array:
        """The convolution (cross-correlation) of x with a kernel; see `chainrule.array.convolution`."""
        return convolve_numpy(x, kernel, geometry)

    def kernel_gradient(self, g: Array, x: Array, size: tuple[int, ...], geometry: Geometry) -> Array:
        """The gradient of the kernel of that convolution, from g, the gradient of its result."""
        return kernel_gradient_numpy(g, x, size, geometry)

    def int8_matmul(self, x: Array, weight: Array) -> Array:
        """The exact product of int8 matrices (N, in) and (in, out), in int32."""
        # By way of floating numbers, in which all sums are whole and exact: NumPy has no fast product of integers.
        wide = np.float32 if 128 * 128 * x.shape[-1] <= 2**24 else np.float64
        return (x.astype(wide) @ weight.astype(wide)).astype(np.int32)

    def barrier(self, x: Array) -> Array:
        """Keeps a compiler from recomputing x in each of its consumers; nothing to do on NumPy."""
        return x

    def scan(
        self, step: Callable[..., Any], carry: Any, sequence: list[Array], length: int, reverse: bool = False
    ) -> tuple[Any, list[Array]]:
        """A loop: step(carry, [x[t] for x in sequence]) gives the next carry and a list of outputs, which are stacked.

        In reverse, t counts down; outputs stay at the place of their t.
        """
        if not length:
            outputs = step(carry, [np.zeros(x.shape[1:], x.dtype) for x in sequence])[1]
            return carry, [np.zeros((0, *y.shape), y.dtype) for y in outputs]
        made: list[Any] = [None] * length
        for t in reversed(range(length)) if reverse else range(length):
            carry, made[t] = step(carry, [x[t] for x in sequence])
        return carry, [np.stack(parts) for parts in zip(*made, strict=True)]


numpy_namespace = _NumpyNamespace()
