"""Which machine and which versions a result belongs to."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = ("chainrule", "numpy", "jax", "torch", "optax", "scikit-learn")
_RARE = ("onnxruntime", "tinygrad")


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe() -> str:
    """One paragraph: date, processor, cores, the GPU where one is used, and the versions that matter."""
    model = platform.processor() or "unknown processor"
    if os.environ.get("BENCHMARK_DEVICE") == "cuda":
        query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        graphics = [subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip()]
    else:
        graphics = []
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    versions = []
    for package in (*_PACKAGES, *_RARE):
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            versions += [] if package in _RARE else [f"no {package}"]
    python = f"Python {platform.python_version()}"
    return " · ".join([str(datetime.date.today()), model, f"{cores()} cores", *graphics, python, ", ".join(versions)])
