"""What the arguments of layers that move a window over spatial axes mean: kernel sizes, strides, padding."""

from __future__ import annotations

from typing import Any

from chainrule.errors import ConfigError, ShapeError
from chainrule.graph import Tensor
from chainrule.nn.module import Module

__all__ = ["check_spatial", "pairs", "same_padding", "whole_numbers"]

Pairs = tuple[tuple[int, int], ...]

_AXES = {1: "(N, T, C)", 2: "(N, H, W, C)", 3: "(N, D, H, W, C)"}


def whole_numbers(value: Any, name: str, spatial: int, least: int = 1) -> tuple[int, ...]:
    """One whole number for each spatial axis, from one for all or a sequence of them."""
    numbers = tuple(value) if isinstance(value, list | tuple) else (value,) * spatial
    if len(numbers) != spatial or any(isinstance(n, bool) or not hasattr(n, "__index__") or n < least for n in numbers):
        raise ConfigError(
            f"{name} is a whole number of at least {least}, or {spatial} of them, one for each axis; got {value!r}."
        )
    return tuple(int(n) for n in numbers)


def pairs(value: Any, name: str, spatial: int) -> Pairs:
    """(before, after) of each spatial axis, from a number, one for each axis, or such pairs."""
    if isinstance(value, list | tuple) and len(value) == spatial and all(isinstance(p, list | tuple) for p in value):
        if all(len(p) == 2 for p in value):
            return tuple((low, high) for low, high in (whole_numbers(p, name, 2, 0) for p in value))
        raise ConfigError(f"{name} in pairs is (before, after) for each axis, got {value!r}.")
    return tuple((n, n) for n in whole_numbers(value, name, spatial, 0))


def same_padding(size: tuple[int, ...], dilation: tuple[int, ...]) -> Pairs:
    """The padding that keeps the lengths at stride 1; where it is odd, the larger half comes after, as in PyTorch."""
    total = [(k - 1) * step for k, step in zip(size, dilation, strict=True)]
    return tuple((n // 2, n - n // 2) for n in total)


def check_spatial(layer: Module, x: Tensor, spatial: int, channels: int | None = None) -> None:
    """Refuses inputs with another number of axes or channels, and sees where channels come first."""
    if x.ndim != spatial + 2:
        fix = f"inputs {_AXES[spatial]}, channels last"
        if x.ndim == spatial + 1:
            one = channels == 1 and x.shape[-1] != 1
            fix += ": x[..., None] for a single channel" if one else ": x[None] for a batch of one"
        raise ShapeError(f"{layer.label()} got {x.shape}: it needs {spatial + 2} axes.", fix=fix)
    if channels is not None and x.shape[-1] != channels:
        if x.shape[1] == channels:
            raise ShapeError(
                f"{layer.label()} got {x.shape}: its {channels} channels come first there, and are the last axis here.",
                fix=f"np.moveaxis(x, 1, -1), which makes {(x.shape[0], *x.shape[2:], channels)} of it",
            )
        raise ShapeError(
            f"{layer.label()} got {x.shape}: its in_channels should be {x.shape[-1]}.",
            fix=f"in_channels={x.shape[-1]}, or inputs {_AXES[spatial]} whose last axis is {channels}",
        )
