"""Averages of weights: the papers' formulas, under a compiled step, and given back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule import nn, optim
from chainrule.errors import CheckpointError, ConfigError

VALUES = [3.0, -1.0, 4.0, 1.0, 5.0]


def averaged(start: float, **options: Any) -> float:
    model = nn.Linear(1, 1, bias=False, dtype="float64")
    model.weight.assign([[start]])
    average = optim.EMA(model, **options)
    for value in VALUES:
        model.weight.assign([[value]])
        average.update()
    with average.applied():
        found = float(model.weight[0, 0])
    assert float(model.weight[0, 0]) == VALUES[-1]
    return found


def test_the_moving_average_starts_at_the_first_weights() -> None:
    expected = 2.0
    for value in VALUES:
        expected = 0.8 * expected + 0.2 * value
    assert averaged(2.0, decay=0.8) == pytest.approx(expected, rel=1e-12)


def test_corrected_it_forgets_them_and_evenly_it_is_the_mean() -> None:
    mean = sum(0.2 * 0.8 ** (5 - i) * value for i, value in enumerate(VALUES, start=1)) / (1 - 0.8**5)
    assert averaged(1e6, decay=0.8, corrected=True) == pytest.approx(mean, rel=1e-9)
    assert averaged(1e6, decay=1.0) == pytest.approx(np.mean(VALUES), rel=1e-9)
    assert averaged(1e6, decay=0.0) == VALUES[-1]


@pytest.mark.parametrize("options", [{"decay": 0.9}, {"decay": 0.9, "corrected": True}, {"decay": 1.0}])
def test_inside_of_a_compiled_step_it_is_the_same(options: Any) -> None:
    found = []
    for compiled in (False, True):
        cr.random.seed(0)
        model = nn.Sequential(nn.Linear(2, 4, dtype="float64"), nn.Tanh(), nn.Linear(4, 1, dtype="float64"))
        optimizer = optim.Adam(model.parameters(), 0.1)
        average = optim.EMA(model, **options)

        def step(x: Any, m: Any = model, o: Any = optimizer, a: Any = average) -> Any:
            loss = o.minimize(cr.square(m(x) - 1.0).mean())
            a.update()
            return loss

        run = cr.compile(step) if compiled else step
        for i in range(4):
            run(cr.asarray(np.full((3, 2), float(i))))
        assert not compiled or len(run.compilations) == 1
        found.append(average.state_dict())
    assert int(found[0]["count"]) == 4
    for name, value in found[0].items():
        np.testing.assert_allclose(found[1][name], value, rtol=1e-9)


def test_a_compiled_evaluation_uses_what_is_applied_without_a_new_compilation() -> None:
    model = nn.Linear(1, 1, bias=False)
    average = optim.EMA(model, decay=0.5)
    predict = cr.compile(lambda x: model(x))
    x = cr.ones((1, 1))
    before = float(predict(x)[0, 0])
    model.weight.assign([[before + 2.0]])
    average.update()
    with average.applied():
        assert float(predict(x)[0, 0]) == pytest.approx(before + 1.0, rel=1e-5)
    assert float(predict(x)[0, 0]) == pytest.approx(before + 2.0, rel=1e-5) and len(predict.compilations) == 1
    with pytest.raises(ValueError, match="inside"), average.applied():
        raise ValueError("inside")
    assert float(model.weight[0, 0]) == pytest.approx(before + 2.0, rel=1e-5)


def test_copies_state_and_buffers() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm(2))
    average, other = optim.EMA(model, 0.5, buffers=True), nn.Sequential(nn.Linear(2, 2), nn.BatchNorm(2))
    first = model.state_dict()
    model(cr.random.normal((8, 2)))
    average.update()
    average.copy_to(other)
    mean = other.state_dict()["1.running_mean"]
    np.testing.assert_allclose(mean, 0.5 * model.state_dict()["1.running_mean"], rtol=1e-6)
    np.testing.assert_array_equal(other.state_dict()["0.weight"], first["0.weight"])
    again = optim.EMA(other, 0.5, buffers=True)
    again.load_state_dict(average.state_dict())
    assert int(again.count) == 1 and "4 weights" not in repr(again) and "decay=0.5" in repr(again)
    with pytest.raises(CheckpointError, match=r"missing: 1\.running_var"):
        again.load_state_dict({k: v for k, v in average.state_dict().items() if k != "1.running_var"})
    with pytest.raises(CheckpointError, match=r"has no 0\.weight"):
        average.copy_to(nn.Linear(2, 2))
    with pytest.raises(ConfigError, match="between 0 and 1"):
        optim.EMA(model, 1.5)
    with pytest.raises(ConfigError, match="no parameters"):
        optim.EMA(nn.ReLU())


@pytest.mark.torch
@settings(max_examples=15)
@given(st.booleans(), st.floats(0.1, 0.999), st.integers(1, 12))
def test_agrees_with_pytorch(even: bool, decay: float, steps: int) -> None:
    torch = pytest.importorskip("torch")
    swa = pytest.importorskip("torch.optim.swa_utils")

    theirs = torch.nn.Linear(3, 2).double()
    model = nn.Linear(3, 2, dtype="float64")
    nn.load_pytorch(model, theirs.state_dict())
    reference: Any = (
        swa.AveragedModel(theirs) if even else swa.AveragedModel(theirs, multi_avg_fn=swa.get_ema_multi_avg_fn(decay))
    )
    average = optim.EMA(model, 1.0 if even else decay)
    if not even:
        reference.update_parameters(theirs)  # the first one copies
    for _ in range(steps):
        with torch.no_grad():
            for p in theirs.parameters():
                p.add_(torch.randn_like(p))
        nn.load_pytorch(model, theirs.state_dict())
        reference.update_parameters(theirs)
        average.update()
    with average.applied():
        np.testing.assert_allclose(
            model.weight.numpy().T, reference.module.weight.detach().numpy(), rtol=1e-9, atol=1e-12
        )
        np.testing.assert_allclose(model.bias.numpy(), reference.module.bias.detach().numpy(), rtol=1e-9, atol=1e-12)
