"""Convolutions and products by oneDNN, kernels for x86 processors that XLA carries along and never calls by itself.

jaxlib for Linux has the library and the calls for it, but not the passes of XLA that would insert them. Each function
here makes the call, or gives None where XLA itself takes no more time. A program with such a call cannot be kept in the
cache of compiled programs, so small ones are better off without.
"""

from __future__ import annotations

import functools
import json
import math
import platform
from importlib import metadata
from typing import Any

from chainrule.array.dtypes import bfloat16, float32
from chainrule.array.jax_import import import_jax

__all__ = ["CALL", "convolve_onednn", "product_onednn", "stacked_product_onednn"]

CALL = "ffi_call"
"""The operation of JAX that such a call is."""

_TRIED = frozenset({"0.10.2"})
"""Versions of jaxlib: what the calls take is not documented, and one that oneDNN cannot read ends the process."""

_CONVOLUTION, _IN_GROUPS, _PRODUCT, _STACK = 1 << 21, 1 << 17, 1 << 25, 1 << 22
"""From how many multiplications on oneDNN is worth a program that every process compiles: for convolutions, of which it
takes a half to nine tenths of XLA's time, those in groups (a fiftieth), products (nine tenths) and stacks of them
(three quarters).
"""

_NARROW = 8
"""Factors with an axis shorter than this are vectors rather, which XLA multiplies as fast."""

_PLACES = 256
"""In a kernel of more places oneDNN falls back to a form that takes a thousand times longer."""


def convolve_onednn(x: Any, kernel: Any, shape: tuple[int, ...], geometry: dict[str, Any]) -> Any | None:
    """The convolution with a result of this shape; see `chainrule.array.convolution`."""
    places = kernel.shape[:-2]
    if (
        not x.dtype == kernel.dtype == float32
        or not 3 <= x.ndim <= 5
        or any(step != 1 for step in geometry["input_dilation"])
        or any(side < 0 for pair in geometry["padding"] for side in pair)
        or math.prod(places) > _PLACES
        or math.prod(shape) * math.prod(kernel.shape[:-1]) < (_CONVOLUTION if geometry["groups"] == 1 else _IN_GROUPS)
        or not _is_there()
    ):
        return None
    last, spatial = x.ndim - 1, list(range(x.ndim - 2))
    images = {"data": {"batch_dim": 0, "feature_dim": last, "spatial_dims": [axis + 1 for axis in spatial]}}
    weights = {"input_feature_dim": last - 1, "output_feature_dim": last, "spatial_dims": spatial}
    low, high = zip(*geometry["padding"], strict=True)
    window = {
        "pad_left": low,
        "pad_right": high,
        "strides": geometry["stride"],
        "window_dilations": geometry["dilation"],
    }
    config = {
        "dims": x.ndim,
        "feature_groups": geometry["groups"],
        "input": images,
        "kernel": {"filter": weights},
        "output": images,
        "window": window,
    }
    return _call("convolution", {"onednn_conv_config": config}, shape, x, kernel)


def product_onednn(x1: Any, x2: Any, turned: tuple[bool, bool] = (False, False), bias: Any = None) -> Any | None:
    """The product of two matrices, each transposed first if it is said to be, and a bias added to its rows; in
    float32.
    """
    if x1.ndim != 2 or x2.ndim != 2:
        return None
    rows, inner = reversed(x1.shape) if turned[0] else x1.shape
    shape = rows, x2.shape[0 if turned[1] else 1]
    if x1.dtype != x2.dtype or x1.dtype not in (float32, bfloat16) or min(*shape, inner) < _NARROW:
        return None
    if rows * inner * shape[1] < _PRODUCT:
        return None
    if (bias is not None and (bias.dtype != float32 or bias.shape != shape[1:])) or not _is_there():
        return None
    return _multiply(x1, x2, shape, turned, bias=bias)


def stacked_product_onednn(
    x1: Any, x2: Any, shape: tuple[int, ...], axes: tuple[tuple[int, ...], ...], turned: tuple[bool, bool]
) -> Any | None:
    """Products of matrices that need not lie in memory as such.

    Arguments:
        shape: of the result, as it lies in memory.
        axes: of each factor and the result, as a stack of matrices has them.
        turned: whether the matrices of a factor are transposed first.
    """
    inner = x1.shape[axes[0][-2 if turned[0] else -1]]
    if not x1.dtype == x2.dtype == float32 or math.prod(shape) * inner < _STACK:
        return None
    return _multiply(x1, x2, shape, turned, axes) if _is_there() else None


def _multiply(
    x1: Any,
    x2: Any,
    shape: tuple[int, ...],
    turned: tuple[bool, bool],
    axes: tuple[tuple[int, ...], ...] = (),
    bias: Any = None,
) -> Any:
    config: dict[str, Any] = {"transpose_a": turned[0], "transpose_b": turned[1]}
    for name, order in zip(("lhs", "rhs", "result"), axes, strict=False):
        config[name] = {"tensor": {"dimensions": [axis + 1 for axis in order]}}
    inputs = [x1, x2]
    if bias is not None:
        config["fusions"] = {"ops": ["BIAS"]}
        inputs.append(bias.reshape(1, -1))
    return _call("matmul", {"onednn_matmul_config": config}, shape, *inputs)


def _call(name: str, config: dict[str, Any], shape: tuple[int, ...], *inputs: Any) -> Any:
    jax = import_jax()
    made = jax.ffi.ffi_call(
        f"__onednn${name}",
        jax.ShapeDtypeStruct(shape, float32),
        custom_call_api_version=1,  # that of calls whose settings are a text
        legacy_backend_config=json.dumps(config),
    )
    return made(*inputs)


@functools.cache
def _is_there() -> bool:
    return (
        metadata.version("jaxlib") in _TRIED
        and (platform.system(), platform.machine()) == ("Linux", "x86_64")
        and import_jax().default_backend() == "cpu"
    )
