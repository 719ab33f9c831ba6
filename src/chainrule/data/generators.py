"""Small made data sets, the same for the same seed: each shows what some networks can learn and others cannot."""

from __future__ import annotations

import numpy as np

from chainrule.data.dataset import Dataset
from chainrule.errors import ConfigError

__all__ = ["blobs", "checkerboard", "circles", "friedman", "parity", "sine", "spirals", "two_moons", "xor"]


def xor(samples: int = 400, noise: float = 0.15, seed: int = 0) -> Dataset:
    """Points around the corners of the unit square, class 1 where exactly one coordinate is 1: no line separates them.

    Example:
        >>> table = xor(4, noise=0)
        >>> table.inputs[0].tolist(), table.target.tolist()
        ([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0])
    """
    rng = _rng(samples, noise, seed)
    corner = np.arange(samples) % 4
    bits = np.stack([corner // 2, corner % 2], axis=1)
    return _points(bits + noise * rng.standard_normal((samples, 2)), bits[:, 0] ^ bits[:, 1])


def two_moons(samples: int = 1000, noise: float = 0.15, seed: int = 0) -> Dataset:
    """Two half circles that reach into each other.

    Example:
        >>> two_moons(100).inputs[0].shape
        (100, 2)
    """
    rng = _rng(samples, noise, seed)
    label = np.arange(samples) % 2
    angle = np.pi * rng.random(samples)
    outer = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    inner = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
    return _points(np.where(label[:, None] == 1, inner, outer) + noise * rng.standard_normal((samples, 2)), label)


def circles(samples: int = 1000, noise: float = 0.08, seed: int = 0) -> Dataset:
    """A ring (class 0) around a smaller ring (class 1).

    Example:
        >>> circles(100).classes
        ['0', '1']
    """
    rng = _rng(samples, noise, seed)
    label = np.arange(samples) % 2
    angle = 2 * np.pi * rng.random(samples)
    radius = np.where(label == 1, 0.5, 1.0)
    points = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return _points(points + noise * rng.standard_normal((samples, 2)), label)


def spirals(
    samples: int = 1500, noise: float = 0.05, seed: int = 0, *, classes: int = 3, turns: float = 0.75
) -> Dataset:
    """Arms of a spiral, one per class, winding around each other.

    Example:
        >>> spirals(90).task
        'classification'
    """
    if classes < 2:
        raise ConfigError(f"classes is {classes}, expected at least 2")
    rng = _rng(samples, noise, seed)
    label = np.arange(samples) % classes
    along = np.sqrt(rng.random(samples))  # the square root puts points evenly along the arm
    angle = 2 * np.pi * (turns * along + label / classes)
    points = along[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return _points(points + noise * rng.standard_normal((samples, 2)), label)


def blobs(samples: int = 1000, noise: float = 0.6, seed: int = 0, *, classes: int = 4, features: int = 2) -> Dataset:
    """Round clouds around random centres, one per class: what a single linear layer can do.

    Example:
        >>> blobs(100, features=5).inputs[0].shape
        (100, 5)
    """
    if classes < 2 or features < 1:
        raise ConfigError(f"classes is {classes} and features is {features}, expected at least 2 and at least 1")
    rng = _rng(samples, noise, seed)
    label = np.arange(samples) % classes
    centres = rng.uniform(-4, 4, (classes, features))
    return _points(centres[label] + noise * rng.standard_normal((samples, features)), label)


def checkerboard(samples: int = 2000, noise: float = 0.0, seed: int = 0, *, squares: int = 4) -> Dataset:
    """The colours of a checkerboard: XOR many times over, which wants width or depth.

    Example:
        >>> checkerboard(50).task
        'binary'
    """
    if squares < 2:
        raise ConfigError(f"squares is {squares}, expected at least 2")
    rng = _rng(samples, noise, seed)
    points = rng.uniform(0, squares, (samples, 2))
    label = np.floor(points).astype(np.int64).sum(axis=1) % 2
    return _points(points + noise * rng.standard_normal((samples, 2)), label)


def parity(samples: int = 1024, noise: float = 0.0, seed: int = 0, *, bits: int = 8) -> Dataset:
    """Whether the number of ones among the bits is odd: no single bit says anything about it.

    Example:
        >>> parity(4, bits=2).inputs[0].shape
        (4, 2)
    """
    if not 1 <= bits <= 60:
        raise ConfigError(f"bits is {bits}, expected 1 to 60")
    rng = _rng(samples, noise, seed)
    values = rng.integers(0, 2, (samples, bits))
    return _points(values + noise * rng.standard_normal((samples, bits)), values.sum(axis=1) % 2)


def sine(samples: int = 400, noise: float = 0.1, seed: int = 0) -> Dataset:
    """y = sin(x) + noise for x from −π to π: the smallest regression.

    Example:
        >>> sine(50).task
        'regression'
    """
    rng = _rng(samples, noise, seed)
    x = rng.uniform(-np.pi, np.pi, (samples, 1))
    return Dataset(x, np.sin(x[:, 0]) + noise * rng.standard_normal(samples), task="regression", input_names=[["x"]])


def friedman(samples: int = 1000, noise: float = 1.0, seed: int = 0) -> Dataset:
    """A regression of which five inputs matter and five do not.

    y = 10 sin(π x₁ x₂) + 20 (x₃ − ½)² + 10 x₄ + 5 x₅ + noise, inputs uniform on 0 … 1.

    Source: Friedman, Multivariate adaptive regression splines, Annals of Statistics 1991, §4.3.

    Example:
        >>> friedman(50).inputs[0].shape
        (50, 10)
    """
    rng = _rng(samples, noise, seed)
    x = rng.random((samples, 10))
    y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    names = [f"x{i + 1}" for i in range(10)]
    return Dataset(x, y + noise * rng.standard_normal(samples), task="regression", input_names=[names])


def _rng(samples: int, noise: float, seed: int) -> np.random.Generator:
    if not 1 <= samples <= 10**8:
        raise ConfigError(f"samples is {samples}, expected at least 1")
    if not 0 <= noise < np.inf:
        raise ConfigError(f"noise is {noise}, expected 0 or more")
    if seed < 0:
        raise ConfigError(f"seed is {seed}, expected 0 or more")
    return np.random.default_rng(seed)


def _points(points: np.ndarray, label: np.ndarray) -> Dataset:
    names = [f"x{i + 1}" for i in range(points.shape[1])]
    classes = [str(c) for c in range(max(2, int(label.max()) + 1))]
    return Dataset(points, label, classes=classes, input_names=[names])
