"""Products of matrices: forms of a gradient, bfloat16, projections."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.findings.finding import Finding, Go, laid_out, normal, program


def weight() -> tuple[Go, Go]:
    import jax

    x, g = normal(2048, 512), normal(2048, 128)
    plain = program(lambda x, g: jax.numpy.matmul(x.T, g), x, g)
    return plain, program(lambda x, g: laid_out(jax.numpy.matmul(g.T, x)).T, x, g)


def bf16() -> tuple[Go, Go]:
    import jax

    x, w = normal(512, 1024), normal(1024, 1024)
    narrow = jax.numpy.bfloat16

    def rounded(x: Any, w: Any) -> Any:
        return jax.numpy.matmul(x.astype(narrow), w.astype(narrow), preferred_element_type=np.float32)

    return program(jax.numpy.matmul, x, w), program(rounded, x, w)


def bf16_weight() -> tuple[Go, Go]:
    import jax

    x, g = normal(512, 1024), normal(512, 1024)
    narrow = jax.numpy.bfloat16

    def product(x: Any, g: Any) -> Any:
        return jax.numpy.matmul(x, g.astype(narrow), preferred_element_type=np.float32)

    plain = program(lambda x, g: product(x.astype(narrow).T, g), x, g)
    return plain, program(lambda x, g: product(laid_out(x.astype(narrow).T), g), x, g)


def bf16_input() -> tuple[Go, Go]:
    import jax

    g, w = normal(512, 1024), normal(1024, 1024)
    narrow = jax.numpy.bfloat16

    def product(g: Any, w: Any) -> Any:
        return jax.numpy.matmul(g.astype(narrow), w, preferred_element_type=np.float32)

    plain = program(lambda g, w: product(g, w.astype(narrow).T), g, w)
    return plain, program(lambda g, w: product(g, laid_out(w.astype(narrow).T)), g, w)


def one_projection() -> tuple[Go, Go]:
    import jax

    x, w = normal(2048, 128), normal(3, 128, 128)

    def three(x: Any, w: Any) -> Any:
        return sum(jax.numpy.tanh(x @ part) for part in w)

    def one(x: Any, w: Any) -> Any:
        y = x @ jax.numpy.concatenate(list(w), axis=1)
        return sum(jax.numpy.tanh(part) for part in jax.numpy.split(y, 3, axis=1))

    return program(three, x, w), program(one, x, w)


FINDINGS = {
    "weight": Finding("gradient of a weight, (2048, 512)ᵀ · (2048, 128)", "xᵀ · g", "(gᵀ · x)ᵀ", weight),
    "bf16": Finding("(512, 1024) · (1024, 1024)", "float32", "factors in bfloat16, sums in float32", bf16),
    "bf16-weight": Finding("(512, 1024)ᵀ · (512, 1024), bfloat16", "as it is", "left factor laid out", bf16_weight),
    "bf16-input": Finding("(512, 1024) · (1024, 1024)ᵀ, bfloat16", "as it is", "right factor laid out", bf16_input),
    "one-projection": Finding("query, key and value of (2048, 128)", "three products", "one", one_projection, "vain"),
}  # fmt: skip
