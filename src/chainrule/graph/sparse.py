"""RowSparse: the gradient of a table of which a batch touched only some rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import ShapeError
from chainrule.graph.registry import FUNCTIONS
from chainrule.graph.tensor import Tensor

__all__ = ["RowSparse"]


class RowSparse:
    """Values for some rows of a table that is zero elsewhere; rows may repeat, and then add up.

    It is what an embedding lookup hands back as the gradient of its weight. Optimizers update just these rows; anything
    else sees the dense form through `dense()`.

    Attributes:
        rows: integer Tensor (K,).
        values: Tensor (K, *shape[1:]).
        shape: of the table.
    """

    __slots__ = ("rows", "shape", "values")

    def __init__(self, rows: Tensor, values: Tensor, shape: tuple[int, ...]) -> None:
        if values.shape != (*rows.shape, *shape[1:]):
            raise ShapeError(
                f"RowSparse needs values {(*rows.shape, *shape[1:])} for rows {rows.shape} of {shape}, got "
                f"{values.shape}."
            )
        self.rows = rows
        self.values = values
        self.shape = shape

    @property
    def dtype(self) -> np.dtype:
        return self.values.dtype

    def dense(self) -> Tensor:
        """The whole table, zeros and all."""
        return FUNCTIONS["rows_to_dense"](self.rows, self.values, self.shape)

    def numpy(self) -> np.ndarray:
        return self.dense().numpy()

    def map(self, function: Any) -> RowSparse:
        """The same rows with other values, such as scaled ones."""
        return RowSparse(self.rows, function(self.values), self.shape)

    def __add__(self, other: Any) -> Any:
        if isinstance(other, RowSparse):
            concat = FUNCTIONS["concat"]
            return RowSparse(concat([self.rows, other.rows]), concat([self.values, other.values]), self.shape)
        return self.dense() + other

    __radd__ = __add__

    def __repr__(self) -> str:
        return f"RowSparse({self.rows.shape[0]} rows of {self.shape}, dtype={self.dtype})"
