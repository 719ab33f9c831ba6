"""grad, value_and_grad, vjp, jvp, jacobian, hessian, hvp and create_graph against closed forms and differences."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.graph import gradients


def f64(data):
    return cr.tensor(data, dtype=cr.float64)


@pytest.fixture
def quadratic():
    """f(x) = ½ xᵀAx + bᵀx with its gradient and Hessian."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=(4, 4))
    b, x = rng.normal(size=4), rng.normal(size=4)
    matrix, vector = f64(a), f64(b)
    return lambda x: 0.5 * (x * (matrix @ x)).sum() + (vector * x).sum(), x, 0.5 * (a + a.T) @ x + b, 0.5 * (a + a.T)


def rosenbrock(x):
    return 100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2


# -- first order -----------------------------------------------------------------------------------------------------


def test_grad_against_the_closed_form(quadratic):
    f, x, gradient, _ = quadratic
    np.testing.assert_allclose(cr.grad(f)(f64(x)).numpy(), gradient, rtol=1e-12)


def test_grad_takes_plain_arrays_and_leaves_them_alone():
    x = np.array([1.0, 2.0], np.float32)
    assert cr.grad(lambda x: (x * x).sum())(x).tolist() == [2.0, 4.0]
    assert x.tolist() == [1.0, 2.0]


def test_value_and_grad():
    value, g = cr.value_and_grad(rosenbrock)(f64([1.5, 2.0]))
    assert float(value) == pytest.approx(100.0 * (2.0 - 2.25) ** 2 + 0.25)
    assert g.tolist() == pytest.approx([-400.0 * 1.5 * (2.0 - 2.25) - 2.0 * (1.0 - 1.5), 200.0 * (2.0 - 2.25)])
    assert value.node is None and g.node is None


def test_argnums():
    def f(x, y, z):
        return (x * y * y).sum() * z

    x, y = f64([1.0, 2.0]), f64([3.0, 4.0])
    assert cr.grad(f, argnums=1)(x, y, 2.0).tolist() == [12.0, 32.0]
    dx, dz = cr.grad(f, argnums=(0, 2))(x, y, f64(2.0))
    assert dx.tolist() == [18.0, 32.0] and float(dz) == 41.0
    assert cr.grad(f, argnums=-2)(x, y, 2.0).tolist() == [12.0, 32.0]


def test_keyword_arguments_are_handed_on():
    assert float(cr.grad(lambda x, *, power: x**power)(f64(3.0), power=2)) == 6.0


def test_has_aux():
    def f(x):
        y = x * x
        return y.sum(), {"squares": y}

    (value, aux), g = cr.value_and_grad(f, has_aux=True)(f64([1.0, 2.0]))
    assert float(value) == 5.0 and aux["squares"].tolist() == [1.0, 4.0] and g.tolist() == [2.0, 4.0]


def test_grad_of_a_constant_is_zero():
    assert cr.grad(lambda x: f64(3.0))(f64([1.0, 2.0])).tolist() == [0.0, 0.0]
    gx, gy = cr.grad(lambda x, y: (x * x).sum(), argnums=(0, 1))(f64([1.0]), f64([5.0, 6.0]))
    assert gx.tolist() == [2.0] and gy.tolist() == [0.0, 0.0]


def test_grad_needs_a_single_number():
    with pytest.raises(cr.errors.GradientError, match=r"\(2,\)"):
        cr.grad(lambda x: x * x)(f64([1.0, 2.0]))
    with pytest.raises(cr.errors.GradientError, match="float"):
        cr.grad(lambda x: 3.0)(f64([1.0, 2.0]))


def test_grad_does_not_touch_grad_attributes():
    x, w = cr.tensor([1.0], requires_grad=True), cr.Variable([2.0], requires_grad=True)
    cr.grad(lambda x: (x * w).sum())(x)
    assert x.grad is None and w.grad is None


def test_grad_works_within_no_grad():
    with cr.no_grad():
        assert cr.grad(lambda x: (x * x).sum())(f64([3.0])).tolist() == [6.0]


def test_grad_of_a_function_that_uses_backward_inside():
    def f(x):
        w = cr.tensor(2.0, dtype=cr.float64, requires_grad=True)
        (w * w).backward()
        return x * x * w.grad

    assert float(cr.grad(f)(f64(3.0))) == 24.0


# -- higher orders ---------------------------------------------------------------------------------------------------


def test_nested_grad():
    f = lambda x: x**5  # noqa: E731
    x = f64(2.0)
    expected = [32.0, 80.0, 160.0, 240.0, 240.0, 120.0, 0.0]
    for value in expected:
        assert float(f(x)) == value
        f = cr.grad(f)


def test_nested_grad_by_different_arguments():
    def inner(x, y):
        return cr.grad(lambda y: x * y**3)(y)  # 3xy²

    assert float(cr.grad(inner, argnums=0)(f64(2.0), f64(3.0))) == 27.0
    assert float(cr.grad(inner, argnums=1)(f64(2.0), f64(3.0))) == 36.0


def test_the_inner_variable_is_not_confused_with_the_outer():
    # d/dx [x · d/dy (x + y)] = 1: a classic mistake gives 2
    f = lambda x: x * cr.grad(lambda y: x + y)(f64(1.0))  # noqa: E731
    assert float(cr.grad(f)(f64(1.0))) == 1.0


def test_third_derivative_of_a_composition():
    x = 0.7
    third = cr.grad(cr.grad(cr.grad(lambda x: cr.sin(x) * cr.exp(2.0 * x))))(f64(x))
    expected = np.exp(2 * x) * ((8 - 6) * np.sin(x) + (12 - 1) * np.cos(x))
    assert float(third) == pytest.approx(expected, rel=1e-12)


def test_create_graph_by_hand():
    x = cr.tensor([1.0, 2.0], dtype=cr.float64, requires_grad=True)
    y = (x**3).sum()
    y.backward(create_graph=True)
    first = x.grad
    assert first.requires_grad
    x.zero_grad()
    (first * first).sum().backward()  # Σ 9x⁴ → 36x³
    np.testing.assert_allclose(x.grad.numpy(), 36.0 * np.array([1.0, 8.0]))


def test_a_gradient_penalty_trains():
    w = cr.Variable([0.5, -1.0], dtype=cr.float64, requires_grad=True)
    x = cr.tensor([[1.0, 2.0], [3.0, -1.0]], dtype=cr.float64, requires_grad=True)
    y = cr.tanh(x @ w).sum()
    ((_, g),) = gradients([y], [None], wanted=[x], create_graph=True)
    (g * g).sum().backward()

    def penalty(values):
        t = np.tanh(x.numpy() @ values)
        return float((np.outer(1 - t * t, values) ** 2).sum())

    h = 1e-6
    for i in range(2):
        step = h * np.eye(2)[i]
        numeric = (penalty(w.numpy() + step) - penalty(w.numpy() - step)) / (2 * h)
        assert float(w.grad[i]) == pytest.approx(numeric, rel=1e-7)


def test_create_graph_of_several_numbers_at_a_time():
    x = cr.tensor([1.0, 2.0], dtype=cr.float64, requires_grad=True)
    seed = cr.tensor([1.0, 1.0], dtype=cr.float64, requires_grad=True)
    ((_, g),) = gradients([x * x], [seed], wanted=[x], create_graph=True)
    ((_, back),) = gradients([g.sum()], [None], wanted=[seed])
    assert back.tolist() == [2.0, 4.0]  # the pullback is linear in the seed


def test_derivatives_reach_what_the_function_closes_over():
    w = cr.Variable(3.0, dtype=cr.float64, requires_grad=True)
    x = f64(2.0)
    slope = cr.grad(lambda x: w * x**3)(x)  # 3wx²
    assert slope.requires_grad
    slope.backward()
    assert float(w.grad) == 12.0
    w.zero_grad()
    _, pullback = cr.vjp(lambda x: w * x**3, x)
    pullback(f64(1.0))[0].backward()
    assert float(w.grad) == 12.0
    w.zero_grad()
    cr.jvp(lambda x: w * x**3, [x], [f64(1.0)])[1].backward()
    assert float(w.grad) == 12.0
    w.zero_grad()
    cr.jacobian(lambda x: w * x**3)(x).backward()
    assert float(w.grad) == 12.0
    with cr.no_grad():
        assert not cr.grad(lambda x: w * x**3)(x).requires_grad


def test_derivatives_of_plain_functions_keep_no_graph():
    x, f = f64(2.0), lambda x: x**3
    assert not cr.grad(f)(x).requires_grad
    value, g = cr.value_and_grad(f)(x)
    assert not value.requires_grad and not g.requires_grad
    y, pullback = cr.vjp(f, x)
    assert not y.requires_grad and not pullback(f64(1.0))[0].requires_grad
    assert not cr.jacobian(f)(x).requires_grad
    assert not cr.hessian(f)(x).requires_grad


# -- products with Jacobians -----------------------------------------------------------------------------------------


def curve(x):
    return cr.stack([cr.sin(x[0]) * x[1], x[0] ** 2, cr.exp(x[1])])


def curve_jacobian(x):
    return np.array([[np.cos(x[0]) * x[1], np.sin(x[0])], [2 * x[0], 0.0], [0.0, np.exp(x[1])]])


def test_vjp():
    x = np.array([0.3, 1.2])
    y, pullback = cr.vjp(curve, f64(x))
    np.testing.assert_allclose(y.numpy(), [np.sin(0.3) * 1.2, 0.09, np.exp(1.2)])
    for seed in ([1.0, 0.0, 0.0], [0.5, -2.0, 3.0]):  # may be called again
        (g,) = pullback(np.array(seed))
        np.testing.assert_allclose(g.numpy(), np.array(seed) @ curve_jacobian(x), rtol=1e-12)


def test_vjp_of_several_primals():
    y, pullback = cr.vjp(lambda a, b: a * b, f64([1.0, 2.0]), f64([3.0, 4.0]))
    da, db = pullback(f64([1.0, 10.0]))
    assert y.tolist() == [3.0, 8.0] and da.tolist() == [3.0, 40.0] and db.tolist() == [1.0, 20.0]


def test_jvp():
    x, t = np.array([0.3, 1.2]), np.array([2.0, -0.5])
    y, dy = cr.jvp(curve, [f64(x)], [f64(t)])
    np.testing.assert_allclose(y.numpy(), [np.sin(0.3) * 1.2, 0.09, np.exp(1.2)])
    np.testing.assert_allclose(dy.numpy(), curve_jacobian(x) @ t, rtol=1e-12)
    assert y.node is None and dy.node is None


def test_jvp_of_several_primals_and_of_a_constant():
    _, dy = cr.jvp(lambda a, b: a * b, [f64([1.0, 2.0]), f64([3.0, 4.0])], [f64([1.0, 0.0]), f64([0.0, 1.0])])
    assert dy.tolist() == [3.0, 2.0]
    y, dy = cr.jvp(lambda a: f64([7.0]), [f64(1.0)], [f64(1.0)])
    assert y.tolist() == [7.0] and dy.tolist() == [0.0]
    _, dy = cr.jvp(lambda a: a * 3.0, [f64(1.0)], [f64(2.0)])  # linear
    assert float(dy) == 6.0


def test_jvp_checks_its_tangents():
    with pytest.raises(cr.errors.ShapeError):
        cr.jvp(curve, [f64([1.0, 2.0])], [])
    with pytest.raises(cr.errors.ShapeError):
        cr.jvp(curve, [f64([1.0, 2.0])], [f64([1.0])])


def test_jacobian():
    x = np.array([0.3, 1.2])
    np.testing.assert_allclose(cr.jacobian(curve)(f64(x)).numpy(), curve_jacobian(x), rtol=1e-12)


def test_jacobian_of_matrices_and_by_another_argument():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(2, 3)), rng.normal(size=(3, 2))
    j = cr.jacobian(lambda a, b: a @ b, 1)(f64(a), f64(b)).numpy()
    assert j.shape == (2, 2, 3, 2)
    np.testing.assert_allclose(j, np.einsum("ik,jl->ijkl", a, np.eye(2)), atol=1e-12)


def test_jacobian_of_constants_and_of_nothing():
    assert cr.jacobian(lambda x: f64([1.0, 2.0]))(f64([3.0])).tolist() == [[0.0], [0.0]]
    assert cr.jacobian(lambda x: x[:0])(f64([3.0, 4.0])).shape == (0, 2)
    assert cr.jacobian(lambda x: x * x)(f64(3.0)).shape == ()


def test_hessian(quadratic):
    f, x, _, hessian = quadratic
    np.testing.assert_allclose(cr.hessian(f)(f64(x)).numpy(), hessian, atol=1e-12)


def test_hessian_of_rosenbrock():
    a, b = 1.5, 2.0
    expected = [[1200 * a * a - 400 * b + 2, -400 * a], [-400 * a, 200.0]]
    np.testing.assert_allclose(cr.hessian(rosenbrock)(f64([a, b])).numpy(), expected, rtol=1e-12)


def test_hvp(quadratic):
    f, x, _, hessian = quadratic
    v = np.array([1.0, -1.0, 2.0, 0.5])
    np.testing.assert_allclose(cr.hvp(f, f64(x), f64(v)).numpy(), hessian @ v, atol=1e-12)
    np.testing.assert_allclose(
        cr.hvp(rosenbrock, f64([1.5, 2.0]), f64([1.0, 2.0])).numpy(),
        np.array([[1902.0, -600.0], [-600.0, 200.0]]) @ [1, 2],
    )


def test_jacobian_by_differences():
    def f(x):
        return cr.softmax(cr.tanh(x) * cr.asarray(np.array([1.0, -2.0, 0.5])))

    x = np.array([0.1, 0.4, -0.7])
    found = cr.jacobian(f)(f64(x)).numpy()
    h = 1e-6
    numeric = np.stack([(f(f64(x + h * e)).numpy() - f(f64(x - h * e)).numpy()) / (2 * h) for e in np.eye(3)], axis=1)
    np.testing.assert_allclose(found, numeric, atol=1e-9)


def test_derivatives_of_compositions_of_transforms():
    # ∇ᵀ(Hv) and H of a directional derivative agree with the closed form of x⁴
    f = lambda x: (x**4).sum()  # noqa: E731
    x, v = f64([1.0, 2.0]), f64([1.0, -1.0])
    g = cr.grad(lambda x: (cr.hvp(f, x, v) * v).sum())(x)  # Σ 12x²v² → 24xv²
    assert g.tolist() == [24.0, 48.0]
    j = cr.jacobian(cr.grad(f))(x)
    assert j.tolist() == [[12.0, 0.0], [0.0, 48.0]]
    directional = lambda x: cr.jvp(f, [x], [v])[1]  # noqa: E731
    assert cr.grad(directional)(x).tolist() == [12.0, -48.0]


def test_gradients_of_single_samples_and_their_mean():
    """The losses of all samples have one row of a Jacobian each, and the mean of the rows is the batch's gradient."""
    rng = np.random.default_rng(0)
    x, y, w = cr.asarray(rng.normal(size=(7, 3))), cr.asarray(rng.normal(size=7)), cr.asarray(rng.normal(size=3))

    def each(w):
        return cr.square(cr.tanh(x @ w) - y)

    rows = cr.jacobian(each)(w).numpy()
    assert rows.shape == (7, 3)
    for i, row in enumerate(rows):
        alone = cr.grad(lambda w, i=i: cr.square(cr.tanh(x[i] @ w) - y[i]))(w)
        np.testing.assert_allclose(row, alone.numpy(), rtol=1e-12)
    np.testing.assert_allclose(rows.mean(axis=0), cr.grad(lambda w: each(w).mean())(w).numpy(), rtol=1e-12)
