"""SparseRows: features that are mostly 0, such as the words of documents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.errors import ShapeError
from chainrule.graph import Tensor, as_tensor, wrap
from chainrule.nn.linear import Linear

__all__ = ["SparseRows", "product"]


class SparseRows:
    """A matrix as the list of its entries that are not 0: constants to multiply weights with.

    The layers of graph networks take it in place of a dense one. On Cora, where 1.3 % of the features are not 0, a
    product with 16 columns and its gradient then take a tenth of the time, and dropout, which draws a number for each
    entry, a hundredth.

    Arguments:
        x: the dense matrix, (rows, columns).

    Attributes:
        values, rows, columns: of the entries, (entries,) each, in the order of the rows.
        shape, dtype, ndim: of the matrix.

    Raises:
        ShapeError: for anything but a matrix.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> x = nn.SparseRows([[0.0, 2.0, 0.0], [1.0, 0.0, 0.0]])
        >>> x
        SparseRows(2 of (2, 3), dtype=float32)
        >>> (x @ cr.ones((3, 1))).tolist()
        [[2.0], [1.0]]
    """

    ndim = 2

    def __init__(self, x: Any) -> None:
        dense = as_tensor(x).numpy()
        if dense.ndim != 2:
            raise ShapeError(f"SparseRows holds a matrix, got shape {dense.shape}.", fix="x.reshape(len(x), -1)")
        rows, columns = np.nonzero(dense)
        self.rows, self.columns = rows.astype(np.int32), columns.astype(np.int32)
        self.values = wrap(dense[rows, columns])
        self.shape: tuple[int, int] = dense.shape

    @property
    def dtype(self) -> np.dtype:
        return self.values.dtype

    def map(self, function: Callable[[Tensor], Tensor]) -> SparseRows:
        """The same entries with other values, such as after dropout; a function of 0 has to be 0."""
        made = object.__new__(SparseRows)
        made.rows, made.columns, made.shape = self.rows, self.columns, self.shape
        made.values = function(self.values)
        return made

    def dense(self) -> Tensor:
        """The whole matrix, zeros and all."""
        places = self.rows.astype(np.int64) * self.shape[1] + self.columns
        return ops.reshape(ops.segment_sum(self.values, places, count=self.shape[0] * self.shape[1]), self.shape)

    def __matmul__(self, weight: Tensor) -> Tensor:
        """The product with a dense matrix: (rows, columns) · (columns, n) → (rows, n)."""
        if weight.ndim != 2 or weight.shape[0] != self.shape[1]:
            raise ShapeError(f"{self!r} cannot be multiplied with {weight.shape}.", fix=f"({self.shape[1]}, n)")
        return ops.sparse_product(self.values, weight, self.rows, self.columns, count=self.shape[0])

    def __repr__(self) -> str:
        return f"SparseRows({len(self.rows)} of {self.shape}, dtype={self.dtype})"


def product(x: Tensor | SparseRows, linear: Linear) -> Tensor:
    """What a Linear makes of dense or of sparse rows."""
    if isinstance(x, Tensor):
        return linear(x)
    y = x @ linear.weight
    return y if linear.bias is None else y + linear.bias
