"""What a network of images looks for, and what it sees: its first layer's filters, and the maps of every layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.errors import ConfigError, ShapeError
from chainrule.nn import Module, watch
from chainrule.nn.module import quiet_forward
from chainrule.report import words
from chainrule.report.standalone import write_svg
from chainrule.report.tiles import RISING, SIGNED, Page, painted

__all__ = ["feature_maps", "filters"]

_MOST_FILTERS, _MOST_LAYERS, _MOST_MAPS, _MOST_NAMED = 64, 16, 12, 24
_TILE, _GAP, _LABEL = 60.0, 6.0, 150.0


def filters(model: Module, path: str | Path, *, shape: Sequence[int] | None = None) -> Path:
    """Draws the filters of the first layer that has weights as images; returns the picture's path.

    All share one scale, so that a filter that learned nothing stays pale. Those of a convolution of colours are shown
    in colour, grey where they are 0. A perceptron has a filter as large as the image for each hidden unit; of more
    than 64 filters those with the largest weights are shown.

    Arguments:
        model: a network whose first layer is a 2-D convolution, or a Linear layer on flattened images.
        path: of the SVG to write.
        shape: (height, width, channels) of the images of a Linear layer; without it they are taken for square.

    Raises:
        ConfigError: when the first layer's weights are no images; RunError: when the file cannot be written.

    Example:
        >>> import tempfile
        >>> from chainrule import nn, report
        >>> report.filters(nn.Conv2d(1, 8, 5), Path(tempfile.mkdtemp()) / "filters.svg").name
        'filters.svg'
    """
    found = ((name, p.numpy()) for name, p in model.named_parameters() if p.ndim in (2, 4))
    name, weight = next(found, ("", np.zeros((0, 0))))
    layer = name.rpartition(".")[0]
    if weight.ndim == 4:
        images = np.moveaxis(np.asarray(weight, np.float64), -1, 0)
        if images.shape[-1] not in (1, 3):
            images = images.mean(axis=-1, keepdims=True)
        kind = f"{weight.shape[-1]} filters of {weight.shape[0]} × {weight.shape[1]}"
    else:
        height, width, channels = _image_shape(weight, shape)
        images = np.asarray(weight, np.float64).T.reshape(-1, height, width, channels)
        if channels != 3:
            images = images.mean(axis=-1, keepdims=True)
        kind = f"{len(images)} units that see {height} × {width}"
    shown = np.arange(len(images))
    if len(images) > _MOST_FILTERS:
        strongest = np.argsort(-np.square(images).mean(axis=(1, 2, 3)), kind="stable")[:_MOST_FILTERS]
        shown = np.sort(strongest)
        kind += f", the {_MOST_FILTERS} strongest"
    largest = float(np.abs(images).max()) or 1.0
    scale = float(np.quantile(np.abs(images[shown]), 0.995)) or largest
    page = Page(f"Filters of layer {layer}" if layer else "Filters", kind)
    columns = min(len(shown), 8 if len(shown) <= 32 else 16)
    top = page.bottom + 8.0
    for place, index in enumerate(shown):
        row, column = divmod(place, columns)
        position = page.margin + column * (_TILE + _GAP), top + row * (_TILE + _GAP)
        values = 0.5 + 0.5 * images[index] / scale
        coloured = values.shape[-1] == 3
        pixels = _bytes(values) if coloured else painted(values[..., 0], SIGNED)
        norm = float(np.sqrt(np.square(images[index]).sum()))
        page.image(*position, _TILE, _TILE, pixels, f"filter {index}: norm {words.number(norm, 3)}")
    if images.shape[-1] == 1:
        ends = words.minus(f"{-scale:.2g}"), f"{scale:.2g}"
        page.scale(page.margin, page.bottom + 18.0, SIGNED, ends)
    return write_svg(path, page.svg())


def feature_maps(model: Module, image: Any, path: str | Path) -> Path:
    """Draws what every layer makes of an image; returns the picture's path.

    Each layer has a row: of images up to 12 of its channels, those that vary most, of vectors a strip. Layers that can
    only give numbers from 0 up go from dark to light, others from rust over pale to blue; the scale is each layer's
    own. Of more than 16 layers as many are shown, spread evenly; those that change nothing are left out.

    Arguments:
        model: any network that takes one image.
        image: (H, W, C) or (1, H, W, C), as the network takes it.
        path: of the SVG to write.

    Raises:
        ShapeError: for something that is no image; RunError: when the file cannot be written.

    Example:
        >>> import tempfile
        >>> from chainrule import models, report
        >>> image = np.random.default_rng(0).normal(size=(28, 28, 1)).astype(np.float32)
        >>> report.feature_maps(models.LeNet((28, 28, 1), 10), image, Path(tempfile.mkdtemp()) / "maps.svg").name
        'maps.svg'
    """
    given = np.asarray(image, np.float32)
    given = given[None] if given.ndim == 3 else given
    if given.ndim != 4 or len(given) != 1:
        raise ShapeError(f"Feature maps are of one image, got an array of shape {np.shape(image)}.", fix="(H, W, C)")
    rows: list[tuple[str, str, np.ndarray]] = []

    def note(path: str, module: Module, inputs: tuple[Any, ...], output: Any) -> None:
        made = np.asarray(output.numpy(), np.float64)
        before = np.asarray(inputs[0].numpy())
        if next(module.children(), None) is None and not np.array_equal(before.ravel(), made.ravel()):
            rows.append((path, type(module).__name__, made[0]))

    with watch(note):
        quiet_forward(model, (given,))
    if len(rows) > _MOST_LAYERS:
        rows = [rows[round(i)] for i in np.linspace(0, len(rows) - 1, _MOST_LAYERS)]
    page = Page("What each layer sees", f"{type(model).__name__}: an image on its way through the network")
    top = page.bottom + 10.0
    left = page.margin + _LABEL
    picture = given[0] - given.min()
    picture = picture / (picture.max() or 1.0)
    _label(page, top, "input", "", given[0].shape)
    grey = picture.mean(axis=-1, keepdims=True).repeat(3, axis=-1)
    page.image(left, top, _TILE, _TILE, _bytes(picture if picture.shape[-1] == 3 else grey), "the image")
    for name, kind, values in rows:
        top = page.bottom + 3 * _GAP
        _label(page, top, name, kind, values.shape)
        largest = float(np.quantile(np.abs(values), 0.998)) or float(np.abs(values).max()) or 1.0
        signed = bool((values < 0).any())
        colours = SIGNED if signed else RISING
        scaled = 0.5 + 0.5 * values / largest if signed else values / largest
        if values.ndim == 3:
            order = np.argsort(-values.std(axis=(0, 1)), kind="stable")[:_MOST_MAPS]
            for place, channel in enumerate(np.sort(order)):
                x = left + place * (_TILE + _GAP)
                page.image(x, top, _TILE, _TILE, painted(scaled[..., channel], colours), f"{name}, channel {channel}")
        else:
            strip = painted(scaled.reshape(1, -1), colours)
            width = _MOST_MAPS * (_TILE + _GAP) - _GAP
            page.image(left, top + 10, width, 28, strip, f"{name}: {values.size} numbers")
            for index in range(values.size if values.size <= _MOST_NAMED else 0):
                page.text(left + width * (index + 0.5) / values.size, top + 52, str(index), anchor="middle")
    return write_svg(path, page.svg())


def _label(page: Page, top: float, name: str, kind: str, shape: tuple[int, ...]) -> None:
    page.text(page.margin, top + 20, name if len(name) <= 19 else "…" + name[-18:], "name")
    page.text(page.margin, top + 37, kind or "image")
    page.text(page.margin, top + 53, " × ".join(map(str, shape)))


def _bytes(values: np.ndarray) -> np.ndarray:
    return np.round(np.clip(values, 0.0, 1.0) * 255).astype(np.uint8)


def _image_shape(weight: np.ndarray, shape: Sequence[int] | None) -> tuple[int, int, int]:
    """(height, width, channels) of what the first layer of a perceptron sees."""
    inputs = weight.shape[0] if weight.ndim == 2 else 0
    if shape is not None:
        height, width, channels = (*shape, 1)[:3]
        if height * width * channels != inputs:
            raise ConfigError(f"The first layer sees {inputs} numbers, not an image of shape {tuple(shape)}.")
        return height, width, channels
    for channels in (1, 3):
        side = math.isqrt(inputs // channels)
        if inputs and side > 1 and side * side * channels == inputs:
            return side, side, channels
    raise ConfigError(
        f"The first layer sees {inputs} numbers, which are no square image."
        if inputs
        else "The network has no layer whose weights could be shown as images.",
        fix="filters(model, path, shape=(height, width, channels))" if inputs else None,
    )
