"""Products whose form on XLA depends on their sizes."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr


@pytest.mark.parametrize(
    "sizes", [(256, 40, 7), (600, 300, 200), (300, 60, 60), (300, 200, 150), (64, 40, 50), (300, 7, 40)], ids=str
)
def test_the_gradient_of_a_weight_turned_round_or_not(sizes: tuple[int, int, int]) -> None:
    rows, inputs, outputs = sizes
    rng = np.random.default_rng(0)
    x, g = (rng.normal(size=(rows, n)).astype(np.float32) for n in (inputs, outputs))
    found = cr.compile(cr.ops.outer_sum)(x, g).numpy()
    np.testing.assert_allclose(found, x.T.astype(np.float64) @ g, rtol=1e-4, atol=1e-3)
