"""A few seconds that touch all beneath the layers: the graph, gradients, compiled steps, a network that learns XOR."""

from __future__ import annotations

import numpy as np

import chainrule as cr

INPUTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
TARGET = np.array([[0], [1], [1], [0]], np.float32)


class HandMadeNetwork:
    """Two layers with nothing but Variables and operations."""

    def __init__(self, hidden: int = 8) -> None:
        stream = cr.random.Stream(1)
        self.w1 = cr.Variable(stream.normal((2, hidden)), name="w1", requires_grad=True)
        self.b1 = cr.Variable(np.zeros(hidden), name="b1", requires_grad=True)
        self.w2 = cr.Variable(stream.normal((hidden, 1)), name="w2", requires_grad=True)
        self.b2 = cr.Variable(np.zeros(1), name="b2", requires_grad=True)
        self.parameters = [self.w1, self.b1, self.w2, self.b2]

    def __call__(self, x):
        return cr.tanh(x @ self.w1 + self.b1) @ self.w2 + self.b2

    def loss(self):
        error = self(cr.asarray(INPUTS)) - cr.asarray(TARGET)
        return (error * error).mean()

    def step(self, rate: float = 0.1):
        loss = self.loss()
        for p in self.parameters:
            p.zero_grad()
        loss.backward()
        for p in self.parameters:
            p.assign(p - rate * p.grad)
        return loss


def test_a_network_learns_xor():
    network = HandMadeNetwork()
    first = float(network.step())
    for _ in range(600):
        last = network.step()
    assert float(last) < 0.01 < first
    assert ((network(cr.asarray(INPUTS)).numpy() > 0.5) == TARGET).all()


def test_the_same_steps_compiled():
    eager, compiled = HandMadeNetwork(), HandMadeNetwork()
    step = cr.compile(compiled.step)
    for _ in range(20):
        np.testing.assert_allclose(float(step()), float(eager.step()), rtol=1e-4)
    for a, b in zip(eager.parameters, compiled.parameters, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-3, atol=1e-5)
    assert len(step.compilations) <= 2  # without gradients to begin with, and with


def test_the_graph_can_be_looked_into():
    network = HandMadeNetwork()
    loss = network.loss()
    node = loss.node
    assert node is not None and node.op.name == "mean" and node.output is loss
    assert node.source.startswith("test_smoke.py:") and node.source.endswith("in loss")
    assert callable(node.backward)
    assert node.inputs[0].node.op.name == "multiply"
    assert "matmul" in cr.draw(loss).text


def test_the_gradients_are_right():
    network = HandMadeNetwork(hidden=3)
    report = cr.gradcheck(network, INPUTS, wrt=network.parameters, order=2)
    assert report.worst_relative_error < 1e-5
    result = cr.compare_gradients(network.loss, network.parameters)
    assert result.forward.forward_passes == result.parameters + 1 == 14
    assert result.central.relative_error < 1e-7
