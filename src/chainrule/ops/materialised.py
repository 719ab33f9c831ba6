"""materialised: a value that a compiler writes out and reads again, where that is faster than what it would do."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.graph import op, per_input

__all__: list[str] = []


def _samples(rng: np.random.Generator) -> list[Any]:
    return [((rng.normal(size=(2, 3)),), {})]


@op(backward=per_input(lambda g, y, x: g), samples=_samples)
def materialised(xp: Any, x: Any, /) -> Any:
    """x, which is neither computed again for each of its uses, nor what follows from it shared with other uses of x."""
    return xp.barrier(x)
