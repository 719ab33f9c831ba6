"""The two array namespaces: NumPy's and JAX's, each with the few kernels that the array API standard lacks."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from chainrule.array.convolution import (
    Geometry,
    convolve_jax,
    convolve_numpy,
    kernel_gradient_jax,
    kernel_gradient_numpy,
)
from chainrule.array.dtypes import bfloat16, float32
from chainrule.array.jax_import import import_jax
from chainrule.array.last_places import last_places
from chainrule.array.mixed_precision import current_precision
from chainrule.array.sparse_product import sparse_product_jax, sparse_product_numpy
from chainrule.errors import LeakedTracerError

__all__ = ["Array", "Namespace", "jax_namespace", "numpy_namespace", "on_a_cpu", "resolve", "to_numpy"]

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


def _index(part: Any) -> Any:
    """An index with room for any place: in 8 or 16 bits, the length of an axis or a row past its end may not fit, and
    the end of uint64 fits nowhere else.
    """
    if not hasattr(part, "dtype") or part.dtype.kind not in "iu":
        return part
    if part.dtype.itemsize < 4:
        return part.astype(np.int32)
    return part.astype(np.int64) if part.dtype == np.uint64 else part


def _rounds(x1: Array, x2: Array) -> bool:
    """Whether the factors of this product are to be rounded: see `chainrule.array.mixed_precision`."""
    return current_precision() == "bf16" and x2.ndim == 2 and x1.ndim == 2 and x1.dtype == x2.dtype == float32


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
        if _rounds(x1, x2):
            x1, x2 = (x.astype(bfloat16).astype(float32) for x in (x1, x2))
        return np.matmul(x1, x2)

    def outer_sum(self, x: Array, g: Array) -> Array:
        """xᵀ · g of rows x (N, K) and g (N, M): the sum of their outer products, as the gradient of a weight is."""
        return self.matmul(x.T, g)

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

    def unique_rows(self, rows: Array) -> tuple[Array, Array]:
        """The distinct rows, and for each of the given rows its place among them."""
        unique, inverse = np.unique(_index(rows), return_inverse=True)
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


class _JaxNamespace(Namespace):
    name = "jax"

    def __init__(self) -> None:
        jax = import_jax()
        self.library = jax.numpy
        self._lax = jax.lax
        self._on_a_cpu = on_a_cpu()

    def matmul(self, x1: Array, x2: Array) -> Array:
        if not _rounds(x1, x2):
            return self.library.matmul(x1, x2)
        x1, x2 = x1.astype(bfloat16), x2.astype(bfloat16)
        if self._on_a_cpu:
            # With a transposed factor, as each gradient of a weight or an input has, XLA goes back to float32; so it is
            # laid out anew, which costs little: 0.9 ms in place of 4.6 for a (1024, 1024) weight and 512 rows, 2.1 in
            # place of 7.6 for their inputs. And it would turn round a product that is transposed later.
            x1, x2 = _in_row_major_order(x1), _in_row_major_order(x2)
            return _in_row_major_order(self.library.matmul(x1, x2, preferred_element_type=float32))
        return self.library.matmul(x1, x2, preferred_element_type=float32)

    def outer_sum(self, x: Array, g: Array) -> Array:
        (rows, k), m = x.shape, g.shape[1]
        if self._on_a_cpu and not _rounds(x, g) and rows >= 2 * m and (2 * m <= k or m <= min(k, 128)):
            # XLA takes longer for a result with fewer columns than rows than for the same turned round and written out
            # anew: a third longer for (512, 128) of 2048 rows, seven times for (64, 10). Where the two are near each
            # other, a left factor that is laid out first saves another third.
            left = _in_row_major_order(g.T) if k < 4 * m else g.T
            return _in_row_major_order(_in_row_major_order(self.library.matmul(left, x)).T)
        return self.matmul(x.T, g)

    def erf(self, x: Array) -> Array:
        return self._lax.erf(x if x.dtype.kind not in "biu" else x.astype(np.float32))

    def floor_divide(self, x1: Array, x2: Array) -> Array:
        # As NumPy and C do it: exact where x1 / x2 rounds, with the sign of zero, and 0 for integers divided by 0.
        x1, x2 = self._alike(x1, x2)
        if x1.dtype.kind in "iu":
            zero = x2 == 0
            return self.where(zero, 0, self.library.floor_divide(x1, self.where(zero, 1, x2)))
        rest = self._lax.rem(x1, x2)
        ratio = x1 / x2
        whole = (x1 - rest) / x2
        whole = self.where((rest != 0) & ((x2 < 0) != (rest < 0)), whole - 1, whole)
        down = self.floor(whole)
        down = self.where(whole - down > 0.5, down + 1, down)
        down = self.where(whole == 0, self.copysign(0.0, ratio), down)
        return self.where(x2 == 0, ratio, down)

    def remainder(self, x1: Array, x2: Array) -> Array:
        x1, x2 = self._alike(x1, x2)
        if x1.dtype.kind in "iu":
            zero = x2 == 0
            return self.where(zero, 0, self.library.remainder(x1, self.where(zero, 1, x2)))
        rest = self._lax.rem(x1, x2)
        rest = self.where((rest != 0) & ((x2 < 0) != (rest < 0)), rest + x2, rest)
        return self.where(rest == 0, self.copysign(0.0, x2), rest)

    def sign(self, x: Array) -> Array:
        # JAX keeps the sign of zero.
        return self.where(x == 0, self.library.zeros((), x.dtype), self.library.sign(x))

    def _alike(self, x1: Array, x2: Array) -> tuple[Array, Array]:
        """Two arrays of one dtype and shape, as the functions of lax want them."""
        dtype = self.result_type(x1, x2)
        x1, x2 = self.broadcast_arrays(self.asarray(x1, dtype=dtype), self.asarray(x2, dtype=dtype))
        return x1, x2

    def getitem(self, x: Array, index: Any) -> Array:
        x = self.library.asarray(x)
        index = tuple([_index(part) for part in index])
        if any(hasattr(part, "dtype") and part.ndim for part in index):
            # An index outside gives nan (or the smallest integer), not a neighbour's value.
            return x.at[index].get(mode="fill")
        return x[index]

    def permute_dims(self, x: Array, axes: tuple[int, ...]) -> Array:
        return self.library.permute_dims(x, tuple(a % x.ndim for a in axes))

    def searchsorted(self, x1: Array, x2: Array, side: str) -> Array:
        return self.library.searchsorted(x1, x2, side=side).astype(np.int64)

    def place(self, values: Array, index: Any, shape: tuple[int, ...]) -> Array:
        if all(type(part) in (int, slice, type(None), type(Ellipsis)) for part in index):
            return self._padded(values, index, shape)
        index = tuple([_index(part) for part in index])
        return self.library.zeros(shape, values.dtype).at[index].add(values, mode="drop")

    def _padded(self, values: Array, index: Any, shape: tuple[int, ...]) -> Array:
        """The values with zeros around and between them, which XLA joins with its neighbours as it cannot a scatter."""
        rest = len(shape) - sum(part is not None and part is not Ellipsis for part in index)
        if not any(part is Ellipsis for part in index):
            index = (*index, Ellipsis)
        axis = 0
        padding: list[tuple[int, int, int]] = []
        lengths: list[int] = []
        backwards: list[int] = []
        for part in index:
            if part is None:
                continue
            for key in [slice(None)] * rest if part is Ellipsis else [part]:
                n = shape[axis]
                places = range(n)[key] if isinstance(key, slice) else range(range(n)[key], range(n)[key] + 1)
                lengths.append(len(places))
                if not places:
                    return self.library.zeros(shape, values.dtype)
                if places.step < 0:
                    backwards.append(axis)
                first, last = min(places[0], places[-1]), max(places[0], places[-1])
                padding.append((first, n - 1 - last, abs(places.step) - 1))
                axis += 1
        values = self.flip(self.library.reshape(values, lengths), axis=tuple(backwards))
        return self._lax.pad(values, self.library.zeros((), values.dtype), padding)

    def add_rows(self, x: Array, rows: Array, values: Array) -> Array:
        return self.library.asarray(x).at[rows].add(values, mode="drop")

    def max_rows(self, x: Array, rows: Array, values: Array) -> Array:
        return self.library.asarray(x).at[rows].max(values, mode="drop")

    def set_rows(self, x: Array, rows: Array, values: Array) -> Array:
        return x.at[rows].set(values, mode="drop", unique_indices=True)

    def sparse_product(self, values: Array, x: Array, rows: Array, columns: Array, count: int) -> Array:
        return sparse_product_jax(self.library, values, x, rows, columns, count, in_blocks=self._on_a_cpu)

    def solve_triangular(self, x1: Array, x2: Array, upper: bool) -> Array:
        return self._lax.linalg.triangular_solve(x1, x2, left_side=True, lower=not upper)

    def unique_rows(self, rows: Array) -> tuple[Array, Array]:
        # The number of distinct rows is unknown while compiling: each stays where it stands last, the other places
        # point past every table, and `set_rows` drops them.
        rows = _index(rows)
        place = last_places(self.library, self._lax, rows)
        distinct = self.where(place == np.arange(rows.shape[0]), rows, np.iinfo(rows.dtype).max)
        return distinct, place.astype(np.int64)

    def convolve(self, x: Array, kernel: Array, geometry: Geometry) -> Array:
        dtype = self.result_type(x, kernel)
        return convolve_jax(self._lax, x.astype(dtype), kernel.astype(dtype), geometry)

    def kernel_gradient(self, g: Array, x: Array, size: tuple[int, ...], geometry: Geometry) -> Array:
        dtype = self.result_type(g, x)
        return kernel_gradient_jax(self._lax, g.astype(dtype), x.astype(dtype), size, geometry)

    def int8_matmul(self, x: Array, weight: Array) -> Array:
        # A single row would leave the fast path: 390 µs instead of 75 for 1024 × 1024.
        rows = self.pad(x, ((0, 3), (0, 0))) if x.shape[0] == 1 else x
        y = self._lax.dot_general(rows, weight, (((1,), (0,)), ((), ())), preferred_element_type=np.int32)
        return y[: x.shape[0]]

    def barrier(self, x: Array) -> Array:
        return self._lax.optimization_barrier(x)

    def scan(
        self, step: Callable[..., Any], carry: Any, sequence: list[Array], length: int, reverse: bool = False
    ) -> tuple[Any, list[Array]]:
        return self._lax.scan(step, carry, sequence, length, reverse)


def _in_row_major_order(x: Array) -> Array:
    from jax.experimental import layout

    return layout.with_layout_constraint(x, layout.Layout(tuple(range(x.ndim))))


numpy_namespace = _NumpyNamespace()


@functools.cache
def jax_namespace() -> Namespace:
    """JAX's namespace; the first call imports JAX."""
    return _JaxNamespace()


def on_a_cpu() -> bool:
    """Whether compiled functions run on the CPU: JAX's default device."""
    return import_jax().default_backend() == "cpu"


def to_numpy(array: Array) -> Any:
    """The array as NumPy holds it, without a copy where its memory can be shared."""
    return array if isinstance(array, np.ndarray | np.generic) else np.asarray(array)


def resolve(arrays: list[Any], tracing: bool) -> tuple[Namespace, list[Any]]:
    """The namespace to compute with when some of the arrays are not NumPy's.

    A tracer among them means a program is being built, so JAX computes; results of earlier compiled calls are read as
    NumPy arrays.

    Raises:
        LeakedTracerError: for a tracer when nothing is being compiled.
    """
    jax = sys.modules.get("jax")
    if jax is not None and any(isinstance(array, jax.core.Tracer) for array in arrays):
        if not tracing:
            raise LeakedTracerError(
                "A Tensor that was made while a function was being compiled is used outside of it; it never "
                "held a value.",
                fix="return the Tensor from the compiled function, or keep it in an nn.Buffer with assign()",
            )
        if any(getattr(array, "weak_type", False) for array in arrays):
            arrays = _settled(arrays)
        return jax_namespace(), arrays
    return numpy_namespace, [
        array
        if array is None or isinstance(array, np.ndarray | np.generic | bool | int | float | complex)
        else np.asarray(array)
        for array in arrays
    ]


def _settled(arrays: list[Any]) -> list[Any]:
    """A Python float that is an argument of a compiled function, among integers: float32, as the number itself gives.

    JAX, which takes its dtype from the other arrays where they are floating, would make it float64.
    """
    strong = [a.dtype for a in arrays if hasattr(a, "dtype") and not getattr(a, "weak_type", False)]
    if not strong or any(dtype.kind not in "biu" for dtype in strong):
        return arrays
    return [a.astype(np.float32) if getattr(a, "weak_type", False) and a.dtype == np.float64 else a for a in arrays]
