"""The product of a sparse matrix, given by its entries, with rows of numbers, on the two array libraries.

Entry e stands in row rows[e] and column columns[e]; y[i] is the sum of values[e] · x[columns[e]] over those of row i.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["sparse_product_jax", "sparse_product_numpy"]

_WIDTH = 8
"""How many entries make a block."""
_ROOM = 3
"""How many places blocks may have for an entry: in rows of one or two entries most would be empty."""


def sparse_product_numpy(values: Any, x: Any, rows: Any, columns: Any, count: int) -> Any:
    """All terms, then their sums."""
    terms = _beside(values, x) * x[columns]
    y = np.zeros((count, *x.shape[1:]), terms.dtype)
    np.add.at(y, rows, terms)
    return y


def sparse_product_jax(library: Any, values: Any, x: Any, rows: Any, columns: Any, count: int, in_blocks: bool) -> Any:
    """In blocks where the places are known while compiling, as those of a graph are: XLA makes one loop of the terms of
    a block, where a scatter alone would have all terms written to memory first.
    """
    known = isinstance(rows, np.ndarray) and isinstance(columns, np.ndarray)
    blocks = _blocks(rows, count) if in_blocks and known else None
    if blocks is None:
        parts = _beside(values, x) * library.take(x, columns, axis=0)
    else:
        entries, rows = blocks
        columns = np.append(columns, x.shape[0]).astype(np.int32)[entries]
        values, x = (_and_zero(library, a) for a in (values, x))
        values = _rows_of(values, entries)
        parts = library.zeros((), library.result_type(values, x))
        for place in range(_WIDTH):
            parts = parts + _beside(values[:, place], x) * _rows_of(x, columns[:, place])
    return library.zeros((count, *x.shape[1:]), parts.dtype).at[rows].add(parts, mode="drop")


def _beside(values: Any, x: Any) -> Any:
    """The values with axes for what each multiplies."""
    return values.reshape(values.shape + (1,) * (x.ndim - values.ndim))


def _and_zero(library: Any, x: Any) -> Any:
    """One more row, of 0, which fills blocks up."""
    if isinstance(x, np.ndarray):
        library = np
    return library.concat([x, library.zeros((1, *x.shape[1:]), dtype=x.dtype)])


def _rows_of(x: Any, places: np.ndarray) -> Any:
    """Rows that there are, so that XLA need not look."""
    return x[places] if isinstance(x, np.ndarray) else x.at[places].get(mode="promise_in_bounds")


def _blocks(rows: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Blocks of `_WIDTH` entries of one row each, as the entries (blocks, width), filled up with the number past the
    last, and the row of each block; None where blocks would be mostly empty.
    """
    entries = np.bincount(rows, minlength=count)
    blocks = -(-entries // _WIDTH)
    if blocks.sum() * _WIDTH > _ROOM * len(rows):
        return None
    order = np.argsort(rows, kind="stable")
    sorted_rows = rows[order]
    place = np.arange(len(rows)) - (np.cumsum(entries) - entries)[sorted_rows]  # of an entry in its row
    first = (np.cumsum(blocks) - blocks)[sorted_rows]
    table = np.full((blocks.sum(), _WIDTH), len(rows), np.int32)
    table[first + place // _WIDTH, place % _WIDTH] = order
    return table, np.repeat(np.arange(count, dtype=np.int32), blocks)
