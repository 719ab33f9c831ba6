"""Snapshots: everything that a run needs to go on bit for bit, in one safetensors file."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.errors import CheckpointError
from chainrule.train.files import plain, read_tensors, write_tensors

__all__ = ["latest_snapshot", "load_snapshot", "save_snapshot"]

_NAME = re.compile(r"step-(\d{8})\.safetensors")
_KEPT = 2


def save_snapshot(folder: Path, step: int, parts: Mapping[str, Mapping[str, Any]], progress: Mapping[str, Any]) -> Path:
    """Writes a snapshot and removes all but the newest two.

    Arguments:
        folder: of the run's checkpoints.
        step: updates so far; part of the file's name.
        parts: arrays by name, by part: model, optimizer, best, streams.
        progress: what JSON can hold: position, history, best epoch.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"{part}/{name}": np.asarray(array) for part, arrays in parts.items() for name, array in arrays.items()}
    path = folder / f"step-{step:08d}.safetensors"
    write_tensors(path, tensors, {"progress": json.dumps(plain(progress))})
    for old in sorted(folder.glob("step-*.safetensors"))[:-_KEPT]:
        with contextlib.suppress(OSError):
            old.unlink()
    for part in folder.glob(".step-*.part"):  # left by a kill in the middle of a write
        with contextlib.suppress(OSError):
            part.unlink()
    return path


def latest_snapshot(folder: Path) -> Path | None:
    """The newest snapshot that is whole, or None."""
    for path in sorted((p for p in folder.glob("step-*.safetensors") if _NAME.fullmatch(p.name)), reverse=True):
        try:
            load_snapshot(path)
        except CheckpointError:
            continue
        return path
    return None


def load_snapshot(path: Path) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, Any]]:
    """Arrays by part and name, and the progress.

    Raises:
        CheckpointError: when the file is damaged or no snapshot.
    """
    tensors, metadata = read_tensors(path)
    try:
        progress = json.loads(metadata["progress"])
    except (KeyError, ValueError) as error:
        raise CheckpointError(
            f"{path} holds weights but no training progress.", fix="resume from a run's folder"
        ) from error
    parts: dict[str, dict[str, np.ndarray]] = {}
    for name, array in tensors.items():
        part, _, inner = name.partition("/")
        parts.setdefault(part, {})[inner] = array
    return parts, progress
