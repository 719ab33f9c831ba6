"""The faster form of an update, for many parameters in one operation: the same numbers as one after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.optim import Adam, AdamW
from chainrule.optim import optimizer as base
from chainrule.optim.optimizer import Optimizer

SHAPES: list[tuple[int, ...]] = [(3, 4), (4,), (), (2, 1, 3)]
CASES: list[tuple[type[Adam], dict[str, Any]]] = [
    (Adam, {}),
    (Adam, {"weight_decay": 0.1}),
    (Adam, {"dialect": "keras"}),
    (AdamW, {"weight_decay": 0.1, "dialect": "pytorch"}),
    (AdamW, {"weight_decay": 0.0}),
    (AdamW, {"weight_decay": 1e-3}),
]


def trained(kind: type[Optimizer], options: dict[str, Any]) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    parameters = [nn.Parameter(rng.normal(size=shape)) for shape in SHAPES]
    optimizer = kind(parameters, lr=0.01, **options)
    for _ in range(5):
        optimizer.update([cr.tensor(rng.normal(size=shape)) for shape in SHAPES])
    return list(optimizer.state_dict().values()) + [p.numpy() for p in parameters]


@pytest.mark.parametrize(("kind", "options"), CASES)
def test_bit_for_bit_as_one_after_the_other(kind: type[Adam], options: dict[str, Any]) -> None:
    apart = type("Apart", (kind,), {"rules": Optimizer.rules})
    for a, b in zip(trained(kind, options), trained(apart, options), strict=True):
        np.testing.assert_array_equal(a, b)


def test_large_parameters_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    together = trained(Adam, {})
    monkeypatch.setattr(base, "_LARGE", 4)
    for a, b in zip(together, trained(Adam, {}), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_changed_rule_counts() -> None:
    class Still(Adam):
        def rule(self, g: Any, p: Any, state: Any, scales: Any, options: Any) -> Any:
            delta, *new = super().rule(g, p, state, scales, options)
            return (0.0 * delta, *new)

    w = nn.Parameter([1.0, -2.0])
    Still([w]).minimize((w * w).sum())
    assert w.tolist() == [1.0, -2.0]


def test_some_parameters_without_a_gradient() -> None:
    w, unused = nn.Parameter([1.0, -2.0]), nn.Parameter([3.0])
    optimizer = optim.Adam([unused, w], lr=0.1)
    optimizer.minimize((w * w).sum())
    assert unused.tolist() == [3.0]
    np.testing.assert_allclose(w.numpy(), [0.9, -1.9], rtol=1e-6)
