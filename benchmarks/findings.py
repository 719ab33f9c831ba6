"""`python -m benchmarks.findings [NAME…]`: forms of the same computation that XLA runs at different speeds on a CPU."""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import cores, describe

_TEXT = """\
Times the plain form of a computation and the one that chainrule uses, in turns, and prints both medians and the ratio.

python -m benchmarks.findings                    all
python -m benchmarks.findings weight loop-long   some of them
python -m benchmarks.findings --write            also into benchmarks/findings.json, which the documentation shows
"""
FILE = Path(__file__).with_name("findings.json")
ROUNDS, SECONDS = 15, 0.1
REST = 0.3
"""Seconds between turns of two libraries, whose threads spin for a while after their last work."""
_FUSION, _PASSES = "xla_cpu_experimental_ynn_fusion_type", "xla_disable_hlo_passes"

Go = Callable[[], Any]


@dataclass(frozen=True)
class Finding:
    """Two ways of one computation.

    Attributes:
        kind: "used" where chainrule does it the second way, "vain" where that was tried and did not help, "bound" where
            PyTorch's way is beside XLA's, which chainrule cannot leave.
    """

    title: str
    plain: str
    other: str
    make: Callable[[], tuple[Go, Go]]
    kind: str = "used"


def _normal(*shape: int) -> Any:
    import jax

    return jax.numpy.asarray(np.random.default_rng(0).normal(size=shape), dtype=np.float32)


def _program(f: Callable[..., Any], *arrays: Any, options: dict[str, Any] | None = None) -> Go:
    import jax

    compiled = jax.jit(f).lower(*arrays).compile(options or {})
    return lambda: jax.block_until_ready(compiled(*arrays))


def _laid_out(x: Any) -> Any:
    from jax.experimental import layout

    return layout.with_layout_constraint(x, layout.Layout(tuple(range(x.ndim))))


# -- products


def weight() -> tuple[Go, Go]:
    import jax

    x, g = _normal(2048, 512), _normal(2048, 128)
    plain = _program(lambda x, g: jax.numpy.matmul(x.T, g), x, g)
    return plain, _program(lambda x, g: _laid_out(jax.numpy.matmul(g.T, x)).T, x, g)


def bf16() -> tuple[Go, Go]:
    import jax

    x, w = _normal(512, 1024), _normal(1024, 1024)
    narrow = jax.numpy.bfloat16

    def rounded(x: Any, w: Any) -> Any:
        return jax.numpy.matmul(x.astype(narrow), w.astype(narrow), preferred_element_type=np.float32)

    return _program(jax.numpy.matmul, x, w), _program(rounded, x, w)


def bf16_weight() -> tuple[Go, Go]:
    import jax

    x, g = _normal(512, 1024), _normal(512, 1024)
    narrow = jax.numpy.bfloat16

    def product(x: Any, g: Any) -> Any:
        return jax.numpy.matmul(x, g.astype(narrow), preferred_element_type=np.float32)

    plain = _program(lambda x, g: product(x.astype(narrow).T, g), x, g)
    return plain, _program(lambda x, g: product(_laid_out(x.astype(narrow).T), g), x, g)


def one_projection() -> tuple[Go, Go]:
    import jax

    x, w = _normal(2048, 128), _normal(3, 128, 128)

    def three(x: Any, w: Any) -> Any:
        return sum(jax.numpy.tanh(x @ part) for part in w)

    def one(x: Any, w: Any) -> Any:
        y = x @ jax.numpy.concatenate(list(w), axis=1)
        return sum(jax.numpy.tanh(part) for part in jax.numpy.split(y, 3, axis=1))

    return _program(three, x, w), _program(one, x, w)


# -- steps in one program


def _steps(sizes: tuple[int, ...], batch: int, steps: int) -> tuple[Go, Go]:
    import chainrule as cr
    from chainrule import losses, nn, optim

    def made() -> Any:
        cr.random.seed(0)
        layers = [layer for n, m in pairwise(sizes) for layer in (nn.Linear(n, m), nn.GELU())]
        model = nn.Sequential(*layers[:-1])
        rule = optim.Adam(model.parameters())
        data, labels = cr.Variable(np.asarray(_normal(steps, batch, sizes[0]))), np.zeros(batch, np.int32)
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

    slope, arrays = jax.grad(network), (_normal(8, 256, 256) * 0.05, _normal(4096, 256))
    options = pieces(jax.jit(slope).lower(*arrays).compile())
    assert options, "the program should need more than the C library keeps"
    return _program(slope, *arrays), _program(slope, *arrays, options=options)


# -- images


def max_pool() -> tuple[Go, Go]:
    import jax

    import chainrule as cr

    x, g = _normal(64, 28, 28, 32), _normal(64, 14, 14, 32)

    def windows(x: Any) -> Any:
        shape = (1, 2, 2, 1)
        return jax.lax.reduce_window(x, -np.inf, jax.lax.max, shape, shape, "VALID")

    def slices(x: Any, g: Any) -> Any:
        return cr.vjp(lambda x: cr.ops.max_pool(x, 2), x)[1](g)

    plain = _program(lambda x, g: jax.vjp(windows, x)[1](g), x, g)
    compiled, values = cr.compile(slices), (np.asarray(x), np.asarray(g))
    return plain, lambda: jax.block_until_ready(compiled(*values)[0]._data)


def convolution() -> tuple[Go, Go]:
    import jax

    x, kernel = _normal(64, 14, 14, 32), _normal(3, 3, 32, 64)

    def convolved(x: Any, kernel: Any) -> Any:
        return jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))

    kinds = "LIBRARY_FUSION_TYPE_DOT,LIBRARY_FUSION_TYPE_REDUCE"
    return _program(convolved, x, kernel), _program(convolved, x, kernel, options={_FUSION: kinds})


def barrier() -> tuple[Go, Go]:
    import jax

    x, kernels = _normal(64, 16, 16, 32), _normal(4, 3, 3, 32, 32)

    def network(x: Any, kernels: Any) -> Any:
        for kernel in kernels:
            x = x + jax.numpy.tanh(x) * 0.1
            x = jax.lax.optimization_barrier(x)
            y = jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
            x = x + y * 0.01
        return x.sum()

    slope = jax.grad(network, argnums=1)
    kinds = {_FUSION: "LIBRARY_FUSION_TYPE_DOT,LIBRARY_FUSION_TYPE_REDUCE"}
    plain = _program(slope, x, kernels, options=kinds)
    return plain, _program(slope, x, kernels, options=kinds | {_PASSES: "cse_barrier_expander"})


def bf16_convolution() -> tuple[Go, Go]:
    import jax

    x, kernel = _normal(64, 14, 14, 32), _normal(3, 3, 32, 64)

    def convolved(x: Any, kernel: Any) -> Any:
        return jax.lax.conv_general_dilated(
            x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"), preferred_element_type=np.float32
        )

    def rounded(x: Any, kernel: Any) -> Any:
        return convolved(x.astype(jax.numpy.bfloat16), kernel.astype(jax.numpy.bfloat16))

    options = {_FUSION: "LIBRARY_FUSION_TYPE_DOT,LIBRARY_FUSION_TYPE_REDUCE"}
    return _program(convolved, x, kernel, options=options), _program(rounded, x, kernel, options=options)


# -- sequences and tables


def recurrent_weight() -> tuple[Go, Go]:
    import jax

    states, slopes = _normal(64, 32, 128), _normal(64, 32, 512)

    def inside(states: Any, slopes: Any) -> Any:
        def step(total: Any, parts: Any) -> Any:
            return total + parts[0].T @ parts[1], None

        return jax.lax.scan(step, jax.numpy.zeros((128, 512)), (states, slopes))[0]

    def after(states: Any, slopes: Any) -> Any:
        return states.reshape(-1, 128).T @ slopes.reshape(-1, 512)

    return _program(inside, states, slopes), _program(after, states, slopes)


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

    z, w = _normal(64, 32, 128), _normal(128, 128) * 0.05

    def loop(unroll: int) -> Any:
        def run(z: Any, w: Any) -> Any:
            def step(h: Any, z: Any) -> Any:
                h = jax.numpy.tanh(z + h @ w)
                return h, h

            return jax.lax.scan(step, jax.numpy.zeros((32, 128)), z, unroll=unroll)[1]

        return run

    return _program(loop(1), z, w), _program(loop(8), z, w)


# -- what bounds


def _beside_torch(torch_way: Callable[..., Any], jax_way: Callable[..., Any], *arrays: Any) -> tuple[Go, Go]:
    import torch

    torch.set_num_threads(cores())
    given = [torch.from_numpy(np.array(a)) for a in arrays]

    def go() -> Any:
        with torch.inference_mode():
            return torch_way(*given)

    return go, _program(jax_way, *arrays)


def product() -> tuple[Go, Go]:
    import jax

    return _beside_torch(lambda x, w: x @ w, jax.numpy.matmul, _normal(512, 1024), _normal(1024, 1024))


def few_channels() -> tuple[Go, Go]:
    import jax
    import torch

    def torch_way(x: Any, kernel: Any) -> Any:
        x, kernel = x.permute(0, 3, 1, 2), kernel.permute(3, 2, 0, 1)  # channels last in memory
        return torch.nn.functional.conv2d(x, kernel, padding=1)

    def jax_way(x: Any, kernel: Any) -> Any:
        return jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))

    x, kernel = _normal(64, 32, 32, 16), _normal(3, 3, 16, 16)
    go, _ = _beside_torch(torch_way, jax_way, x, kernel)
    return go, _program(jax_way, x, kernel, options={_FUSION: "LIBRARY_FUSION_TYPE_REDUCE"})


def heads() -> tuple[Go, Go]:
    import jax
    import torch

    def torch_way(q: Any) -> Any:
        return torch.nn.functional.scaled_dot_product_attention(*[q.transpose(1, 2)] * 3, is_causal=True)

    def jax_way(q: Any) -> Any:
        return jax.nn.dot_product_attention(q, q, q, is_causal=True)

    return _beside_torch(torch_way, jax_way, _normal(16, 128, 4, 32))


def recurrence() -> tuple[Go, Go]:
    import torch

    import chainrule as cr
    from chainrule import nn

    x = _normal(32, 64, 128)
    ours, theirs = nn.LSTM(128, 128).eval(), torch.nn.LSTM(128, 128, batch_first=True)
    called, values = cr.compile(lambda x: ours(x)[0]), np.asarray(x)
    go, _ = _beside_torch(lambda x: theirs(x)[0], lambda x: x, x)
    return go, lambda: called(values).numpy()


FINDINGS = {
    "loop-short": Finding("500 steps of the XOR MLP", "a call each", "one program", loop_short),
    "loop-long": Finding("4 steps of a transformer 2 × 128", "one program", "a call each", loop_long, "vain"),
    "memory": Finding("gradient of 8 layers of 256, 4,096 rows", "memory in one piece", "in pieces", memory),
    "weight": Finding("gradient of a weight, (2048, 512)ᵀ · (2048, 128)", "xᵀ · g", "(gᵀ · x)ᵀ", weight),
    "bf16": Finding("(512, 1024) · (1024, 1024)", "float32", "factors in bfloat16, sums in float32", bf16),
    "bf16-weight": Finding("(512, 1024)ᵀ · (512, 1024), bfloat16", "as it is", "left factor laid out", bf16_weight),
    "max-pool": Finding("max pool 2×2 of (64, 28, 28, 32), backward", "reduce_window", "slices", max_pool),
    "convolution": Finding("3×3, (64, 14, 14, 32) → 64", "YNNPACK's", "Eigen's", convolution),
    "barrier": Finding("gradient of four convolutions with skips", "barriers dropped", "barriers kept", barrier),
    "recurrent-weight": Finding("recurrent weight's gradient, 64 steps", "in the loop", "after it", recurrent_weight),
    "rows": Finding("Adam for 1,024 of 100,000 rows of 32", "all rows", "rows that were used", rows),
    "one-projection": Finding("query, key and value of (2048, 128)", "three products", "one", one_projection, "vain"),
    "unrolled": Finding("a loop of 64 recurrent steps", "as it is", "unrolled 8 times", unrolled, "vain"),
    "bf16-convolution": Finding("3×3, (64, 14, 14, 32) → 64", "float32", "bfloat16", bf16_convolution, "vain"),
    "product": Finding("(512, 1024) · (1024, 1024)", "PyTorch", "XLA", product, "bound"),
    "few-channels": Finding("3×3, (64, 32, 32, 16) → 16", "PyTorch", "XLA", few_channels, "bound"),
    "heads": Finding("attention of (16, 128, 4, 32), forward", "PyTorch", "XLA", heads, "bound"),
    "recurrence": Finding("LSTM of 128, (32, 64, 128), forward", "PyTorch", "XLA", recurrence, "bound"),
}  # fmt: skip


def measure(finding: Finding) -> dict[str, Any]:
    """Both forms in turns, each for a while."""
    forms = finding.make()
    repeats = []
    for go in forms:
        go()
        started = time.perf_counter()
        go()
        repeats.append(max(round(SECONDS / (time.perf_counter() - started)), 1))
    times: list[list[float]] = [[], []]
    for _ in range(ROUNDS):
        for go, count, found in zip(forms, repeats, times, strict=True):
            if finding.kind == "bound":
                time.sleep(REST)
                go()
            started = time.perf_counter()
            for _ in range(count):
                go()
            found.append((time.perf_counter() - started) / count * 1e6)
    plain, other = (float(f"{statistics.median(found):.4g}") for found in times)
    ratio = statistics.median(a / b for a, b in zip(*times, strict=True))
    return {
        "title": finding.title,
        "kind": finding.kind,
        "plain": [finding.plain, plain],
        "other": [finding.other, other],
        "ratio": float(f"{ratio:.3g}"),
        "machine": describe(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.findings", description=_TEXT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(FINDINGS)}; all without")
    parser.add_argument("--write", action="store_true", help="keep the numbers")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in FINDINGS]
    if unknown:
        parser.error(f"no finding {', '.join(unknown)}; there are {', '.join(FINDINGS)}")
    for name in options.names or FINDINGS:
        entry = measure(FINDINGS[name])
        print(
            f"{name:<17} {entry['title']}: {entry['plain'][0]} {entry['plain'][1]:,.0f} µs, "
            f"{entry['other'][0]} {entry['other'][1]:,.0f} µs: {entry['ratio']:.2f} times as fast",
            flush=True,
        )
        if options.write:
            known = json.loads(FILE.read_text()) if FILE.exists() else {}
            known = {k: v for k in FINDINGS for v in [entry if k == name else known.get(k)] if v is not None}
            FILE.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
