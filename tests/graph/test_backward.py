"""Reverse accumulation: any graph, each node once, shapes and dtypes that fit, and what may not be asked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.graph import FUNCTIONS, RowSparse, gradients, nodes_of, op


def leaf(data, dtype: Any = cr.float64):
    return cr.tensor(data, dtype=dtype, requires_grad=True)


# -- graphs -----------------------------------------------------------------------------------------------------------


def test_a_diamond_adds_both_ways():
    x = leaf(3.0)
    a, b = 2.0 * x, x * x
    (a * b).backward()  # 2x³
    assert float(x.grad) == 54.0


def test_deep_diamonds_visit_each_node_once():
    calls = 0

    def rule(node, g):
        nonlocal calls
        calls += 1
        return [g]

    @op(backward=rule)
    def step(xp, x, /):
        return x + 0.0

    x = leaf(1.0)
    y = x
    for _ in range(60):  # 2⁶⁰ paths
        y = step(y)
        y = y + y
    y.backward()
    assert float(x.grad) == 2.0**60
    assert calls == 60


def test_one_tensor_as_both_inputs():
    x = leaf([1.0, 2.0])
    (x * x).sum().backward()
    assert x.grad.tolist() == [2.0, 4.0]


def test_an_input_shared_at_different_depths():
    x = leaf(2.0)
    y = x
    for _ in range(5):
        y = y * x
    (y + x).backward()
    assert float(x.grad) == 6 * 2.0**5 + 1


def test_branches_that_lead_nowhere_are_left_out():
    x, unused = leaf([1.0, 2.0]), leaf([5.0, 5.0])
    cr.exp(x) * unused  # a branch without a use
    (3.0 * x).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]
    assert unused.grad is None


def test_a_gradient_of_zero_branches_by_where():
    x = leaf([-1.0, 2.0])
    cr.where(x > 0, x * x, 0.0).sum().backward()
    assert x.grad.tolist() == [0.0, 4.0]


def test_only_inputs_that_require_gradients_get_them():
    x, y = leaf(2.0), cr.tensor(3.0, dtype=cr.float64)
    (x * y).backward()
    assert float(x.grad) == 3.0 and y.grad is None


def test_a_chain_of_100_000_nodes():
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y * 1.00001
    y.backward()
    assert float(x.grad) == pytest.approx(1.00001**100_000, rel=1e-9)
    del y  # freeing it must not overflow the stack either


def test_a_chain_of_100_000_nodes_that_is_never_differentiated():
    y = leaf(1.0)
    for _ in range(100_000):
        y = y + 1.0
    del y


def test_backward_of_a_chain_with_create_graph():
    x = leaf(1.0)
    y = x
    for _ in range(20_000):
        y = y * 1.0
    (g,) = (g for _, g in gradients([y], [None], wanted=[x], create_graph=True))
    assert float(g) == 1.0
    del y, g


# -- grad accumulates -------------------------------------------------------------------------------------------------


def test_grad_accumulates_until_zeroed():
    x = leaf([1.0, 2.0])
    (x * x).sum().backward()
    (3.0 * x).sum().backward()
    assert x.grad.tolist() == [5.0, 7.0]
    x.zero_grad()
    assert not hasattr(x.grad, "tolist")
    x.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_the_gradient_itself_is_no_part_of_the_graph():
    x = leaf([1.0])
    (x * x).sum().backward()
    assert x.grad.node is None and not x.grad.requires_grad


def test_backward_with_a_given_gradient():
    x = leaf([1.0, 2.0])
    (x * x).backward(np.array([10.0, 0.1]))
    assert x.grad.tolist() == [20.0, 0.4]  # in full float64


def test_micro_batches_add_up_to_the_batch():
    rng = np.random.default_rng(0)
    images, target = rng.normal(size=(12, 3)), rng.normal(size=12)
    w = leaf(rng.normal(size=3))

    def cost(rows):
        error = cr.asarray(images[rows]) @ w - cr.asarray(target[rows])
        return (error * error).mean()

    cost(slice(None)).backward()
    whole = w.grad.numpy().copy()
    w.zero_grad()
    for start, stop in ((0, 5), (5, 9), (9, 12)):  # ragged
        (cost(slice(start, stop)) * ((stop - start) / 12)).backward()
    np.testing.assert_allclose(w.grad.numpy(), whole, rtol=1e-12)


# -- retain_graph -----------------------------------------------------------------------------------------------------


def test_a_second_backward_is_refused_and_says_how():
    x = leaf([1.0])
    y = cr.exp(x).sum()
    y.backward()
    with pytest.raises(cr.errors.GradientError) as caught:
        y.backward()
    assert "retain_graph=True" in str(caught.value) and "test_backward.py" in str(caught.value)


def test_retain_graph_allows_it():
    x = leaf([1.0, 2.0])
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [4.0, 8.0]


def test_a_freed_part_shared_by_another_loss_is_refused():
    x = leaf([1.0])
    shared = cr.exp(x)
    first, second = shared.sum(), (2.0 * shared).sum()
    first.backward()
    with pytest.raises(cr.errors.GradientError, match="released"):
        second.backward()


# -- what may not be asked --------------------------------------------------------------------------------------------


def test_backward_of_what_needs_no_gradient():
    with pytest.raises(cr.errors.GradientError, match="needs no gradient"):
        cr.tensor([1.0]).sum().backward()


def test_backward_of_several_numbers_needs_a_gradient():
    x = leaf([1.0, 2.0])
    with pytest.raises(cr.errors.GradientError) as caught:
        (x * x).backward()
    assert "(2,)" in str(caught.value) and "sum()" in str(caught.value)
    with pytest.raises(cr.errors.ShapeError):
        (x * x).backward([1.0, 2.0, 3.0])


def test_integers_cannot_require_gradients():
    with pytest.raises(cr.errors.DtypeError, match="int64"):
        cr.tensor([1, 2], requires_grad=True)
    with pytest.raises(cr.errors.DtypeError):
        cr.Variable([1, 2], requires_grad=True)
    with pytest.raises(cr.errors.DtypeError):
        cr.grad(lambda x: x.sum())(cr.tensor([1, 2]))


# -- shapes and dtypes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape1", "shape2"),
    [((3, 4), (4,)), ((3, 1), (1, 4)), ((), (2, 3)), ((2, 3), ()), ((1,), (5, 1, 2)), ((0, 3), (3,)), ((1, 1), (4, 1))],
)
def test_gradients_of_broadcast_inputs_are_summed_back(shape1, shape2):
    rng = np.random.default_rng(1)
    a, b = leaf(rng.normal(size=shape1)), leaf(rng.normal(size=shape2))
    weight = rng.normal(size=np.broadcast_shapes(shape1, shape2))
    (a * b * cr.asarray(weight)).sum().backward()
    assert a.grad.shape == shape1 and b.grad.shape == shape2

    def summed(full, shape):
        full = np.broadcast_to(full, weight.shape)
        full = full.sum(axis=tuple(range(full.ndim - len(shape))))
        return full.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True).reshape(shape)

    np.testing.assert_allclose(a.grad.numpy(), summed(weight * b.numpy(), shape1), atol=1e-12)
    np.testing.assert_allclose(b.grad.numpy(), summed(weight * a.numpy(), shape2), atol=1e-12)


@pytest.mark.parametrize("dtype", [cr.float32, cr.float64, cr.bfloat16])
def test_a_gradient_has_the_dtype_of_its_input(dtype):
    x = leaf([1.0, 2.0], dtype)
    y = (x * cr.tensor([3.0, 4.0], dtype=cr.float32)).sum()
    y.backward()
    assert x.grad.dtype == dtype


def test_mixed_precision_reaches_both():
    a, b = leaf([1.0], cr.float32), leaf([2.0], cr.float64)
    (a * b).sum().backward()
    assert a.grad.dtype == cr.float32 and b.grad.dtype == cr.float64


def test_float64_arrays_keep_their_digits_beside_float64_tensors():
    x = leaf([1.0, 2.0])
    third = np.array([1 / 3, 1 / 7])
    assert (x * third).tolist() == [1 / 3, 2 / 7]
    assert (third * x).tolist() == [1 / 3, 2 / 7]
    assert (cr.tensor([1.0, 2.0]) * third).dtype == cr.float32


def test_through_astype_and_back():
    x = leaf([1.0, 2.0], cr.float32)
    y = cr.astype(cr.astype(x, cr.float64) * 2.0, cr.float32).sum()
    y.backward()
    assert x.grad.dtype == cr.float32 and x.grad.tolist() == [2.0, 2.0]


# -- gradients(wanted=...) --------------------------------------------------------------------------------------------


def test_gradients_by_something_in_the_middle():
    x = leaf(2.0)
    middle = x * x
    y = cr.exp(middle) + middle
    pairs = gradients([y], [None], wanted=[middle, x])
    assert float(pairs[0][1]) == pytest.approx(np.exp(4.0) + 1.0)
    assert float(pairs[1][1]) == pytest.approx((np.exp(4.0) + 1.0) * 4.0)
    assert x.grad is None  # only asked for, not accumulated


def test_gradients_by_what_is_not_reached_are_none():
    x, other = leaf(2.0), leaf(1.0)
    assert gradients([x * x], [None], wanted=[other])[0][1] is None


def test_rules_that_lead_nowhere_wanted_do_not_run():
    def explode(node, g):
        raise AssertionError("must not run")

    @op(backward=explode)
    def trap(xp, x, /):
        return x + 0.0

    x, other = leaf(2.0), leaf(1.0)
    y = x * x + trap(other)
    assert float(gradients([y], [None], wanted=[x])[0][1]) == 4.0


def test_several_outputs_with_their_own_seeds():
    x = leaf([1.0, 2.0])
    pairs = gradients([x * 2.0, (x * x).sum()], [np.array([1.0, 10.0]), 3.0], wanted=[x])
    assert pairs[0][1].tolist() == [2.0 + 6.0, 20.0 + 12.0]


def test_an_output_that_is_itself_wanted():
    x = leaf([1.0, 2.0])
    assert gradients([x], [np.array([5.0, 7.0])], wanted=[x])[0][1].tolist() == [5.0, 7.0]


def test_nodes_of_are_newest_first_and_complete():
    x = leaf(1.0)
    y = cr.exp(x) * cr.sin(x)
    names = [node.op.name for node in nodes_of([y])]
    assert names == ["multiply", "sin", "exp"]


# -- row-sparse gradients ---------------------------------------------------------------------------------------------


def table(rows=6, features=3):
    return cr.Variable(np.arange(rows * features).reshape(rows, features) / 10.0, name="table", requires_grad=True)


def test_an_embedding_hands_back_the_rows_it_looked_up():
    weight = table()
    ids = cr.tensor([1, 4, 1])
    FUNCTIONS["embedding"](weight, ids).sum().backward()
    g = weight.grad
    assert isinstance(g, RowSparse) and g.shape == (6, 3) and g.rows.tolist() == [1, 4, 1]
    assert g.numpy()[:, 0].tolist() == [0.0, 2.0, 0.0, 0.0, 1.0, 0.0]
    assert "3 rows of (6, 3)" in repr(g)


def test_row_sparse_gradients_accumulate_as_rows():
    weight = table()
    for ids in ([0, 1], [1, 2]):
        FUNCTIONS["embedding"](weight, cr.tensor(ids)).sum().backward()
    assert isinstance(weight.grad, RowSparse)
    assert weight.grad.numpy()[:, 0].tolist() == [1.0, 2.0, 1.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize("first", ["rows", "dense"])
def test_row_sparse_and_dense_gradients_add_up(first):
    weight = table()

    def rows():
        return FUNCTIONS["embedding"](weight, cr.tensor([1, 1])).sum()

    def whole():
        return (2.0 * weight).sum()

    both = [rows, whole] if first == "rows" else [whole, rows]
    (both[0]() + both[1]()).backward()  # within one pass
    assert weight.grad.numpy()[:, 0].tolist() == [2.0, 4.0, 2.0, 2.0, 2.0, 2.0]
    weight.zero_grad()
    for loss in both:  # and from pass to pass
        loss().backward()
    assert weight.grad.numpy()[:, 0].tolist() == [2.0, 4.0, 2.0, 2.0, 2.0, 2.0]


def test_a_table_used_for_reading_and_writing():
    weight = table()
    hidden = FUNCTIONS["embedding"](weight, cr.tensor([1, 4]))
    (hidden @ weight.mT).sum().backward()
    w = weight.numpy().astype(np.float64)
    expected = np.tile(w[[1, 4]].sum(axis=0), (6, 1))
    expected[[1, 4]] += w.sum(axis=0)
    np.testing.assert_allclose(weight.grad.numpy(), expected, rtol=1e-6)


def test_an_embedding_differentiates_twice():
    weight = cr.Variable(np.ones((3, 2)), requires_grad=True, dtype=cr.float64)
    y = (FUNCTIONS["embedding"](weight, cr.tensor([0, 0, 2])) ** 3).sum()
    ((_, g),) = gradients([y], [None], wanted=[weight], create_graph=True)
    g.sum().backward()
    assert weight.grad.numpy().tolist() == [[12.0, 12.0], [0.0, 0.0], [6.0, 6.0]]


def test_row_sparse_checks_its_shapes():
    with pytest.raises(cr.errors.ShapeError):
        RowSparse(cr.tensor([0, 1]), cr.ones((3, 2)), (5, 2))
