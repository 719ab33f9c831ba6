"""Attention, a transformer block and their normalisations for the committed table; options at random are tested live.

Without biases: that of the keys has the gradient 0, which comes out as rounding of another kind everywhere.
"""

from __future__ import annotations

from typing import Any

from chainrule import nn
from reference.layers import F8, _case


def _plain(layer: nn.Module) -> nn.Module:
    """The layer without the random streams of its dropout, which leaves nothing out here."""
    for module in layer.modules():
        if isinstance(module, nn.Dropout):
            del module.stream
    return layer


def _attention(f: Any, x: Any, p: Any, heads: int, causal: bool, prefix: str = "") -> Any:
    def project(name: str, x: Any) -> Any:
        return x @ p[f"{prefix}{name}_proj.weight"]

    q, k, v = (project(name, x).unflatten(-1, (heads, -1)).transpose(1, 2) for name in "qkv")
    y = f.scaled_dot_product_attention(q, k, v, is_causal=causal)
    return project("out", y.transpose(1, 2).flatten(2))


def _block(torch: Any, f: Any, x: Any, p: Any) -> Any:
    def norm(x: Any, name: str) -> Any:
        return f.layer_norm(x, (4,), p[f"{name}.weight"])

    x = x + _attention(f, norm(x, "norm1"), p, 2, False, "self_attn.")
    inner = f.gelu(norm(x, "norm2") @ p["linear1.weight"])
    return x + inner @ p["linear2.weight"]


class _Causal(nn.MultiHeadAttention):
    def forward(self, query: Any, **options: Any) -> Any:
        return super().forward(query, causal=True, **options)


CASES = [
    _case(
        "attention_causal",
        lambda: _plain(_Causal(4, 2, bias=False, dtype=F8)),
        lambda torch, f, x, p: _attention(f, x, p, 2, True),
        (2, 3, 4),
    ),
    _case(
        "transformer_block",
        lambda: _plain(nn.TransformerEncoderLayer(4, 2, 3, 0.0, "gelu", norm_first=True, bias=False, dtype=F8)),
        _block,
        (2, 3, 4),
    ),
    _case(
        "group_norm",
        lambda: nn.GroupNorm(2, 4, 1e-3, dtype=F8),
        lambda torch, f, x, p: f.group_norm(x.movedim(-1, 1), 2, p["weight"], p["bias"], 1e-3).movedim(1, -1),
        (2, 3, 2, 4),
    ),
    _case(
        "rms_norm",
        lambda: nn.RMSNorm(4, 1e-3, dtype=F8),
        lambda torch, f, x, p: f.rms_norm(x, (4,), p["weight"], 1e-3),
        (2, 3, 4),
    ),
]
