"""Training steps: every peer waits in a process of its own and they take turns, round by round."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from typing import Any

from benchmarks.peers import PEERS
from benchmarks.workloads import WORKLOADS

_TOLERANCE = 1e-3
_REST = 0.3  # seconds between turns: thread pools spin for a while after their last work


class _Worker:
    """A peer's process."""

    def __init__(self, work: str, peer: str) -> None:
        command = [sys.executable, "-m", "benchmarks.worker", work, peer]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None and self.process.stderr is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"a peer failed:\n{self.process.stderr.read()}")
        return json.loads(line)

    def round(self) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return self.answer()

    def end(self) -> None:
        self.process.communicate()


def run(name: str, rounds: int) -> list[str]:
    """Runs a workload and gives its section of the results."""
    workers: dict[str, _Worker] = {}
    losses: dict[str, float] = {}
    for peer in PEERS:  # one after the other, so that none compiles while another warms up
        workers[peer] = _Worker(name, peer)
        losses[peer] = workers[peer].answer()["loss"]
    spread = max(losses.values()) - min(losses.values())
    if spread > _TOLERANCE * max(1.0, abs(losses["chainrule"])):
        raise AssertionError(f"{name}: the peers do not compute the same: {losses}")
    answers: dict[str, list[dict[str, float]]] = {peer: [] for peer in PEERS}
    for _ in range(rounds):
        for peer, worker in workers.items():
            time.sleep(_REST)
            answers[peer].append(worker.round())
    for worker in workers.values():
        worker.end()

    times = {peer: [a["microseconds"] for a in given] for peer, given in answers.items()}
    lines = [f"## {WORKLOADS[name].title}", "", "| | µs a step | ratio | peak memory |", "| --- | ---: | ---: | ---: |"]
    for peer, measured in times.items():
        ratio = _ratio(measured, times["chainrule"])
        peak = max(a["mebibytes"] for a in answers[peer])
        lines.append(f"| {peer} | {statistics.median(measured):,.1f} | {ratio} | {peak:.0f} MiB |")
    eager = _ratio(times["PyTorch eager, fused Adam"], times["chainrule eager (NumPy)"])
    lines += ["", f"Eager against eager: PyTorch's time / chainrule's on NumPy = {eager}.", ""]
    print("\n".join(lines), flush=True)
    return lines


def _ratio(theirs: list[float], ours: list[float]) -> str:
    ratios = sorted(t / own for t, own in zip(theirs, ours, strict=True))
    return f"{statistics.median(ratios):.2f} ({ratios[0]:.2f}–{ratios[-1]:.2f})"
