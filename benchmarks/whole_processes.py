"""Whole processes, from their start to their end: what somebody who runs a script waits for."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.alternate import check, entry, environment, spread
from benchmarks.workload import Work, library

_SCRIPTS = Path(__file__).parent / "processes"
_SLOW = 30.0
"""Processes that take more than so many seconds have one turn only."""


@dataclass(frozen=True)
class Script:
    """A script of the folder processes, called with a folder for what it saves and `arguments`; `cached`: whether its
    programs were compiled by an earlier process.
    """

    name: str
    arguments: tuple[str, ...] = ()
    cached: bool = field(default=True, kw_only=True)


@dataclass(frozen=True)
class Processes(Work):
    """Scripts that do the same, by the names of their peers; each prints what it reached, and saves its model.

    Attributes:
        tolerance: how much of the numbers that chainrule prints those of the others may differ by; None where they need
            not be the same.
    """

    peers: dict[str, Script]
    tolerance: float | None = field(default=None, kw_only=True)


def both_precisions(training: str, script: str) -> Processes:
    """The same training in bfloat16 and in float32, which have to reach the same losses."""
    return Processes(
        f"{training}: what bfloat16 does to a training",
        {
            "chainrule": Script(script, ("bf16",), cached=False),
            "chainrule, float32": Script(script, ("float32",), cached=False),
        },
        unit="s",
        says="final loss: training, test",
        needs="CHAINRULE_DATA",
        tolerance=0.01,
    )


WORKLOADS = {
    "start": Processes(
        "digits MLP 64-128-64-10, 50 epochs of Adam: process start to saved model",
        {
            "chainrule": Script("chainrule_digits.py"),
            "chainrule, nothing cached": Script("chainrule_digits.py", cached=False),
            "PyTorch": Script("torch_digits.py"),
            "scikit-learn": Script("sklearn_digits.py"),
        },
        unit="s",
        says="test accuracy",
    ),
    "mnist-98": Processes(
        "MNIST to 98.3 %: 784-256-128-10 with dropout, AdamW, one cycle; process start to saved model",
        {"chainrule": Script("chainrule_mnist.py"), "PyTorch": Script("torch_mnist.py")},
        asked={"PyTorch": 2},
        unit="s",
        says="test accuracy",
        needs="CHAINRULE_DATA",
    ),
    "bf16-mnist": both_precisions(
        "MNIST, MLP 784-1024-1024-10 with dropout, 8 epochs of AdamW, batch 512", "chainrule_bf16_mnist.py"
    ),
    "bf16-shakespeare": both_precisions(
        "Shakespeare's plays, transformer 4 × 128, 1,000 steps of Adam", "chainrule_bf16_shakespeare.py"
    ),
    "first-step": Processes(
        "digits MLP 64-128-64-10: process start to the end of the process, after a single step",
        {
            "chainrule": Script("chainrule_first_step.py"),
            "chainrule, nothing cached": Script("chainrule_first_step.py", cached=False),
            "chainrule, import only": Script("chainrule_import.py"),
            "PyTorch": Script("torch_first_step.py"),
            "JAX": Script("jax_first_step.py"),
            "JAX, nothing cached": Script("jax_first_step.py", cached=False),
        },
        unit="s",
        says="import",
        notes="To stay under: 0.3 s for `import chainrule` by itself, 1.5 s for the process with nothing cached, 1.0 s "
        "with the programs of an earlier one.",
    ),
}


def run(name: str, work: Processes, rounds: int) -> dict[str, Any]:
    """Runs the processes in turn, a third of the rounds, and gives the workload's entry of the results.

    Raises:
        AssertionError: when a peer reaches something else than chainrule, where all should reach the same.
    """
    seconds: dict[str, list[float]] = {peer: [] for peer in work.peers}
    memory: dict[str, float] = dict.fromkeys(work.peers, 0.0)
    said: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for peer, script in work.peers.items():
            if script.cached and library(peer) in ("chainrule", "JAX"):
                _once(script, peer, folder, folder / f"cache of {peer}")  # fills caches, as a first run does
        for number in range(max(rounds // 3, 1)):
            for peer, script in work.peers.items():
                cache = folder / (f"cache of {peer}" if script.cached else f"{number} of {peer}")
                took, peak, said[peer] = _once(script, peer, folder, cache)
                seconds[peer].append(took)
                memory[peer] = max(memory[peer], peak)
            if max(taken[0] for taken in seconds.values()) > _SLOW:
                break
    if work.tolerance is not None:
        for place in range(len(said["chainrule"].split())):
            check(name, {peer: float(words.split()[place]) for peer, words in said.items()}, work.tolerance)
    rows = {
        peer: {
            "times": spread(taken),
            "ratio": spread([theirs / ours for theirs, ours in zip(taken, seconds["chainrule"], strict=True)]),
            "rounds": len(taken),
            "mebibytes": memory[peer],
            "said": said[peer],
        }
        for peer, taken in seconds.items()
    }
    return entry(work, rows)


def _once(script: Script, peer: str, folder: Path, cache: Path) -> tuple[float, float, str]:
    """The seconds that a process took, its peak memory and what it printed."""
    command = [sys.executable, str(_SCRIPTS / script.name), str(folder), *script.arguments]
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environment(cache, peer), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = process.stdout.read().strip()
    _, status, usage = os.wait4(process.pid, 0)
    taken = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{script.name} failed")
    return taken, usage.ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024), said
