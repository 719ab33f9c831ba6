"""`python -m benchmarks.limits [NAME…]`: how much of a step the processor bounds, and which kernels take the rest."""

from __future__ import annotations

import argparse
import gzip
import json
import math
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.kept import keep
from benchmarks.machine import cores, describe
from benchmarks.workloads import WORKLOADS

_TEXT = """\
Counts the floating-point operations of the products and convolutions of a step and the bytes that its optimizer reads
and writes, divides them by what the processor can do, both cores, and has XLA's profiler say which kernels a step's
time goes to, on one core.

python -m benchmarks.limits              all workloads whose steps are products and convolutions
python -m benchmarks.limits wide gpt     some of them
python -m benchmarks.limits --write      also into benchmarks/limits.json, which the documentation shows
"""
FILE = Path(__file__).with_name("limits.json")
MACHINE = "the machine"

MODULES = {
    "mnist": "mlp", "wide": "mlp", "cnn": "cnn", "resnet": "resnet", "gpt": "gpt", "lstm": "lstm",
    "embeddings": "embeddings",
}  # fmt: skip
"""The module of each workload."""

_ADAM, _MOMENTUM = 7, 5
"""Arrays as large as the parameters that an update reads and writes: the gradient, and each other one twice."""

KINDS = {
    "oneDNN": r".*__onednn\$.*",
    "XLA's convolutions": r"conv(olution|_general).*",
    "XLA's products": r"(dot|ynn).*",
    "moving": r"((wrapped|transpose|copy|concatenate|pad|slice|bitcast|broadcast|gather|scatter|fusion)[_.\d]*)+",
    "number by number, and sums": r".*",
}
"""Kernels by name; the first pattern that fits counts. "moving": arrays and rows of them, in memory."""
_NESTED = re.compile(r"(end: |while|call|conditional).*")


# -- what a step needs


def operations(jaxpr: Any) -> float:
    """Multiplications and additions of the products and convolutions of a JAX program, without those by zeros that a
    dilation puts in.
    """
    from jax.extend import core

    found = 0.0
    for step in jaxpr.eqns:
        repeats = step.params.get("length", 1) if step.primitive.name == "scan" else 1
        found += repeats * sum(operations(inner) for inner in core.jaxprs_in_params(step.params))
        shapes = [x.aval.shape for x in step.invars[:2]]
        places = math.prod(step.outvars[0].aval.shape)
        if step.primitive.name == "dot_general":
            (axes, _), _ = step.params["dimension_numbers"]
            found += 2.0 * places * math.prod(shapes[0][axis] for axis in axes)
        elif step.primitive.name == "conv_general_dilated":
            units = shapes[1][step.params["dimension_numbers"].rhs_spec[0]]
            found += 2.0 * places * math.prod(shapes[1]) / units / math.prod(step.params["lhs_dilation"])
    return found


def needs(name: str) -> dict[str, float]:
    """Operations of a step, as JAX's own derivative has them, and bytes of its optimizer's update."""
    import jax

    given = WORKLOADS[name].given()
    step, state = import_module(f"benchmarks.workloads.{MODULES[name]}").jax(given)
    first = [x[0] for x in given.batches]
    jaxpr = jax.make_jaxpr(step)(state, first).jaxpr
    arrays = _MOMENTUM if name == "resnet" else _ADAM
    rows = len(first[0]) if name == "embeddings" else math.inf  # those of a table that a batch looks up
    numbers = sum(math.prod((min(w.shape[0], rows), *w.shape[1:])) for w in given.weights.values())
    return {"gflop": operations(jaxpr) / 1e9, "megabytes": arrays * 4 * numbers / 1e6}


# -- what the processor can do


def _best(go: Callable[[], Any]) -> float:
    """Seconds of the fastest of many runs."""
    found = []
    for _ in range(30):
        started = time.perf_counter()
        go()
        found.append(time.perf_counter() - started)
    return min(found)


def machine() -> dict[str, float]:
    """The highest rates seen: of a product, in GFLOP/s, and of memory, in GB/s."""
    import torch

    torch.set_num_threads(cores())
    n, m = 2048, 1 << 26
    a, b = torch.randn(n, n), torch.randn(n, n)
    product = _best(lambda: torch.mm(a, b))
    x, y = torch.zeros(m), torch.zeros(m)
    copy = _best(lambda: y.copy_(x))
    return {"gflops": 2 * n**3 / product / 1e9, "gbs": 8 * m / copy / 1e9}


# -- where the time goes


def kernels(name: str) -> dict[str, float]:
    """The share of each kind of kernel in a step; for a process of its own, on one core."""
    import jax

    go = WORKLOADS[name].peers["chainrule"](WORKLOADS[name].given())
    for _ in range(4):
        go()
    times: defaultdict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder, create_perfetto_trace=True):
            for _ in range(5):
                go()
        for event in _events(Path(folder)):
            times[event["name"]].append(event["dur"])
    found: defaultdict[str, float] = defaultdict(float)
    for kernel, taken in times.items():
        kind = next(kind for kind, pattern in KINDS.items() if re.fullmatch(pattern, kernel))
        found[kind] += statistics.median(taken) * len(taken)  # not the mean: the profiler itself takes memory
    return {kind: found[kind] / sum(found.values()) for kind in KINDS}


def _events(folder: Path) -> Iterator[dict[str, Any]]:
    (file,) = folder.rglob("perfetto_trace.json.gz")
    for event in json.loads(gzip.decompress(file.read_bytes()))["traceEvents"]:
        if "hlo_op" in event.get("args", {}) and not _NESTED.fullmatch(event["name"]):
            yield event


def kernels_apart(name: str) -> dict[str, float]:
    """`kernels`, from a process whose programs run one kernel after the other."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen=false"
    command = [sys.executable, "-m", "benchmarks.limits", "--kernels", name]
    answer = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, "XLA_FLAGS": flags}
    )
    return json.loads(answer.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.limits", description=_TEXT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(MODULES)}; all without")
    parser.add_argument("--write", action="store_true", help="keep the numbers")
    parser.add_argument("--kernels", metavar="NAME", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.kernels:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        print(json.dumps(kernels(options.kernels)))
        return
    unknown = [name for name in options.names if name not in MODULES]
    if unknown:
        parser.error(f"no limit of {', '.join(unknown)}; there are {', '.join(MODULES)}")
    rates = machine()
    print(f"products: {rates['gflops']:,.0f} GFLOP/s, memory: {rates['gbs']:,.1f} GB/s\n")
    entries: dict[str, Any] = {MACHINE: {**rates, "machine": describe()}}
    for name in options.names or MODULES:
        entry: dict[str, Any] = needs(name)
        entry["ms"] = entry["gflop"] / rates["gflops"] * 1e3 + entry["megabytes"] / rates["gbs"]
        entry["kernels"] = kernels_apart(name)
        entries[name] = entry
        print(f"{name}: {entry['gflop']:.3g} GFLOP and {entry['megabytes']:.3g} MB: at least {entry['ms']:.3g} ms")
        print("  " + ", ".join(f"{kind} {share:.0%}" for kind, share in entry["kernels"].items()), flush=True)
    if options.write:
        keep(FILE, json.loads(json.dumps(entries), parse_float=lambda x: float(f"{float(x):.4g}")), [MACHINE, *MODULES])


if __name__ == "__main__":
    main()
