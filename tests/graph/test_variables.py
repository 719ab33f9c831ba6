"""Variables: assigned between forward and backward, dtypes, names, gradients."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.graph import gradients


def variable(data, **options):
    return cr.Variable(data, dtype=cr.float64, requires_grad=True, **options)


def test_assign_replaces_the_value_and_nothing_else():
    w = variable([1.0, 2.0], name="w")
    w.grad = cr.ones((2,))
    w.assign([3.0, 4.0])
    assert w.tolist() == [3.0, 4.0] and w.dtype == cr.float64 and w.name == "w" and w.grad is not None


def test_backward_uses_the_values_of_the_forward():
    w = variable([2.0, 3.0])
    y = (w * w).sum()
    w.assign([100.0, 100.0])
    y.backward()
    assert w.grad.tolist() == [4.0, 6.0]


def test_a_tensor_read_from_a_variable_keeps_its_value():
    w = variable([1.0, 2.0])
    before, doubled = w.detach(), w * 2.0
    w.assign([5.0, 5.0])
    assert before.tolist() == [1.0, 2.0] and doubled.tolist() == [2.0, 4.0]


def test_the_variable_does_not_share_memory_with_its_first_value():
    data = np.array([1.0, 2.0])
    w = variable(data)
    data[:] = 9.0
    assert w.tolist() == [1.0, 2.0]


def test_higher_derivatives_across_an_assignment_are_refused():
    w = variable([2.0, 3.0], name="weight")
    y = (w**3).sum()
    w.assign([1.0, 1.0])
    with pytest.raises(cr.errors.GradientError) as caught:
        gradients([y], [None], wanted=[w], create_graph=True)
    assert "weight was assigned to" in str(caught.value) and "before the update" in str(caught.value)


def test_higher_derivatives_without_one_are_fine():
    w = variable([2.0, 3.0])
    ((_, g),) = gradients([(w**3).sum()], [None], wanted=[w], create_graph=True)
    g.sum().backward()
    assert w.grad.tolist() == [12.0, 18.0]


def test_assigning_a_tensor_with_history_keeps_the_history_out():
    w = variable([1.0])
    for _ in range(3):
        loss = (w * w).sum()
        loss.backward()
        w.assign(w - 0.1 * w.grad)
        w.zero_grad()
    assert w.is_leaf and w.node is None
    assert float(w[0]) == pytest.approx(0.8**3)


def test_shapes_and_dtypes_of_assignments():
    w = variable([1.0, 2.0], name="w")
    with pytest.raises(cr.errors.ShapeError, match=r"w has the shape \(2,\)"):
        w.assign([1.0])
    count = cr.Variable(np.array(3))
    with pytest.raises(cr.errors.DtypeError):
        count.assign(2.5)
    count.assign(4)
    assert int(count) == 4
    w.assign(np.array([1, 2], np.int32))  # numbers that fit are taken
    assert w.dtype == cr.float64


def test_frozen_variables_get_no_gradient_and_cost_no_node():
    w = variable([1.0, 2.0])
    w.requires_grad = False
    assert (w * 2.0).node is None
    w.requires_grad = True
    assert (w * 2.0).node is not None


def test_variables_are_leaves_found_by_identity():
    a, b = variable([1.0]), variable([1.0])
    (2.0 * a + 3.0 * b).sum().backward()
    assert a.grad.tolist() == [2.0] and b.grad.tolist() == [3.0]


def test_a_step_of_gradient_descent():
    w = variable([3.0, -2.0])
    for _ in range(100):
        w.zero_grad()
        (w * w).sum().backward()
        w.assign(w - 0.1 * w.grad)
    assert np.abs(w.numpy()).max() < 1e-8


def test_assign_keeps_the_digits_and_nothing_of_the_caller() -> None:
    wide = cr.Variable(np.zeros(2), dtype="float64")
    wide.assign([1 / 3, 0.1])
    assert wide.tolist() == [1 / 3, 0.1]
    given = np.ones(2, np.float32)
    variable = cr.Variable([0.0, 0.0])
    variable.assign(given)
    given[0] = 7.0
    assert variable.tolist() == [1.0, 1.0]
