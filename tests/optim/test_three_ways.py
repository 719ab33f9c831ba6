"""Every update rule gives the same eagerly, compiled and in a scan: groups, frozen parameters, rows, any dtype."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule import losses, nn
from chainrule.optim import by_name
from chainrule.optim.optimizer import DIALECTS

STEPS = 3


class Model(nn.Module):
    """An embedding used as a look-up and, if tied, as a matrix too; layers with state; a parameter nobody uses."""

    def __init__(self, tied: bool) -> None:
        self.table = nn.Embedding(7, 4, padding_idx=0)
        self.norm = nn.BatchNorm(4)
        self.drop = nn.Dropout(0.25)
        self.out = nn.Linear(4, 7)
        self.unused = nn.Parameter([1.0, 2.0])
        self.tied = tied

    def forward(self, ids: Any) -> Any:
        x = self.drop(self.norm(self.table(ids)))
        return x @ self.table.weight.mT if self.tied else self.out(x)


def trained(rule: str, way: str, tied: bool, frozen: bool, dtype: str, options: dict[str, Any]) -> dict[str, Any]:
    cr.random.seed(3)
    model = Model(tied).to(dtype)
    if frozen:
        model.norm.freeze()
    if tied:
        model.out.freeze()
    table = model.table.weight
    rest = [p for p in model.parameters() if p is not table]
    made: Any = by_name.OPTIMIZERS[rule]
    options = {name: value for name, value in options.items() if name in inspect.signature(made).parameters}
    optimizer = made([{"params": [table], "lr": 0.01}, {"params": rest, "weight_decay": 0.0}], lr=0.02, **options)

    def step(ids: Any, labels: Any) -> Any:
        return optimizer.minimize(losses.cross_entropy(model(ids), labels))

    rng = np.random.default_rng(0)
    ids, labels = (rng.integers(0, 7, (STEPS, 6)).astype(np.int32) for _ in range(2))
    if way == "scan":
        cr.compile(step).scan(ids, labels)
    else:
        function = cr.compile(step) if way == "compiled" else step
        for i in range(STEPS):
            function(cr.asarray(ids[i]), cr.asarray(labels[i]))
    return {**model.state_dict(), **{f"optimizer.{k}": v for k, v in optimizer.state_dict().items()}}


@settings(max_examples=6)
@given(
    rule=st.sampled_from(sorted(by_name.OPTIMIZERS)),
    tied=st.booleans(),
    frozen=st.booleans(),
    lazy=st.booleans(),
    dialect=st.sampled_from(DIALECTS),
    clip_norm=st.sampled_from([None, 0.1]),
    clip_value=st.sampled_from([None, 0.05]),
    weight_decay=st.sampled_from([0.0, 1e-3]),
)
def test_eager_compiled_and_scan(rule: str, tied: bool, frozen: bool, **options: Any) -> None:
    ways = {way: trained(rule, way, tied, frozen, "float64", options) for way in ("eager", "compiled", "scan")}
    for way in ("compiled", "scan"):
        for name, expected in ways["eager"].items():
            np.testing.assert_allclose(
                ways[way][name], expected, rtol=1e-7, atol=1e-9, err_msg=f"{rule} {way} {name}", equal_nan=False
            )
    assert ways["eager"]["unused"].tolist() == [1.0, 2.0]


@pytest.mark.parametrize("rule", ["adam", "momentum"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_narrow_dtypes_stay_what_they_are(rule: str, dtype: str) -> None:
    for way in ("eager", "compiled"):
        state = trained(rule, way, False, False, dtype, {"clip_norm": 1.0})
        for name, value in state.items():
            if value.dtype.kind not in "iu" and "lr" not in name:
                assert value.dtype.name == dtype, (way, name)
            assert np.isfinite(value.astype(np.float64)).all(), (way, name)
