"""Convolutions and pooling against PyTorch, over options drawn at random: values, gradients, and weights taken over.

Inputs of pools are small whole numbers, so that most windows have several largest entries: the gradient has to go to
the one that PyTorch chooses.
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

ranks = st.integers(1, 3)


def one_or_each(draw: Any, rank: int, least: int, most: int) -> Any:
    """A number for all axes, or one for each."""
    numbers = st.integers(least, most)
    return draw(st.one_of(numbers, st.tuples(*[numbers] * rank)))


def each(value: Any, rank: int) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,) * rank


def compare(ours: nn.Module, theirs: Any, x: np.ndarray) -> None:
    """Values and gradients by x and by all parameters of two layers with the same weights; x is channels last."""
    import torch

    nn.load_pytorch(ours, theirs.state_dict())
    own = cr.tensor(x, dtype="float64", requires_grad=True)
    other = torch.tensor(np.moveaxis(x, -1, 1), requires_grad=True)
    y, expected = ours(own), theirs(other)
    close(y.numpy(), np.moveaxis(expected.detach().numpy(), 1, -1), "y")
    g = np.random.default_rng(1).normal(size=y.shape)
    y.backward(cr.asarray(g))
    expected.backward(torch.tensor(np.moveaxis(g, -1, 1)))
    close(own.grad.numpy(), np.moveaxis(other.grad.numpy(), 1, -1), "dx")
    grads = ours.from_pytorch({name: p.grad.numpy() for name, p in theirs.named_parameters()})
    assert grads.keys() == dict(ours.named_parameters()).keys()
    for name, p in ours.named_parameters():
        close(p.grad.numpy(), grads[name], name)


def close(a: np.ndarray, b: np.ndarray, what: str) -> None:
    assert a.shape == b.shape, what
    np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9 * max(1.0, float(np.abs(b).max(initial=0))), err_msg=what)


@st.composite
def convolutions(draw: Any) -> tuple[int, dict[str, Any], tuple[int, ...]]:
    rank = draw(ranks)
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    options: dict[str, Any] = {
        "in_channels": groups * draw(st.sampled_from([1, 1, 2])),
        "out_channels": groups * draw(st.integers(1, 3)),
        "kernel_size": one_or_each(draw, rank, 1, 4 - rank // 2),
        "stride": one_or_each(draw, rank, 1, 3),
        "dilation": one_or_each(draw, rank, 1, 2),
        "padding": draw(st.sampled_from(["same", "valid", None, None])),
        "padding_mode": draw(st.sampled_from(["zeros", "zeros", "reflect", "replicate", "circular"])),
        "groups": groups,
        "bias": draw(st.booleans()),
    }
    if options["padding"] is None:
        options["padding"] = one_or_each(draw, rank, 0, 2)
    if options["padding"] == "same":
        options["stride"] = 1
    size, dilation = each(options["kernel_size"], rank), each(options["dilation"], rank)
    shape = tuple(
        draw(st.integers(max(3, (k - 1) * d + 1), (k - 1) * d + 5)) for k, d in zip(size, dilation, strict=True)
    )
    return rank, options, shape


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")  # PyTorch's, told once a process
@settings(max_examples=60)
@given(convolutions(), st.integers(0, 2**16))
def test_convolutions(drawn: tuple[int, dict[str, Any], tuple[int, ...]], seed: int) -> None:
    import torch

    rank, options, shape = drawn
    torch.manual_seed(seed)
    theirs = getattr(torch.nn, f"Conv{rank}d")(**options, dtype=torch.float64)
    ours = getattr(nn, f"Conv{rank}d")(**options, dtype="float64")
    compare(ours, theirs, np.random.default_rng(seed).normal(size=(2, *shape, options["in_channels"])))


@st.composite
def transposed(draw: Any) -> tuple[int, dict[str, Any], tuple[int, ...]]:
    rank = draw(ranks)
    groups = draw(st.sampled_from([1, 1, 2]))
    stride, dilation = one_or_each(draw, rank, 1, 3), one_or_each(draw, rank, 1, 2)
    most = [max(s, d) - 1 for s, d in zip(each(stride, rank), each(dilation, rank), strict=True)]
    size = each(one_or_each(draw, rank, 1, 4 - rank // 2), rank)
    options: dict[str, Any] = {
        "in_channels": groups * draw(st.integers(1, 2)),
        "out_channels": groups * draw(st.integers(1, 3)),
        "kernel_size": size,
        "stride": stride,
        "padding": tuple(draw(st.integers(0, k // 2 + 1)) for k in size),
        "output_padding": tuple(draw(st.integers(0, m)) for m in most),
        "groups": groups,
        "bias": draw(st.booleans()),
        "dilation": dilation,
    }
    return rank, options, tuple(draw(st.integers(4, 5)) for _ in size)


@settings(max_examples=40)
@given(transposed(), st.integers(0, 2**16))
def test_transposed_convolutions(drawn: tuple[int, dict[str, Any], tuple[int, ...]], seed: int) -> None:
    import torch

    rank, options, shape = drawn
    torch.manual_seed(seed)
    theirs = getattr(torch.nn, f"ConvTranspose{rank}d")(**options, dtype=torch.float64)
    ours = getattr(nn, f"ConvTranspose{rank}d")(**options, dtype="float64")
    compare(ours, theirs, np.random.default_rng(seed).normal(size=(2, *shape, options["in_channels"])))


@st.composite
def pools(draw: Any, kind: str) -> tuple[int, dict[str, Any], tuple[int, ...]]:
    rank = draw(ranks)
    size = each(one_or_each(draw, rank, 1, 5 if rank == 1 else 4), rank)
    options: dict[str, Any] = {
        "kernel_size": size,
        "stride": draw(st.one_of(st.none(), st.integers(1, 3))),
        "padding": tuple(draw(st.integers(0, k // 2)) for k in size),
        "ceil_mode": draw(st.booleans()),
    }
    dilation = (1,) * rank
    if kind == "max":
        dilation = options["dilation"] = each(one_or_each(draw, rank, 1, 2), rank)
    else:
        options["count_include_pad"] = draw(st.booleans())
        if rank > 1:
            options["divisor_override"] = draw(st.one_of(st.none(), st.integers(1, 5)))
    return (
        rank,
        options,
        tuple(draw(st.integers((k - 1) * d + 1, (k - 1) * d + 6)) for k, d in zip(size, dilation, strict=True)),
    )


def whole_numbers(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-2, 3, (2, *shape, 2)).astype(np.float64)


@settings(max_examples=60)
@given(pools("max"), st.integers(0, 2**16))
def test_max_pools(drawn: tuple[int, dict[str, Any], tuple[int, ...]], seed: int) -> None:
    import torch

    rank, options, shape = drawn
    compare(
        getattr(nn, f"MaxPool{rank}d")(**options),
        getattr(torch.nn, f"MaxPool{rank}d")(**options),
        whole_numbers(shape, seed),
    )


@settings(max_examples=40)
@given(pools("avg"), st.integers(0, 2**16))
def test_average_pools(drawn: tuple[int, dict[str, Any], tuple[int, ...]], seed: int) -> None:
    import torch

    rank, options, shape = drawn
    compare(
        getattr(nn, f"AvgPool{rank}d")(**options),
        getattr(torch.nn, f"AvgPool{rank}d")(**options),
        whole_numbers(shape, seed),
    )


@settings(max_examples=40)
@given(
    ranks.flatmap(lambda r: st.tuples(*[st.tuples(st.integers(1, 9), st.integers(1, 6))] * r)), st.integers(0, 2**16)
)
@pytest.mark.parametrize("kind", ["Avg", "Max"])
def test_adaptive_pools(kind: str, lengths: tuple[tuple[int, int], ...], seed: int) -> None:
    import torch

    rank, size = len(lengths), tuple(out for _, out in lengths)
    compare(
        getattr(nn, f"Adaptive{kind}Pool{rank}d")(size),
        getattr(torch.nn, f"Adaptive{kind}Pool{rank}d")(size),
        whole_numbers(tuple(n for n, _ in lengths), seed),
    )


@settings(max_examples=20)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=3), st.integers(0, 2**16))
@pytest.mark.parametrize("kind", ["Avg", "Max"])
def test_global_pools(kind: str, lengths: list[int], seed: int) -> None:
    import torch

    theirs = torch.nn.Sequential(getattr(torch.nn, f"Adaptive{kind}Pool{len(lengths)}d")(1), torch.nn.Flatten())
    x = np.random.default_rng(seed).normal(
        size=(2, *lengths, 3)
    )  # without equal entries, which share the gradient here
    compare(getattr(nn, f"Global{kind}Pool")(), theirs, x)


def test_a_small_network_with_the_weights_of_pytorch() -> None:
    import torch

    torch.manual_seed(0)
    theirs = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 5, padding=2),
        torch.nn.BatchNorm2d(8),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(8, 8, 3, groups=8),
        torch.nn.ConvTranspose2d(8, 4, 4, stride=2, padding=1),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(4, 10),
    )
    ours = nn.Sequential(
        nn.Conv2d(3, 8, 5, padding=2),
        nn.BatchNorm(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, groups=8),
        nn.ConvTranspose2d(8, 4, 4, stride=2, padding=1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 10),
    )
    images = np.random.default_rng(0).normal(size=(4, 20, 20, 3)).astype(np.float32)
    first = torch.tensor(np.moveaxis(images, -1, 1))
    theirs(first)  # running statistics that are not those of the start
    nn.load_pytorch(ours, theirs.state_dict())
    ours.eval()
    with torch.no_grad():
        expected = theirs.eval()(first).numpy()
    np.testing.assert_allclose(ours(images).numpy(), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(cr.compile(ours)(images).numpy(), expected, rtol=1e-5, atol=1e-6)
