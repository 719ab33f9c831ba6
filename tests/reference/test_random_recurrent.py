"""Recurrent layers against PyTorch over options drawn at random: outputs, states and all gradients, in float64.

The weights are drawn in PyTorch and taken over by `nn.load_pytorch`, so that this is tested too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule import nn

pytestmark = pytest.mark.torch

KINDS = ("RNN", "LSTM", "GRU")
flags = st.booleans()


def same(a: Any, b: Any, what: str) -> None:
    b = b.detach().numpy()
    np.testing.assert_allclose(a.numpy(), b, rtol=1e-6, atol=1e-9 * max(1.0, np.abs(b).max(initial=0)), err_msg=what)


def made(kind: str, layers: int, bias: bool, both: bool, nonlinearity: str) -> tuple[Any, Any]:
    import torch

    options: dict[str, Any] = {"num_layers": layers, "bias": bias, "bidirectional": both}
    if kind == "RNN":
        options["nonlinearity"] = nonlinearity
    theirs = getattr(torch.nn, kind)(3, 4, batch_first=True, dtype=torch.float64, **options)
    ours = getattr(nn, kind)(3, 4, dtype="float64", **options)
    nn.load_pytorch(ours, theirs.state_dict())
    return ours, theirs


@settings(deadline=None, max_examples=40)
@given(
    kind=st.sampled_from(KINDS),
    layers=st.integers(1, 3),
    bias=flags,
    both=flags,
    nonlinearity=st.sampled_from(("tanh", "relu")),
    steps=st.integers(1, 5),
    lengths=flags,
    begin=flags,
    compiled=flags,
    seed=st.integers(0, 2**16),
)
def test_layers(
    kind: str,
    layers: int,
    bias: bool,
    both: bool,
    nonlinearity: str,
    steps: int,
    lengths: bool,
    begin: bool,
    compiled: bool,
    seed: int,
) -> None:
    import torch
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    ours, theirs = made(kind, layers, bias, both, nonlinearity)
    n, directions, pair = 3, 2 if both else 1, kind == "LSTM"
    x = rng.normal(size=(n, steps, 3))
    state = [rng.normal(size=(layers * directions, n, 4)) for _ in range(2 if pair else 1)]
    real = rng.integers(1, steps + 1, n) if lengths else None
    weights = rng.normal(size=(n, steps, 4 * directions)), *(rng.normal(size=s.shape) for s in state)

    def run(x: Any, *state: Any) -> Any:
        given = [t * 1.0 for t in (x, *state)]
        for t in given:
            t.requires_grad = True
        first = (tuple(given[1:]) if pair else given[1]) if begin else None
        y, last = ours(given[0], first, None if real is None else cr.asarray(real))
        results = [y, *(last if pair else [last])]
        wanted = [*given[: None if begin else 1], *ours.parameters()]
        seeds = [cr.asarray(w) for w in weights]
        return results, [g for _, g in cr.graph.gradients(results, seeds, wanted=wanted)]

    results, gradients = (cr.compile(run) if compiled else run)(*(cr.asarray(a) for a in (x, *state)))

    tensors = [torch.tensor(a, requires_grad=True) for a in (x, *state)]
    first = (tuple(tensors[1:]) if pair else tensors[1]) if begin else None
    if real is None:
        y, last = theirs(tensors[0], first)
    else:
        packed = pack_padded_sequence(tensors[0], torch.tensor(real), batch_first=True, enforce_sorted=False)
        y, last = theirs(packed, first)
        y, _ = pad_packed_sequence(y, batch_first=True, total_length=steps)
    expected = [y, *(last if pair else [last])]
    for a, b in zip(results, expected, strict=True):
        same(a, b, "result")
    loss: Any = sum((r * torch.tensor(w)).sum() for r, w in zip(expected, weights, strict=True))
    loss.backward()
    for g, t in zip(gradients, tensors[: None if begin else 1], strict=False):
        same(g, t.grad, "input")
    names = [path for path, _ in ours.named_parameters()]
    found = dict(zip(names, gradients[-len(names) :], strict=True))
    for path, p in theirs.named_parameters():
        slope = p.grad.T if path.startswith("weight") else p.grad
        same(found[path], slope, path)


@settings(deadline=None, max_examples=20)
@given(kind=st.sampled_from(KINDS), bias=flags, begin=flags, nonlinearity=st.sampled_from(("tanh", "relu")))
def test_cells(kind: str, bias: bool, begin: bool, nonlinearity: str) -> None:
    import torch

    options: dict[str, Any] = {"nonlinearity": nonlinearity} if kind == "RNN" else {}
    theirs = getattr(torch.nn, f"{kind}Cell")(3, 4, bias, dtype=torch.float64, **options)
    ours = getattr(nn, f"{kind}Cell")(3, 4, bias, dtype="float64", **options)
    nn.load_pytorch(ours, theirs.state_dict())
    rng = np.random.default_rng(0)
    x, h, c = rng.normal(size=(2, 3)), rng.normal(size=(2, 4)), rng.normal(size=(2, 4))
    pair = kind == "LSTM"
    state = ((h, c) if pair else h) if begin else None
    own = cr.tensor(x, dtype="float64", requires_grad=True)
    other = torch.tensor(x, requires_grad=True)
    y = ours(own, None if state is None else (cr.asarray(h), cr.asarray(c)) if pair else cr.asarray(h))
    expected = theirs(other, None if state is None else (torch.tensor(h), torch.tensor(c)) if pair else torch.tensor(h))
    for a, b in zip(y if pair else [y], expected if pair else [expected], strict=True):
        same(a, b, "state")
    (cr.sin(y[0]) * y[1] if pair else cr.sin(y)).sum().backward()
    (torch.sin(expected[0]) * expected[1] if pair else torch.sin(expected)).sum().backward()
    same(own.grad, other.grad, "x")
    for path, p in theirs.named_parameters():
        same(dict(ours.named_parameters())[path].grad, p.grad.T if path.startswith("weight") else p.grad, path)


@pytest.mark.parametrize("kind", KINDS)
def test_second_derivatives(kind: str) -> None:
    import torch

    ours, theirs = made(kind, 2, True, True, "tanh")
    x = np.random.default_rng(0).normal(size=(2, 3, 3))

    def curvature(x: Any) -> Any:
        def loss(x: Any) -> Any:
            return (ours(x, lengths=cr.asarray([3, 2]))[0] ** 2).sum()

        return cr.grad(lambda x: (cr.grad(loss)(x) ** 2).sum())(x)

    t = torch.tensor(x, requires_grad=True)
    packed = torch.nn.utils.rnn.pack_padded_sequence(t, torch.tensor([3, 2]), batch_first=True)
    (slope,) = torch.autograd.grad((theirs(packed)[0].data ** 2).sum(), t, create_graph=True)
    (expected,) = torch.autograd.grad((slope**2).sum(), t)
    same(curvature(cr.asarray(x)), expected, "eager")
    same(cr.compile(curvature)(cr.asarray(x)), expected, "compiled")


def test_a_language_model_of_pytorch_in_float32() -> None:
    """An LSTM with an embedding below and a linear layer above: the weights by their paths, the outputs to 1e-5."""
    import torch

    torch.manual_seed(0)
    theirs = torch.nn.ModuleDict(
        {"tokens": torch.nn.Embedding(11, 6), "layers": torch.nn.LSTM(6, 8, 2, batch_first=True)}
        | {"head": torch.nn.Linear(8, 11)}
    )
    from chainrule.models import RecurrentLanguageModel

    ours = RecurrentLanguageModel(11, width=8, layers=2, embedding=6)
    nn.load_pytorch(ours, theirs.state_dict())
    tokens = np.random.default_rng(0).integers(0, 11, (3, 9))
    expected = theirs["head"](theirs["layers"](theirs["tokens"](torch.tensor(tokens)))[0])
    np.testing.assert_allclose(ours(cr.asarray(tokens)).numpy(), expected.detach().numpy(), rtol=1e-5, atol=1e-5)
