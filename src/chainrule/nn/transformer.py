"""Transformer blocks: attention, then a small network at each place, each with a way around it and a normalisation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule.graph import Tensor
from chainrule.nn.activations import activation as named_activation
from chainrule.nn.attention import KeyValueCache, MultiHeadAttention
from chainrule.nn.checks import positive
from chainrule.nn.containers import ModuleList
from chainrule.nn.dropout import Dropout
from chainrule.nn.layer_norm import LayerNorm
from chainrule.nn.linear import Linear
from chainrule.nn.module import Module

__all__ = ["TransformerDecoder", "TransformerDecoderLayer", "TransformerEncoder", "TransformerEncoderLayer"]


class _Block(Module):
    """What both kinds of block share: attention to itself, the network at each place, and how parts are joined."""

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str = "relu",
        layer_norm_eps: float = 1e-5,
        *,
        norm_first: bool = False,
        bias: bool = True,
        rotary: bool = False,
        dialect: str = "paper",
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self._arguments = {key: value for key, value in locals().items() if key not in ("self", "__class__")}
        self.self_attn = MultiHeadAttention(d_model, nhead, dropout, bias, rotary=rotary, dialect=dialect, dtype=dtype)
        self.linear1 = Linear(d_model, dim_feedforward, bias, dialect=dialect, dtype=dtype)
        self.activation = named_activation(activation)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, dialect=dialect, dtype=dtype)
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.norm_first = bool(norm_first)

    def _feed_forward(self, x: Tensor) -> Tensor:
        return self.linear2(self.dropout(self.activation(self.linear1(x))))

    def _around(self, x: Tensor, part: Callable[[Tensor], Tensor], norm: Module, dropout: Module) -> Tensor:
        """x + part(x), with the normalisation before the part or after the sum."""
        return x + dropout(part(norm(x))) if self.norm_first else norm(x + dropout(part(x)))

    def _attend(self, x: Tensor, cache: KeyValueCache | None, **masks: Any) -> tuple[Tensor, KeyValueCache | None]:
        """x with what its own places give, and the cache with them."""

        def part(x: Tensor) -> Tensor:
            nonlocal cache
            if cache is None:
                return self.self_attn(x, **masks)
            y, cache = self.self_attn(x, cache=cache, **masks)
            return y

        return self._around(x, part, self.norm1, self.dropout1), cache

    def another(self) -> Any:
        """A block made with the same arguments, with first values of its own."""
        return type(self)(**self._arguments)

    def extra_repr(self) -> str:
        return f"{self._arguments['d_model']}, {self._arguments['nhead']}, norm_first={self.norm_first}"


class TransformerEncoderLayer(_Block):
    """x ← norm₁(x + attention(x)), y = norm₂(x + W₂ activation(W₁ x + b₁) + b₂); with norm_first x ← x +
    attention(norm₁(x)), y = x + W₂ activation(W₁ norm₂(x) + b₁) + b₂. With `causal` it is the block of GPT.

    Arguments:
        d_model: E, the size of x and y.
        nhead: the number of heads.
        dim_feedforward: the units between W₁ and W₂.
        dropout: of the weights of attention, after the activation, and of what is added to x.
        activation: a name such as "relu" or "gelu".
        layer_norm_eps: ε of the normalisations.
        norm_first: whether to normalise before the parts and not after the sums; deep stacks train more easily so.
        bias: whether projections and normalisations have one.
        rotary: whether attention turns queries and keys by their positions.
        dialect: how the first values are drawn; see `MultiHeadAttention` and `Linear`.
        dtype: float32 unless said otherwise.

    Called with:
        src (N, T, E); src_mask, src_key_padding_mask and causal as attn_mask, key_padding_mask and causal of
        `MultiHeadAttention`; with a cache it returns (y, new cache).

    Shapes:
        (N, T, E) → (N, T, E).

    Differs from PyTorch: batch first; `causal` stands for a mask of its own (PyTorch's is_causal only promises that
    src_mask is one).

    Source: Vaswani et al., "Attention Is All You Need" (2017), section 3.1; normalisation first: Radford et al.,
    "Language Models are Unsupervised Multitask Learners" (2019), section 2.3.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.TransformerEncoderLayer(8, 2, 16)(cr.ones((3, 5, 8))).shape
        (3, 5, 8)
    """

    def forward(
        self,
        src: Tensor,
        src_mask: Any = None,
        src_key_padding_mask: Any = None,
        causal: bool = False,
        *,
        cache: KeyValueCache | None = None,
    ) -> Any:
        masks = {"attn_mask": src_mask, "key_padding_mask": src_key_padding_mask, "causal": causal}
        x, filled = self._attend(src, cache, **masks)
        y = self._around(x, self._feed_forward, self.norm2, self.dropout2)
        return y if cache is None else (y, filled)


class TransformerDecoderLayer(_Block):
    """An encoder block with a part in between that attends to `memory`, what an encoder made: x ← norm₁(x +
    attention(x)), x ← norm₂(x + attention(x, memory)), y = norm₃(x + W₂ activation(W₁ x + b₁) + b₂); with norm_first
    the normalisations stand before the parts.

    Arguments, source and differences: as for `TransformerEncoderLayer`; `rotary` turns those of the attention to
    itself.

    Called with:
        tgt (N, T, E), memory (N, S, E), and the masks of each; tgt_causal: position t of tgt sees those up to t. With
        a cache, for tgt's attention to itself, it returns (y, new cache).

    Shapes:
        (N, T, E), (N, S, E) → (N, T, E).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.TransformerDecoderLayer(8, 2, 16)(cr.ones((3, 5, 8)), cr.ones((3, 7, 8)), tgt_causal=True).shape
        (3, 5, 8)
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str = "relu",
        layer_norm_eps: float = 1e-5,
        *,
        norm_first: bool = False,
        bias: bool = True,
        rotary: bool = False,
        dialect: str = "paper",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            d_model,
            nhead,
            dim_feedforward,
            dropout,
            activation,
            layer_norm_eps,
            norm_first=norm_first,
            bias=bias,
            rotary=rotary,
            dialect=dialect,
            dtype=dtype,
        )
        self.multihead_attn = MultiHeadAttention(d_model, nhead, dropout, bias, dialect=dialect, dtype=dtype)
        self.norm3 = LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)
        self.dropout3 = Dropout(dropout)

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_causal: bool = False,
        *,
        cache: KeyValueCache | None = None,
    ) -> Any:
        def across(x: Tensor) -> Tensor:
            return self.multihead_attn(x, memory, attn_mask=memory_mask, key_padding_mask=memory_key_padding_mask)

        masks = {"attn_mask": tgt_mask, "key_padding_mask": tgt_key_padding_mask, "causal": tgt_causal}
        x, filled = self._attend(tgt, cache, **masks)
        x = self._around(x, across, self.norm2, self.dropout2)
        y = self._around(x, self._feed_forward, self.norm3, self.dropout3)
        return y if cache is None else (y, filled)


class _Stack(Module):
    """Blocks one after the other, made with the arguments of the given one, and a normalisation after the last."""

    def __init__(self, layer: _Block, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        positive(num_layers, "num_layers")
        self.layers = ModuleList([layer, *(layer.another() for _ in range(num_layers - 1))])
        self.norm = norm

    def forward(self, x: Tensor, *inputs: Any, **masks: Any) -> Tensor:
        for layer in self.layers:
            x = layer(x, *inputs, **masks)
        return x if self.norm is None else self.norm(x)


class TransformerEncoder(_Stack):
    """Encoder blocks one after the other.

    Arguments:
        layer: the first block; the others are made with the same arguments.
        num_layers: how many there are.
        norm: a normalisation after the last, such as `LayerNorm(d_model)`; blocks with norm_first need one.

    Called like a `TransformerEncoderLayer`; every block gets the same masks.

    Differs from PyTorch: every block has first values and dropout of its own, where PyTorch's are copies.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), 3)
        >>> encoder(cr.ones((3, 5, 8)), causal=True).shape
        (3, 5, 8)
    """


class TransformerDecoder(_Stack):
    """Decoder blocks one after the other, called like a `TransformerDecoderLayer`; arguments and difference as for
    `TransformerEncoder`.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16), 2)
        >>> decoder(cr.ones((3, 5, 8)), cr.ones((3, 7, 8))).shape
        (3, 5, 8)
    """
