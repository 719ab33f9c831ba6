"""Embedding: a table of vectors, looked up by number."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import init, ops
from chainrule.errors import ConfigError, DtypeError, LabelError
from chainrule.graph import Tensor, wrap
from chainrule.graph.tensor import is_tracer
from chainrule.nn.checks import positive
from chainrule.nn.module import Module
from chainrule.nn.variables import Parameter

__all__ = ["Embedding"]


class Embedding(Module):
    """y = weight[ids]: the learned vector of each id. The gradient touches only the rows that were looked up, and so
    does the optimizer.

    Arguments:
        num_embeddings: V, how many ids there are: 0 to V − 1.
        embedding_dim: D, the size of the vectors.
        padding_idx: an id whose vector starts at 0 and gets no gradient, for padding.

    Shapes:
        ids (…), integers → y (…, D). weight (V, D), first drawn from N(0, 1) as in PyTorch.

    Raises:
        LabelError: for an id outside 0 … V − 1, naming it and its place; inside a compiled function its vector is nan
            instead.
        DtypeError: for ids that are not integers.

    Differs from PyTorch: the gradient is always row-sparse (`weight.grad` is a `RowSparse`, whose `dense()` is the
    table).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> table = nn.Embedding(1000, 8)
        >>> y = table(cr.tensor([[3, 7], [3, 999]]))
        >>> y.sum().backward()
        >>> y.shape, table.weight.grad
        ((2, 2, 8), RowSparse(4 rows of (1000, 8), dtype=float32))
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None, *, dtype: Any = None
    ) -> None:
        super().__init__()
        self.num_embeddings = positive(num_embeddings, "num_embeddings")
        self.embedding_dim = positive(embedding_dim, "embedding_dim")
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ConfigError(f"padding_idx is one of {num_embeddings} ids, got {padding_idx}.")
        self.padding_idx = None if padding_idx is None else range(num_embeddings)[padding_idx]
        first = init.normal((num_embeddings, embedding_dim), dtype=dtype)
        if self.padding_idx is not None:
            table = np.array(first.numpy())
            table[self.padding_idx] = 0
            first = wrap(table)
        self.weight = Parameter(first)

    def forward(self, ids: Tensor) -> Tensor:
        if ids.dtype.kind not in "iu":
            raise DtypeError(f"{self.label()} looks up integer ids and got {ids.dtype}.", fix="ids.astype('int32')")
        if is_tracer(ids._data):
            # Past the end the look-up gives nan; below 0 it would count from the end. A small dtype lacks such ids.
            ids = ops.astype(ids, "int32") if ids.dtype.itemsize < 4 else ids
            ids = ops.where(ids < 0, self.num_embeddings, ids) if ids.dtype.kind == "i" else ids
        else:
            self._check(ids)
        y = ops.embedding(self.weight, ids)
        if self.padding_idx is None:
            return y
        return ops.where((ids != self.padding_idx)[..., None], y, y.detach())

    def _check(self, ids: Tensor) -> None:
        if not ids.size:
            return
        values = ids.numpy()
        if values.min() >= 0 and values.max() < self.num_embeddings:
            return
        place = tuple(int(i) for i in np.argwhere((values < 0) | (values >= self.num_embeddings))[0])
        raise LabelError(
            f"{self.label()} got the id {int(values[place])} at {list(place)}; it has the ids 0 to "
            f"{self.num_embeddings - 1}.",
            fix=f"Embedding({int(values.max()) + 1}, {self.embedding_dim})"
            if values.min() >= 0
            else "ids numbered from 0",
        )

    def extra_repr(self) -> str:
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
