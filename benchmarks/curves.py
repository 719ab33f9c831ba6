"""`python -m benchmarks.curves [NAME…]`: how chainrule's own costs grow, a process for every point."""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.kept import keep
from benchmarks.loops import as_trainer
from benchmarks.machine import describe
from benchmarks.workload import Given, Round

_TEXT = """\
Measures the time of a step and the memory beyond what the libraries take, against one size at a time, and prints the
slope of the line through the upper half of the points, both axes logarithmic: 1 is a cost in proportion, 0 is none.

python -m benchmarks.curves                   all
python -m benchmarks.curves rows length       some of them
python -m benchmarks.curves --write           also into benchmarks/curves.json, which the documentation draws
"""
FILE = Path(__file__).with_name("curves.json")
STEPS, SECONDS = 16, 1.0


@dataclass(frozen=True)
class Sweep:
    """One size that grows: `make` gives a round for each value, and how many steps that is."""

    title: str
    values: tuple[int, ...]
    make: Callable[[int], Round]
    steps: int = STEPS
    flat: bool = False


# -- what is measured


def mlp(width: int, depth: int, batch: int) -> Round:
    from chainrule import losses, nn, optim

    layers = [layer for _ in range(depth) for layer in (nn.Linear(width, width), nn.ReLU())]
    model = nn.Sequential(*layers, nn.Linear(width, 10))
    rng = np.random.default_rng(0)
    x = rng.normal(size=(STEPS, batch, width)).astype(np.float32)
    given = Given({}, (x, rng.integers(0, 10, (STEPS, batch), dtype=np.int32)))
    return as_trainer(given, model, losses.cross_entropy, optim.Adam(model.parameters()))


def sequences(model: Any, length: int, batch: int) -> Round:
    from chainrule import losses, optim

    text = np.random.default_rng(0).integers(0, 65, (STEPS, batch, length + 1), dtype=np.int32)
    given = Given({}, (text[..., :-1].copy(), text[..., 1:].copy()))
    return as_trainer(given, model, losses.cross_entropy, optim.Adam(model.parameters()))


def transformer(length: int) -> Round:
    from chainrule import models

    return sequences(models.TransformerLanguageModel(65, width=64, layers=2, heads=2, context=length), length, 4)


def lstm(length: int) -> Round:
    from chainrule import models

    return sequences(models.RecurrentLanguageModel(65, width=64, layers=1), length, 16)


def table(rows: int) -> Round:
    import chainrule as cr
    from benchmarks.workloads import embeddings
    from chainrule import losses, nn, optim

    model = embeddings.network(1)
    table = model.users
    table.num_embeddings, table.weight = rows, nn.Parameter(cr.zeros((rows, embeddings.WIDTH)))  # drawing takes long
    rng = np.random.default_rng(0)
    users, items = (rng.integers(0, n, (STEPS, embeddings.BATCH), dtype=np.int32) for n in (rows, embeddings.ITEMS))
    given = Given({}, (users, items, rng.integers(0, 2, (STEPS, embeddings.BATCH)).astype(np.float32)))
    return as_trainer(given, model, losses.binary_cross_entropy, optim.Adam(model.parameters(), lazy=True))


def graph(edges: int) -> Round:
    import chainrule as cr
    from chainrule import losses, models, nn, optim

    rng, nodes = np.random.default_rng(0), max(edges // 8, 2)
    x, ends = rng.normal(size=(nodes, 16)).astype(np.float32), rng.integers(0, nodes, (edges, 2), dtype=np.int32)
    features, edge_list = cr.Variable(x), cr.Variable(ends)
    network = models.GCN(16, [16], 7, dropout=0.0)

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, chosen: Any) -> Any:
            return self.network(features, edge_list, chosen)

    chosen = np.tile(np.arange(min(nodes, 64), dtype=np.int32), (STEPS, 1))
    return as_trainer(
        Given({}, (chosen, chosen % 7)), Model(), losses.cross_entropy, optim.Adam(network.parameters())
    )  # fmt: skip


def eager(ops: int) -> Round:
    import chainrule as cr
    from chainrule import nn

    start = nn.Parameter(np.ones(8, np.float32))

    def go() -> float:
        x: Any = start
        for _ in range(ops // 2):
            x = cr.tanh(x) * 1.01
        x.sum().backward()
        start.zero_grad()
        return 0.0

    return go


def powers(base: int, first: int, last: int) -> tuple[int, ...]:
    return tuple(base**n for n in range(first, last + 1))


SWEEPS = {
    "width": Sweep("MLP of 3 layers, batch 128: width", powers(2, 5, 11), lambda n: mlp(n, 2, 128)),
    "depth": Sweep("MLP 64 wide, batch 128: layers", powers(2, 0, 7), lambda n: mlp(64, n, 128)),
    "batch": Sweep("MLP 256 wide, 3 layers: batch", powers(2, 2, 13), lambda n: mlp(256, 2, n)),
    "length": Sweep("transformer 2 × 64, batch 4: tokens", powers(2, 4, 10), transformer),
    "lstm": Sweep("LSTM of 64, batch 16: steps", powers(2, 3, 10), lstm),
    "rows": Sweep("two tables and an MLP, lazy Adam, batch 1024: rows", powers(10, 4, 7), table, flat=True),
    "edges": Sweep("GCN 16-16-7: edges, 8 a node", powers(4, 5, 10), graph),
    "ops": Sweep("eager graph on NumPy, forward and backward: ops", powers(10, 1, 5), eager, steps=1),
}


# -- measuring


def mebibytes() -> float:
    """The most memory that the process had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)


def point(name: str, value: int) -> dict[str, float]:
    """The seconds of a step, the median of many, and the memory of one point; for a process of its own."""
    import jax
    import optax  # noqa: F401 (what libraries take, before anything is made)

    import chainrule  # noqa: F401

    jax.block_until_ready(jax.jit(lambda x: x + 1)(np.ones(8)))
    before = mebibytes()
    sweep = SWEEPS[name]
    go = sweep.make(value)
    go()
    seconds: list[float] = []
    while sum(seconds) < SECONDS or len(seconds) < 3:
        started = time.perf_counter()
        go()
        seconds.append(time.perf_counter() - started)
    return {"seconds": statistics.median(seconds) / sweep.steps, "mebibytes": max(mebibytes() - before, 0.1)}


def slope(x: list[float], y: list[float]) -> float:
    """Of the line through the points, both axes logarithmic."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def bend(x: list[float], y: list[float]) -> float:
    """Where the slope changes most."""
    slopes = [slope([a, b], [c, d]) for (a, b), (c, d) in zip(pairwise(x), pairwise(y), strict=True)]
    changes = [abs(b - a) for a, b in pairwise(slopes)]
    return x[1 + int(np.argmax(changes))]


def run(name: str) -> dict[str, Any]:
    """Measures all points of a sweep, and prints them."""
    sweep = SWEEPS[name]
    print(f"{name}: {sweep.title}")
    found: dict[str, list[float]] = {"seconds": [], "mebibytes": []}
    for value in sweep.values:
        command = [sys.executable, "-m", "benchmarks.curves", "--point", name, str(value)]
        answer = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        for kind, numbers in found.items():
            numbers.append(float(f"{answer[kind]:.4g}"))
        print(
            f"  {value:>12,} {answer['seconds'] * 1e6:>14,.1f} µs a step {answer['mebibytes']:>10,.1f} MiB", flush=True
        )
    x, half = [float(v) for v in sweep.values], len(sweep.values) // 2
    entry: dict[str, Any] = {"title": sweep.title, "values": list(sweep.values), **found, "machine": describe()}
    for kind, numbers in found.items():
        entry[f"{kind}_slope"] = round(slope(x[half:], numbers[half:]), 2)
        entry[f"{kind}_bend"] = bend(x, numbers)
        print(
            f"  {kind}: slope {entry[f'{kind}_slope']:.2f} from {x[half]:,.0f} on; "
            f"it changes most at {entry[f'{kind}_bend']:,.0f}"
        )
    if sweep.flat:
        ratio = found["seconds"][-1] / found["seconds"][0]
        print(f"  the last takes {ratio:.2f} times the first")
    print()
    return entry


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.curves", description=_TEXT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SWEEPS)}; all without")
    parser.add_argument("--write", action="store_true", help="keep the numbers")
    parser.add_argument("--point", nargs=2, metavar=("NAME", "VALUE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.point:
        print(json.dumps(point(options.point[0], int(options.point[1]))))
        return
    unknown = [name for name in options.names if name not in SWEEPS]
    if unknown:
        parser.error(f"no curve {', '.join(unknown)}; there are {', '.join(SWEEPS)}")
    for name in options.names or SWEEPS:
        entry = run(name)
        if options.write:
            keep(FILE, {name: entry}, SWEEPS)


if __name__ == "__main__":
    main()
