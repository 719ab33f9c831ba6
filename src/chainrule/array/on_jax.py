"""JAX's namespace, with the few kernels that the array API standard lacks."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.array.convolution import Geometry, convolve_jax, kernel_gradient_jax
from chainrule.array.dtypes import bfloat16, float32
from chainrule.array.jax_import import import_jax
from chainrule.array.last_places import last_places
from chainrule.array.namespace import Array, Namespace, as_index, rounds
from chainrule.array.onednn import product_onednn, stacked_product_onednn
from chainrule.array.sparse_product import sparse_product_jax

__all__ = ["jax_namespace", "on_a_cpu"]

_AS_IS, _HEADS_FIRST = (0, 1, 2, 3), (0, 2, 1, 3)

_SMALL = 1 << 10
"""Arrays of fewer numbers get no barrier: computed twice they cost next to nothing, and XLA's smallest loops, which it
turns into straight code, know no barriers."""


class _JaxNamespace(Namespace):
    name = "jax"

    def __init__(self) -> None:
        jax = import_jax()
        self.library = jax.numpy
        self._lax = jax.lax
        self._on_a_cpu = on_a_cpu()

    def matmul(self, x1: Array, x2: Array) -> Array:
        if rounds(x1, x2):
            return self._rounded_matmul(x1, x2)
        y = product_onednn(x1, x2)
        return self.library.matmul(x1, x2) if y is None else y

    def _rounded_matmul(self, x1: Array, x2: Array) -> Array:
        x1, x2 = x1.astype(bfloat16), x2.astype(bfloat16)
        if self._on_a_cpu:
            # With a transposed factor, as each gradient of a weight or an input has, XLA goes back to float32; so it is
            # laid out anew, which costs little: 0.9 ms in place of 4.6 for a (1024, 1024) weight and 512 rows, 2.1 in
            # place of 7.6 for their inputs. And it would turn round a product that is transposed later.
            x1, x2 = _in_row_major_order(x1), _in_row_major_order(x2)
            return _in_row_major_order(self.library.matmul(x1, x2, preferred_element_type=float32))
        return self.library.matmul(x1, x2, preferred_element_type=float32)

    def linear(self, x: Array, weight: Array, bias: Array | None) -> Array:
        y = None if bias is None or rounds(x, weight) else product_onednn(x, weight, bias=bias)
        return super().linear(x, weight, bias) if y is None else y

    def inner_products(self, x: Array, w: Array) -> Array:
        y = self._product(x, w, (False, True))
        return self.matmul(x, w.T) if y is None else y

    def outer_sum(self, x: Array, g: Array) -> Array:
        if rounds(x, g):
            y = self._product(x, g, (True, False))
            return self.matmul(x.T, g) if y is None else y
        return self._unrounded_outer_sum(x, g)

    def _unrounded_outer_sum(self, x: Array, g: Array) -> Array:
        y = product_onednn(x, g, (True, False))
        if y is not None:
            return y
        (rows, k), m = x.shape, g.shape[1]
        if self._on_a_cpu and rows >= 2 * m and (2 * m <= k or m <= min(k, 128)):
            # XLA takes longer for a result with fewer columns than rows than for the same turned round and written out
            # anew: a third longer for (512, 128) of 2048 rows, seven times for (64, 10). Where the two are near each
            # other, a left factor that is laid out first saves another third.
            left = _in_row_major_order(g.T) if k < 4 * m else g.T
            return _in_row_major_order(_in_row_major_order(self.library.matmul(left, x)).T)
        return self.library.matmul(x.T, g)

    def _product(self, x1: Array, x2: Array, turned: tuple[bool, bool]) -> Array | None:
        """oneDNN's product, where that is the faster one."""
        if rounds(x1, x2):
            x1, x2 = x1.astype(bfloat16), x2.astype(bfloat16)
        return product_onednn(x1, x2, turned)

    def head_products(self, q: Array, k: Array) -> Array:
        shape = (q.shape[0], q.shape[2], q.shape[1], k.shape[1])
        y = stacked_product_onednn(q, k, shape, (_HEADS_FIRST, _HEADS_FIRST, _AS_IS), (False, True))
        return super().head_products(q, k) if y is None else y

    def head_sums(self, p: Array, v: Array, turned: bool) -> Array:
        shape = (v.shape[0], p.shape[3 if turned else 2], *v.shape[2:])
        y = stacked_product_onednn(p, v, shape, (_AS_IS, _HEADS_FIRST, _HEADS_FIRST), (turned, False))
        return super().head_sums(p, v, turned) if y is None else y

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
        index = tuple([as_index(part) for part in index])
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
        index = tuple([as_index(part) for part in index])
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

    def unique_rows(self, rows: Array, count: int) -> tuple[Array, Array]:
        # The number of distinct rows is unknown while compiling: those that are not among them point past every table,
        # and `set_rows` drops them.
        rows = as_index(rows)
        past = np.iinfo(rows.dtype).max
        if count <= rows.shape[0]:
            given = self.zeros(count, dtype=bool).at[rows].set(True)
            return self.where(given, np.arange(count, dtype=rows.dtype), past), rows
        place = last_places(self.library, self._lax, rows)
        return self.where(place == np.arange(rows.shape[0]), rows, past), place.astype(np.int64)

    def convolve(self, x: Array, kernel: Array, geometry: Geometry) -> Array:
        dtype = self.result_type(x, kernel)
        return convolve_jax(self._lax, x.astype(dtype), kernel.astype(dtype), geometry, self._on_a_cpu)

    def kernel_gradient(self, g: Array, x: Array, size: tuple[int, ...], geometry: Geometry) -> Array:
        dtype = self.result_type(g, x)
        g, x = g.astype(dtype), x.astype(dtype)
        return kernel_gradient_jax(self._lax, g, x, size, geometry, self._on_a_cpu, self._unrounded_outer_sum)

    def int8_matmul(self, x: Array, weight: Array) -> Array:
        # A single row would leave the fast path: 390 µs instead of 75 for 1024 × 1024.
        rows = self.pad(x, ((0, 3), (0, 0))) if x.shape[0] == 1 else x
        y = self._lax.dot_general(rows, weight, (((1,), (0,)), ((), ())), preferred_element_type=np.int32)
        return y[: x.shape[0]]

    def barrier(self, x: Array) -> Array:
        # XLA on a CPU knows no barriers in its smallest loops, whose arrays need none.
        small = all(leaf.size < _SMALL for leaf in import_jax().tree.leaves(x))
        return x if small and self._on_a_cpu else self._lax.optimization_barrier(x)

    def scan(
        self, step: Callable[..., Any], carry: Any, sequence: list[Array], length: int, reverse: bool = False
    ) -> tuple[Any, list[Array]]:
        return self._lax.scan(step, carry, sequence, length, reverse)


def _in_row_major_order(x: Array) -> Array:
    from jax.experimental import layout

    return layout.with_layout_constraint(x, layout.Layout(tuple(range(x.ndim))))


@functools.cache
def jax_namespace() -> Namespace:
    """JAX's namespace; the first call imports JAX."""
    return _JaxNamespace()


def on_a_cpu() -> bool:
    """Whether compiled functions run on the CPU: JAX's default device."""
    return import_jax().default_backend() == "cpu"
