"""`python -m benchmarks [names]`: runs the workloads and prints a table of medians, spreads and ratios.

python -m benchmarks                 everything
python -m benchmarks xor mnist       some workloads
python -m benchmarks --write         also writes benchmarks/RESULTS.md
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks import memory_and_start, steps
from benchmarks.machine import describe
from benchmarks.workloads import WORKLOADS as STEPS

WORKLOADS = [*STEPS, "start"]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="chainrule beside its peers, alternating in one run"
    )
    parser.add_argument("names", nargs="*", help=f"of {', '.join(WORKLOADS)}; all without")
    parser.add_argument("--rounds", type=int, default=15, help="how often each peer runs each workload (15)")
    parser.add_argument("--write", action="store_true", help="write benchmarks/RESULTS.md")
    options = parser.parse_args()
    unknown = set(options.names) - set(WORKLOADS)
    if unknown:
        parser.error(f"no workload {', '.join(sorted(unknown))}; there are {', '.join(WORKLOADS)}")
    names = options.names or WORKLOADS
    lines = [
        "# Results", "",
        "Written by `make bench`. Every peer has a process of its own and they take turns, round by round. Times are",
        "medians over rounds; a ratio is the median over rounds of the peer's time divided by chainrule's (above 1:",
        "chainrule is faster), with the lowest and highest in brackets.", "",
        describe(), "",
    ]  # fmt: skip
    for name in names:
        if name in STEPS:
            lines += steps.run(name, options.rounds)
    if "start" in names:
        lines += memory_and_start.run(max(options.rounds // 3, 3))
    text = "\n".join(lines) + "\n"
    print(text)
    if options.write:
        (Path(__file__).parent / "RESULTS.md").write_text(text)


if __name__ == "__main__":
    main()
