"""The data sets that come with the package: real handwritten digits, and made sets by name."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from typing import Any

import numpy as np

from chainrule.data import generators
from chainrule.data.dataset import Dataset
from chainrule.errors import ConfigError, DataError, suggest

__all__ = ["bundled", "bundled_names"]


def _digits() -> Dataset:
    """The 1797 real handwritten digits, float32 (N, 8, 8, 1) from 0 to 16."""
    with resources.files("chainrule.data").joinpath("bundled/digits.npz").open("rb") as file:
        arrays = np.load(file, allow_pickle=False)
        images, labels = arrays["images"], arrays["labels"]
    return Dataset(images[..., None].astype(np.float32), labels, task="classification")


_SETS: dict[str, Callable[..., Dataset]] = {
    "blobs": generators.blobs,
    "checkerboard": generators.checkerboard,
    "circles": generators.circles,
    "digits": _digits,
    "friedman": generators.friedman,
    "parity": generators.parity,
    "sine": generators.sine,
    "spirals": generators.spirals,
    "two-moons": generators.two_moons,
    "xor": generators.xor,
}


def bundled_names() -> list[str]:
    """The names of the bundled data sets.

    Example:
        >>> bundled_names()[:4]
        ['blobs', 'checkerboard', 'circles', 'digits']
    """
    return sorted(_SETS)


def bundled(name: str, **options: Any) -> Dataset:
    """A bundled data set by name, unscaled and unsplit; `prepare(name)` gives it ready for training.

    Arguments:
        name: `"digits"` (real 8×8 images of handwritten digits), or a made set: `"xor"`, `"two-moons"`, `"circles"`,
            `"spirals"`, `"blobs"`, `"checkerboard"`, `"parity"`, `"sine"`, `"friedman"`.
        options: of made sets: `samples`, `noise`, `seed` and what the set adds (`classes`, `bits`, …).

    Raises:
        DataError: no set has that name; the nearest is suggested. ConfigError: an option the set does not have.

    Example:
        >>> bundled("digits")
        Dataset(1797 rows, inputs float32 (1797, 8, 8, 1), classification target int32 (1797,) of 10 classes)
        >>> bundled("two-moons", samples=100, seed=1)
        Dataset(100 rows, inputs float32 (100, 2), binary target int32 (100,) of 2 classes)
    """
    make = _SETS.get(name.replace("_", "-"))
    if make is None:
        raise DataError(
            f"no bundled data set is called {name!r}.{suggest(name, _SETS)}",
            fix=f"one of: {', '.join(bundled_names())}",
        )
    known = make.__code__.co_varnames[: make.__code__.co_argcount + make.__code__.co_kwonlyargcount]
    unknown = [option for option in options if option not in known]
    if unknown:
        raise ConfigError(
            f"{name} has no option {unknown[0]!r}.{suggest(unknown[0], known)}",
            fix=f"its options: {', '.join(known) or 'none'}",
        )
    return make(**options)
