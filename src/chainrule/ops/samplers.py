"""Inputs to try operations with: each record names one of these, and one table-driven test runs them all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from chainrule.graph import Sample

__all__ = ["Sampler", "binary", "binary_integers", "each_axis", "unary", "unary_integers"]

Sampler = Callable[[np.random.Generator], Iterable[Sample]]


def unary(low: float = -3.0, high: float = 3.0, *, apart_from: tuple[float, ...] = (), **attributes: Any) -> Sampler:
    """One input in (low, high), a matrix, a single number and an empty one; kept 0.1 away from points without a
    derivative.
    """

    def samples(rng: np.random.Generator) -> Iterable[Sample]:
        for shape in ((3, 4), (), (0, 2)):
            yield (draw(rng, shape, low, high, apart_from),), attributes

    return samples


def binary(
    low: float = -3.0,
    high: float = 3.0,
    *,
    low2: float | None = None,
    high2: float | None = None,
    distinct: bool = False,
    apart_from: tuple[float, ...] = (),
) -> Sampler:
    """Two inputs, of one shape, broadcasting both ways, with a single number, and empty; `distinct` keeps them
    apart.
    """

    def samples(rng: np.random.Generator) -> Iterable[Sample]:
        for shape1, shape2 in (((3, 4), (3, 4)), ((3, 1), (2, 1, 4)), ((), (5,)), ((0,), (1,))):
            x1 = draw(rng, shape1, low, high, apart_from)
            x2 = draw(rng, shape2, low if low2 is None else low2, high if high2 is None else high2, apart_from)
            if distinct and shape1 == shape2:
                x2 = x1 + np.where(x2 > (low + high) / 2, 0.3, -0.3)
            elif distinct:
                x2 = x2 + 10.0
            yield (x1, x2), {}

    return samples


def unary_integers(low: int = -5, high: int = 6) -> Sampler:
    """One int64 input."""
    return lambda rng: [((rng.integers(low, high, (3, 4)),), {})]


def binary_integers(low: int = -5, high: int = 6, *, low2: int | None = None, high2: int | None = None) -> Sampler:
    """Two int64 inputs that broadcast."""
    return lambda rng: [
        (
            (
                rng.integers(low, high, (3, 4)),
                rng.integers(low if low2 is None else low2, high if high2 is None else high2, (4,)),
            ),
            {},
        )
    ]


def each_axis(
    low: float = -3.0, high: float = 3.0, *, many: bool = True, spread: bool = False, **attributes: Any
) -> Sampler:
    """One input reduced over no, one, a negative and (with `many`) several axes, with and without keepdims.

    `spread` gives distinct entries, at least 0.05 apart, so that an order or a maximum does not change under small
    steps.
    """

    def samples(rng: np.random.Generator) -> Iterable[Sample]:
        for axis, keepdims in ((None, False), (0, True), (-1, False), *((((0, 2), True),) if many else ())):
            x = draw(rng, (2, 3, 4), low, high, ())
            if spread:
                x = rng.permutation(np.linspace(low, high, 24)).reshape(2, 3, 4)
            yield (x,), {"axis": axis, "keepdims": keepdims, **attributes}

    return samples


def draw(
    rng: np.random.Generator, shape: tuple[int, ...], low: float, high: float, apart_from: tuple[float, ...] = ()
) -> np.ndarray:
    """Uniform float64 in (low, high), at least 0.1 away from the given points."""
    x = rng.uniform(low, high, shape)
    for point in apart_from:
        x = np.where(np.abs(x - point) < 0.1, point + np.where(x < point, -0.1, 0.1) + (x - point), x)
    return np.asarray(x)
