"""Loops over time, and tables of which few rows are used."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.findings.finding import Finding, Go, normal, program


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


FINDINGS = {
    "recurrent-weight": Finding("recurrent weight's gradient, 64 steps", "in the loop", "after it", recurrent_weight),
    "rows": Finding("Adam for 1,024 of 100,000 rows of 32", "all rows", "rows that were used", rows),
    "unrolled": Finding("a loop of 64 recurrent steps", "as it is", "unrolled 8 times", unrolled, "vain"),
}  # fmt: skip
