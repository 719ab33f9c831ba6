"""Files of a run are whole or absent, and damaged or hostile ones are refused with a reason."""

import os
import pickle
import subprocess
from pathlib import Path

import numpy as np
import pytest

from chainrule.errors import CheckpointError, RunError
from chainrule.train.files import append_lines, plain, read_lines, read_tensors, write_atomic, write_tensors


def test_tensors_round_trip(tmp_path: Path):
    arrays = {"a": np.arange(6, dtype=np.float32).reshape(2, 3).T, "b": np.array(3, np.int64), "c": np.zeros((0, 2))}
    write_tensors(tmp_path / "x.safetensors", arrays, {"k": "v"})
    read, metadata = read_tensors(tmp_path / "x.safetensors")
    assert metadata == {"k": "v"}
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array)


@pytest.mark.parametrize("size", [0, 1, 7, 8, 40, -1])
def test_a_file_cut_short_is_refused(tmp_path: Path, size: int):
    path = tmp_path / "x.safetensors"
    write_tensors(path, {"a": np.ones((4, 4), np.float32)})
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        read_tensors(path)


def test_a_pickle_under_another_name_is_never_opened(tmp_path: Path):
    class Hostile:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "harm"),)

    path = tmp_path / "x.safetensors"
    path.write_bytes(pickle.dumps(Hostile()))
    with pytest.raises(CheckpointError, match="is a pickle"):
        read_tensors(path)
    assert not (tmp_path / "harm").exists()


def test_random_bytes_are_refused(tmp_path: Path):
    rng = np.random.default_rng(0)
    for size in (8, 100, 5000):
        (tmp_path / "x").write_bytes(rng.bytes(size))
        with pytest.raises(CheckpointError):
            read_tensors(tmp_path / "x")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "x"
    write_atomic(path, b"old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(RunError, match="disk is full"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old" and [p.name for p in tmp_path.iterdir()] == ["x"]


@pytest.mark.skipif(os.name != "posix" or not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting needs root")
def test_a_full_disk(tmp_path: Path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], check=False, capture_output=True
    ).returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        write_atomic(disk / "x", b"old")
        with pytest.raises(RunError, match="disk is full"):
            write_tensors(disk / "x", {"a": np.zeros(100_000)})
        assert (disk / "x").read_bytes() == b"old" and len(list(disk.iterdir())) == 1
    finally:
        subprocess.run(["umount", str(disk)], check=False)


def test_lines_cut_short_are_left_out(tmp_path: Path):
    append_lines(tmp_path / "m.jsonl", [{"epoch": 1, "loss": float("nan")}, {"epoch": 2, "loss": np.float32(0.5)}])
    with (tmp_path / "m.jsonl").open("ab") as file:
        file.write(b'{"epoch": 3, "lo')
    assert read_lines(tmp_path / "m.jsonl") == [{"epoch": 1, "loss": None}, {"epoch": 2, "loss": 0.5}]
    assert read_lines(tmp_path / "absent") == []


def test_plain_values():
    assert plain({"a": np.array([1, 2]), "b": (np.float64(1.5), np.inf), "c": Path("x")}) == {
        "a": [1, 2],
        "b": [1.5, None],
        "c": "x",
    }
