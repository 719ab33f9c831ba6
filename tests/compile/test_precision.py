"""Products in bfloat16: what is rounded, what is not, and that training bears it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import chainrule as cr
from chainrule import data, losses, metrics, models, nn, optim
from chainrule.errors import ConfigError

RNG = np.random.default_rng(0)


def rounded(x: np.ndarray) -> np.ndarray:
    return x.astype(ml_dtypes.bfloat16).astype(np.float64)


@pytest.mark.parametrize("wrap", [lambda f: f, cr.compile], ids=["eager", "compiled"])
def test_factors_are_rounded_and_sums_are_not(wrap: Callable[..., Any]) -> None:
    x, w, dy = (RNG.normal(size=shape).astype(np.float32) for shape in ((6, 40), (40, 3), (6, 3)))
    weight = cr.Variable(w, requires_grad=True)

    def slopes(x: Any, dy: Any) -> Any:
        with cr.precision("bf16"):
            y = cr.ops.linear(x, weight, None)
            (dw,) = cr.vjp(lambda w: cr.ops.linear(x, w, None), weight)[1](dy)
            return y, dw

    y, dw = wrap(slopes)(cr.tensor(x), cr.tensor(dy))
    np.testing.assert_allclose(y.numpy(), rounded(x) @ rounded(w), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(dw.numpy(), rounded(x).T @ rounded(dy), rtol=1e-5, atol=1e-5)
    assert y.dtype == dw.dtype == cr.float32
    assert np.abs(y.numpy() - x @ w).max() > 1e-3


@pytest.mark.parametrize("shape", [(2, 3, 4), (4,)], ids=str)
def test_other_products_are_as_ever(shape: tuple[int, ...]) -> None:
    stack = RNG.normal(size=shape).astype(np.float32)
    other = np.swapaxes(stack, -1, -2).copy() if stack.ndim > 1 else stack
    wide = RNG.normal(size=(4, 4))
    with cr.precision("bf16"):
        np.testing.assert_array_equal((cr.tensor(stack) @ cr.tensor(other)).numpy(), stack @ other)
        double = cr.tensor(wide, dtype="float64")
        np.testing.assert_array_equal((double @ double).numpy(), wide @ wide)


@pytest.mark.parametrize("size", [(1, 1), (2, 2, 2)], ids=str)
def test_convolutions_are_as_ever(size: tuple[int, ...]) -> None:
    x, kernel = (RNG.normal(size=shape).astype(np.float32) for shape in ((2, *(4,) * len(size), 3), (*size, 3, 5)))

    def slope(x: Any) -> Any:
        return cr.grad(lambda kernel: (cr.ops.convolve(x, kernel) ** 2).sum())(kernel)

    def rounding(x: Any) -> Any:
        with cr.precision("bf16"):
            return slope(x)

    np.testing.assert_array_equal(cr.compile(rounding)(x).numpy(), cr.compile(slope)(x).numpy())


def test_each_precision_is_a_program_of_its_own() -> None:
    product = cr.compile(lambda x: x @ x)
    x = cr.tensor([[1.0 + 2**-9]])
    plain = product(x).tolist()
    with cr.precision("bf16"):
        assert product(x).tolist() == [[1.0]]
    assert product(x).tolist() == plain != [[1.0]]
    assert [c.reason for c in product.compilations] == ["first call", "precision is bf16 now"]


def test_a_table_used_both_ways() -> None:
    """XLA turns a transposed product round, and has no kernel for what then comes of bfloat16."""
    model = models.TransformerLanguageModel(65, context=16, width=16, layers=1, heads=2)
    rule = optim.Adam(model.parameters(), lr=1e-3)
    tokens = RNG.integers(0, 65, (8, 16))

    @cr.compile
    def step(tokens: Any) -> Any:
        with cr.precision("bf16"):
            return rule.minimize(losses.cross_entropy(model(tokens), tokens))

    first = float(step(tokens).numpy())
    assert min(float(step(tokens).numpy()) for _ in range(20)) < first


def test_training_comes_to_the_same() -> None:
    prepared = data.prepare("digits", seed=0)
    told = {}
    for name in ("float32", "bf16"):
        cr.random.seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
        rule = optim.Adam(model.parameters(), lr=1e-3)
        trainer = cr.Trainer(
            model, losses.CrossEntropy(), rule, metrics=[metrics.Accuracy()], precision=name, progress=False
        )
        trainer.fit(prepared.train, epochs=15)
        assert all(p.dtype == cr.float32 for p in model.parameters())
        told[name] = trainer.evaluate(prepared.test)
    assert told["bf16"]["loss"] != told["float32"]["loss"]
    assert told["bf16"]["loss"] == pytest.approx(told["float32"]["loss"], rel=0.03)
    assert told["bf16"]["accuracy"] == pytest.approx(told["float32"]["accuracy"], abs=0.01)


def test_an_unknown_precision() -> None:
    with pytest.raises(ConfigError, match=r"no precision 'bf61'.*bf16"), cr.precision("bf61"):
        pass
    model = nn.Linear(1, 1)
    with pytest.raises(ConfigError, match="float16"):
        cr.Trainer(model, losses.MSE(), optim.SGD(model.parameters(), lr=0.1), precision="float16", progress=False)
