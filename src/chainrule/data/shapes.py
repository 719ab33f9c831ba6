"""Shapes that arrays of examples must have: one for all examples, and channels last in images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import ShapeError

__all__ = ["as_array", "channels_first", "check_channels_last"]


def as_array(values: Any, what: str) -> np.ndarray:
    """The values as an array, whose rows all have one shape.

    Raises:
        ShapeError: naming the first row that has another shape than the row before the others.
    """
    try:
        return np.asarray(values)
    except ValueError:
        pass
    place = "rows that are lists of different lengths"
    try:
        shapes = [np.shape(value) for value in values]
        row = next(i for i, shape in enumerate(shapes) if shape != shapes[0])
        place = f"rows of different lengths or sizes: {shapes[0]} in row 0 and {shapes[row]} in row {row}"
    except (ValueError, TypeError, StopIteration):
        pass  # uneven within a row
    raise ShapeError(
        f"{what}: {place}.", fix="one shape for all: images resized, or sequences padded; a folder of images is resized"
    )


def channels_first(shape: Sequence[int]) -> bool:
    """Whether an image of this shape can only be meant as (C, H, W): 1 or 3 channels before two longer axes."""
    return len(shape) == 3 and shape[0] in (1, 3) and min(shape[1:]) > 4


def check_channels_last(images: np.ndarray, what: str) -> None:
    """Refuses images (N, C, H, W)."""
    if channels_first(images.shape[1:]):
        n, c, h, w = images.shape
        raise ShapeError(
            f"{what} have shape {images.shape}: the {c} channel{'s come' if c > 1 else ' comes'} first there, and last "
            "here.",
            fix=f"np.moveaxis(x, 1, -1), which makes {(n, h, w, c)} of it",
        )
