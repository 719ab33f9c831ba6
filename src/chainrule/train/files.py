"""Files of a run: written so that a kill at any moment leaves the old one or the new one, never half of either."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.errors import CheckpointError, RunError

__all__ = [
    "append_lines",
    "make_folder",
    "read_lines",
    "read_tensors",
    "write_atomic",
    "write_json",
    "write_lines",
    "write_tensors",
    "writing",
]


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns what the operating system says while `path` is written into a sentence with a remedy."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise RunError(
                f"{path} cannot be written: the disk is full.",
                fix="free some space; what was saved before is intact, and --resume goes on with a training",
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise RunError(
                f"{path} cannot be written: no permission.", fix="choose another folder with --out"
            ) from error
        raise RunError(
            f"{path} cannot be written: {error.strerror}.", fix="choose another folder with --out"
        ) from error


def make_folder(folder: Path) -> None:
    """Makes a run's folder, and those above it, where they are not there yet.

    Raises:
        RunError: when it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(
            f"The run folder {folder} cannot be made: {error.strerror}.", fix="choose another place with --out"
        ) from error


def write_atomic(path: Path, content: bytes) -> None:
    """Writes a file whole: to a temporary name, to the disk, then under its own name."""
    with writing(path):
        temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise


def write_json(path: Path, value: Any) -> None:
    """Writes a value as indented JSON; numbers that JSON lacks (nan, inf) become null."""
    write_atomic(path, (json.dumps(plain(value), indent=2, ensure_ascii=False) + "\n").encode())


def plain(value: Any) -> Any:
    """The value in terms of JSON."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def append_lines(path: Path, records: list[dict[str, Any]]) -> None:
    """Appends records as JSON lines; the one thing that is not atomic, so a reader leaves out a last line that is cut
    short.
    """
    with writing(path), path.open("ab") as file:
        file.write(_lines(records))


def write_lines(path: Path, records: list[dict[str, Any]]) -> None:
    """Writes a JSON lines file whole."""
    write_atomic(path, _lines(records))


def _lines(records: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(plain(r), ensure_ascii=False).encode() + b"\n" for r in records)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The records of a JSON lines file; a last line that a kill cut short is left out."""
    if not path.exists():
        return []
    records = []
    for line in path.read_bytes().split(b"\n"):
        with contextlib.suppress(ValueError):
            record = json.loads(line)
            if isinstance(record, dict):
                records.append(record)
    return records


def write_tensors(path: Path, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None) -> None:
    """Writes arrays by name as safetensors."""
    from safetensors.numpy import save

    arrays = {name: np.asarray(array, order="C") for name, array in tensors.items()}
    write_atomic(path, save(arrays, metadata=dict(metadata) if metadata else None))


def read_tensors(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Arrays by name and the metadata of a safetensors file.

    Raises:
        CheckpointError: when the file is missing, cut short, or something else under that name; nothing in it is ever
            executed.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}.") from error
    # the length of a safetensors header can begin with the same bytes as a pickle, but then a brace follows it
    pickled = head[:2] in (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05") and head[8:9] != b"{"
    if pickled or head[:2] == b"PK":
        raise CheckpointError(
            f"{path} is a pickle, whatever its name says; loading it could run code, so it is refused.",
            fix="save the weights again as safetensors: safetensors.torch.save_file(model.state_dict(), path)",
        )
    try:
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118 - not a dict
    except (SafetensorError, ValueError, TypeError, OSError) as error:
        size = path.stat().st_size
        raise CheckpointError(
            f"{path} ({size} bytes) is not a whole safetensors file: {str(error).strip()}.",
            fix="use another checkpoint of the run, or train again",
        ) from error
