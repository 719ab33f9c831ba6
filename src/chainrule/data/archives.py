"""NumPy archives (`.npz`) and arrays in memory, read as data only: nothing in them is ever run."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.data.files import MAX_BYTES, existing
from chainrule.data.finite import check_finite
from chainrule.data.parts import ArrayPart
from chainrule.data.shapes import as_array, check_channels_last
from chainrule.errors import DataError, DtypeError, ShapeError

__all__ = ["array_part", "parts_from_arrays", "read_arrays", "read_npy", "read_npz"]

_PAIRS = (
    ("x_train", "y_train"),
    ("train_x", "train_y"),
    ("train_images", "train_labels"),
    ("x", "y"),
    ("images", "labels"),
    ("images", "target"),
    ("data", "target"),
    ("data", "labels"),
    ("inputs", "target"),
    ("inputs", "targets"),
)
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    ValueError,
    OSError,
    EOFError,
    KeyError,
    NotImplementedError,
    RuntimeError,
    MemoryError,
)


def read_npz(path: Path, *, labelled: bool = True) -> tuple[ArrayPart, ArrayPart | None]:
    """The training part of an archive, and its test part where it has one.

    Keys: `x` and `y`, `images` and `labels`, or `x_train`, `y_train`, `x_test`, `y_test`, upper or lower case;
    `classes` for names; `lengths` (or `lengths_train`, `lengths_test`) beside sequences of several lengths.

    Raises:
        DataError: as `read_arrays` does, and for keys that are not understood.
    """
    return parts_from_arrays(read_arrays(path), path.name, labelled=labelled)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an archive by name.

    Raises:
        DataError: damaged, pickled objects inside, or sizes beyond what the file can hold.
    """
    existing(path)
    arrays: dict[str, np.ndarray] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            total = 0
            for info in archive.infolist():
                if not info.filename.endswith(".npy"):
                    continue
                # what the directory of the archive says must be possible, and what the array says must agree with it
                total += info.file_size
                if total > MAX_BYTES or info.file_size > 1100 * max(info.compress_size, 1):
                    raise DataError(
                        f"{info.filename} unpacks to {info.file_size:,} bytes, which is refused", where=path.name
                    )
                with archive.open(info) as member:
                    arrays[info.filename.removesuffix(".npy")] = _read_array(member, info.file_size, path.name)
    except DataError:
        raise
    except _BROKEN as error:
        raise DataError(
            f"{path.name} is no readable NumPy archive: {str(error) or type(error).__name__}",
            where=str(path),
            fix="write it with numpy.savez(path, x=x, y=y), with numbers and text only",
        ) from None
    return arrays


def read_npy(path: Path) -> ArrayPart:
    """A single array of inputs, to predict from."""
    existing(path)
    try:
        with path.open("rb") as file:
            inputs = _read_array(file, path.stat().st_size, path.name)
    except DataError:
        raise
    except _BROKEN as error:
        raise DataError(f"{path.name} is no readable NumPy array: {error}", where=str(path)) from None
    return array_part(inputs, None, path.name)


def _read_array(file: Any, size: int, name: str) -> np.ndarray:
    """One array, whose header must agree with the bytes that are there before anything is allocated."""
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise DataError(f"an array in {name} is of format {version}, expected 1.0 or 2.0", where=name)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    if dtype.hasobject:
        raise DataError(
            f"{name} holds pickled Python objects, which could run code when read",
            where=name,
            fix="save plain numbers: numpy.savez(path, x=x.astype('float32'), y=y)",
        )
    if dtype.kind not in "biufSU":
        raise DataError(f"{name} holds values of type {dtype}, expected numbers", where=name)
    expected = math.prod(shape) * dtype.itemsize
    if any(n < 0 for n in shape) or expected > size:
        raise DataError(f"an array in {name} claims the shape {shape}, more than its {size:,} bytes", where=name)
    raw = file.read(expected)
    if len(raw) < expected:
        raise DataError(f"an array in {name} of shape {shape} is cut off after {len(raw):,} bytes", where=name)
    return np.frombuffer(raw, dtype).reshape(shape, order="F" if fortran else "C")


def parts_from_arrays(
    arrays: Mapping[str, Any], name: str, *, labelled: bool = True
) -> tuple[ArrayPart, ArrayPart | None]:
    """The training part and, where there is one, the test part of arrays by name."""
    by_name = {str(key).lower(): value for key, value in arrays.items()}
    classes = by_name.get("classes", by_name.get("class_names"))
    words = None if classes is None else [str(word) for word in np.asarray(classes).ravel()]
    for x, y in _PAIRS:
        if x in by_name and (y in by_name or not labelled):
            if "image" in x:  # the name says that three axes are pictures without a channel axis, not sequences
                by_name |= {key: _pictures(by_name[key]) for key in {x, x.replace("train", "test")} & set(by_name)}
            train = _part(by_name, x, y, name, words)
            x_test, y_test = x.replace("train", "test"), y.replace("train", "test")
            if x_test != x and x_test in by_name:
                return train, _part(by_name, x_test, y_test, f"{name} (test part)", words)
            return train, None
    held = ", ".join(f"{key} {np.shape(value)}" for key, value in arrays.items()) or "nothing"
    raise DataError(
        f"{name} holds {held[:300]}: which of these are the inputs and the target is not clear",
        where=name,
        fix="name them x and y (or x_train, y_train, x_test, y_test, or images and labels)",
    )


def _part(arrays: Mapping[str, Any], x: str, y: str, name: str, classes: list[str] | None) -> ArrayPart:
    """Arrays, or sequences where their lengths lie beside them."""
    from chainrule.data.sequences import sequence_part

    suffix = "_train" if "train" in x else "_test" if "test" in x else ""
    known = (f"lengths{suffix}", f"{suffix.lstrip('_')}_lengths", "lengths")
    key = next((key for key in known if key in arrays), None)
    if key is None:
        return array_part(arrays[x], arrays.get(y), name, classes)
    if key == "lengths" and suffix:
        raise DataError(f"{name} has {x} and lengths", where=name, fix=f"call the lengths of {x} lengths{suffix}")
    return sequence_part(arrays[x], arrays[key], arrays.get(y), name, classes)


def array_part(x: Any, y: Any, name: str, classes: list[str] | None = None) -> ArrayPart:
    """Inputs and labels, checked: numbers, finite, one label per row.

    Arrays of 4 axes are images, channels last, and so are bytes (uint8) of 3 axes, which get a channel axis.
    """
    inputs = _numbers(x, f"the inputs of {name}")
    if inputs.ndim < 2:
        raise ShapeError(
            f"the inputs of {name} have shape {inputs.shape}, expected one row per example: (N, …)",
            fix="x[:, None] for a single column",
        )
    if not inputs.size:
        raise DataError(f"{name} holds no inputs: their shape is {inputs.shape}", where=name)
    check_finite(inputs, f"the inputs of {name}")
    if inputs.dtype.itemsize > 4 and max(float(inputs.max()), -float(inputs.min())) > float(np.finfo(np.float32).max):
        raise DataError(f"the inputs of {name} hold numbers beyond what float32 can", fix="divide them by a constant")
    if inputs.ndim == 3 and inputs.dtype == np.uint8:
        inputs = inputs[..., None]
    if inputs.ndim == 4:
        check_channels_last(inputs, f"the images of {name}")
    messages: list[str] = []
    labels = None
    if y is not None:
        labels = np.asarray(y)
        if labels.ndim == 2 and labels.shape[1] == 1:
            labels = labels[:, 0]
        if labels.ndim == 2 and labels.dtype.kind in "biuf" and _one_hot(labels):
            messages.append(f"{name}: the target is one-hot with {labels.shape[1]} columns, taken as labels")
            labels = labels.argmax(axis=1)
        if labels.ndim != 1 or len(labels) != len(inputs):
            raise ShapeError(
                f"the target of {name} has shape {labels.shape} for inputs {inputs.shape}, expected ({len(inputs)},)",
                fix="one target per row; several targets at once need a Dataset and a loss of your own",
            )
        if labels.dtype.kind == "f":
            check_finite(labels, f"the target of {name}")
        elif labels.dtype.kind == "O":
            labels = np.array([str(label) for label in labels])
        elif labels.dtype.kind == "S":
            labels = np.char.decode(labels, "utf-8", "replace")
        elif labels.dtype.kind not in "biuU":
            raise DtypeError(f"the target of {name} holds values of type {labels.dtype}, expected numbers or text")
    return ArrayPart(inputs, labels, name, classes, messages=messages)


def _numbers(values: Any, what: str) -> np.ndarray:
    array = as_array(values, what)
    if array.dtype.kind not in "biuf":
        raise DtypeError(
            f"{what} hold values of type {array.dtype}, expected numbers",
            fix="give words and dates in a table: a dict or data frame",
        )
    return array


def _pictures(values: Any) -> Any:
    return np.asarray(values)[..., None] if np.ndim(values) == 3 else values


def _one_hot(values: np.ndarray) -> bool:
    return values.shape[1] > 1 and bool(((values == 0) | (values == 1)).all() and (values.sum(axis=1) == 1).all())
