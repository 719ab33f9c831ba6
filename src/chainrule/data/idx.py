"""IDX, the format of MNIST and its kin: a magic number, the sizes, and raw numbers, gzip or not."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np

from chainrule.data.files import MAX_BYTES, read_bytes
from chainrule.data.parts import ArrayPart
from chainrule.errors import DataError

__all__ = ["is_idx_folder", "parse_idx", "read_idx", "read_idx_folder"]

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_NAME = re.compile(r"(?P<set>.*?)[-_.]?(?P<what>images|labels)[-_.]?(idx\d)?([-_.]?ubyte)?(\.gz)?", re.IGNORECASE)
_TEST = re.compile(r"(^|[-_.])(t10k|test|testing)$", re.IGNORECASE)
_TRAIN = re.compile(r"(^|[-_.])(train|training)$|^$", re.IGNORECASE)


def parse_idx(raw: bytes, name: str) -> np.ndarray:
    """The array in the bytes of an IDX file.

    The first four bytes are 0, 0, the type and the number of axes; then the length of each axis as a big-endian
    32-bit number; then the values, the last axis fastest.

    Raises:
        DataError: another magic number, or more or fewer values than the sizes say.

    Example:
        >>> parse_idx(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9]), "labels").tolist()
        [7, 9]
    """
    if len(raw) < 4 or raw[0] or raw[1] or raw[2] not in _DTYPES or not 1 <= raw[3] <= 8:
        raise DataError(
            f"{name} starts with {raw[:4].hex(' ') or 'nothing'}, which is not the magic number of an IDX file "
            "(00 00 08 03 for images)",
            where=name,
            fix="fetch the file again; IDX files come as train-images-idx3-ubyte(.gz) and so on",
        )
    dtype = np.dtype(_DTYPES[raw[2]])
    start = 4 + 4 * raw[3]
    if len(raw) < start:
        raise DataError(
            f"{name} ends within its header, after {len(raw)} bytes", where=name, fix="fetch the file again"
        )
    shape = tuple(int(n) for n in np.frombuffer(raw, ">u4", raw[3], 4))
    expected = math.prod(shape) * dtype.itemsize
    if len(raw) - start != expected:
        raise DataError(
            f"{name} says it holds {' × '.join(map(str, shape))} values, {expected:,} bytes, "
            f"but holds {len(raw) - start:,} bytes",
            where=name,
            fix="the file is cut off or damaged: fetch it again",
        )
    values = np.frombuffer(raw, dtype, offset=start).reshape(shape)
    return values.astype(dtype.newbyteorder("="), copy=False)


def read_idx(path: str | Path) -> np.ndarray:
    """The array in an IDX file, gzip or not."""
    path = Path(path)
    return parse_idx(read_bytes(path, MAX_BYTES), path.name)


def is_idx_folder(folder: Path) -> bool:
    """Whether some file in the folder is called as IDX files are."""
    return any(
        "idx" in path.name.lower() or "ubyte" in path.name.lower() for path in folder.iterdir() if path.is_file()
    )


def read_idx_folder(folder: Path) -> tuple[ArrayPart, ArrayPart | None]:
    """The training part, and the test part where there is one.

    Raises:
        DataError: images without labels, other numbers of them, several sets in one folder, or no set at all.
    """
    found: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.iterdir()):
        match = _NAME.fullmatch(path.name)
        if match and path.is_file():
            # the unpacked file comes before its .gz in the order of names, and is faster to read
            found.setdefault(match["set"], {}).setdefault(match["what"].lower(), path)
    train = [name for name in found if _TRAIN.search(name)]
    test = [name for name in found if _TEST.search(name)]
    if not train and len(found) == 1:
        train, test = list(found), []
    if len(train) != 1 or len(test) > 1:
        names = ", ".join(sorted(p.name for files in found.values() for p in files.values())) or "none"
        raise DataError(
            f"{folder} holds {len(train)} training sets in IDX format, expected one (files: {names})",
            where=str(folder),
            fix="one folder with train-images-idx3-ubyte(.gz), train-labels-idx1-ubyte(.gz) and the same with t10k",
        )
    return _read_set(folder, found[train[0]]), _read_set(folder, found[test[0]]) if test else None


def _read_set(folder: Path, files: dict[str, Path]) -> ArrayPart:
    if "images" not in files:
        raise DataError(f"{folder} holds {files['labels'].name} without its images", where=str(folder))
    images = read_idx(files["images"])
    name = files["images"].name
    if images.ndim not in (3, 4):
        raise DataError(f"{name} holds values of shape {images.shape}, expected images (N, H, W)", where=name)
    if not images.size:
        raise DataError(f"{name} holds no images: its shape is {images.shape}", where=name)
    labels = None
    if "labels" in files:
        labels = read_idx(files["labels"])
        if labels.shape != images.shape[:1]:
            raise DataError(
                f"{files['labels'].name} holds labels of shape {labels.shape} for {len(images):,} images",
                where=str(folder),
                fix="take both files from the same set",
            )
    return ArrayPart(images if images.ndim == 4 else images[..., None], labels, name)
