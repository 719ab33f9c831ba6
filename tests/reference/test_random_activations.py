"""Activations and the simple layers (Linear, BatchNorm, LayerNorm, Embedding, Flatten) against PyTorch over options,
shapes and numbers drawn at random: outputs, gradients by the input and by every parameter, and the state left behind,
in float64, relative error at most 1e-6.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule import nn
from reference.cases import Arrays, assert_same

Draw = Callable[[Any], Any]
F8 = "float64"
SHAPES = st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple)
SLOPES = st.floats(-1.0, 1.0)
WIDTHS = st.floats(0.1, 3.0)


def _plain(ours: Any, theirs: str) -> Callable[[Draw], tuple[Any, Any]]:
    return lambda draw: (ours(), lambda t: getattr(t, theirs)())


def _with(ours: Any, theirs: str, *values: Any) -> Callable[[Draw], tuple[Any, Any]]:
    """The same arguments, by position, for both."""

    def make(draw: Draw) -> tuple[Any, Any]:
        chosen = [draw(v) for v in values]
        return ours(*chosen), lambda t: getattr(t, theirs)(*chosen)

    return make


def _hardtanh(draw: Draw) -> tuple[Any, Any]:
    low, wide = draw(st.floats(-2.0, 2.0)), draw(WIDTHS)
    return nn.Hardtanh(low, low + wide), lambda t: t.Hardtanh(low, low + wide)


def _softplus(draw: Draw) -> tuple[Any, Any]:
    beta = draw(WIDTHS)
    return nn.Softplus(beta), lambda t: t.Softplus(beta, threshold=60.0)


def _gelu(draw: Draw) -> tuple[Any, Any]:
    form = draw(st.sampled_from(["none", "tanh"]))
    return nn.GELU(form), lambda t: t.GELU(form)


ACTIVATIONS: dict[str, Callable[[Draw], tuple[Any, Any]]] = {
    "identity": _plain(nn.Identity, "Identity"),
    "sigmoid": _plain(nn.Sigmoid, "Sigmoid"),
    "tanh": _plain(nn.Tanh, "Tanh"),
    "relu": _plain(nn.ReLU, "ReLU"),
    "relu6": _plain(nn.ReLU6, "ReLU6"),
    "absolute": lambda draw: (nn.Absolute(), lambda t: t.LeakyReLU(-1.0)),
    "leaky_relu": _with(nn.LeakyReLU, "LeakyReLU", SLOPES),
    "elu": _with(nn.ELU, "ELU", WIDTHS),
    "celu": _with(nn.CELU, "CELU", WIDTHS),
    "selu": _plain(nn.SELU, "SELU"),
    "gelu": _gelu,
    "silu": _plain(nn.SiLU, "SiLU"),
    "mish": _plain(nn.Mish, "Mish"),
    "softplus": _softplus,
    "softsign": _plain(nn.Softsign, "Softsign"),
    "log_sigmoid": _plain(nn.LogSigmoid, "LogSigmoid"),
    "tanhshrink": _plain(nn.Tanhshrink, "Tanhshrink"),
    "hardtanh": _hardtanh,
    "hardsigmoid": _plain(nn.Hardsigmoid, "Hardsigmoid"),
    "hardswish": _plain(nn.Hardswish, "Hardswish"),
    "hardshrink": _with(nn.Hardshrink, "Hardshrink", st.floats(0.0, 2.0)),
    "softshrink": _with(nn.Softshrink, "Softshrink", st.floats(0.0, 2.0)),
    "threshold": _with(nn.Threshold, "Threshold", st.floats(-2.0, 2.0), st.floats(-2.0, 2.0)),
    "rrelu_eval": lambda draw: (nn.RReLU(0.1, 0.4).eval(), lambda t: t.RReLU(0.1, 0.4).eval()),
}

ROWS: dict[str, tuple[Any, str]] = {
    "softmax": (nn.Softmax, "Softmax"),
    "log_softmax": (nn.LogSoftmax, "LogSoftmax"),
    "softmin": (nn.Softmin, "Softmin"),
    "glu": (nn.GLU, "GLU"),
}


def compare(ours: nn.Module, theirs: Any, x: np.ndarray, rng: np.random.Generator) -> None:
    """The same layer on both sides, with channels last on ours already."""
    import torch

    mine, other = cr.tensor(x, dtype=F8, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, expected = ours(mine), theirs(other)
    g = rng.normal(size=y.shape)
    found = cr.graph.gradients([y], [cr.asarray(g)], wanted=[mine, *ours.parameters()])
    wanted = torch.autograd.grad(expected, [other, *theirs.parameters()], torch.tensor(g))
    names = ["dx", *(f"d.{path}" for path, _ in ours.named_parameters())]
    answers: Arrays = {"y": y.numpy()} | {k: np.asarray(d) for k, (_, d) in zip(names, found, strict=True)}
    references: Arrays = {"y": expected.detach().numpy()} | {k: d.numpy() for k, d in zip(names, wanted, strict=True)}
    if isinstance(ours, nn.Linear):
        references["d.weight"] = references["d.weight"].T
    assert_same(answers, references, least=1e-12)


@pytest.mark.torch
@pytest.mark.parametrize("name", ACTIVATIONS)
@settings(deadline=None, max_examples=25)
@given(shape=SHAPES, width=st.sampled_from([0.1, 2.0, 8.0]), seed=st.integers(0, 2**32 - 1), data=st.data())
def test_activations(name: str, shape: tuple[int, ...], width: float, seed: int, data: Any) -> None:
    import torch

    rng = np.random.default_rng(seed)
    ours, theirs = ACTIVATIONS[name](data.draw)
    compare(ours, theirs(torch.nn), rng.normal(0, width, shape), rng)


@pytest.mark.torch
@pytest.mark.parametrize("name", ROWS)
@settings(deadline=None, max_examples=25)
@given(shape=SHAPES, width=st.sampled_from([0.1, 2.0, 30.0]), seed=st.integers(0, 2**32 - 1), data=st.data())
def test_activations_of_rows(name: str, shape: tuple[int, ...], width: float, seed: int, data: Any) -> None:
    import torch

    rng = np.random.default_rng(seed)
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    if name == "glu":
        shape = tuple(2 * n for n in shape)
    ours, theirs = ROWS[name]
    compare(ours(axis), getattr(torch.nn, theirs)(axis), rng.normal(0, width, shape), rng)


@pytest.mark.torch
@settings(deadline=None, max_examples=25)
@given(shape=SHAPES, channels=st.integers(1, 4), shared=st.booleans(), seed=st.integers(0, 2**32 - 1))
def test_prelu(shape: tuple[int, ...], channels: int, shared: bool, seed: int) -> None:
    import torch

    rng = np.random.default_rng(seed)
    ours = nn.PReLU(1 if shared else channels, dtype=F8)
    slopes = rng.normal(size=ours.weight.shape)
    ours.load_state_dict({"weight": slopes})

    class Theirs(torch.nn.PReLU):
        def forward(self, x: Any) -> Any:
            return super().forward(x.movedim(-1, 1)).movedim(1, -1)

    theirs = Theirs(slopes.size).double()
    theirs.load_state_dict({"weight": torch.tensor(slopes)})
    compare(ours, theirs, rng.normal(size=(*shape, channels)), rng)


@pytest.mark.torch
@settings(deadline=None, max_examples=40)
@given(
    shape=SHAPES,
    inputs=st.integers(1, 6),
    outputs=st.integers(1, 6),
    bias=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_linear(shape: tuple[int, ...], inputs: int, outputs: int, bias: bool, seed: int) -> None:
    import torch

    rng = np.random.default_rng(seed)
    theirs = torch.nn.Linear(inputs, outputs, bias).double()
    ours = nn.Linear(inputs, outputs, bias, dtype=F8)
    nn.load_pytorch(ours, theirs.state_dict())
    compare(ours, theirs, rng.normal(size=(*shape, inputs)), rng)


@pytest.mark.torch
@settings(deadline=None, max_examples=40)
@given(
    leading=st.lists(st.integers(1, 4), min_size=1, max_size=2),
    sizes=st.lists(st.integers(2, 4), min_size=1, max_size=2),
    epsilon=st.sampled_from([1e-5, 1e-3, 0.1]),
    affine=st.booleans(),
    bias=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_layer_norm(leading: list[int], sizes: list[int], epsilon: float, affine: bool, bias: bool, seed: int) -> None:
    import torch

    rng = np.random.default_rng(seed)
    theirs = torch.nn.LayerNorm(sizes, epsilon, affine, bias).double()
    for p in theirs.parameters():
        torch.nn.init.normal_(p)
    ours = nn.LayerNorm(tuple(sizes), epsilon, affine, bias, dtype=F8)
    nn.load_pytorch(ours, theirs.state_dict())
    compare(ours, theirs, rng.normal(1.0, 2.0, (*leading, *sizes)), rng)


@pytest.mark.torch
@settings(deadline=None, max_examples=40)
@given(
    rows=st.integers(3, 6),
    spatial=st.lists(st.integers(1, 3), max_size=3),
    channels=st.integers(1, 4),
    epsilon=st.sampled_from([1e-5, 1e-2]),
    momentum=st.sampled_from([0.0, 0.1, 0.7, 1.0]),
    affine=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_batch_norm(
    rows: int, spatial: list[int], channels: int, epsilon: float, momentum: float, affine: bool, seed: int
) -> None:
    import torch

    rng = np.random.default_rng(seed)
    kind: Any = [torch.nn.BatchNorm1d, torch.nn.BatchNorm1d, torch.nn.BatchNorm2d, torch.nn.BatchNorm3d][len(spatial)]

    class Theirs(kind):
        def forward(self, x: Any) -> Any:
            return super().forward(x.movedim(-1, 1)).movedim(1, -1)

    theirs: Any = Theirs(channels, epsilon, momentum, affine).double()
    for p in theirs.parameters():
        torch.nn.init.normal_(p)
    ours = nn.BatchNorm(channels, epsilon, momentum, affine, dtype=F8)
    nn.load_pytorch(ours, theirs.state_dict())
    for training in (True, True, False):
        compare(ours.train(training), theirs.train(training), rng.normal(1.0, 2.0, (rows, *spatial, channels)), rng)
        assert_same(
            {path: b.numpy() for path, b in ours.named_buffers()},
            {path: b.numpy() for path, b in theirs.named_buffers() if path != "num_batches_tracked"},
            least=1e-12,
        )


@pytest.mark.torch
@settings(deadline=None, max_examples=40)
@given(
    shape=SHAPES,
    rows=st.integers(1, 6),
    features=st.integers(1, 4),
    padded=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_embedding(shape: tuple[int, ...], rows: int, features: int, padded: bool, seed: int) -> None:
    import torch

    rng = np.random.default_rng(seed)
    padding = int(rng.integers(-rows, rows)) if padded else None
    theirs = torch.nn.Embedding(rows, features, padding).double()
    ours = nn.Embedding(rows, features, padding, dtype=F8)
    nn.load_pytorch(ours, theirs.state_dict())
    ids, g = rng.integers(0, rows, shape), rng.normal(size=(*shape, features))
    y, expected = ours(cr.asarray(ids)), theirs(torch.tensor(ids))
    ((_, dw),) = cr.graph.gradients([y], [cr.asarray(g)], wanted=[ours.weight])
    (wanted,) = torch.autograd.grad(expected, theirs.weight, torch.tensor(g))
    assert_same(
        {"y": y.numpy(), "dw": dw.dense().numpy()}, {"y": expected.detach().numpy(), "dw": wanted.numpy()}, least=1e-12
    )


@pytest.mark.torch
@settings(deadline=None, max_examples=25)
@given(shape=st.lists(st.integers(1, 3), min_size=1, max_size=5).map(tuple), data=st.data())
def test_flatten(shape: tuple[int, ...], data: Any) -> None:
    import torch

    start = data.draw(st.integers(0, len(shape) - 1))
    end = data.draw(st.integers(start, len(shape) - 1))
    start, end = start - data.draw(st.sampled_from([0, len(shape)])), end - data.draw(st.sampled_from([0, len(shape)]))
    rng = np.random.default_rng(0)
    compare(nn.Flatten(start, end), torch.nn.Flatten(start, end), rng.normal(size=shape), rng)
