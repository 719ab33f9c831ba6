"""Convolutions and pooling."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.findings.finding import FUSION, PASSES, Finding, Go, normal, program


def max_pool() -> tuple[Go, Go]:
    import jax

    import chainrule as cr

    x, g = normal(64, 28, 28, 32), normal(64, 14, 14, 32)

    def windows(x: Any) -> Any:
        shape = (1, 2, 2, 1)
        return jax.lax.reduce_window(x, -np.inf, jax.lax.max, shape, shape, "VALID")

    def slices(x: Any, g: Any) -> Any:
        return cr.vjp(lambda x: cr.ops.max_pool(x, 2), x)[1](g)

    plain = program(lambda x, g: jax.vjp(windows, x)[1](g), x, g)
    compiled, values = cr.compile(slices), (np.asarray(x), np.asarray(g))
    return plain, lambda: jax.block_until_ready(compiled(*values)[0]._data)


def convolution() -> tuple[Go, Go]:
    import jax

    x, kernel = normal(64, 14, 14, 32), normal(3, 3, 32, 64)

    def convolved(x: Any, kernel: Any) -> Any:
        return jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))

    kinds = "LIBRARY_FUSION_TYPE_DOT,LIBRARY_FUSION_TYPE_REDUCE"
    return program(convolved, x, kernel), program(convolved, x, kernel, options={FUSION: kinds})


def transposed() -> tuple[Go, Go]:
    import jax

    import chainrule as cr

    x, kernel, g = normal(64, 16, 16, 32), normal(4, 4, 32, 16), normal(64, 32, 32, 16)

    def with_zeros(x: Any, kernel: Any) -> Any:
        axes, around = ("NHWC", "HWIO", "NHWC"), ((2, 2), (2, 2))
        return jax.lax.conv_general_dilated(x, kernel, (1, 1), around, lhs_dilation=(2, 2), dimension_numbers=axes)

    def both(x: Any, kernel: Any, g: Any) -> Any:
        y, back = cr.vjp(lambda *inputs: cr.ops.convolve(*inputs, padding=2, input_dilation=2), x, kernel)
        return y, *back(g)

    def plain(x: Any, kernel: Any, g: Any) -> Any:
        y, back = jax.vjp(with_zeros, x, kernel)
        return y, *back(g)

    compiled, values = cr.compile(both), [np.asarray(v) for v in (x, kernel, g)]
    by_xla = program(plain, x, kernel, g, options={FUSION: "LIBRARY_FUSION_TYPE_REDUCE"})
    return by_xla, lambda: jax.block_until_ready(compiled(*values)[0]._data)


def barrier() -> tuple[Go, Go]:
    import jax

    x, kernels = normal(64, 16, 16, 32), normal(4, 3, 3, 32, 32)

    def network(x: Any, kernels: Any) -> Any:
        for kernel in kernels:
            x = x + jax.numpy.tanh(x) * 0.1
            x = jax.lax.optimization_barrier(x)
            y = jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
            x = x + y * 0.01
        return x.sum()

    slope = jax.grad(network, argnums=1)
    kinds = {FUSION: "LIBRARY_FUSION_TYPE_DOT,LIBRARY_FUSION_TYPE_REDUCE"}
    plain = program(slope, x, kernels, options=kinds)
    return plain, program(slope, x, kernels, options=kinds | {PASSES: "cse_barrier_expander"})


def bf16_convolution() -> tuple[Go, Go]:
    import jax

    x, kernel = normal(64, 14, 14, 32), normal(3, 3, 32, 64)

    def convolved(x: Any, kernel: Any) -> Any:
        return jax.lax.conv_general_dilated(
            x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"), preferred_element_type=np.float32
        )

    def rounded(x: Any, kernel: Any) -> Any:
        return convolved(x.astype(jax.numpy.bfloat16), kernel.astype(jax.numpy.bfloat16))

    options = {FUSION: "LIBRARY_FUSION_TYPE_DOT,LIBRARY_FUSION_TYPE_REDUCE"}
    return program(convolved, x, kernel, options=options), program(rounded, x, kernel, options=options)


FINDINGS = {
    "max-pool": Finding("max pool 2×2 of (64, 28, 28, 32), backward", "reduce_window", "slices", max_pool),
    "convolution": Finding("3×3, (64, 14, 14, 32) → 64", "YNNPACK's", "Eigen's", convolution),
    "transposed": Finding(
        "transposed 4×4, stride 2, (64, 16, 16, 32) → 16, and its gradients", "zeros put in", "in phases", transposed
    ),
    "barrier": Finding("gradient of four convolutions with skips", "barriers dropped", "barriers kept", barrier),
    "bf16-convolution": Finding("3×3, (64, 14, 14, 32) → 64", "float32", "bfloat16", bf16_convolution, "vain"),
}  # fmt: skip
