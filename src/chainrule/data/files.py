"""Opening files that came from outside: missing ones get near names, compressed ones a limit, and nothing is
trusted.
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from chainrule.errors import DataError, suggest

__all__ = ["MAX_BYTES", "existing", "read_bytes", "unpack_gzip"]

# More than this in memory at once is refused: a file of a few kilobytes can claim to hold terabytes.
MAX_BYTES = 16 * 2**30


def existing(path: Path) -> Path:
    """The path itself, or a DataError that names what lies near it."""
    try:
        if path.exists():
            return path
        parent = path.parent
        near = [p.name for p in parent.iterdir()] if parent.is_dir() else []
    except OSError as error:  # a name too long, a parent that may not be read
        raise DataError(f"{str(path)!r} cannot be looked up: {error.strerror}") from None
    except ValueError:  # a zero byte in the name
        raise DataError(f"{str(path)!r} is not a file name") from None
    nearest = suggest(path.name, near, likeness=0.6).strip()
    if not parent.is_dir():
        fix = f"the folder {str(parent)!r} does not exist either: check the path"
    elif parent == Path():
        fix = nearest or f"check the name, or go to its folder; this one is {Path.cwd()}"
    else:
        fix = nearest or f"check the name: the folder {str(parent)!r} is there, and has no such file"
    raise DataError(f"no file or folder {str(path)!r}", fix=fix)


def read_bytes(path: Path, limit: int = MAX_BYTES) -> bytes:
    """The whole file, unpacked where it is gzip.

    Raises:
        DataError: it cannot be read, is damaged, or holds more than `limit` bytes.
    """
    existing(path)
    try:
        if path.stat().st_size > limit:
            raise DataError(
                f"{path.name} has {path.stat().st_size:,} bytes, more than the {limit:,} that are read at once"
            )
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"{str(path)!r} cannot be read: {error.strerror or error}") from None
    return unpack_gzip(raw, path.name, limit) if raw[:2] == b"\x1f\x8b" else raw


def unpack_gzip(raw: bytes, name: str, limit: int = MAX_BYTES) -> bytes:
    """The content of gzip bytes, at most `limit` of it."""
    import io

    try:
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as file:
            content = file.read(min(limit, 1100 * len(raw)) + 1)  # deflate cannot pack more than 1032 to 1
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{name} is a damaged gzip file: {error}", fix="fetch the file again") from None
    if len(content) > limit:
        raise DataError(f"{name} unpacks to more than {limit:,} bytes, which is refused")
    return content
