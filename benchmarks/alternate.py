"""Every peer of a workload waits, in a process of its own or with the others, and they take turns, round by round."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.loops import device
from benchmarks.machine import describe
from benchmarks.workload import Work, Workload, library

TOLERANCE = 1e-3
_REST = 0.3
"""Seconds between turns: pools of threads spin for a while after their last work."""
_SLOW, _FEW = 5.0, 2
"""A peer in a process of its own whose round takes more than so many seconds has only so many."""


class _Worker:
    """A process of peers; compiled programs are kept in the folder.

    Attributes:
        values: what each had after its first round; seconds: from the start of the process to then.
    """

    def __init__(self, name: str, peers: list[str], cache: Path, *, one_step: bool = False) -> None:
        started = time.perf_counter()
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (it lives as long as the process)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", name, *(["--one-step"] if one_step else []), *peers],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True,
            env=environment(cache, peers[0]),
        )  # fmt: skip
        self.values: dict[str, float] = self._answer()
        self.seconds = time.perf_counter() - started

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            raise RuntimeError(f"{self._process.args} failed:\n{self._errors.read()}")
        return json.loads(line)

    def round(self, peer: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{peer}\n")
        self._process.stdin.flush()
        return self._answer()

    def end(self) -> None:
        self._process.communicate()
        self._errors.close()


def environment(cache: Path, peer: str = "chainrule") -> dict[str, str]:
    """The environment of a process whose compiled programs are kept in a folder of its own."""
    made = {**os.environ, "CHAINRULE_CACHE": str(cache), "TORCHINDUCTOR_CACHE_DIR": str(cache)}
    made.pop("PYTHONDONTWRITEBYTECODE", None)  # users keep compiled Python
    made["FORCE_COLOR"] = "1"  # progress is a bar that moves, as in a terminal
    if device() == "cuda":  # where every process would take most of the GPU's memory
        made["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
    if library(peer) == "tinygrad":
        made |= {"DEV": "CPU", "XDG_CACHE_HOME": str(cache)}
    if library(peer) == "JAX":  # chainrule would use this folder, too, with settings of the environment
        made |= {
            "JAX_COMPILATION_CACHE_DIR": str(cache),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        }
    return made


def run(name: str, work: Workload, rounds: int) -> dict[str, Any]:
    """Runs a workload and gives its entry of the results.

    Raises:
        AssertionError: when a peer computes something else than chainrule.
    """
    workers: dict[str, _Worker] = {}
    starts: dict[str, list[float]] = {}
    first: dict[str, float] = {}
    slow: dict[str, bool] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, peer in enumerate(work.peers):  # one after the other, so that none compiles while another warms up
            cache = Path(folder) / str(number)
            starts[peer] = []
            for _ in ("nothing cached", "cached"):
                one = _Worker(name, [peer], cache, one_step=True)
                starts[peer].append(one.seconds)
                first |= one.values
                one.end()
            if not work.together:
                workers[peer] = _Worker(name, [peer], cache)
        if work.together:
            workers = dict.fromkeys(work.peers, _Worker(name, list(work.peers), Path(folder)))
        for peer, worker in workers.items():
            slow[peer] = worker.round(peer)["seconds"] > _SLOW and not work.together
            if not slow[peer]:
                worker.round(peer)  # which now knows how often to repeat
        check(name, first)
        if work.same_after_a_round and device() == "cpu":  # TF32 rounds in other places in every library
            check(name, {peer: worker.values[peer] for peer, worker in workers.items()})
        answers: dict[str, list[dict[str, Any]]] = {peer: [] for peer in workers}
        for number in range(rounds):
            for peer, worker in workers.items():
                if number < _FEW or not slow[peer]:
                    time.sleep(_REST)
                    answers[peer].append(worker.round(peer))
        for worker in set(workers.values()):
            worker.end()

    own = [a["seconds"] for a in answers["chainrule"]]
    rows = {}
    for peer, given in answers.items():
        steps, seconds = given[0]["steps"], [a["seconds"] for a in given]
        ratios = [theirs / ours for theirs, ours in zip(seconds, own, strict=False)]
        rows[peer] = {
            "times": spread([s / steps * 1e6 for s in seconds]),
            "ratio": spread(ratios),
            "rounds": len(seconds),
            "mebibytes": max(a["mebibytes"] for a in given),
            "cold": starts[peer][0],
            "cached": starts[peer][1],
        }
    return entry(work, rows)


def entry(work: Work, rows: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What is kept of a workload."""
    return {
        "title": work.title, "unit": work.unit, "asked": work.asked, "notes": work.notes, "left_out": work.left_out,
        "says": work.says, "machine": describe(), "rows": rows,
    }  # fmt: skip


def spread(values: list[float]) -> list[float]:
    """Median, lowest and highest, to four digits."""
    return [float(f"{v:.4g}") for v in (statistics.median(values), min(values), max(values))]


def check(name: str, values: dict[str, float], tolerance: float = TOLERANCE) -> None:
    """Refuses peers that do not compute what chainrule does."""
    wanted = values["chainrule"]
    wrong = {peer: v for peer, v in values.items() if not abs(v - wanted) <= tolerance * abs(wanted)}
    if wrong:
        raise AssertionError(f"{name}: chainrule computes {wanted:.6g}, and not the same {wrong}")
