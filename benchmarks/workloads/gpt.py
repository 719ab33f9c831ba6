"""A small transformer that continues texts: blocks that normalise first, GELU, learned positions; forward, backward
and Adam.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.loops import descent, torch_model, training
from benchmarks.workload import Given, Workload

RATE = 1e-3
STEPS, BATCH, LENGTH = 4, 16, 128
LAYERS, WIDTH, HEADS, VOCABULARY = 4, 128, 4, 65


def given() -> Given:
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> np.ndarray:
        return (0.02 * rng.normal(size=shape)).astype(np.float32)

    def zeros(n: int) -> np.ndarray:
        return np.zeros(n, np.float32)

    weights = {"tokens.weight": normal(VOCABULARY, WIDTH), "positions.weight": normal(LENGTH, WIDTH)}
    for i in range(LAYERS):
        block = f"blocks.{i}"
        for norm in ("norm1", "norm2"):
            weights |= {f"{block}.{norm}.weight": np.ones(WIDTH, np.float32), f"{block}.{norm}.bias": zeros(WIDTH)}
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            weights |= {f"{block}.self_attn.{part}.weight": normal(WIDTH, WIDTH)}
            weights |= {f"{block}.self_attn.{part}.bias": zeros(WIDTH)}
        for part, shape in {"linear1": (WIDTH, 4 * WIDTH), "linear2": (4 * WIDTH, WIDTH)}.items():
            weights |= {f"{block}.{part}.weight": normal(*shape), f"{block}.{part}.bias": zeros(shape[1])}
    weights |= {"norm.weight": np.ones(WIDTH, np.float32), "norm.bias": zeros(WIDTH)}
    weights["head.weight"] = normal(WIDTH, VOCABULARY)
    text = rng.integers(0, VOCABULARY, (STEPS, BATCH, LENGTH + 1), dtype=np.int32)
    return Given(weights, (text[..., :-1].copy(), text[..., 1:].copy()))


def chainrule(given: Given) -> Any:
    from chainrule import losses, models, optim

    model = models.TransformerLanguageModel(
        VOCABULARY, width=WIDTH, layers=LAYERS, heads=HEADS, context=LENGTH, positions="learned", tie_weights=False
    )
    model.load_state_dict(given.weights, strict=False)  # streams of dropout are as they were made
    return model, losses.cross_entropy, optim.Adam(model.parameters(), lr=RATE)


def pytorch(given: Given) -> Any:
    import torch
    from torch import nn
    from torch.nn import functional

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
            self.qkv, self.out_proj = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
            self.linear1, self.linear2 = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

        def forward(self, x):
            n, t, _ = x.shape
            q, k, v = self.qkv(self.norm1(x)).view(n, t, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
            y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.out_proj(y.transpose(1, 2).reshape(n, t, WIDTH))
            return x + self.linear2(functional.gelu(self.linear1(self.norm2(x))))

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tokens = nn.Embedding(VOCABULARY, WIDTH)
            self.positions = nn.Parameter(torch.zeros(LENGTH, WIDTH))
            self.blocks = nn.Sequential(*(Block() for _ in range(LAYERS)))
            self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, VOCABULARY, bias=False)

        def forward(self, tokens):
            return self.head(self.norm(self.blocks(self.tokens(tokens) + self.positions)))

    def loss(logits, target):
        return functional.cross_entropy(logits.flatten(0, 1), target.flatten())

    w = {name.replace("self_attn.out_proj", "out_proj"): value for name, value in given.weights.items()}
    w |= {"tokens.weight": w["tokens.weight"].T, "positions": w.pop("positions.weight").T}  # tables, as they are
    for i in range(LAYERS):
        for kind in ("weight", "bias"):
            parts = [w.pop(f"blocks.{i}.self_attn.{part}.{kind}") for part in ("q_proj", "k_proj", "v_proj")]
            w[f"blocks.{i}.qkv.{kind}"] = np.concatenate(parts, axis=-1)
    model = torch_model(Model(), w)
    return model, loss, torch.optim.Adam(model.parameters(), lr=RATE, fused=True)


def jax(given: Given) -> Any:
    import jax
    import optax

    def norm(x, weight, bias):
        mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        return (x - mean) * jax.lax.rsqrt(variance + 1e-5) * weight + bias

    def model(p, tokens):
        def linear(x, name):
            return x @ p[f"{name}.weight"] + p[f"{name}.bias"]

        x = p["tokens.weight"][tokens] + p["positions.weight"]
        n, t, _ = x.shape
        for i in range(LAYERS):
            block = f"blocks.{i}"
            y = norm(x, p[f"{block}.norm1.weight"], p[f"{block}.norm1.bias"])
            q, k, v = (
                linear(y, f"{block}.self_attn.{part}").reshape(n, t, HEADS, WIDTH // HEADS)
                for part in ("q_proj", "k_proj", "v_proj")
            )
            y = jax.nn.dot_product_attention(q, k, v, is_causal=True).reshape(n, t, WIDTH)
            x = x + linear(y, f"{block}.self_attn.out_proj")
            y = norm(x, p[f"{block}.norm2.weight"], p[f"{block}.norm2.bias"])
            x = x + linear(jax.nn.gelu(linear(y, f"{block}.linear1"), approximate=False), f"{block}.linear2")
        return norm(x, p["norm.weight"], p["norm.bias"]) @ p["head.weight"]

    def loss(logits, target):
        return optax.softmax_cross_entropy_with_integer_labels(logits, target).mean()

    return descent(model, loss, optax.adam(RATE), given.weights)


WORKLOADS = {
    "gpt": Workload(
        "transformer 4 × 128, 4 heads, 128 tokens, vocabulary 65, batch 16",
        given,
        training(chainrule, pytorch, jax),
        asked={"PyTorch": 1.4, "JAX": 2.0},
    )
}
