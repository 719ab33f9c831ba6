"""What is compared with PyTorch: each case draws its inputs, and computes the same with chainrule and with PyTorch.

`generate.py` writes the inputs of seed 0 and PyTorch's answers into `pytorch.npz`; `test_parity.py` compares with those
everywhere, and live with fresh inputs where PyTorch is installed. Nothing here imports PyTorch before `theirs` is
called.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    """One comparison.

    Attributes:
        name: family and variant, such as "layer/linear".
        draw: inputs from a generator of random numbers.
        ours: chainrule's answers to them; the second argument wraps the step that is computed (identity, or
            cr.compile).
        theirs: PyTorch's answers under the same names.
    """

    name: str
    draw: Callable[[np.random.Generator], Arrays]
    ours: Callable[[Arrays, Callable[[Any], Any]], Arrays]
    theirs: Callable[[Arrays], Arrays]


def assert_same(ours: Arrays, theirs: Arrays, relative: float = 1e-6, least: float = 0.0) -> None:
    """All answers agree within the relative error; entries that are tiny beside their neighbours may err by a billionth
    of those, and all by `least`, for sums that cancel."""
    assert ours.keys() == theirs.keys()
    for key, expected in theirs.items():
        size = float(np.abs(expected).max(initial=0.0))
        assert np.asarray(ours[key]).dtype == np.asarray(expected).dtype or expected.ndim == 0, key
        np.testing.assert_allclose(ours[key], expected, rtol=relative, atol=max(1e-9 * size, least), err_msg=key)


def cases() -> list[Case]:
    """All of them."""
    from reference import (
        convolution_layers,
        layers,
        loss_functions,
        optimizers,
        recurrent_layers,
        schedules,
        transformer_layers,
    )

    families = (convolution_layers, layers, loss_functions, optimizers, recurrent_layers, schedules, transformer_layers)
    return [case for family in families for case in family.CASES]
