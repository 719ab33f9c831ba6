"""gradcheck finds what is wrong, says where, and lets pass what is right; compare_gradients counts its passes."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.graph import FUNCTIONS, op, per_input


@op(backward=per_input(lambda g, y, x: 2.0 * x * x * g))
def cube_with_wrong_factor(xp, x, /):
    return x * x * x


@op(backward=per_input(lambda g, y, x: 3.0 * x.detach() * x * g))
def cube_with_wrong_second_derivative(xp, x, /):
    return x * x * x


@op(backward=per_input(lambda g, y, x: cr.where(cr.arange(x.size) == 7, 0.0, 2.0 * x) * g))
def square_that_forgets_one_entry(xp, x, /):
    return x * x


# -- what is right ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [1, 2])
def test_right_gradients_pass_and_the_report_says_what_was_compared(order):
    report = cr.gradcheck(lambda x: x * cr.exp(x), np.array([0.5, 1.0]), order=order)
    assert report.order == order and report.worst_relative_error < 1e-7
    assert report.entries == (4 if order == 1 else 4 + 2 * 4)
    assert report.backward_passes == (2 if order == 1 else 4)
    assert "gradcheck passed" in str(report)


def test_several_inputs_of_several_kinds():
    def f(x, scale, ids, name, k, nothing):
        assert isinstance(scale, cr.Tensor) and scale.dtype == cr.float64
        assert ids.dtype == cr.int64 and name == "sum" and k == 2 and nothing is None
        return (x[ids] * scale).sum() * k, {"more": [x * x, cr.arange(3)]}

    report = cr.gradcheck(f, (cr.tensor([1.0, 2.0, 3.0]), 0.5, np.array([0, 2, 2]), "sum", 2, None), order=2)
    assert report.entries == 4 * 4 + 4 * 8


def test_inputs_are_left_alone():
    x = cr.tensor([1.0, 2.0], requires_grad=True)
    cr.gradcheck(lambda x: x * x, x, order=2)
    assert x.grad is None and x.dtype == cr.float32 and x.tolist() == [1.0, 2.0]


def test_by_variables():
    rng = np.random.default_rng(0)
    w = cr.Variable(rng.normal(size=(3, 2)), name="w", requires_grad=True)
    frozen = cr.Variable(rng.normal(size=(2,)), name="frozen")
    before = w.numpy().copy()
    report = cr.gradcheck(lambda x: cr.tanh(x @ w + frozen), rng.normal(size=(4, 3)), wrt=[w, frozen, w], order=2)
    assert report.entries == 8 * (12 + 6) + (12 + 6) * (12 + 6 + 8)
    assert w.dtype == cr.float32 and w.grad is None
    np.testing.assert_array_equal(w.numpy(), before)


def test_variables_are_restored_after_a_failure():
    w = cr.Variable([1.0, 2.0], name="w", requires_grad=True)
    with pytest.raises(cr.errors.GradcheckError, match="Variable 'w'"):
        cr.gradcheck(lambda: cube_with_wrong_factor(w), (), wrt=[w])
    assert w.dtype == cr.float32 and w.tolist() == [1.0, 2.0]


def test_large_functions_are_compared_by_combinations():
    report = cr.gradcheck(lambda x: cr.sin(x), np.linspace(-2.0, 2.0, 3000).reshape(30, 100), order=2)
    assert report.entries == 3000 + 6000
    assert report.forward_passes < 5000


def test_outputs_that_depend_on_nothing_and_empty_ones():
    cr.gradcheck(lambda x: (cr.floor(x), x * 2.0, cr.ones((3,), dtype=cr.float64)), np.array([0.5, 1.5]))
    cr.gradcheck(lambda x: x * 2.0, np.zeros((0, 3)), order=2)
    cr.gradcheck(lambda x, unused: x * 2.0, (np.ones(2), np.ones(3)), order=2)


def test_an_input_handed_through():
    cr.gradcheck(lambda x: x, np.ones(3), order=2)


def test_a_kink_near_the_point_is_stepped_around():
    cr.gradcheck(lambda x: FUNCTIONS["relu"](x), np.array([1e-6, -1e-6, 1.0]))


def test_large_and_small_numbers():
    cr.gradcheck(lambda x: cr.log(x), np.array([1e-3, 1.0, 1e6]))
    cr.gradcheck(lambda x: 1e6 * cr.sin(x), np.array([0.1, 1.0]), order=2)


def test_within_no_grad():
    with cr.no_grad():
        cr.gradcheck(lambda x: x * x, np.ones(2), order=2)


def test_embedding_tables():
    cr.gradcheck(lambda w: FUNCTIONS["embedding"](w, cr.tensor([1, 0, 1])) ** 2, np.ones((3, 2)), order=2)


# -- what is wrong ---------------------------------------------------------------------------------------------------


def test_a_planted_wrong_gradient_fails_and_is_named():
    def f(weight, x):
        hidden = cr.tanh(weight * x)
        return cr.sum(hidden), cube_with_wrong_factor(hidden)

    with pytest.raises(cr.errors.GradcheckError) as caught:
        cr.gradcheck(f, (np.array([0.5, 1.0]), np.array([2.0, 3.0])))
    text = str(caught.value)
    assert "output 1[" in text and "by input 0 (weight)[" in text
    assert "backpropagation" in text and "central differences" in text
    assert "cube_with_wrong_factor at test_gradcheck.py:" in text and "in f" in text
    assert "4 of 12 comparisons disagree" in text


def test_the_values_told_are_the_right_ones():
    with pytest.raises(cr.errors.GradcheckError) as caught:
        cr.gradcheck(lambda x: cube_with_wrong_factor(x), np.array([0.0, 2.0]))
    text = str(caught.value)
    assert "the output[1] by input 0 (x)[1]" in text
    assert "backpropagation      8\n" in text and "central differences  12" in text
    assert "differ by       4," in text and "relative 0.333" in text and "1 of 4 comparisons" in text


def test_one_wrong_entry_among_many_is_found():
    x = np.linspace(1.0, 2.0, 5000)
    with pytest.raises(cr.errors.GradcheckError) as caught:
        cr.gradcheck(lambda x: square_that_forgets_one_entry(x), x)
    text = str(caught.value)
    assert "the output[7] by input 0 (x)[7]" in text and "backpropagation      0\n" in text


def test_a_small_error_is_found():
    @op(backward=per_input(lambda g, y, x: 1.0001 * cr.cos(x) * g))
    def nearly_sine(xp, x, /):
        return xp.sin(x)

    with pytest.raises(cr.errors.GradcheckError, match=r"relative 0\.0001"):
        cr.gradcheck(lambda x: nearly_sine(x), np.array([0.3]))
    cr.gradcheck(lambda x: nearly_sine(x), np.array([0.3]), rtol=1e-3)


def test_a_rule_that_is_right_once_but_not_twice():
    f = lambda x: cube_with_wrong_second_derivative(1.5 * x)  # noqa: E731
    cr.gradcheck(f, np.array([1.0, 2.0]))
    with pytest.raises(cr.errors.GradcheckError) as caught:
        cr.gradcheck(f, np.array([1.0, 2.0]), order=2)
    text = str(caught.value)
    assert "second derivative" in text and "cube_with_wrong_second_derivative at test_gradcheck.py" in text


def test_a_wrong_gradient_of_the_second_input_and_of_a_single_number():
    @op(backward=per_input(lambda g, y, a, b: g * b, lambda g, y, a, b: g))
    def product_with_lazy_rule(xp, a, b, /):
        return a * b

    with pytest.raises(cr.errors.GradcheckError, match=r"the output by input 1 \(b\):"):
        cr.gradcheck(lambda a, b: product_with_lazy_rule(a, b), (3.0, 2.0))


def test_a_detached_part_is_no_operations_fault():
    with pytest.raises(cr.errors.GradcheckError, match="look for a detach"):
        cr.gradcheck(lambda x: x * x.detach(), np.array([2.0]))


def test_a_kink_at_the_point_is_told():
    with pytest.raises(
        cr.errors.GradcheckError, match=r"slope is 0 on the left and 1 on the right(?s:.)*another point"
    ):
        cr.gradcheck(lambda x: FUNCTIONS["relu"](x), np.array([0.0]))


def test_values_that_are_not_finite():
    with pytest.raises(cr.errors.GradcheckError, match="finite"):
        cr.gradcheck(lambda x: cr.sqrt(x), np.array([0.0]))


def test_a_function_of_chance_is_refused():
    stream = cr.random.Stream(0)
    with pytest.raises(cr.errors.GradcheckError, match="different values for the same inputs"):
        cr.gradcheck(lambda x: x * stream.uniform((3,)), np.ones(3))

    def repeatable(x):
        stream.seed(0)
        return x * stream.uniform((3,))

    cr.gradcheck(repeatable, np.ones(3))


def test_what_cannot_be_checked():
    with pytest.raises(cr.errors.GradcheckError, match="nothing to differentiate by"):
        cr.gradcheck(lambda n: n, (3,))
    with pytest.raises(cr.errors.GradcheckError, match="no floating Tensor"):
        cr.gradcheck(lambda x: x > 0, np.ones(2))
    with pytest.raises(cr.errors.GradcheckError, match="returned float32"):
        cr.gradcheck(lambda x: cr.astype(x, cr.float32) * 2.0, np.ones(2))
    with pytest.raises(cr.errors.GradcheckError, match="order 1 or 2"):
        cr.gradcheck(lambda x: x, np.ones(2), order=3)


def test_it_is_an_assertion_error():
    with pytest.raises(AssertionError):
        cr.gradcheck(lambda x: cube_with_wrong_factor(x), np.ones(1))


def test_the_same_seed_gives_the_same_report():
    f, x = (lambda x: cr.tanh(x)), np.linspace(-1.0, 1.0, 700)
    assert cr.gradcheck(f, x, seed=3) == cr.gradcheck(f, x, seed=3)


# -- N + 1 passes against 2 ------------------------------------------------------------------------------------------


def network(seed=0):
    rng = np.random.default_rng(seed)
    w1 = cr.Variable(rng.normal(size=(4, 6)), name="w1", requires_grad=True)
    w2 = cr.Variable(rng.normal(size=(6, 1)), name="w2", requires_grad=True)
    x, target = rng.normal(size=(20, 4)), rng.normal(size=(20, 1))
    calls = [0]

    def loss():
        calls[0] += 1
        error = cr.tanh(cr.tensor(x) @ w1) @ w2 - cr.tensor(target)
        return (error * error).mean()

    return loss, [w1, w2], calls


def test_passes_are_counted():
    loss, parameters, _ = network()
    result = cr.compare_gradients(loss, parameters)
    assert result.parameters == result.measured == 30
    assert (result.forward.forward_passes, result.forward.backward_passes) == (31, 0)
    assert (result.central.forward_passes, result.central.backward_passes) == (60, 0)
    assert (result.backpropagation.forward_passes, result.backpropagation.backward_passes) == (1, 1)
    assert result.central.relative_error < 1e-8 < result.forward.relative_error < 1e-4
    assert result.forward.seconds > 0 and result.central.seconds > result.backpropagation.seconds
    assert result.disagreement == pytest.approx(result.forward.relative_error, rel=0.01)


def test_the_gradients_are_those_of_backward():
    loss, parameters, _ = network()
    result = cr.compare_gradients(loss, parameters)
    loss().backward()
    whole = np.concatenate([w.grad.numpy().ravel() for w in parameters])
    np.testing.assert_allclose(result.backpropagation.gradient, whole, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(result.central.gradient, result.backpropagation.gradient, rtol=1e-6, atol=1e-9)


def test_variables_are_left_as_they_were():
    loss, parameters, _ = network()
    before = [w.numpy().copy() for w in parameters]
    cr.compare_gradients(loss, parameters)
    for w, value in zip(parameters, before, strict=True):
        assert w.dtype == cr.float32 and w.grad is None
        np.testing.assert_array_equal(w.numpy(), value)


def test_many_parameters_are_sampled_and_the_table_says_so():
    loss, parameters, calls = network()
    result = cr.compare_gradients(loss, parameters, limit=10)
    assert result.measured == 10 and result.forward.forward_passes == 31 and result.central.forward_passes == 60
    assert calls[0] < 50
    text = str(result)
    assert "10 entries chosen at random" in text and "≈" in text


def test_the_table():
    loss, parameters, _ = network()
    text = str(cr.compare_gradients(loss, parameters))
    lines = text.splitlines()
    assert "30 parameters" in lines[0]
    assert [line.split("  ")[0] for line in lines[3:6]] == [
        "forward differences",
        "central differences",
        "backpropagation",
    ]
    assert "31 forward" in lines[3] and "60 forward" in lines[4] and "1 forward + 1 backward" in lines[5]
    assert "times faster" in text


def test_a_wrong_rule_shows_in_the_comparison():
    w = cr.Variable([1.0, 2.0], requires_grad=True)
    result = cr.compare_gradients(lambda: cube_with_wrong_factor(w).sum(), [w])
    assert result.central.relative_error == pytest.approx(0.5, rel=1e-3)


def test_what_cannot_be_compared():
    w = cr.Variable([1.0, 2.0], requires_grad=True)
    with pytest.raises(cr.errors.GradientError, match="no Variable"):
        cr.compare_gradients(lambda: w.sum(), [])
    with pytest.raises(cr.errors.GradientError, match=r"shape \(2,\)"):
        cr.compare_gradients(lambda: w * 2.0, [w])
    with pytest.raises(cr.errors.GradientError, match="does not depend"):
        cr.compare_gradients(lambda: cr.tensor(1.0, dtype=cr.float64), [w])
    stream = cr.random.Stream(0)
    with pytest.raises(cr.errors.GradcheckError, match="from one evaluation to the next"):
        cr.compare_gradients(lambda: (w * stream.uniform((2,), dtype=cr.float64)).sum(), [w])
