"""MultiHeadAttention: what each place of a sequence takes from the others, in several ways at once."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from chainrule import init, ops
from chainrule.errors import ConfigError, ShapeError
from chainrule.graph import Tensor, as_tensor
from chainrule.nn.checks import positive
from chainrule.nn.dropout import Dropout
from chainrule.nn.linear import Linear
from chainrule.nn.module import Module
from chainrule.nn.positions import RotaryPositions

__all__ = ["KeyValueCache", "MultiHeadAttention"]


class KeyValueCache(NamedTuple):
    """Keys and values of the positions so far, in arrays of a fixed size, so that no step is compiled anew.

    Attributes:
        keys, values: (N, room, heads, d), filled up to `length`.
        length: how many positions are filled, a Tensor.
    """

    keys: Tensor
    values: Tensor
    length: Tensor

    def add(self, keys: Tensor, values: Tensor) -> KeyValueCache:
        """The cache with the keys and values (N, t, heads, d) of the next t positions."""
        room, new = self.keys.shape[1], keys.shape[1]
        place = as_tensor(np.arange(room)) - self.length
        inside = ((place >= 0) & (place < new))[:, None, None]
        chosen = ops.clip(place, 0, new - 1)

        def put(old: Tensor, added: Tensor) -> Tensor:
            return ops.where(inside, added if new == 1 else ops.take(added, chosen, axis=1), old)

        return KeyValueCache(put(self.keys, keys), put(self.values, values), self.length + new)


class MultiHeadAttention(Module):
    """y = concat(head₁ … head_h) W_o + b_o, headᵢ = softmax(qᵢ kᵢᵀ / √d) vᵢ, with qᵢ, kᵢ and vᵢ linear in query, key
    and value.

    Arguments:
        embed_dim: E, of query and y.
        num_heads: h; d = E / h.
        dropout: the share of the weights of attention that is left out in training.
        bias: whether the four projections have one.
        kdim, vdim: of key and value; E unless said otherwise.
        rotary: whether queries and keys are turned by their positions (`RotaryPositions`).
        dialect: how the first values are drawn. "paper" and "keras": weights uniform as Glorot & Bengio (2010) say,
            each projection by itself; "pytorch": those of query, key and value as if they were one (E, 3E), that of the
            output uniform in ±1/√E. Biases 0.
        dtype: float32 unless said otherwise.

    Called with:
        query (N, T, E), key (N, S, kdim) and value (N, S, vdim); key is query, and value key, unless given.
        key_padding_mask (N, S): True where a key is padding and ignored; or numbers that are added to the scores.
        attn_mask (T, S) or (N · h, T, S): True where attending is not allowed; or numbers that are added.
        causal: position t sees only the keys up to it.
        need_weights: whether to return the weights (N, h, T, S) too, as (y, weights).
        cache: a `KeyValueCache` with what stood before query, which is then the next t positions of a causal sequence;
            returns (y, new cache). `make_cache` makes an empty one.

    Shapes:
        y (N, T, E). Weights of `q_proj`, `k_proj`, `v_proj` and `out_proj`: (in, E).

    Raises:
        ConfigError: when E is no multiple of h.
        ShapeError: for inputs or masks that do not fit.

    Differs from PyTorch: batch first; one result unless more is asked for; weights of each head, not their mean; a
    query whose keys are all masked gets 0 (before W_o), not nan; four Linear layers instead of `in_proj_weight`, which
    `nn.load_pytorch` takes apart. Masks of truth values mean the same.

    Source: Vaswani et al., "Attention Is All You Need" (2017), section 3.2.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> attention = nn.MultiHeadAttention(8, 2)
        >>> y, weights = attention(cr.ones((3, 5, 8)), causal=True, need_weights=True)
        >>> y.shape, weights.shape
        ((3, 5, 8), (3, 2, 5, 5))
    """

    q_proj: Module
    k_proj: Module
    v_proj: Module
    out_proj: Module

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        kdim: int | None = None,
        vdim: int | None = None,
        *,
        rotary: bool = False,
        dialect: str = "paper",
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.embed_dim = positive(embed_dim, "embed_dim")
        self.num_heads = positive(num_heads, "num_heads")
        if embed_dim % num_heads:
            raise ConfigError(
                f"embed_dim is divided among the heads: {embed_dim} is no multiple of {num_heads}.",
                fix=f"MultiHeadAttention({embed_dim + num_heads - embed_dim % num_heads}, {num_heads})",
            )
        sizes = {"q_proj": embed_dim, "k_proj": kdim or embed_dim, "v_proj": vdim or embed_dim, "out_proj": embed_dim}
        together = dialect == "pytorch" and set(sizes.values()) == {embed_dim}
        for name, size in sizes.items():
            layer = Linear(size, embed_dim, bias, dialect="keras", dtype=dtype)
            if name == "out_proj" and dialect == "pytorch":
                layer.weight.assign(Linear(size, embed_dim, False, dialect="pytorch", dtype=dtype).weight)
            elif together:
                layer.weight.assign(layer.weight * math.sqrt(0.5))  # √(6 / 4E) instead of √(6 / 2E)
            setattr(self, name, layer)
        init.linear(1, 1, dialect=dialect)  # refuses an unknown one
        self.rotary = RotaryPositions(embed_dim // num_heads) if rotary else None
        self.dropout = Dropout(dropout)

    def forward(
        self,
        query: Tensor,
        key: Tensor | None = None,
        value: Tensor | None = None,
        *,
        key_padding_mask: Any = None,
        attn_mask: Any = None,
        causal: bool = False,
        need_weights: bool = False,
        cache: KeyValueCache | None = None,
    ) -> Any:
        key = query if key is None else key
        value = key if value is None else value
        if query.ndim != 3 or key.ndim != 3 or key.shape[:2] != value.shape[:2] or query.shape[0] != key.shape[0]:
            raise ShapeError(
                f"{self.label()} got query {query.shape}, key {key.shape} and value {value.shape}.",
                fix="query (N, T, embed_dim), key (N, S, kdim) and value (N, S, vdim)",
            )
        q, k, v = (
            layer(x).reshape((*x.shape[:2], self.num_heads, -1))
            for layer, x in ((self.q_proj, query), (self.k_proj, key), (self.v_proj, value))
        )
        first = 0 if cache is None else cache.length
        if self.rotary is not None:
            q, k = self.rotary(q, first), self.rotary(k, first)
        if cache is None:
            mask = self._mask(key_padding_mask, attn_mask, q, k)
        else:
            if q.shape[1] > cache.keys.shape[1]:
                raise ShapeError(
                    f"{self.label()} got {q.shape[1]} positions, and its cache has room for {cache.keys.shape[1]}.",
                    fix="make_cache with more room",
                )
            if key_padding_mask is not None or attn_mask is not None or need_weights:
                raise ConfigError("A cache goes with causal attention alone, without other masks or weights.")
            cache = cache.add(k, v)
            k, v = cache.keys, cache.values
            places = as_tensor(np.arange(q.shape[1]))[:, None] + first
            mask, causal = as_tensor(np.arange(k.shape[1])) <= places, False
        factors = None
        if self.training and self.dropout.p:
            factors = self.dropout(ops.ones((q.shape[0], self.num_heads, q.shape[1], k.shape[1]), dtype=q.dtype))
        y = self.out_proj(ops.attention(q, k, v, mask, factors, causal=causal).reshape(query.shape))
        if need_weights:
            return y, ops.attention_weights(q, k, mask, causal=causal)
        return y if cache is None else (y, cache)

    def make_cache(self, batch: int, room: int) -> KeyValueCache:
        """An empty cache for a batch of sequences of at most `room` positions."""
        weight = next(self.v_proj.parameters())
        empty = ops.zeros((batch, room, self.num_heads, self.embed_dim // self.num_heads), dtype=weight.dtype)
        return KeyValueCache(empty, empty, as_tensor(np.asarray(0, np.int32)))

    def _mask(self, padding: Any, attn_mask: Any, q: Tensor, k: Tensor) -> Tensor | None:
        """Both masks as one for `ops.attention`, where True means: may attend."""
        n, t, h, s = *q.shape[:3], k.shape[1]
        parts = []
        if padding is not None:
            padding = ops.asarray(padding)
            if padding.shape != (n, s):
                raise ShapeError(f"{self.label()} got a key_padding_mask {padding.shape} for {n} × {s} keys.")
            parts.append(padding[:, None, None])
        if attn_mask is not None:
            attn_mask = ops.asarray(attn_mask)  # which keeps the digits of float64
            if attn_mask.shape not in ((t, s), (n * h, t, s)):
                raise ShapeError(
                    f"{self.label()} got an attn_mask {attn_mask.shape} for {t} queries and {s} keys.",
                    fix=f"a mask {(t, s)}, or one for each head of each example, {(n * h, t, s)}",
                )
            parts.append(attn_mask if attn_mask.ndim == 2 else attn_mask.reshape((n, h, t, s)))
        if not parts:
            return None
        if all(part.dtype.kind == "b" for part in parts):
            return ~parts[0] if len(parts) == 1 else ~(parts[0] | parts[1])
        zero = ops.zeros((), dtype=q.dtype)
        added = [
            ops.where(part, -math.inf, zero) if part.dtype.kind == "b" else ops.astype(part, q.dtype) for part in parts
        ]
        return added[0] if len(added) == 1 else added[0] + added[1]

    def from_pytorch(self, entries: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        made = dict(entries)
        for name in ("weight", "bias"):
            packed = made.pop(f"in_proj_{name}", None)
            if packed is not None:
                parts = np.split(packed, 3)
                made |= {f"{p}_proj.{name}": part.T for p, part in zip("qkv", parts, strict=True)}
        return {
            name.replace("_proj_weight", "_proj.weight"): value.T if name.endswith("_proj_weight") else value
            for name, value in made.items()
        }

    def extra_repr(self) -> str:
        return f"{self.embed_dim}, {self.num_heads}"
