"""Checkpoint: the same values and gradients, the same masks and statistics, and less memory."""

from __future__ import annotations

import copy
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule import losses, nn, optim
from chainrule.errors import ConfigError, GradientError, OpError

RNG = np.random.default_rng(0)
HOWS = pytest.mark.parametrize("how", [lambda f: f, cr.compile], ids=["eager", "compiled"])


def plain(module: nn.Module) -> nn.Module:
    return module


def parts(wrap: Callable[[nn.Module], nn.Module], seed: int = 0) -> nn.Sequential:
    """A network of most that a checkpoint may hold, some of it in a part in a part."""
    cr.random.seed(seed)
    twice = nn.Dropout(0.3)  # whose stream is read again after it was moved
    return nn.Sequential(
        nn.Linear(6, 8, dtype="float64"),
        wrap(
            nn.Sequential(
                nn.Linear(8, 8, dtype="float64"),
                nn.BatchNorm(8, dtype="float64"),
                twice,
                wrap(nn.Residual(nn.Linear(8, 8, dtype="float64"), nn.Tanh(), nn.Dropout(0.5))),
                nn.GELU(),
                twice,
            )
        ),
        wrap(nn.Linear(8, 8, dtype="float64")),
        nn.BatchNorm(8, dtype="float64"),
        nn.Linear(8, 1, dtype="float64"),
    )


@HOWS
def test_training_is_the_same_with_and_without(how: Any) -> None:
    """Also masks, running statistics (moved once a step), and the counts of the streams."""
    x = cr.asarray(RNG.normal(size=(5, 4, 6)))
    found = []
    for wrap in (plain, nn.Checkpoint):
        model = parts(wrap)
        optimizer = optim.Momentum(model.parameters(), lr=0.01)

        def step(x: Any, model: Any = model, optimizer: Any = optimizer) -> Any:
            loss = (model(x) ** 2).mean()
            optimizer.minimize(loss)
            return loss

        step = how(step)
        found.append(([float(step(x[i])) for i in range(5)], model.state_dict()))
    (losses_without, without), (losses_with, state) = found
    np.testing.assert_allclose(losses_with, losses_without, rtol=1e-9)
    assert list(state) == list(without)
    assert losses_with[-1] != losses_with[0]
    for path, value in without.items():
        np.testing.assert_allclose(state[path], value, rtol=1e-7, atol=1e-9, err_msg=path)


def test_eager_gradients_are_the_same_bit_for_bit() -> None:
    x = RNG.normal(size=(4, 6))
    slopes = []
    for wrap in (plain, nn.Checkpoint):
        model = parts(wrap)
        given = cr.asarray(x) * 1.0
        given.requires_grad = True
        (model(given) ** 2).sum().backward()
        slopes.append([given.grad.numpy(), *(p.grad.numpy() for p in model.parameters())])
    for a, b in zip(*slopes, strict=True):
        np.testing.assert_array_equal(a, b)


def test_paths_are_those_without_it() -> None:
    with_, without = parts(nn.Checkpoint), parts(plain, seed=1)
    names = [path for path, _ in with_.named_parameters()]
    assert names == [path for path, _ in without.named_parameters()]
    assert "1.3.inner.0.weight" in names
    assert [p.name for p in with_.parameters()] == [p.name for p in without.parameters()]
    assert next(nn.Checkpoint(nn.Linear(2, 2)).parameters()).name == "weight"
    without.load_state_dict(with_.state_dict())
    x = cr.asarray(RNG.normal(size=(4, 6)))
    np.testing.assert_array_equal(with_.eval()(x).numpy(), without.eval()(x).numpy())
    nn.load_pytorch(nn.Sequential(nn.Checkpoint(nn.Linear(2, 3))), {"0.weight": np.ones((3, 2)), "0.bias": np.zeros(3)})
    adapted = nn.add_lora(nn.Sequential(nn.Checkpoint(nn.Linear(4, 4))), 2, targets=["0"])
    assert sorted(nn.lora_state(adapted)) == ["0.lora_a", "0.lora_b"]


def test_errors_name_the_layer_inside_by_its_path() -> None:
    model = nn.Sequential(nn.Checkpoint(nn.Sequential(nn.Linear(2, 3), nn.Linear(4, 1))))
    with pytest.raises(cr.errors.ShapeError, match=r"layer '0\.1' \(Linear\(4, 1\)\)"):
        model(cr.ones((1, 2)))


class Several(nn.Module):
    """Takes and gives nested values, passes its input on, and uses a Tensor from outside."""

    def __init__(self, outside: Any) -> None:
        super().__init__()
        self.outside = outside
        self.weight = nn.Parameter(cr.asarray(np.linspace(0.5, 1.5, 3)), dtype="float64")

    def forward(self, pair: Any, *, ids: Any, twice: bool, nothing: Any = None) -> Any:
        assert twice is True and nothing is None
        x, y = pair
        made = cr.tanh(x * self.weight) * self.outside + y * self.weight
        return {"sum": made, "ids": ids + 1, "same": x, "none": None}, (cr.sin(x * y),)


def nested(wrap: Any, x: Any, w: Any, weight: Any = None) -> Any:
    """A number from all results; w reaches the part directly, by its sine, and by way of x."""
    layer = wrap(Several(cr.sin(w)))
    if weight is not None:
        (layer.module if isinstance(layer, nn.Checkpoint) else layer).weight = weight
    first, (second,) = layer((x * w, w), ids=cr.asarray([1, 2]), twice=True)
    assert first["none"] is None and first["ids"].tolist() == [2, 3]
    return (first["sum"] ** 2).sum() + cr.cos(first["same"]).sum() + (second * w).sum()


def test_nested_values_what_comes_from_outside_and_second_derivatives() -> None:
    x, w = RNG.normal(size=3), RNG.normal(size=3)

    def curvature(wrap: Any) -> list[np.ndarray]:
        def slope(x: Any, w: Any) -> Any:
            gx, gw = cr.grad(lambda x, w: nested(wrap, x, w), (0, 1))(x, w)
            return (gx * gx).sum() + cr.sin(gw).sum()

        first = cr.grad(lambda x, w: nested(wrap, x, w), (0, 1))(cr.asarray(x), cr.asarray(w))
        second = cr.grad(slope, (0, 1))(cr.asarray(x), cr.asarray(w))
        return [g.numpy() for g in (*first, *second)]

    for a, b in zip(curvature(plain), curvature(nn.Checkpoint), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-12)


@HOWS
def test_hessians_through_nested_parts(how: Any) -> None:
    """By parameters that are used inside, in the part in the part, and before."""
    model = {wrap: parts(wrap) for wrap in (plain, nn.Checkpoint)}
    x = cr.asarray(RNG.normal(size=(4, 6)))
    found = []
    for m in model.values():
        m.eval()
        parameters = list(m.parameters())

        def norm(x: Any, m: Any = m, parameters: Any = parameters) -> Any:
            slopes = cr.graph.gradients([(m(x) ** 2).sum()], [None], wanted=parameters, create_graph=True)
            total = sum((g**2).sum() for _, g in slopes)
            return [g for _, g in cr.graph.gradients([total], [None], wanted=parameters)]

        found.append([g.numpy() for g in how(norm)(x)])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-12)


def test_shared_weights_inside_and_outside_add_up_once() -> None:
    x = cr.asarray(RNG.normal(size=(2, 3)))
    slopes = []
    for wrap in (plain, nn.Checkpoint):
        cr.random.seed(0)
        shared = nn.Linear(3, 3, dtype="float64")
        model = nn.Sequential(shared, wrap(nn.Sequential(shared, nn.Tanh(), shared)), shared)
        (g,) = (
            g for _, g in cr.graph.gradients([(model(x) ** 2).sum()], [None], wanted=[shared.weight], create_graph=True)
        )
        (again,) = (h for _, h in cr.graph.gradients([(g**2).sum()], [None], wanted=[shared.weight]))
        slopes.append((g.numpy(), again.numpy()))
    np.testing.assert_allclose(slopes[1][0], slopes[0][0], rtol=1e-12)
    np.testing.assert_allclose(slopes[1][1], slopes[0][1], rtol=1e-12)


def test_rows_of_a_table_stay_rows() -> None:
    model = nn.Checkpoint(nn.Embedding(100, 4))
    model(cr.asarray([3, 5])).sum().backward()
    assert isinstance(model.module.weight.grad, cr.graph.RowSparse)


@HOWS
def test_inside_a_scan(how: Any) -> None:
    found = []
    for wrap in (plain, nn.Checkpoint):
        cr.random.seed(0)
        cell = wrap(nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5), nn.Tanh()))
        optimizer = optim.SGD(cell.parameters(), lr=0.1)

        def train(x: Any, cell: Any = cell, optimizer: Any = optimizer) -> Any:
            last, sums = cr.scan(lambda h, x: (cell(h + x), h.sum()), cr.zeros((2, 3)), x)
            return optimizer.minimize((last**2).sum() + sums.sum())

        run = how(train)
        run(cr.tensor(np.linspace(-1, 1, 30).reshape(5, 2, 3)))
        found.append(cell.state_dict())
    for path, value in found[0].items():
        np.testing.assert_allclose(found[1][path], value, rtol=1e-5, atol=1e-7, err_msg=path)


def test_modes_of_the_forward_hold_for_the_backward_pass() -> None:
    x = RNG.normal(size=(4, 6))
    slopes = []
    for wrap in (plain, nn.Checkpoint):
        model = parts(wrap)
        loss = (model(cr.asarray(x)) ** 2).sum()
        before = copy.deepcopy(model.eval().state_dict())
        loss.backward()
        assert not any(m.training for m in model.modules())
        assert all((model.state_dict()[path] == value).all() for path, value in before.items())
        slopes.append([p.grad.numpy() for p in model.parameters()])
    for a, b in zip(*slopes, strict=True):
        np.testing.assert_array_equal(a, b)


@HOWS
def test_the_precision_of_the_forward_holds_inside_and_that_of_the_backward_pass_for_gradients(how: Any) -> None:
    x = cr.asarray(RNG.normal(size=(4, 8)).astype(np.float32))
    slopes = []
    for wrap in (plain, nn.Checkpoint):
        cr.random.seed(0)
        model = wrap(nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1)))
        parameters = list(model.parameters())

        def mixed(x: Any, model: Any = model, parameters: Any = parameters) -> Any:
            with cr.precision("bf16"):
                y = model(x).sum()
            return [g for _, g in cr.graph.gradients([y], [None], wanted=parameters)]

        slopes.append([g.numpy() for g in how(mixed)(x)])
    for a, b in zip(*slopes, strict=True):
        np.testing.assert_allclose(b, a, rtol=2e-6)


def test_without_recording_it_is_the_module() -> None:
    layer = nn.Checkpoint(nn.Linear(2, 2))
    with cr.no_grad():
        assert layer(cr.ones((1, 2))).node is None
    layer.module.freeze()
    assert layer(cr.ones((1, 2))).node is None
    assert layer(cr.tensor([[1.0, 2.0]], requires_grad=True)).node.op.name == "recomputed"


def test_layers_are_seen_once_and_new_modes_reach_the_inside() -> None:
    layer = nn.Checkpoint(nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5)))
    seen: list[str] = []
    with nn.watch(lambda path, module, inputs, outputs: seen.append(type(module).__name__)):
        layer(cr.ones((1, 2))).sum().backward()
    assert seen == ["Linear", "Dropout", "Sequential", "Checkpoint"]
    assert layer.eval().module[1].training is False


@pytest.mark.parametrize("retain", [False, True])
def test_a_second_backward_pass(retain: bool) -> None:
    layer = nn.Checkpoint(nn.Linear(2, 1))
    loss = layer(cr.ones((1, 2))).sum()
    loss.backward(retain_graph=retain)
    if retain:
        loss.backward()
        assert layer.module.weight.grad.tolist() == [[2.0], [2.0]]
    else:
        with pytest.raises(GradientError, match="released"):
            loss.backward()


def test_an_update_before_the_backward_pass_changes_no_gradient() -> None:
    layer = nn.Checkpoint(nn.Linear(2, 1, bias=False))
    layer.module.weight.assign(cr.tensor([[3.0], [4.0]]))
    x = cr.tensor([[1.0, 2.0]], requires_grad=True)
    y = layer(x).sum()
    layer.module.weight.assign(cr.zeros((2, 1)))
    y.backward()
    assert x.grad.tolist() == [[3.0, 4.0]]


# -- memory -----------------------------------------------------------------------------------------------------------


def deep(n: int, length: int, wrap: Callable[[nn.Module], nn.Module]) -> nn.Module:
    layers: list[nn.Module] = [nn.Sequential(nn.Linear(16, 16), nn.Tanh(), nn.Dropout(0.1)) for _ in range(n)]
    return nn.Sequential(*(wrap(nn.Sequential(*layers[i : i + length])) for i in range(0, n, length)))


def eager_peak(model: nn.Module, x: Any) -> int:
    tracemalloc.start()
    try:
        model(x).sum().backward()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_eager_memory_grows_with_the_root_of_the_depth() -> None:
    x = cr.ones((2000, 16))
    eager_peak(deep(1, 1, plain), x)
    without = [eager_peak(deep(n, 1, plain), x) for n in (16, 64)]
    root = [eager_peak(deep(n, length, nn.Checkpoint), x) for n, length in ((16, 4), (64, 8))]
    assert without[1] / without[0] > 3.5
    assert root[1] / root[0] < 2.5
    assert root[1] < without[1] / 3


def program_memory(model: nn.Module, x: Any) -> int:
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    step: Any = cr.compile(lambda x: optimizer.minimize((model(x) ** 2).mean()))
    step(x)
    ((program,),) = step._programs.values()
    return program.compiled.memory_analysis().temp_size_in_bytes


def test_compiled_nothing_inside_is_kept() -> None:
    x = cr.ones((4000, 16))
    assert program_memory(deep(9, 3, nn.Checkpoint), x) < 0.5 * program_memory(deep(9, 3, plain), x)


def convolutions() -> nn.Module:
    return nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.Tanh(), nn.Conv2d(8, 8, 3, padding=1), nn.Tanh())


def attention() -> nn.Module:
    return nn.TransformerEncoderLayer(16, 2, 64, 0.0, "gelu", norm_first=True)


@pytest.mark.parametrize(("part", "shape"), [(convolutions, (8, 16, 16, 8)), (attention, (4, 32, 16))])
def test_compiled_networks_of_convolutions_and_attention(part: Any, shape: tuple[int, ...]) -> None:
    """XLA has options of its own for programs with convolutions."""
    x = cr.ones(shape)
    found = [program_memory(nn.Sequential(*(wrap(part()) for _ in range(3))), x) for wrap in (nn.Checkpoint, plain)]
    assert found[0] < 0.75 * found[1]


# -- what is refused --------------------------------------------------------------------------------------------------


def test_what_is_no_module_is_refused() -> None:
    with pytest.raises(ConfigError, match="Checkpoint holds a module, got Op"):
        nn.Checkpoint(cr.tanh)  # type: ignore[arg-type]


class Impure(nn.Module):
    calls = 0

    def forward(self, x: Any) -> Any:
        Impure.calls += 1
        return x[: Impure.calls] * 2.0


def test_a_module_that_differs_the_second_time_is_found() -> None:
    Impure.calls = 0
    y = nn.Checkpoint(Impure())(cr.tensor([1.0, 2.0, 3.0], requires_grad=True))
    with pytest.raises(GradientError, match=r"other results than the first time: float32\[2\]"):
        y.sum().backward()


class Training(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(2, 1)

    def forward(self, x: Any) -> Any:
        losses.mse(self.inner(x.detach()), cr.zeros((1, 1))).backward()
        return self.inner(x)


@HOWS
def test_a_module_that_leaves_gradients_is_refused(how: Any) -> None:
    layer = nn.Checkpoint(Training())
    with pytest.raises(OpError, match="leaves a gradient in inner"):
        how(layer)(cr.ones((1, 2)))


@given(st.integers(0, 2**16), st.integers(1, 5), st.floats(0.0, 0.9), st.booleans())
def test_any_depth_of_nesting(seed: int, depth: int, p: float, training: bool) -> None:
    def network(wrap: Any) -> nn.Module:
        cr.random.seed(seed)
        inner: nn.Module = nn.Tanh()
        for _ in range(depth):
            inner = wrap(nn.Sequential(nn.Linear(2, 2, dtype="float64"), nn.Dropout(p), inner))
        return inner.train(training)

    x = cr.asarray(np.random.default_rng(seed).normal(size=(3, 2)))
    slopes = []
    for wrap in (plain, nn.Checkpoint):
        model = network(wrap)
        model(x).sum().backward()
        slopes.append([p.grad.numpy() for p in model.parameters()])
    for a, b in zip(*slopes, strict=True):
        np.testing.assert_array_equal(a, b)
