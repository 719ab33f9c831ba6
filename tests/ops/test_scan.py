"""scan: values and gradients against a Python loop and against JAX, in and out of compiled functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule import nn, optim
from chainrule.errors import CompileError, DtypeError, OpError, ShapeError

RNG = np.random.default_rng(0)
W, B, H, X = (RNG.normal(size=s) for s in ((3, 3), (3,), (2, 3), (5, 2, 3)))


def leaf(array: Any) -> cr.Tensor:
    made = cr.asarray(array) * 1.0
    made.requires_grad = True
    return made


def roll(h: Any, x: Any, w: Any, b: Any, *, reverse: bool = False) -> Any:
    """A recurrence that uses w and b, and b by way of a Tensor made outside of the step too."""
    shifted = cr.sin(b)

    def step(carry: Any, part: Any) -> Any:
        state, count = carry["h"], carry["n"]
        state = cr.tanh(state @ w + part[0] * shifted + b)
        return {"h": state, "n": count + 1}, (state.sum(axis=-1), None, count)

    last, (sums, nothing, counts) = cr.scan(step, {"h": h, "n": cr.asarray(10)}, [x], reverse=reverse)
    assert nothing is None
    return last["h"], last["n"], sums, counts


def by_hand(h: Any, x: Any, w: Any, b: Any, *, reverse: bool = False) -> Any:
    sums: list[Any] = [None] * len(x)
    for t in reversed(range(len(x))) if reverse else range(len(x)):
        h = cr.tanh(h @ w + x[t] * cr.sin(b) + b)
        sums[t] = h.sum(axis=-1)
    return h, cr.stack(sums)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("how", [lambda f: f, cr.compile])
def test_is_the_loop_by_hand_with_its_gradients(how: Any, reverse: bool) -> None:
    def loss(pair: Any) -> Any:
        last, sums = pair
        return (last**2).sum() + cr.cos(sums).sum()

    def scanned(*arrays: Any) -> Any:
        inputs = [leaf(a) for a in arrays]
        last, n, sums, counts = roll(*inputs, reverse=reverse)
        found = cr.graph.gradients([loss((last, sums))], [None], wanted=inputs)
        return last, n, sums, counts, [g for _, g in found]

    inputs = [leaf(a) for a in (H, X, W, B)]
    expected = by_hand(*inputs, reverse=reverse)
    slopes = cr.graph.gradients([loss(expected)], [None], wanted=inputs)
    last, n, sums, counts, found = how(scanned)(*(cr.asarray(a) for a in (H, X, W, B)))
    np.testing.assert_allclose(last.numpy(), expected[0].numpy(), rtol=1e-12)
    np.testing.assert_allclose(sums.numpy(), expected[1].numpy(), rtol=1e-12)
    assert int(n) == 15
    assert counts.tolist() == (list(range(14, 9, -1)) if reverse else list(range(10, 15)))
    for g, (_, wanted) in zip(found, slopes, strict=True):
        np.testing.assert_allclose(g.numpy(), wanted.numpy(), rtol=1e-10)


def test_agrees_with_jax() -> None:
    import jax

    with jax.enable_x64(True):

        def theirs(h: Any, x: Any, w: Any, b: Any) -> Any:
            def step(h: Any, x: Any) -> Any:
                h = jax.numpy.tanh(h @ w + x * jax.numpy.sin(b) + b)
                return h, h.sum(axis=-1)

            last, sums = jax.lax.scan(step, h, x)
            return (last**2).sum() + jax.numpy.cos(sums).sum()

        value, slopes = jax.value_and_grad(theirs, (0, 1, 2, 3))(H, X, W, B)

    @cr.compile
    def ours(*arrays: Any) -> Any:
        def loss(*inputs: Any) -> Any:
            last, _, sums, _ = roll(*inputs)
            return (last**2).sum() + cr.cos(sums).sum()

        return cr.value_and_grad(loss, (0, 1, 2, 3))(*arrays)

    found, gradients = ours(*(cr.asarray(a) for a in (H, X, W, B)))
    np.testing.assert_allclose(float(found), float(value), rtol=1e-12)
    for ours_, theirs_ in zip(gradients, slopes, strict=True):
        np.testing.assert_allclose(ours_.numpy(), np.asarray(theirs_), rtol=1e-10)


def test_second_derivatives_compiled() -> None:
    def curvature(w: Any, b: Any) -> Any:
        def loss(w: Any, b: Any) -> Any:
            last, _, sums, _ = roll(cr.asarray(H), cr.asarray(X), w, b)
            return (last**2).sum() + cr.cos(sums).sum()

        def slope(w: Any, b: Any) -> Any:
            gw, gb = cr.grad(loss, (0, 1))(w, b)
            return (gw**2).sum() + cr.sin(gb).sum()

        return cr.grad(slope, (0, 1))(w, b)

    eager = curvature(cr.asarray(W), cr.asarray(B))
    compiled = cr.compile(curvature)(cr.asarray(W), cr.asarray(B))
    for a, b in zip(eager, compiled, strict=True):
        np.testing.assert_allclose(b.numpy(), a.numpy(), rtol=1e-9)


def test_eagerly_every_step_leaves_its_nodes() -> None:
    w = leaf(W)
    last, _ = cr.scan(lambda h, x: (cr.tanh(h @ w + x), None), cr.asarray(H), cr.asarray(X))
    ops = [node.op.name for node in cr.graph.nodes_of([last])]
    assert ops.count("tanh") == 5
    assert "scan" not in ops
    assert last.node.source.startswith("test_scan.py")


def test_compiled_there_is_one_loop_however_long() -> None:
    calls = 0

    @cr.compile
    def total(x: Any) -> Any:
        def step(h: Any, x: Any) -> Any:
            nonlocal calls
            calls += 1
            return cr.tanh(h + x), None

        return cr.grad(lambda x: cr.scan(step, cr.zeros(()), x)[0])(x)

    total(cr.ones((4,)))
    few, calls = calls, 0
    total(cr.ones((4000,)))
    assert calls == few < 12
    total(cr.ones((4000,)) * 2.0)
    assert calls == few
    assert len(total.compilations) == 2
    assert "scan" in total.compilations[0].ops


def test_parameters_and_streams_go_along() -> None:
    answers = []
    for how in (lambda f: f, cr.compile):
        cr.random.seed(3)
        cell, dropout = nn.GRUCell(3, 3), nn.Dropout(0.5)
        count = nn.Buffer(cr.zeros((), dtype="int32"))
        optimizer = optim.SGD(cell.parameters(), lr=0.1)

        def train(x: Any, cell: Any = cell, dropout: Any = dropout, count: Any = count, opt: Any = optimizer) -> Any:
            def step(h: Any, x: Any) -> Any:
                count.assign(count + 1)
                h = cell(dropout(x), h)
                return h, h * cr.astype(count, "float32")

            last, outputs = cr.scan(step, cr.zeros((2, 3)), x)
            loss = (outputs**2).mean() + last.sum()
            opt.minimize(loss)
            return loss, outputs

        run = how(train)
        first, outputs = run(cr.tensor(X))
        run(cr.tensor(X))
        assert int(count) == 10
        assert int(dropout.stream.state[2]) == 10
        answers.append([float(first), outputs.numpy(), *(p.numpy() for p in cell.parameters())])
    for eager, compiled in zip(*answers, strict=True):
        np.testing.assert_allclose(compiled, eager, rtol=2e-5, atol=1e-6)


def test_an_update_rule_inside_a_step_compiled() -> None:
    """A whole training loop as one loop of a larger program."""

    def fit(xs: Any, layer: Any, optimizer: Any) -> Any:
        def step(_: None, x: Any) -> Any:
            return None, optimizer.minimize(((layer(x) - 1.0) ** 2).mean()).detach()

        return cr.scan(step, None, xs)[1]

    answers = []
    for how in (lambda f: f, cr.compile):
        cr.random.seed(0)
        layer = nn.Linear(3, 1)
        optimizer = optim.Adam(layer.parameters(), lr=0.1)
        losses = how(lambda xs, layer=layer, optimizer=optimizer: fit(xs, layer, optimizer))(cr.tensor(X))
        answers.append([losses.numpy(), layer.weight.numpy()])
    for a, b in zip(*answers, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-6)


def test_one_scan_inside_another() -> None:
    w = leaf(np.float64(0.7))

    def outer(x: Any, w: Any) -> Any:
        def inner(h: Any, x: Any) -> Any:
            return cr.tanh(h * w + x), h

        def row(h: Any, row: Any) -> Any:
            last, seen = cr.scan(inner, h * w, row)
            return last, seen.sum()

        last, sums = cr.scan(row, cr.asarray(np.float64(0.1)), x)
        return last + sums.sum()

    def slopes(x: Any, w: Any) -> Any:
        return cr.grad(outer, (0, 1))(x, w)

    x = cr.asarray(X[:, 0])
    for a, b in zip(slopes(x, w), cr.compile(slopes)(x, cr.asarray(np.float64(0.7))), strict=True):
        np.testing.assert_allclose(b.numpy(), a.numpy(), rtol=1e-10)


@given(length=st.integers(0, 4), reverse=st.booleans(), integers=st.booleans())
def test_cumulative_sums_of_any_length(length: int, reverse: bool, integers: bool) -> None:
    x = np.arange(1, length + 1).astype("int32" if integers else "float32")

    def step(total: Any, x: Any) -> Any:
        return total + x, total + x

    last, sums = cr.scan(step, cr.zeros((), dtype=x.dtype), cr.asarray(x), reverse=reverse)
    expected = np.cumsum(x[::-1])[::-1] if reverse else np.cumsum(x)
    assert sums.shape == (length,)
    assert sums.dtype == x.dtype
    np.testing.assert_array_equal(sums.numpy(), expected)
    assert int(last) == x.sum()


def test_an_empty_sequence_changes_nothing() -> None:
    stream = cr.random.Stream(0)
    for how in (lambda f: f, cr.compile):
        run = how(lambda x: cr.scan(lambda h, x: (h + stream.uniform((2,)), h * 2.0), cr.ones((2,)), x))
        last, outputs = run(cr.zeros((0, 3)))
        assert last.tolist() == [1.0, 1.0]
        assert outputs.shape == (0, 2)
    assert int(stream.state[2]) == 0


def test_without_a_sequence_it_counts() -> None:
    last, doubled = cr.scan(lambda n, _: (n + 1, 2 * n), cr.asarray(0), length=3)
    assert int(last) == 3
    assert doubled.tolist() == [0, 2, 4]
    last, doubled = cr.compile(lambda: cr.scan(lambda n, _: (n + 1, 2 * n), cr.asarray(0), length=3))()
    assert int(last) == 3
    assert doubled.tolist() == [0, 2, 4]


def test_a_step_may_use_gradients() -> None:
    """Gradient descent as a recurrence, differentiated by its learning rate."""

    def reached(rate: Any) -> Any:
        def step(w: Any, _: None) -> Any:
            return w - rate * cr.grad(lambda w: (w**4).sum())(w), None

        return cr.scan(step, cr.asarray(np.float64(1.0)), length=4)[0]

    rate = cr.asarray(np.float64(0.05))
    eager = cr.grad(reached)(rate)
    h = 1e-6
    by_difference = (float(reached(rate + h)) - float(reached(rate - h))) / (2 * h)
    assert float(eager) == pytest.approx(by_difference, rel=1e-6)
    assert float(cr.compile(cr.grad(reached))(rate)) == pytest.approx(float(eager), rel=1e-12)


@pytest.mark.parametrize("how", [lambda f: f, cr.compile])
def test_what_does_not_fit_is_refused(how: Any) -> None:
    x = cr.ones((3, 2))
    with pytest.raises(ShapeError, match=r"keeps its shape.*\(2,\).*\(4,\)"):
        how(lambda x: cr.scan(lambda h, x: (cr.ones((4,)), x), cr.ones((2,)), x))(x)
    with pytest.raises(DtypeError, match=r"keeps its dtype.*int32.*float32"):
        how(lambda x: cr.scan(lambda n, x: (n + x.sum(), None), cr.zeros((), dtype="int32"), x))(x)
    with pytest.raises(OpError, match="pair"):
        how(lambda x: cr.scan(lambda h, x: h, cr.ones((2,)), x))(x)
    with pytest.raises(OpError, match="another structure"):
        how(lambda x: cr.scan(lambda h, x: ((h, h), x), cr.ones((2,)), x))(x)
    with pytest.raises(ShapeError, match="common leading axis"):
        how(lambda x: cr.scan(lambda h, x: (h, h), cr.ones((2,)), (x, x[:2])))(x)
    with pytest.raises(ShapeError, match="length=T"):
        how(lambda x: cr.scan(lambda h, x: (h, h), cr.ones((2,))))(x)


def test_gradients_by_a_variable_that_the_step_assigns_to_are_refused_compiled() -> None:
    v = nn.Parameter(cr.ones((2,)))

    def slope(x: Any) -> Any:
        def step(h: Any, x: Any) -> Any:
            h = h * v + x
            v.assign(h.detach())
            return h, None

        return cr.graph.gradients([cr.scan(step, cr.ones((2,)), x)[0].sum()], [None], wanted=[v])[0][1]

    with pytest.raises(CompileError, match="assigned to inside the step"):
        cr.compile(slope)(cr.ones((3, 2)))


def test_a_gradient_left_in_a_variable_is_refused_compiled() -> None:
    v = nn.Parameter(cr.ones((2,)))

    def step(h: Any, x: Any) -> Any:
        (v * x).sum().backward()
        return h, None

    with pytest.raises(CompileError, match="leaves a gradient"):
        cr.compile(lambda x: cr.scan(step, cr.ones(()), x))(cr.ones((3, 2)))
