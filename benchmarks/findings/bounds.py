"""XLA's kernels beside PyTorch's, which chainrule cannot leave."""

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
    import jax

    return _beside_torch(lambda x, w: x @ w, jax.numpy.matmul, normal(512, 1024), normal(1024, 1024))


def few_channels() -> tuple[Go, Go]:
    import jax
    import torch

    def torch_way(x: Any, kernel: Any) -> Any:
        x, kernel = x.permute(0, 3, 1, 2), kernel.permute(3, 2, 0, 1)  # channels last in memory
        return torch.nn.functional.conv2d(x, kernel, padding=1)

    def jax_way(x: Any, kernel: Any) -> Any:
        return jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))

    x, kernel = normal(64, 32, 32, 16), normal(3, 3, 16, 16)
    go, _ = _beside_torch(torch_way, jax_way, x, kernel)
    return go, program(jax_way, x, kernel, options={FUSION: "LIBRARY_FUSION_TYPE_REDUCE"})


def heads() -> tuple[Go, Go]:
    import jax
    import torch

    def torch_way(q: Any) -> Any:
        return torch.nn.functional.scaled_dot_product_attention(*[q.transpose(1, 2)] * 3, is_causal=True)

    def jax_way(q: Any) -> Any:
        return jax.nn.dot_product_attention(q, q, q, is_causal=True)

    return _beside_torch(torch_way, jax_way, normal(16, 128, 4, 32))


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
    "product": Finding("(512, 1024) · (1024, 1024)", "PyTorch", "XLA", product, "bound"),
    "few-channels": Finding("3×3, (64, 32, 32, 16) → 16", "PyTorch", "XLA", few_channels, "bound"),
    "heads": Finding("attention of (16, 128, 4, 32), forward", "PyTorch", "XLA", heads, "bound"),
    "recurrence": Finding("LSTM of 128, (32, 64, 128), forward", "PyTorch", "XLA", recurrence, "bound"),
}  # fmt: skip
