"""Convolutions and products that oneDNN computes: the same numbers, in programs that the cache is not asked to keep."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.array import onednn

CALL = "__onednn$"
there = pytest.mark.skipif(not onednn._is_there(), reason="this jaxlib has no oneDNN, or has not been tried with it")


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small convolutions and products too."""
    for name in ("_CONVOLUTION", "_IN_GROUPS", "_PRODUCT", "_STACK", "_NARROW"):
        monkeypatch.setattr(onednn, name, 0)


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def compiled(function: Any, *inputs: Any) -> tuple[np.ndarray, str]:
    """The result of the compiled function, and the text of its program."""
    made = cr.compile(function)
    value = made(*inputs).numpy()
    (program,) = next(iter(made._programs.values()))
    return value, program.compiled.as_text()


def same(function: Any, *inputs: Any, name: str, tolerance: float = 1e-5) -> None:
    found, program = compiled(function, *inputs)
    assert CALL + name in program
    expected = function(*inputs).numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]:
    axes = draw(st.integers(1, 3))

    def each(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.integers(low, high)) for _ in range(axes))

    groups = draw(st.sampled_from([1, 1, 2, 4]))
    kernel, dilation = each(1, 4), each(1, 2)
    lengths = tuple(n + (k - 1) * d for n, k, d in zip(each(1, 6), kernel, dilation, strict=True))
    before, after = each(0, 3), each(0, 3)
    channels, filters = (draw(st.integers(1, 5)) * groups for _ in range(2))
    options = {
        "stride": each(1, 3),
        "padding": tuple(zip(before, after, strict=True)),
        "dilation": dilation,
        "groups": groups,
    }
    return (draw(st.integers(1, 3)), *lengths, channels), (*kernel, channels // groups, filters), options


@there
@settings(deadline=None, max_examples=60)
@given(convolutions())
def test_convolutions_of_any_geometry(case: tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]) -> None:
    x, kernel, options = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onednn, "_CONVOLUTION", 0)
        patch.setattr(onednn, "_IN_GROUPS", 0)
        same(lambda x, k: cr.ops.convolve(x, k, **options), normal(*x), normal(*kernel), name="convolution")


@there
def test_the_gradient_of_images_is_a_convolution_too(always: None) -> None:
    kernel, weight = cr.tensor(normal(3, 3, 2, 5)), normal(2, 6, 7, 5)

    def slope(x: Any) -> Any:
        return cr.grad(lambda x: (cr.ops.convolve(x, kernel, padding=1) * weight).tanh().sum())(x)

    same(slope, normal(2, 6, 7, 2), name="convolution")


@there
@pytest.mark.parametrize("rows", [1, 3, 40])
@pytest.mark.parametrize("name", ["matmul", "inner_products", "outer_sum"])
def test_products(always: None, name: str, rows: int) -> None:
    shapes = {"matmul": ((rows, 5), (5, 7)), "inner_products": ((rows, 5), (7, 5)), "outer_sum": ((rows, 5), (rows, 7))}
    same(getattr(cr.ops, name), *(normal(*shape) for shape in shapes[name]), name="matmul")


@there
@pytest.mark.parametrize("name", ["inner_products", "outer_sum"])
def test_products_of_rounded_factors(always: None, name: str) -> None:
    def rounded(x: Any, w: Any) -> Any:
        with cr.precision("bf16"):
            return getattr(cr.ops, name)(x, w)

    same(rounded, normal(6, 6), normal(6, 6) * 2, name="matmul")


@there
@pytest.mark.parametrize("of", [0, 1, 2])
def test_attention_and_its_gradients(always: None, of: int) -> None:
    inputs = normal(2, 4, 3, 5), normal(2, 6, 3, 5), normal(2, 6, 3, 2)
    same(lambda *x: cr.ops.attention(*x, causal=True), *inputs, name="matmul")

    def slope(*x: Any) -> Any:
        attention: Any = cr.ops.attention
        return cr.grad(lambda asked: attention(*x[:of], asked, *x[of + 1 :]).tanh().sum())(x[of])

    same(slope, *inputs, name="matmul")


@there
def test_in_a_loop(always: None) -> None:
    x, kernels = normal(2, 8, 3), normal(4, 3, 3, 3)
    step = cr.compile(lambda kernel: cr.ops.convolve(x, kernel, padding=1))
    expected = np.stack([cr.ops.convolve(x, kernel, padding=1).numpy() for kernel in kernels])
    np.testing.assert_allclose(step.scan(kernels).numpy(), expected, atol=1e-5)


def test_what_is_small_is_left_to_xla() -> None:
    def both(x: Any, kernel: Any) -> Any:
        return cr.ops.convolve(x, kernel) @ cr.ones((3, 4))

    assert CALL not in compiled(both, normal(1, 4, 4, 2), normal(3, 3, 2, 3))[1]


@pytest.mark.parametrize(
    ("x", "kernel", "options"),
    [
        (cr.asarray(normal(2, 6, 2), dtype=cr.float64), cr.asarray(normal(3, 2, 3), dtype=cr.float64), {}),
        (normal(2, 6, 2), normal(3, 2, 3), {"padding": ((-1, 0),)}),
        (normal(2, 6, 2), normal(3, 2, 3), {"input_dilation": 2}),
        (normal(1, 20, 20, 1), normal(17, 17, 1, 1), {}),  # more places than it has a fast form for
        (normal(0, 6, 2), normal(3, 2, 3), {}),
    ],
)
def test_what_onednn_cannot_is_left_to_xla(
    monkeypatch: pytest.MonkeyPatch, x: Any, kernel: Any, options: dict[str, Any]
) -> None:
    monkeypatch.setattr(onednn, "_CONVOLUTION", 1)
    assert CALL not in compiled(lambda x, k: cr.ops.convolve(x, k, **options), x, kernel)[1]


def test_a_jaxlib_that_has_not_been_tried_is_not_called(always: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onednn, "_TRIED", frozenset())
    onednn._is_there.cache_clear()
    try:
        assert CALL not in compiled(cr.matmul, normal(3, 4), normal(4, 5))[1]
    finally:
        onednn._is_there.cache_clear()


@there
def test_such_a_program_is_not_written_to_the_cache(
    always: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compiled(lambda x, w: cr.tanh(x @ w), normal(3, 4), normal(4, 5))
        assert not list(tmp_path.rglob("jit_program*"))
        compiled(lambda x: cr.tanh(x) * 3.0, normal(3, 4))
    assert list(tmp_path.rglob("jit_program*"))
