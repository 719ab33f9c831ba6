"""Graphs are freed by counting references alone: a loss that goes out of scope takes its graph with it."""

from __future__ import annotations

import contextlib
import gc
import weakref

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import GradientError
from chainrule.graph import FUNCTIONS


@pytest.fixture(autouse=True)
def without_garbage_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def forward(w):
    x = cr.ones((8, 3), dtype=cr.float64)
    hidden = cr.tanh(x @ w)
    parts = cr.split(hidden, 2) if hasattr(cr, "split") else [hidden[:4], hidden[4:]]
    top = cr.max(parts[0], axis=0) + cr.sum(parts[1], axis=0)
    return FUNCTIONS["log_softmax"](top).mean(), weakref.ref(hidden), weakref.ref(hidden.node.op) and hidden


def alive(refs):
    return [r for r in refs if r() is not None]


@pytest.fixture
def w():
    return cr.Variable(np.ones((3, 4)), dtype=cr.float64, requires_grad=True)


def test_a_forward_pass_alone(w):
    loss, ref, hidden = forward(w)
    del hidden
    assert ref() is not None
    del loss
    assert ref() is None


def test_after_backward(w):
    loss, ref, hidden = forward(w)
    del hidden
    loss.backward()
    del loss
    assert ref() is None
    assert not gc.garbage


def test_after_backward_with_retain_graph(w):
    loss, ref, hidden = forward(w)
    del hidden
    loss.backward(retain_graph=True)
    loss.backward()
    del loss
    assert ref() is None


def test_after_higher_derivatives(w):
    made = []

    def f(w):
        hidden = cr.tanh(w)
        made.append(weakref.ref(hidden))
        return (hidden**3).sum()

    cr.hvp(f, w, np.ones((3, 4)))
    cr.hessian(f)(w)
    cr.jvp(f, [w], [np.ones((3, 4))])
    assert not alive(made)


def test_after_vjp(w):
    made = []

    def f(w):
        hidden = cr.tanh(w)
        made.append(weakref.ref(hidden))
        return hidden**2

    _, pullback = cr.vjp(f, w)
    pullback(np.ones((3, 4)))
    del pullback, _
    assert not alive(made)


def test_after_an_error_in_backward(w):
    loss, ref, hidden = forward(w)
    del hidden
    loss.backward()
    with contextlib.suppress(cr.errors.GradientError):
        loss.backward()
    del loss
    assert ref() is None


def test_gradients_do_not_keep_the_graph(w):
    loss, ref, hidden = forward(w)
    del hidden
    loss.backward()
    kept = w.grad
    del loss
    assert ref() is None and kept is not None


def test_after_gradcheck_and_drawing(w):
    made = []

    def f(x):
        hidden = cr.exp(x)
        made.append(weakref.ref(hidden))
        return hidden.sum()

    cr.gradcheck(f, np.ones(3), order=2)
    assert not alive(made)
    loss, ref, hidden = forward(w)
    del hidden
    drawing = cr.draw(loss)
    text = drawing.svg
    del loss, drawing
    assert ref() is None and text


def test_memory_of_a_training_loop_does_not_grow(w):
    def count():
        return sum(isinstance(o, cr.Tensor | cr.Node) for o in gc.get_objects())

    def step():
        loss, _, _ = forward(w)
        loss.backward()
        w.assign(w - 0.01 * w.grad)
        w.zero_grad()

    step()
    before = count()
    for _ in range(20):
        step()
    assert count() == before


def test_a_kept_loss_lets_go_of_the_values_of_its_step():
    w = cr.tensor(np.ones((4, 4)), requires_grad=True)
    hidden = cr.tanh(w @ w)
    held = cr.exp(hidden)
    loss = held.sum()
    loss.backward()
    assert loss.node is not None and loss.node.inputs[0].shape == (4, 4)  # its shape and history stay
    assert loss.node.inputs[0].node is held.node
    assert "released" in repr(loss.node.inputs[0])
    with pytest.raises(GradientError, match="released by a backward pass"):
        loss.node.inputs[0].numpy()
    with pytest.raises(GradientError, match="released by a backward pass"):
        loss.node.inputs[0] + 1.0
    assert held.numpy().shape == (4, 4)  # what the user keeps is kept
    assert hidden.node is not None and hidden.node.inputs[0].node.inputs[0] is w
    assert "exp" in cr.draw(loss, format="text").text
