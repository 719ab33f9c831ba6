"""Random expression graphs: gradients of first and second order against differences and against one another."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.graph import FUNCTIONS, gradients

# Each smooth and bounded, so that deep compositions stay where differences are exact.
UNARY = [
    ("sin", lambda x: cr.sin(x)),
    ("tanh", lambda x: cr.tanh(x)),
    ("sigmoid", lambda x: FUNCTIONS["sigmoid"](x)),
    ("softplus of half", lambda x: FUNCTIONS["softplus"](0.5 * x)),
    ("atan", lambda x: cr.atan(x)),
    ("bell", lambda x: cr.exp(-x * x)),
    ("rational", lambda x: x / (1.0 + x * x)),
    ("root", lambda x: cr.sqrt(1.0 + x * x)),
    ("negative", lambda x: -x),
    ("flip", lambda x: cr.flip(x)),
    ("transpose", lambda x: cr.permute_dims(x, tuple(reversed(range(x.ndim))))),
    ("centred", lambda x: x - cr.mean(x)),
    ("softmax", lambda x: FUNCTIONS["softmax"](x, axis=-1) if x.ndim else x),
    ("running", lambda x: cr.cumulative_sum(cr.reshape(x, (-1,))) * 0.3),
    ("column", lambda x: cr.sum(x, axis=0, keepdims=True) if x.ndim else x),
    ("first row", lambda x: x[:1] if x.ndim else x),
    ("doubled", lambda x: cr.concat([x, x * 0.5], axis=0) if x.ndim else x),
]
BINARY = [
    ("add", lambda a, b: a + b),
    ("subtract", lambda a, b: a - b),
    ("multiply", lambda a, b: a * b),
    ("divide", lambda a, b: a / (1.5 + cr.sin(b))),
    ("outer", lambda a, b: cr.reshape(a, (-1, 1)) * cr.reshape(b, (1, -1)) * 0.5),
    ("product", lambda a, b: cr.reshape(a, (-1,))[:2] @ cr.reshape(b, (-1,))[:2] if min(a.size, b.size) >= 2 else a),
    ("select", lambda a, b: cr.where(cr.asarray(True), a, b)),
]
SHAPES = [(), (2,), (3, 2), (1, 2), (3, 1)]


@st.composite
def expressions(draw):
    """A program: leaf shapes, then steps, each an operation on earlier results."""
    leaves = draw(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=3))
    steps = []
    for number in range(draw(st.integers(1, 9))):
        earlier = st.integers(0, len(leaves) + number - 1)
        if draw(st.booleans()):
            steps.append((draw(st.sampled_from(UNARY)), draw(earlier)))
        else:
            steps.append((draw(st.sampled_from(BINARY)), draw(earlier), draw(earlier)))
    return leaves, steps, draw(st.integers(0, 10_000))


def run(program):
    leaves, steps, seed = program
    rng = np.random.default_rng(seed)
    values = [rng.uniform(-1.5, 1.5, shape) for shape in leaves]

    def function(*inputs):
        results = list(inputs)
        for (_, operation), *places in steps:
            arguments = [results[p] for p in places]
            try:
                np.broadcast_shapes(*(a.shape for a in arguments))
            except ValueError:
                arguments = [cr.mean(a) for a in arguments]
            made = operation(*arguments)
            results.append(made if made.size <= 40 else cr.mean(made))
        return sum((cr.mean(r) for r in results[len(inputs) :]), start=results[-1].sum())

    return function, values


@given(expressions())
@settings(max_examples=60)
def test_gradients_agree_with_differences(program):
    function, values = run(program)
    cr.gradcheck(function, values, rtol=1e-5, atol=1e-6)


@given(expressions())
@settings(max_examples=25)
def test_second_derivatives_agree_with_differences(program):
    function, values = run(program)
    cr.gradcheck(function, values, order=2, rtol=1e-4, atol=1e-5)


@given(expressions())
@settings(max_examples=40)
def test_a_recorded_backward_pass_gives_the_same_gradients(program):
    function, values = run(program)

    def gradient(create_graph):
        inputs = [cr.tensor(v, dtype=cr.float64, requires_grad=True) for v in values]
        pairs = gradients([function(*inputs)], [None], wanted=inputs, create_graph=create_graph)
        return [np.zeros(x.shape) if g is None else g.numpy() for x, g in pairs]

    for plain, recorded in zip(gradient(False), gradient(True), strict=True):
        np.testing.assert_array_equal(plain, recorded)


@given(expressions(), st.floats(-3.0, 3.0))
@settings(max_examples=40)
def test_backward_is_linear_in_its_seed(program, factor):
    function, values = run(program)
    inputs = [cr.tensor(v, dtype=cr.float64, requires_grad=True) for v in values]
    y = function(*inputs)
    y.backward(np.asarray(1.0), retain_graph=True)
    once = [None if x.grad is None else x.grad.numpy().copy() for x in inputs]
    for x in inputs:
        x.zero_grad()
    y.backward(np.asarray(factor))
    for x, g in zip(inputs, once, strict=True):
        if g is not None:
            np.testing.assert_allclose(x.grad.numpy(), factor * g, rtol=1e-9, atol=1e-12)


@given(expressions())
@settings(max_examples=30)
def test_forward_and_reverse_products_agree(program):
    function, values = run(program)
    rng = np.random.default_rng(0)
    tangents = [rng.normal(size=v.shape) for v in values]
    inputs = [cr.asarray(v) for v in values]
    _, slope = cr.jvp(function, inputs, [cr.asarray(t) for t in tangents])
    gs = cr.grad(function, argnums=tuple(range(len(values))))(*inputs)
    expected = sum(float((g.numpy() * t).sum()) for g, t in zip(gs, tangents, strict=True))
    np.testing.assert_allclose(float(slope), expected, rtol=1e-9, atol=1e-10)
