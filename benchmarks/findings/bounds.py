"""What bounds chainrule: PyTorch's kernels beside those that XLA offers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.findings.finding import FUSION, Finding, Go, normal, program
from benchmarks.machine import cores


def _beside_torch(torch_way: Callable[..., Any], jax_way: Callable[..., Any], *arrays: Any) -> tuple[Go, Go]:
    import torch

    torch.set_num_threads(cores())
    given = [torch.from_numpy(np.array(a)) for a in arrays]

    def go() -> Any:
        with torch.inference_mode():
            return torch_way(*given)

    return go, program(jax_way, *arrays)


def product() -> tuple[Go, Go]:
    from chainrule.array.onednn import product_onednn

    return _beside_torch(lambda x, w: x @ w, product_onednn, normal(512, 1024), normal(1024, 1024))


def kernel_gradient() -> tuple[Go, Go]:
    import jax
    import torch

    def torch_way(x: Any, g: Any) -> Any:
        kernel = torch.zeros(16, 16, 3, 3).contiguous(memory_format=torch.channels_last)
        x, g = x.permute(0, 3, 1, 2), g.permute(0, 3, 1, 2)  # channels last in memory
        one, none, of = [1, 1], [0, 0], [False, True, False]
        return torch.ops.aten.convolution_backward(g, x, kernel, None, one, one, one, False, none, 1, of)

    def jax_way(x: Any, g: Any) -> Any:
        axes = jax.lax.ConvDimensionNumbers((3, 0, 1, 2), (3, 0, 1, 2), (2, 3, 0, 1))
        return jax.lax.conv_general_dilated(x, g, (1, 1), ((1, 1), (1, 1)), dimension_numbers=axes)

    x, g = normal(64, 32, 32, 16), normal(64, 32, 32, 16)
    go, _ = _beside_torch(torch_way, lambda x, g: x, x, g)
    return go, program(jax_way, x, g, options={FUSION: "LIBRARY_FUSION_TYPE_REDUCE"})


def heads() -> tuple[Go, Go]:
    import torch

    import chainrule as cr

    def torch_way(q: Any) -> Any:
        return torch.nn.functional.scaled_dot_product_attention(*[q.transpose(1, 2)] * 3, is_causal=True)

    q = normal(16, 128, 4, 32)
    called, values = cr.compile(lambda q: cr.ops.attention(q, q, q, causal=True)), np.asarray(q)
    go, _ = _beside_torch(torch_way, lambda q: q, q)
    return go, lambda: called(values).numpy()


def recurrence() -> tuple[Go, Go]:
    import torch

    import chainrule as cr
    from chainrule import nn

    x = normal(32, 64, 128)
    ours, theirs = nn.LSTM(128, 128).eval(), torch.nn.LSTM(128, 128, batch_first=True)
    called, values = cr.compile(lambda x: ours(x)[0]), np.asarray(x)
    go, _ = _beside_torch(lambda x: theirs(x)[0], lambda x: x, x)
    return go, lambda: called(values).numpy()


FINDINGS = {
    "product": Finding("(512, 1024) · (1024, 1024)", "PyTorch", "chainrule", product, "bound"),
    "kernel-gradient": Finding(
        "gradient of a 3×3 kernel, (64, 32, 32, 16) → 16", "PyTorch", "chainrule", kernel_gradient, "bound"
    ),
    "heads": Finding("attention of (16, 128, 4, 32), forward", "PyTorch", "chainrule", heads, "bound"),
    "recurrence": Finding("LSTM of 128, (32, 64, 128), forward", "PyTorch", "chainrule", recurrence, "bound"),
}  # fmt: skip
