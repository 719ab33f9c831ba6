"""`python -m benchmarks [NAME…]`: chainrule and its peers on the same work, alternating in one run."""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
from typing import Any

_TEXT = """\
Runs workloads, each in chainrule, PyTorch, JAX and others where they fit, and prints times, ratios and memory.

python -m benchmarks                       everything (an hour; the machine should do nothing else)
python -m benchmarks gpt cnn               some workloads
python -m benchmarks gpt --rounds 1        a quick look, which still checks that all compute the same
python -m benchmarks cnn --write           also puts the CNN's numbers into results.json and RESULTS.md
python -m benchmarks bf16-mnist            whole trainings in bfloat16 and in float32, which have to end at one loss
python -m benchmarks --device cuda         on a GPU: needs jax[cuda13] and a PyTorch with CUDA
python -m benchmarks.curves --help         how chainrule's own costs grow
python -m benchmarks.layers --help         every kind of layer beside PyTorch's
python -m benchmarks.findings --help       what makes chainrule fast, one finding after the other
python -m benchmarks.limits --help         what a step needs at the least on this machine

A ratio is the peer's time divided by chainrule's: above 1, chainrule is faster. gcn, mnist-98, bf16-mnist and
bf16-shakespeare read their data from the folder that CHAINRULE_DATA names (graph/cora.npz, mnist/*.gz,
text/tiny-shakespeare.txt) and are left out without it.
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=_TEXT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="workloads, by spaces or commas; all without")
    parser.add_argument("--rounds", type=int, default=15, help="how often each peer has its turn (15)")
    parser.add_argument("--write", action="store_true", help="keep the numbers in benchmarks/results.json, RESULTS.md")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where everything runs (cpu)")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error(f"--rounds is at least 1, got {options.rounds}")
    os.environ["BENCHMARK_DEVICE"] = options.device  # for the processes of the peers, and the names of the peers here

    from benchmarks import alternate, results, whole_processes
    from benchmarks.workloads import WORKLOADS

    works: dict[str, Any] = {**WORKLOADS, **whole_processes.WORKLOADS}
    names = [name for given in options.names for name in given.split(",") if name] or list(works)
    unknown = [name for name in names if name not in works]
    if unknown:
        parser.error(f"no workload {', '.join(unknown)}; there are {', '.join(works)}")
    missing = [package for package in ("torch", "jax", "optax", "sklearn") if importlib.util.find_spec(package) is None]
    if missing:
        parser.error(f"{', '.join(missing)} not installed: `make bench` does it")
    if options.device == "cuda" and not _cuda_works():
        parser.error("PyTorch and JAX do not both find a GPU: install jax[cuda13] and a PyTorch with CUDA")
    entries, on = {}, " on cuda" if options.device == "cuda" else ""
    for name in names:
        if works[name].needs and not os.environ.get(works[name].needs):
            print(f"{name} is left out: {works[name].needs} is not set\n", file=sys.stderr)
            continue
        run = whole_processes.run if name in whole_processes.WORKLOADS else alternate.run
        key = name + on
        entries[key] = run(name, works[name], options.rounds)
        print(results.section(key, entries[key]), flush=True)
        if options.write:
            results.keep({key: entries[key]}, [*works, *(f"{name} on cuda" for name in works)])
    print(results.summary(entries))


def _cuda_works() -> bool:
    check = "import jax, torch; assert torch.cuda.is_available() and jax.default_backend() == 'gpu'"
    return subprocess.run([sys.executable, "-c", check], capture_output=True).returncode == 0


if __name__ == "__main__":
    main()
