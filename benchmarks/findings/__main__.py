"""`python -m benchmarks.findings [NAME…]`: forms of the same computation that XLA runs at different speeds on a CPU."""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

from benchmarks.findings import bounds, images, onednn, products, programs, sequences
from benchmarks.findings.finding import Finding
from benchmarks.kept import keep
from benchmarks.machine import describe
from chainrule.array import import_jax

_TEXT = """\
Times the plain form of a computation and the one that chainrule uses, in turns, and prints both medians and the ratio.

python -m benchmarks.findings                    all
python -m benchmarks.findings weight loop-long   some of them
python -m benchmarks.findings --write            also into benchmarks/findings.json, which the documentation shows
"""
FILE = Path(__file__).parents[1] / "findings.json"
ROUNDS, SECONDS = 15, 0.1
REST = 0.3
"""Seconds between turns of two libraries, whose threads spin for a while after their last work."""

FINDINGS = {
    **programs.FINDINGS,
    **products.FINDINGS,
    **images.FINDINGS,
    **sequences.FINDINGS,
    **onednn.FINDINGS,
    **bounds.FINDINGS,
}


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
    import_jax()  # as chainrule has it: programs run in the calling thread
    for name in options.names or FINDINGS:
        entry = measure(FINDINGS[name])
        print(
            f"{name:<17} {entry['title']}: {entry['plain'][0]} {entry['plain'][1]:,.0f} µs, "
            f"{entry['other'][0]} {entry['other'][1]:,.0f} µs: {entry['ratio']:.2f} times as fast",
            flush=True,
        )
        if options.write:
            keep(FILE, {name: entry}, FINDINGS)


if __name__ == "__main__":
    main()
