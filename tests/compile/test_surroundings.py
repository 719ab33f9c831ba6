"""What changes around a compiled function is followed, or refused; never is an old program run in silence."""

import copy
import gc
import logging
import weakref
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import losses, nn, optim
from chainrule.errors import CompileError

factor = 2.0


def test_names_that_stand_for_something_else_now():
    global factor
    model = nn.Linear(2, 1)
    step = cr.compile(lambda x: model(x) * factor)
    x = cr.ones((1, 2))
    first = step(x)
    model = nn.Linear(2, 1)
    second = step(x)
    factor = 3.0
    third = step(x)
    assert not np.array_equal(first.numpy(), second.numpy())
    np.testing.assert_allclose(third.numpy(), second.numpy() * 1.5, rtol=1e-6)
    assert [c.reason for c in step.compilations] == [
        "first call",
        "model, which the function uses, is another Linear now",
        "factor, which the function uses, was 2.0 and is 3.0 now",
    ]
    factor = 2.0
    step(x)
    assert len(step.compilations) == 3


def test_settings_of_layers():
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
    step = cr.compile(lambda x: model(x))
    x = cr.ones((50, 2))
    assert (step(x).numpy() == 0).any()
    model[1].p = 0.0
    assert not (step(x).numpy() == 0).any()
    assert step.compilations[-1].reason == "p of Dropout changed from 0.5 to 0.0"
    model[0] = nn.Linear(2, 3)
    assert step(x).shape == (50, 3)
    model.append(nn.Linear(3, 4))
    assert step(x).shape == (50, 4)
    compiled = len(step.compilations)
    for _ in range(2):
        model.eval()
        step(x)
        model.train()
        step(x)
    assert len(step.compilations) == compiled + 1
    model.to(cr.float64)
    assert step(cr.ones((50, 2), dtype=cr.float64)).dtype == cr.float64


def test_a_dtype_that_changes_under_a_program():
    scale = nn.Parameter([1.0])
    model = nn.Sequential()
    vars(model)["scale"] = scale
    scale.name = "scale"
    step = cr.compile(lambda x: scale * x)
    assert step(2.0).dtype == cr.float32
    model.to(cr.float64)
    assert step(2.0).dtype == cr.float64
    assert step.compilations[-1].reason == "dtype of scale changed from dtype('float32') to dtype('float64')"


def test_a_layer_that_counts_its_calls_compiles_once():
    class Counting(nn.Module):
        calls = 0

        def forward(self, x):
            self.calls += 1
            self.last = x * 1.0
            return self.last

    layer = Counting()
    step = cr.compile(lambda x: layer(x))
    for _ in range(4):
        step(cr.ones((2,)))
    assert len(step.compilations) == 1


def test_settings_of_update_rules():
    w = nn.Parameter([8.0])
    optimizer = optim.SGD([w], lr=1.0)
    step = cr.compile(lambda: optimizer.minimize(w.sum()))
    step()
    optimizer.clip_norm = 0.5
    step()
    optimizer.groups[0].options["weight_decay"] = 1.0
    optimizer.clip_norm = None
    step()
    assert w.item() == 8.0 - 1.0 - 0.5 - (1.0 + 6.5)
    assert len(step.compilations) == 3
    optimizer.groups[0].lr = 0.0
    step()
    optimizer.lr = 1.0
    assert w.item() == -1.0 and len(step.compilations) == 3


def test_generators_are_refused():
    with pytest.raises(CompileError, match="only once") as caught:
        cr.compile(lambda xs: sum(xs))(x for x in [1.0, 2.0])
    assert "list" in str(caught.value)


@dataclass
class Batch:
    x: Any
    scale: float = 1.0
    labels: dict[str, Any] = field(default_factory=dict)


def test_dataclasses_are_taken_apart():
    double = cr.compile(lambda batch: Batch(batch.x * batch.scale, 5.0, {"sum": batch.labels["a"].sum()}))
    batch = Batch(cr.tensor([1.0]), 2.0, {"a": cr.ones((3,))})
    assert double(batch).x.tolist() == [2.0]
    batch.x, batch.scale = cr.tensor([4.0]), 3.0
    result = double(batch)
    assert (result.x.tolist(), result.scale, result.labels["sum"].item()) == ([12.0], 5.0, 3.0)
    assert len(double.compilations) == 1


def test_a_variable_as_an_argument_is_the_variable():
    def step(w):
        (w * w).sum().backward()
        w.assign(w + 1.0)

    eager, w = nn.Parameter([1.0, 2.0]), nn.Parameter([1.0, 2.0])
    compiled = cr.compile(step)
    for _ in range(2):
        step(eager)
        compiled(w)
    assert w.tolist() == eager.tolist() and w.grad.tolist() == eager.grad.tolist()


def test_keywords_in_any_order():
    step = cr.compile(lambda x, *, a, b: x * a - b)
    assert step(1.0, a=3.0, b=1.0).item() == step(1.0, b=1.0, a=3.0).item() == 2.0
    assert len(step.compilations) == 1
    step(x=1.0, a=3.0, b=1.0)
    assert "single call" not in step.compilations[-1].reason


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "bool", "float32", "bfloat16", "float64", "complex64"])
def test_a_float_argument_promotes_as_a_float(dtype):
    x = cr.ones((2,), dtype=dtype)
    for f in (lambda x, a: x * a, lambda x, a: a / x if dtype != "bool" else x * (2 * a), lambda x, a: a + x):
        try:
            expected = f(x, 2.5)
        except TypeError:
            continue
        made = cr.compile(f)(x, 2.5)
        assert made.dtype == expected.dtype
        np.testing.assert_array_equal(made.numpy(), expected.numpy())


class Model(nn.Module):
    def __init__(self):
        self.linear = nn.Linear(2, 1)

    @cr.compile
    def run(self, x):
        return self.linear(x)


def test_programs_of_methods_go_with_their_object():
    seen = []
    for _ in range(2):
        model = Model()
        model.run(cr.ones((1, 2)))
        assert model.run.scan(cr.ones((3, 1, 2))).shape == (3, 1, 1)
        assert len(model.run.compilations) == 2
        seen.append(weakref.ref(model))
    for made in (copy.copy(model), copy.deepcopy(model)):
        made.linear = nn.Linear(2, 5)
        assert made.run(cr.ones((1, 2))).shape == (1, 5)
    assert model.run(cr.ones((1, 2))).shape == (1, 1)
    del model, made
    gc.collect()
    assert [ref() for ref in seen] == [None, None]


def test_a_copied_optimizer_updates_the_copied_model():
    model = nn.Linear(2, 1)
    x, y = cr.ones((3, 2)), cr.zeros((3, 1))
    for optimizer in (
        optim.AdamW(model.parameters(), dialect="paper", weight_decay=1e-3),
        optim.Nesterov(model.parameters(), form="look-ahead"),
    ):
        other, copied = copy.deepcopy((model, optimizer))
        for m, o in ((model, optimizer), (other, copied)):
            o.minimize(lambda m=m: losses.mse(m(x), y))
        np.testing.assert_array_equal(model.weight.numpy(), other.weight.numpy())
        assert copied.parameters[0] is other.weight


def test_compiling_at_every_call_is_told(caplog):
    step = cr.compile(lambda x, n: x + n)
    with caplog.at_level(logging.WARNING, logger="chainrule.compile"):
        for n in range(31):
            step(1.0, n)
        assert not caplog.records
        step(1.0, 31)
    assert "compiled 32 times" in caplog.text and "n was 30, now 31" in caplog.text
