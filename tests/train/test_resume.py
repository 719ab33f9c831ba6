"""A run killed at any moment goes on bit for bit as if nothing had happened."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from chainrule.train.files import read_tensors

PROGRAM = Path(__file__).with_name("resumable.py")


def train(folder: Path, *options: str) -> int:
    return subprocess.run([sys.executable, str(PROGRAM), str(folder), *options], check=False, timeout=120).returncode


def last_snapshot(folder: Path) -> tuple[dict[str, np.ndarray], dict]:
    tensors, metadata = read_tensors(folder / "checkpoints" / "step-00000100.safetensors")
    return tensors, json.loads(metadata["progress"])


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("straight")
    assert train(folder) == 0
    return folder


@pytest.mark.parametrize(
    "kill",
    [["--kill-at", "50"], ["--kill-at", "57"], ["--kill-at", "31", "--kill-writing"]],
    ids=["epoch", "mid-epoch", "mid-write"],
)
def test_killed_and_resumed_is_bit_for_bit_the_same(straight: Path, tmp_path: Path, kill: list[str]):
    assert train(tmp_path, *kill) == -9
    assert not (tmp_path / "model.safetensors").exists()
    assert train(tmp_path, "--resume") == 0
    (expected, progress), (resumed, resumed_progress) = last_snapshot(straight), last_snapshot(tmp_path)
    assert expected.keys() == resumed.keys()
    for name, array in expected.items():
        assert array.dtype == resumed[name].dtype and array.tobytes() == resumed[name].tobytes(), name
    for key in ("epoch", "step", "best_epoch", "best_loss"):
        assert progress[key] == resumed_progress[key], key
    lines = [
        [json.loads(line) for line in (f / "metrics.jsonl").read_text().splitlines()] for f in (straight, tmp_path)
    ]
    assert [(r["epoch"], r["step"], r["train"], r["validation"]) for r in lines[0]] == [
        (r["epoch"], r["step"], r["train"], r["validation"]) for r in lines[1]
    ]
    assert not list(tmp_path.rglob("*.part"))
