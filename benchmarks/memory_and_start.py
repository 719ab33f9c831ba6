"""Whole processes: the digits MLP for 50 epochs, from process start to saved model, and the peak memory of each."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_PROCESSES = Path(__file__).parent / "processes"
_PEERS = {
    "chainrule": "chainrule_digits.py",
    "PyTorch": "torch_digits.py",
    "scikit-learn": "sklearn_digits.py",
}


def _once(script: str, folder: str, cache: str) -> tuple[float, float, str]:
    environment = {**os.environ, "CHAINRULE_CACHE": cache}
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, str(_PROCESSES / script), folder], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    said = process.stdout.read().strip()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{script} failed")
    return seconds, usage.ru_maxrss / 1024, said


def run(rounds: int) -> list[str]:
    """Runs the processes in turn and gives the section of the results."""
    seconds: dict[str, list[float]] = {}
    memory: dict[str, list[float]] = {}
    accuracy: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        cache = str(Path(folder) / "cache")
        for number in range(rounds):
            for peer, script in _PEERS.items():
                names = [peer]
                if peer == "chainrule":
                    names = ["chainrule, nothing cached", "chainrule"]
                for name in names:
                    used = str(Path(folder) / f"cold-{number}") if "nothing" in name else cache
                    if name == "chainrule" and number == 0:
                        _once(script, folder, cache)  # fills the cache of compiled programs, as a first run does
                    took, peak, said = _once(script, folder, used)
                    seconds.setdefault(name, []).append(took)
                    memory.setdefault(name, []).append(peak)
                    accuracy[name] = said
    lines = [
        "## Digits, 50 epochs: process start to saved model", "",
        "| | seconds | ratio to chainrule | peak memory | test accuracy |", "| --- | ---: | ---: | ---: | ---: |",
    ]  # fmt: skip
    for name, measured in seconds.items():
        ratio = statistics.median(t / own for t, own in zip(measured, seconds["chainrule"], strict=True))
        peak = f"{statistics.median(memory[name]):.0f} MiB"
        lines.append(f"| {name} | {statistics.median(measured):.2f} | {ratio:.2f} | {peak} | {accuracy[name]} |")
    print("\n".join([*lines, ""]), flush=True)
    return [*lines, ""]
