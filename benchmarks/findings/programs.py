"""Whole programs: many steps in one, and the memory between inputs and results."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.findings.finding import Finding, Go, normal, program


def _steps(sizes: tuple[int, ...], batch: int, steps: int) -> tuple[Go, Go]:
    import chainrule as cr
    from chainrule import losses, nn, optim

    def made() -> Any:
        cr.random.seed(0)
        layers = [layer for n, m in pairwise(sizes) for layer in (nn.Linear(n, m), nn.GELU())]
        model = nn.Sequential(*layers[:-1])
        rule = optim.Adam(model.parameters())
        data, labels = cr.Variable(np.asarray(normal(steps, batch, sizes[0]))), np.zeros(batch, np.int32)
        return cr.compile(lambda i: rule.minimize(losses.cross_entropy(model(cr.take(data, i, axis=0)), labels)))

    single, looped, numbers = made(), made(), np.arange(steps)
    return lambda: [single(i) for i in numbers][-1].numpy(), lambda: looped.scan(numbers).numpy()


def loop_short() -> tuple[Go, Go]:
    return _steps((2, 16, 2), 4, 500)


def loop_long() -> tuple[Go, Go]:
    import chainrule as cr
    from chainrule import losses, models, optim

    def made() -> Any:
        model = models.TransformerLanguageModel(65, width=128, layers=2, heads=4, context=128)
        rule = optim.Adam(model.parameters())
        text = cr.Variable(np.random.default_rng(0).integers(0, 65, (4, 16, 129), dtype=np.int32))

        def step(i: Any) -> Any:
            tokens = cr.take(text, i, axis=0)
            return rule.minimize(losses.cross_entropy(model(tokens[:, :-1]), tokens[:, 1:]))

        return cr.compile(step)

    single, looped, numbers = made(), made(), np.arange(4)
    return lambda: looped.scan(numbers).numpy(), lambda: [single(i) for i in numbers][-1].numpy()


def memory() -> tuple[Go, Go]:
    import jax

    from chainrule.compile.memory import pieces

    def network(weights: Any, x: Any) -> Any:
        for weight in weights:
            x = jax.nn.gelu(x @ weight)
        return x.sum()

    slope, arrays = jax.grad(network), (normal(8, 256, 256) * 0.05, normal(4096, 256))
    options = pieces(jax.jit(slope).lower(*arrays).compile())
    assert options, "the program should need more than the C library keeps"
    return program(slope, *arrays), program(slope, *arrays, options=options)


FINDINGS = {
    "loop-short": Finding("500 steps of the XOR MLP", "a call each", "one program", loop_short),
    "loop-long": Finding("4 steps of a transformer 2 × 128", "one program", "a call each", loop_long, "vain"),
    "memory": Finding("gradient of 8 layers of 256, 4,096 rows", "memory in one piece", "in pieces", memory),
}  # fmt: skip
