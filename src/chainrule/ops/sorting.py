"""Sorting along an axis, and the order that sorts."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.graph import FUNCTIONS, op, per_input

__all__ = ["argsort", "sort"]


def _samples(rng: np.random.Generator) -> list[Any]:
    def distinct(*shape: int) -> np.ndarray:  # so that small steps do not change the order
        return rng.permutation(np.linspace(-3.0, 3.0, int(np.prod(shape)))).reshape(shape)

    return [
        ((distinct(5),), {}),
        ((distinct(3, 4),), {"axis": 0, "descending": True}),
        ((distinct(2, 3, 2),), {"axis": 1, "stable": False}),
        ((np.zeros((0, 3)),), {}),
    ]


def _sort_gradient(g: Any, y: Any, x: Any, axis: int, descending: bool, stable: bool) -> Any:
    # Entry i of x went to the place where the order names i: the inverse permutation brings its gradient back.
    order = argsort(x.detach(), axis=axis, descending=descending, stable=stable)
    return FUNCTIONS["take_along_axis"](g, argsort(order, axis=axis), axis=axis)


@op(backward=per_input(_sort_gradient), samples=_samples)
def sort(xp: Any, x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """The entries in ascending or descending order along an axis.

    nan counts as the largest number. The gradient of each entry is that of the place it went to; of equal entries, in
    their order.

    Example:
        >>> import chainrule as cr
        >>> cr.sort(cr.tensor([3.0, 1.0, 2.0]), descending=True).tolist()
        [3.0, 2.0, 1.0]
    """
    y = xp.sort(x, axis=axis, stable=stable)
    return xp.flip(y, axis=axis) if descending else y


@op(constant="positions have no gradient", samples=_samples)
def argsort(xp: Any, x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """The indices that sort along an axis, int64; equal entries keep their order.

    Example:
        >>> import chainrule as cr
        >>> cr.argsort(cr.tensor([3.0, 1.0, 1.0])).tolist()
        [1, 2, 0]
    """
    if not descending:
        return xp.argsort(x, axis=axis, stable=True)
    # Sorted backwards twice, so that equal entries keep their order.
    order = xp.flip(xp.argsort(xp.flip(x, axis=axis), axis=axis, stable=True), axis=axis)
    return x.shape[axis] - 1 - order
