"""Loops over time, tables of which few rows are used, and matrices that are mostly 0."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.findings.finding import Finding, Go, normal, program
from chainrule.array.last_places import last_places
from chainrule.array.sparse_product import sparse_product_jax


def recurrent_weight() -> tuple[Go, Go]:
    import jax

    states, slopes = normal(64, 32, 128), normal(64, 32, 512)

    def inside(states: Any, slopes: Any) -> Any:
        def step(total: Any, parts: Any) -> Any:
            return total + parts[0].T @ parts[1], None

        return jax.lax.scan(step, jax.numpy.zeros((128, 512)), (states, slopes))[0]

    def after(states: Any, slopes: Any) -> Any:
        return states.reshape(-1, 128).T @ slopes.reshape(-1, 512)

    return program(inside, states, slopes), program(after, states, slopes)


def rows() -> tuple[Go, Go]:
    import chainrule as cr
    from chainrule import nn, optim

    ids = np.random.default_rng(0).integers(0, 100_000, 1024)

    def made(lazy: bool) -> Go:
        table = nn.Embedding(100_000, 32)
        rule = optim.Adam(table.parameters(), lazy=lazy)
        step = cr.compile(lambda ids: rule.minimize((table(ids) ** 2).sum()))
        return lambda: step(ids).numpy()

    return made(False), made(True)


def unrolled() -> tuple[Go, Go]:
    import jax

    z, w = normal(64, 32, 128), normal(128, 128) * 0.05

    def loop(unroll: int) -> Any:
        def run(z: Any, w: Any) -> Any:
            def step(h: Any, z: Any) -> Any:
                h = jax.numpy.tanh(z + h @ w)
                return h, h

            return jax.lax.scan(step, jax.numpy.zeros((32, 128)), z, unroll=unroll)[1]

        return run

    return program(loop(1), z, w), program(loop(8), z, w)


def distinct() -> tuple[Go, Go]:
    import jax

    ids = jax.numpy.asarray(np.random.default_rng(0).integers(0, 100_000, 1024))
    sort = program(lambda ids: jax.numpy.unique(ids, return_inverse=True, size=1024), ids)
    return sort, program(lambda ids: last_places(jax.numpy, jax.lax, ids), ids)


def look_up() -> tuple[Go, Go]:
    import jax

    table, ids = normal(100_000, 64), jax.numpy.asarray(np.random.default_rng(0).integers(0, 100_000, 1024))

    def rows(level: int) -> Go:
        return program(lambda t, i: t[i], table, ids, options={"xla_backend_optimization_level": level})

    return rows(3), rows(2)


def sparse() -> tuple[Go, Go]:
    import jax

    rng = np.random.default_rng(0)
    rows, columns = rng.integers(0, 2708, 49_216), rng.integers(0, 1433, 49_216)
    values, x = normal(49_216), normal(1433, 16)

    def made(in_blocks: bool) -> Go:
        def product(values: Any, x: Any) -> Any:
            return sparse_product_jax(jax.numpy, values, x, rows, columns, 2708, in_blocks)

        return program(product, values, x, options={"xla_backend_optimization_level": 2 if in_blocks else 3})

    return made(False), made(True)


def causal() -> tuple[Go, Go]:
    import chainrule as cr

    q, allowed = np.asarray(normal(4, 512, 8, 32)), cr.asarray(np.tril(np.ones((512, 512), bool)))

    def made(*mask: Any, causal: bool) -> Go:
        slope = cr.compile(cr.grad(lambda q: (cr.ops.attention(q, q, q, *mask, causal=causal) ** 2).sum()))
        return lambda: slope(q).numpy()

    return made(allowed, causal=False), made(causal=True)


FINDINGS = {
    "recurrent-weight": Finding("recurrent weight's gradient, 64 steps", "in the loop", "after it", recurrent_weight),
    "rows": Finding("Adam for 1,024 of 100,000 rows of 32", "all rows", "rows that were used", rows),
    "distinct": Finding("distinct ones of 1,024 row numbers", "by sorting", "by hashing", distinct),
    "look-up": Finding("1,024 of 100,000 rows of 64", "LLVM at level 3", "at level 2", look_up),
    "sparse": Finding(
        "49,216 entries of (2708, 1433) times 16 columns", "terms, then sums", "in blocks of 8 entries", sparse
    ),
    "causal": Finding("causal attention of (4, 512, 8, 32), both ways", "as a mask", "in 4 parts", causal),
    "unrolled": Finding("a loop of 64 recurrent steps", "as it is", "unrolled 8 times", unrolled, "vain"),
}  # fmt: skip
