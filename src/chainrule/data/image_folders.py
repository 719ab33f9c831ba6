"""Folders of images: one folder per class, or images alone to predict from."""

from __future__ import annotations

import struct
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from chainrule.data.files import MAX_BYTES, existing
from chainrule.data.parts import ArrayPart
from chainrule.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["IMAGE_ENDINGS", "is_image_folder", "read_image_folder", "read_images", "resize"]

IMAGE_ENDINGS = frozenset([".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"])
_FORMATS = (
    "PNG",
    "JPEG",
    "BMP",
    "GIF",
    "WEBP",
    "TIFF",
)  # Pillow knows many more, and each is a way in for hostile files
_MAX_PIXELS = 64 * 2**20
_TRAIN = ("train", "training")
_TEST = ("test", "testing", "val", "valid", "validation")  # the first that is there


def is_image_folder(folder: Path) -> bool:
    """Whether there are images in the folder, its folders, or the class folders of its training or test part."""
    return any(_images(folder)) or any(
        any(_images(f)) or (f.name.lower() in (*_TRAIN, *_TEST) and any(any(_images(g)) for g in _folders(f)))
        for f in _folders(folder)
    )


def read_image_folder(folder: Path) -> tuple[ArrayPart, ArrayPart | None]:
    """The images of class folders with their labels, and the test part where there are folders `train` and `test`.

    Classes are the folders' names in order. Images of other sizes than the most common are resized to it; colours are
    kept where any image has them.

    Raises:
        DataError: a damaged or oversized image, a single class, or a class without images.
    """
    inside = {f.name.lower(): f for f in _folders(folder)}
    training = next((inside[name] for name in _TRAIN if name in inside), None)
    if training is None:
        return _read_classes(folder, None, None), None
    train = _read_classes(training, None, None)
    testing = next((inside[name] for name in _TEST if name in inside), None)
    if testing is None:
        return train, None
    height, width, channels = train.inputs.shape[1:]
    test = _read_classes(testing, train.classes, (height, width, channels))
    test.messages.append(f"{folder.name}: the folder {testing.name!r} is the test part")
    return train, test


def _read_classes(folder: Path, classes: list[str] | None, shape: tuple[int, int, int] | None) -> ArrayPart:
    names = [f.name for f in _folders(folder)]
    unknown = [name for name in names if classes is not None and name not in classes]
    if unknown:
        raise DataError(f"{folder} has a class folder {unknown[0]!r} that training has not", where=str(folder))
    if not names:
        raise DataError(
            f"{folder} holds images but no class folders",
            where=str(folder),
            fix="one folder per class: cats/1.png, dogs/2.png",
        )
    paths, labels = [], []
    for name in names:
        inside = list(_images(folder / name))
        if not inside:
            raise DataError(
                f"the class folder {name!r} holds no images",
                where=str(folder / name),
                fix="give it some, or move it elsewhere if it is no class",
            )
        paths += inside
        labels += [(classes or names).index(name)] * len(inside)
    part = read_images(paths, folder.name, shape)
    others = sum(1 for name in names for p in (folder / name).iterdir() if p.is_file()) - len(paths)
    if others:
        left_out = "1 file that is no image was" if others == 1 else f"{others:,} files that are no images were"
        part.messages.append(f"{folder.name}: {left_out} left out")
    part.labels, part.classes = np.array(labels), list(classes or names)
    return part


def read_images(paths: list[Path], name: str, shape: tuple[int, int, int] | None = None) -> ArrayPart:
    """Images as uint8 (N, H, W, C), C being 1 or 3, resized to one size.

    Arguments:
        paths: the files.
        name: what to call them in messages.
        shape: (H, W, C) that a model was trained on; None takes the most common size, and colours where any image has
            them.
    """
    heads = [_head(path) for path in paths]
    sizes = Counter(size for size, _ in heads)
    if shape is None:
        (width, height), _ = sizes.most_common(1)[0]
        channels = 1 if all(gray for _, gray in heads) else 3
    else:
        height, width, channels = shape
        if channels not in (1, 3):
            raise DataError(f"the model takes images of {channels} channels, which image files do not have", where=name)
    if len(paths) * height * width * channels > MAX_BYTES:
        raise DataError(
            f"{len(paths):,} images of {width}×{height} need {len(paths) * height * width * channels:,} bytes at once",
            where=name,
        )
    images = np.empty((len(paths), height, width, channels), np.uint8)
    for i, path in enumerate(paths):
        images[i] = _pixels(path, (width, height), channels)
    messages = []
    others = {size: count for size, count in sizes.items() if size != (width, height)}
    if others:
        shown = ", ".join(f"{w}×{h}" for w, h in list(others)[:3]) + (", …" if len(others) > 3 else "")
        messages.append(
            f"{name}: {sum(others.values()):,} of {len(paths):,} images ({shown}) were resized to {width}×{height}"
        )
    mixed = sum(gray for _, gray in heads)
    if channels == 3 and mixed:
        messages.append(f"{name}: {mixed:,} grey images among coloured ones were given three equal channels")
    if channels == 1 and mixed < len(paths):
        messages.append(f"{name}: {len(paths) - mixed:,} coloured images were made grey, as in training")
    return ArrayPart(images, None, name, messages=messages)


def resize(images: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Images uint8 (N, H, W, C) in another height, width and number of channels (1 or 3)."""
    from PIL import Image

    height, width, channels = shape
    result = np.empty((len(images), height, width, channels), np.uint8)
    for i, pixels in enumerate(images):
        plain = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).convert(
            "L" if channels == 1 else "RGB"
        )
        result[i] = np.asarray(plain.resize((width, height), Image.Resampling.BILINEAR)).reshape(
            height, width, channels
        )
    return result


def _head(path: Path) -> tuple[tuple[int, int], bool]:
    """Size and whether the image is grey, without decoding it."""
    with _open(path) as image:
        return image.size, image.mode in ("1", "L", "LA", "I", "F") or image.mode.startswith("I;16")


def _pixels(path: Path, size: tuple[int, int], channels: int) -> np.ndarray:
    from PIL import Image

    with _open(path) as image:
        try:
            if image.mode.startswith("I"):  # 16 bits of grey: the upper 8 are kept
                values = np.clip(np.asarray(image).astype(np.int64), 0, 65535) >> 8
                plain = Image.fromarray(values.astype(np.uint8))
            else:
                plain = image
            plain = plain.convert("L" if channels == 1 else "RGB")
            if plain.size != size:
                plain = plain.resize(size, Image.Resampling.BILINEAR)
            return np.asarray(plain)[..., None] if channels == 1 else np.asarray(plain)
        except _broken() as error:
            raise _damaged(path, error) from None


def _open(path: Path) -> Image:
    from PIL import Image

    existing(path)
    try:
        image = Image.open(path, formats=_FORMATS)
    except Image.DecompressionBombError:
        raise DataError(
            f"{path.name} has more than {2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels, which is refused", where=str(path)
        ) from None
    except _broken() as error:
        raise _damaged(path, error) from None
    if image.width * image.height > _MAX_PIXELS:
        size = f"{image.width:,}×{image.height:,}"
        image.close()
        raise DataError(
            f"{path.name} has {size} pixels, more than the {_MAX_PIXELS:,} that are taken",
            where=str(path),
            fix="scale the image down",
        )
    return image


def _broken() -> tuple[type[Exception], ...]:
    """What Pillow raises on damaged files."""
    from PIL import Image, UnidentifiedImageError

    return (
        *(UnidentifiedImageError, Image.DecompressionBombError, Image.DecompressionBombWarning, OSError, SyntaxError),
        *(ValueError, TypeError, KeyError, IndexError, EOFError, OverflowError, MemoryError, struct.error),
    )


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(
        f"{path.name} is no readable image: {str(error) or type(error).__name__}",
        where=str(path),
        fix="remove or replace the file; PNG, JPEG, BMP, GIF, WEBP and TIFF are read",
    )


def _folders(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith((".", "__")))


def _images(folder: Path) -> list[Path]:
    return sorted(
        p for p in folder.iterdir() if p.suffix.lower() in IMAGE_ENDINGS and p.is_file() and not p.name.startswith(".")
    )
