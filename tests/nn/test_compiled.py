"""A whole model, eagerly and compiled: the same numbers, one compilation, whole epochs in one call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import losses, nn, optim

RNG = np.random.default_rng(0)
X, IDS, Y = RNG.normal(size=(12, 16, 6)), RNG.integers(0, 40, (12, 16, 3)), RNG.integers(0, 4, (12, 16))


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(40, 2, padding_idx=0, dtype="float64")
        self.flat = nn.Flatten()
        self.body = nn.Sequential(
            nn.Linear(12, 8, bias=False, dtype="float64"),
            nn.BatchNorm(8, dtype="float64"),
            nn.PReLU(8, dtype="float64"),
            nn.Dropout(0.2),
            nn.Residual(nn.Linear(8, 8, dtype="float64"), nn.GELU(), nn.LayerNorm(8, dtype="float64")),
            nn.Linear(8, 4, dtype="float64"),
        )

    def forward(self, x: Any, ids: Any) -> Any:
        return self.body(cr.concat([x, self.flat(self.table(ids))], axis=1))


def make() -> tuple[Model, optim.Optimizer, Any]:
    cr.random.seed(0)
    model = Model()
    optimizer = optim.Adam(optim.decay_groups(model.parameters(), 1e-3), lr=0.01, clip_norm=1.0)

    def step(x: Any, ids: Any, y: Any) -> Any:
        loss = losses.cross_entropy(model(x, ids), y, label_smoothing=0.1) + losses.l1(model, 1e-4)
        optimizer.minimize(loss)
        return loss

    return model, optimizer, step


def state(model: Model, optimizer: optim.Optimizer) -> dict[str, np.ndarray]:
    return model.state_dict() | {f"optimizer.{k}": v for k, v in optimizer.state_dict().items()}


@pytest.mark.parametrize("scan", [False, True])
def test_twelve_steps_are_the_same_eagerly_and_compiled(scan: bool) -> None:
    model, optimizer, step = make()
    eager = [float(step(cr.asarray(x), ids, y)) for x, ids, y in zip(X, IDS, Y, strict=True)]
    other, other_optimizer, other_step = make()
    fast = cr.compile(other_step)
    if scan:
        compiled = fast.scan(X.astype("float64") * cr.ones((), dtype="float64"), IDS, Y).tolist()
    else:
        compiled = [float(fast(cr.asarray(x), ids, y)) for x, ids, y in zip(X, IDS, Y, strict=True)]
    assert len(fast.compilations) == 1
    np.testing.assert_allclose(compiled, eager, rtol=1e-9)
    expected, found = state(model, optimizer), state(other, other_optimizer)
    for key, value in expected.items():
        np.testing.assert_allclose(found[key], value, rtol=1e-7, atol=1e-12, err_msg=key)
    np.testing.assert_array_equal(found["body.3.stream"], expected["body.3.stream"])


def test_a_step_written_the_long_way_is_the_same() -> None:
    _, _, step = make()
    other, other_optimizer, _ = make()

    @cr.compile
    def long_way(x: Any, ids: Any, y: Any) -> Any:
        other_optimizer.zero_grad()
        loss = losses.cross_entropy(other(x, ids), y, label_smoothing=0.1) + losses.l1(other, 1e-4)
        loss.backward()
        other_optimizer.step()
        return loss

    for x, ids, y in zip(X[:3], IDS[:3], Y[:3], strict=True):
        assert float(long_way(cr.asarray(x), ids, y)) == pytest.approx(float(step(cr.asarray(x), ids, y)), rel=1e-9)


def test_modes_are_followed() -> None:
    model, _, _ = make()
    predict = cr.compile(lambda x, ids: model(x, ids))
    x, ids = cr.asarray(X[0]), IDS[0]
    noisy = predict(x, ids).numpy()
    model.eval()
    clean = predict(x, ids).numpy()
    assert (noisy != clean).any()
    np.testing.assert_allclose(clean, model(x, ids).numpy(), rtol=1e-9)
    predict(x, ids)
    assert len(predict.compilations) == 2
    model.train()
    predict(x, ids)
    assert len(predict.compilations) == 2


def test_unknown_names_of_other_libraries_are_pointed_to_ours() -> None:
    for floor, name, ours in (
        (nn, "BatchNorm2d", "BatchNorm"),
        (optim, "RMSprop", "RMSProp"),
        (losses, "Hubr", "Huber"),
    ):
        with pytest.raises(AttributeError, match=f"Did you mean '{ours}'"):
            getattr(floor, name)
