"""Attention, transformer blocks and their normalisations against PyTorch, over options drawn at random.

The weights are drawn in PyTorch and taken over by `nn.load_pytorch`, so that this is tested too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule import nn, ops

pytestmark = pytest.mark.torch

seeds = st.integers(0, 2**16)
flags = st.booleans()


def take_over(ours: nn.Module, theirs: Any) -> None:
    import torch

    with torch.no_grad():
        for p in theirs.parameters():
            p.copy_(torch.randn(p.shape, dtype=p.dtype) * 0.5)
    nn.load_pytorch(ours, theirs.state_dict())


def compare(ours: Any, theirs: Any, inputs: list[np.ndarray], model: nn.Module, torch_model: Any) -> None:
    """Outputs, and gradients by inputs and all parameters, of `ours(*Tensors)` and `theirs(*torch tensors)`."""
    import torch

    own = [cr.tensor(x, dtype="float64", requires_grad=True) for x in inputs]
    other = [torch.tensor(x, requires_grad=True) for x in inputs]
    y, expected = ours(*own), theirs(*other)
    same(y.numpy(), expected.detach().numpy(), "y")
    g = np.random.default_rng(1).normal(size=y.shape)
    y.backward(cr.asarray(g))
    expected.backward(torch.tensor(g))
    for i, (a, b) in enumerate(zip(own, other, strict=True)):
        same(a.grad.numpy(), b.grad.numpy(), f"input {i}")
    grads = {path: p.grad.detach().numpy() for path, p in torch_model.named_parameters()}
    shadow = {path: p.grad.numpy() for path, p in model.named_parameters()}
    found: dict[str, np.ndarray] = {}
    for place, module in model.named_modules():
        prefix = f"{place}." if place else ""
        inside = {k.removeprefix(prefix): v for k, v in grads.items() if k.rpartition(".")[0] == place}
        found |= {prefix + name: value for name, value in module.from_pytorch(inside).items()}
    assert found.keys() == shadow.keys()
    for path, value in found.items():
        same(shadow[path], value, path)


def same(a: np.ndarray, b: np.ndarray, what: str) -> None:
    np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9 * max(1.0, float(np.abs(b).max(initial=0))), err_msg=what)


def masks(rng: np.random.Generator, n: int, t: int, s: int, heads: int, kind: str, padded: bool) -> dict[str, Any]:
    """A mask of a kind and a padding mask, under which every query may attend to something."""
    found: dict[str, Any] = {"attn_mask": None, "key_padding_mask": None}
    if kind in ("bool", "heads"):
        mask = rng.random((t, s) if kind == "bool" else (n * heads, t, s)) < 0.4
        mask[..., 0] = False
        found["attn_mask"] = mask
    elif kind == "float":
        found["attn_mask"] = rng.normal(size=(t, s))
    if padded:
        padding = rng.random((n, s)) < 0.4
        padding[:, 0] = False
        # PyTorch wants both masks of one kind
        found["key_padding_mask"] = np.where(padding, -np.inf, 0.0) if kind == "float" else padding
    return found


@settings(max_examples=40)
@given(
    seeds, st.integers(1, 3), st.integers(1, 3), st.integers(1, 4), st.integers(1, 4), flags, flags, flags,
    st.sampled_from(["none", "bool", "float", "heads"]), flags,
)  # fmt: skip
def test_multi_head_attention(
    seed: int, n: int, heads: int, t: int, s: int, bias: bool, sizes: bool, itself: bool, kind: str, padded: bool
) -> None:
    import torch

    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    e = 2 * heads
    own_sizes: dict[str, Any] = {"kdim": 3, "vdim": 5} if sizes and not itself else {}
    model = nn.MultiHeadAttention(e, heads, 0.0, bias, dtype="float64", **own_sizes)
    torch_model = torch.nn.MultiheadAttention(e, heads, bias=bias, batch_first=True, dtype=torch.float64, **own_sizes)
    take_over(model, torch_model)
    s = t if itself else s
    given_masks = masks(rng, n, t, s, heads, kind, padded)
    torch_masks = {key: None if value is None else torch.tensor(value) for key, value in given_masks.items()}
    inputs = [rng.normal(size=(n, t, e))]
    if not itself:
        inputs += [rng.normal(size=(n, s, own_sizes.get("kdim", e))), rng.normal(size=(n, s, own_sizes.get("vdim", e)))]

    def theirs(*x: Any) -> Any:
        x = x * 3 if itself else x
        return torch_model(*x, **torch_masks, need_weights=False)[0]

    compare(lambda *x: model(*x, **given_masks), theirs, inputs, model, torch_model)
    x = [torch.tensor(value) for value in (inputs * 3 if itself else inputs)]
    weights = torch_model(*x, **torch_masks, average_attn_weights=False)[1]
    with cr.no_grad():
        own = model(*[cr.asarray(value) for value in inputs], **given_masks, need_weights=True)[1]
    same(own.numpy(), weights.detach().numpy(), "weights")


options = st.fixed_dictionaries(
    {
        "dim_feedforward": st.integers(1, 6),
        "activation": st.sampled_from(["relu", "gelu"]),
        "norm_first": flags,
        "bias": flags,
        "layer_norm_eps": st.sampled_from([1e-5, 1e-2]),
    }
)


@settings(max_examples=40)
@given(seeds, st.integers(1, 3), st.integers(1, 2), st.integers(1, 4), options, flags, flags, st.integers(1, 2))
def test_encoder(
    seed: int, n: int, heads: int, t: int, chosen: dict[str, Any], causal: bool, padded: bool, layers: int
) -> None:
    import torch

    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    e = 2 * heads
    layer = torch.nn.TransformerEncoderLayer(e, heads, dropout=0.0, batch_first=True, dtype=torch.float64, **chosen)
    torch_model: Any = torch.nn.TransformerEncoder(layer, layers, enable_nested_tensor=False) if layers > 1 else layer
    model: Any = nn.TransformerEncoderLayer(e, heads, dropout=0.0, dtype="float64", **chosen)
    model = nn.TransformerEncoder(model, layers) if layers > 1 else model
    take_over(model, torch_model)
    padding = masks(rng, n, t, t, heads, "none", padded)["key_padding_mask"]
    after = torch.triu(torch.ones(t, t, dtype=torch.bool), 1) if causal else None
    hidden = None if padding is None else torch.tensor(padding)
    compare(
        lambda x: model(x, src_key_padding_mask=padding, causal=causal),
        lambda x: torch_model(x, after, src_key_padding_mask=hidden),
        [rng.normal(size=(n, t, e))],
        model,
        torch_model,
    )


@settings(max_examples=40)
@given(
    seeds, st.integers(1, 3), st.integers(1, 2), st.integers(1, 4), st.integers(1, 4), options, flags, flags,
    st.integers(1, 2),
)  # fmt: skip
def test_decoder(
    seed: int,
    n: int,
    heads: int,
    t: int,
    s: int,
    chosen: dict[str, Any],
    causal: bool,
    padded: bool,
    layers: int,
) -> None:
    import torch

    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    e = 2 * heads
    layer = torch.nn.TransformerDecoderLayer(e, heads, dropout=0.0, batch_first=True, dtype=torch.float64, **chosen)
    torch_model: Any = torch.nn.TransformerDecoder(layer, layers) if layers > 1 else layer
    model: Any = nn.TransformerDecoderLayer(e, heads, dropout=0.0, dtype="float64", **chosen)
    model = nn.TransformerDecoder(model, layers) if layers > 1 else model
    take_over(model, torch_model)
    padding = masks(rng, n, t, s, heads, "none", padded)["key_padding_mask"]
    after = torch.triu(torch.ones(t, t, dtype=torch.bool), 1) if causal else None
    hidden = None if padding is None else torch.tensor(padding)
    compare(
        lambda x, memory: model(x, memory, memory_key_padding_mask=padding, tgt_causal=causal),
        lambda x, memory: torch_model(x, memory, after, memory_key_padding_mask=hidden),
        [rng.normal(size=(n, t, e)), rng.normal(size=(n, s, e))],
        model,
        torch_model,
    )


@settings(max_examples=40)
@given(
    seeds, st.integers(1, 3), st.lists(st.integers(1, 3), max_size=3), st.integers(1, 3), st.integers(1, 3),
    st.sampled_from([1e-5, 0.1]), flags,
)  # fmt: skip
def test_group_norm(seed: int, n: int, places: list[int], groups: int, size: int, epsilon: float, affine: bool) -> None:
    import torch

    torch.manual_seed(seed)
    assume(n * size * int(np.prod(places)) > 1)  # PyTorch refuses to normalise a single number
    channels = groups * size
    model = nn.GroupNorm(groups, channels, epsilon, affine, dtype="float64")
    torch_model = torch.nn.GroupNorm(groups, channels, epsilon, affine, dtype=torch.float64)
    take_over(model, torch_model)
    compare(
        model,
        lambda x: torch_model(x.movedim(-1, 1)).movedim(1, -1),
        [np.random.default_rng(seed).normal(2.0, 3.0, (n, *places, channels))],
        model,
        torch_model,
    )


@settings(max_examples=40)
@given(
    seeds, st.lists(st.integers(1, 3), max_size=2), st.lists(st.integers(1, 4), min_size=1, max_size=2),
    st.sampled_from([None, 1e-5, 0.1]), flags,
)  # fmt: skip
def test_rms_norm(seed: int, leading: list[int], sizes: list[int], epsilon: float | None, affine: bool) -> None:
    import torch

    torch.manual_seed(seed)
    model = nn.RMSNorm(tuple(sizes), epsilon, affine, dtype="float64")
    torch_model = torch.nn.RMSNorm(list(sizes), epsilon, affine, dtype=torch.float64)
    take_over(model, torch_model)
    inputs = [np.random.default_rng(seed).normal(2.0, 3.0, (*leading, *sizes))]
    compare(model, torch_model, inputs, model, torch_model)


@settings(max_examples=30)
@given(seeds, st.integers(1, 5), st.integers(1, 3), st.sampled_from([None, "bool", "float"]), flags, flags)
def test_the_operation(seed: int, t: int, extra: int, kind: str | None, causal: bool, scaled: bool) -> None:
    """`ops.attention` against `scaled_dot_product_attention`, whose masks of truth values also say what may be."""
    import torch

    rng = np.random.default_rng(seed)
    s = t + extra
    q, k, v = (rng.normal(size=(2, length, 3, 4)) for length in (t, s, s))
    mask: Any = rng.random((2, 1, t, s)) < 0.6 if kind == "bool" else rng.normal(size=(t, s)) if kind else None
    scale = 0.3 if scaled else None
    together = np.zeros((2, 1, t, s))
    if kind == "bool":
        mask[..., 0] = True
        together = np.where(mask, 0.0, -np.inf)
    elif kind:
        together = together + mask
    if causal:
        together = np.where(np.tril(np.ones((t, s), bool), s - t), together, -np.inf)
    allowed = None if mask is None else cr.asarray(mask)
    y = ops.attention(cr.asarray(q), cr.asarray(k), cr.asarray(v), allowed, causal=causal, scale=scale)
    tq, tk, tv = (torch.tensor(x).transpose(1, 2) for x in (q, k, v))
    expected = torch.nn.functional.scaled_dot_product_attention(tq, tk, tv, torch.tensor(together), scale=scale)
    same(y.numpy(), expected.transpose(1, 2).numpy(), "y")


@pytest.mark.parametrize("norm_first", [False, True])
def test_a_small_transformer_in_float32(norm_first: bool) -> None:
    """The outputs of a loaded encoder with embedding and head, to 1e-5."""
    import torch

    torch.manual_seed(0)

    class Theirs(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tokens = torch.nn.Embedding(50, 32)
            layer = torch.nn.TransformerEncoderLayer(32, 4, 64, batch_first=True, norm_first=norm_first)
            self.encoder = torch.nn.TransformerEncoder(layer, 3, torch.nn.LayerNorm(32), enable_nested_tensor=False)
            self.head = torch.nn.Linear(32, 5)

        def forward(self, x: Any, padding: Any) -> Any:
            return self.head(self.encoder(self.tokens(x), src_key_padding_mask=padding))

    class Ours(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tokens = nn.Embedding(50, 32)
            self.encoder = nn.TransformerEncoder(
                nn.TransformerEncoderLayer(32, 4, 64, norm_first=norm_first), 3, nn.LayerNorm(32)
            )
            self.head = nn.Linear(32, 5)

        def forward(self, x: Any, padding: Any) -> Any:
            return self.head(self.encoder(self.tokens(x), src_key_padding_mask=padding))

    theirs, ours = Theirs().eval(), Ours()
    nn.load_pytorch(ours, theirs.state_dict())
    ours.eval()
    rng = np.random.default_rng(0)
    tokens, padding = rng.integers(0, 50, (4, 12)), np.arange(12) >= rng.integers(4, 13, (4, 1))
    expected = theirs(torch.tensor(tokens), torch.tensor(padding)).detach().numpy()
    np.testing.assert_allclose(ours(cr.asarray(tokens), padding).numpy(), expected, atol=1e-5)
    compiled = cr.compile(lambda x, p: ours(x, p))
    np.testing.assert_allclose(compiled(tokens, padding).numpy(), expected, atol=1e-5)
