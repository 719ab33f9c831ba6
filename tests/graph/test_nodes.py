"""What a node knows: inputs, output, operation, attributes, saved values, rule, line, layer."""

from __future__ import annotations

import gc
import inspect
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.graph import OPS, SCOPE, Node, op, per_input


def line_here() -> int:
    frame = inspect.currentframe()
    assert frame is not None and frame.f_back is not None
    return frame.f_back.f_lineno


def test_a_node_knows_how_its_tensor_was_made():
    x = cr.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    y = cr.sum(x, axis=1, keepdims=True)
    node = y.node
    assert isinstance(node, Node)
    assert node.op is OPS["sum"]
    assert node.inputs == (x,)
    assert node.inputs[0] is x
    assert node.output is y
    assert node.attributes["axis"] == 1 and node.attributes["keepdims"] is True
    assert node.needs == (True,)
    assert node.backward is OPS["sum"].backward
    assert node.saved is None and not node.freed
    assert repr(node).startswith("Node(sum: (2, 2) at test_nodes.py:")
    assert y.requires_grad and not y.is_leaf and x.is_leaf and x.node is None


def test_the_source_is_the_users_line_and_function():
    x = cr.tensor(2.0, requires_grad=True)
    line = line_here() + 1
    y = x * x
    assert y.node.source == f"test_nodes.py:{line} in test_the_source_is_the_users_line_and_function"

    def inner():
        made = cr.exp(
            x,
        )
        return made, line_here() - 3

    made, line = inner()
    assert made.node.source == f"test_nodes.py:{line} in inner"


def test_the_source_at_module_level_names_no_function():
    space: dict = {}
    code = "import chainrule as cr\nx = cr.tensor(1.0, requires_grad=True)\n\ny = cr.sin(x)\n"
    exec(compile(code, "/some/where/script.py", "exec"), space)
    assert space["y"].node.source == "script.py:4"


def test_lines_inside_of_chainrule_are_passed_over():
    x = cr.tensor([1.0, 2.0, 3.0], requires_grad=True)
    line = line_here() + 1
    y = cr.std(x)
    assert y.node.source == f"test_nodes.py:{line} in test_lines_inside_of_chainrule_are_passed_over"


def test_the_output_is_held_weakly():
    gc.disable()
    try:
        x = cr.tensor(1.0, requires_grad=True)
        y = cr.exp(x)
        node = y.node
        assert node.output is y
        del y
        assert node.output is None
    finally:
        gc.enable()


def test_scalars_and_none_stay_what_they_are_among_the_inputs():
    x = cr.tensor([1.0], requires_grad=True)
    assert (x * 3).node.inputs == (x, 3)
    assert (2.0 - x).node.inputs[0] == 2.0
    assert (x * 3).node.needs == (True, False)


def test_numpy_inputs_become_tensors():
    x = cr.tensor([1.0, 2.0], requires_grad=True)
    node = (x * np.array([3.0, 4.0])).node
    assert isinstance(node.inputs[1], cr.Tensor)
    assert node.needs == (True, False)


def test_the_layer_is_remembered():
    x = cr.tensor(1.0, requires_grad=True)
    assert (x + 1.0).node.scope == ""
    token = SCOPE.set(("encoder", "0"))
    try:
        y = x + 1.0
    finally:
        SCOPE.reset(token)
    assert y.node.scope == "encoder.0"


def test_order_grows_along_the_graph():
    x = cr.tensor(1.0, requires_grad=True)
    y = cr.exp(x)
    z = y * y
    assert z.node.order > y.node.order


def test_saved_values_reach_the_rule_and_are_freed():
    def rule(node, g):
        return [g * node.saved]

    @op(backward=rule, saves=True)
    def doubled_and_remembered(xp, x, /):
        return 2.0 * x, np.asarray(2.0, x.dtype)

    x = cr.tensor(3.0, requires_grad=True)
    y: Any = doubled_and_remembered(x)
    assert float(y.node.saved) == 2.0
    y.backward()
    assert float(x.grad) == 2.0
    assert y.node.saved is None and y.node.freed


def test_shapes_and_source_can_be_looked_at_after_backward():
    x = cr.tensor([1.0, 2.0], requires_grad=True)
    y = (x * x).sum()
    y.backward()
    assert y.node.freed
    assert y.node.inputs[0].shape == (2,)
    assert "test_nodes.py" in y.node.source
    assert "sum" in repr(y.node)


# -- records ----------------------------------------------------------------------------------------------------------


def test_an_op_without_a_rule_fails_when_it_is_recorded():
    @op()
    def no_rule(xp, x, /):
        return x + 1

    assert float(no_rule(cr.tensor(1.0))) == 2.0  # fine where no gradient is needed
    x = cr.tensor(1.0, requires_grad=True)
    with cr.no_grad():
        no_rule(x)
    with pytest.raises(cr.errors.OpError) as caught:
        no_rule(x)
    text = str(caught.value)
    assert "no_rule has no backward rule" in text and "detach()" in text and "test_nodes.py" in text


def test_a_constant_op_leaves_no_node():
    x = cr.tensor([1.5, -0.5], requires_grad=True)
    for y in (x > 0, cr.floor(x), cr.sign(x), cr.argmax(x)):
        assert y.node is None and not y.requires_grad


def test_a_rule_that_gives_too_few_gradients_is_named():
    @op(backward=lambda node, g: [g])
    def forgetful(xp, x1, x2, /):
        return x1 * x2

    x = cr.tensor(1.0, requires_grad=True)
    with pytest.raises(cr.errors.OpError, match=r"forgetful gave 1 gradients for 2 inputs"):
        forgetful(x, x).backward()


def test_a_rule_that_gives_a_wrong_shape_is_named_with_its_line():
    @op(backward=per_input(lambda g, y, x: cr.ones((7,))))
    def misshapen(xp, x, /):
        return x + 1

    x = cr.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(cr.errors.OpError) as caught:
        misshapen(x).sum().backward()
    assert "misshapen" in str(caught.value) and "(7,)" in str(caught.value) and "test_nodes.py" in str(caught.value)


def test_a_rule_may_give_more_than_it_was_asked_for():
    @op(backward=lambda node, g: [g * node.inputs[1], g * node.inputs[0]])
    def product(xp, x1, x2, /):
        return x1 * x2

    x, data = cr.tensor(3.0, requires_grad=True), cr.tensor(2.0)
    product(x, data).backward()
    product(x, 4.0).backward()
    assert float(x.grad) == 6.0 and data.grad is None


def test_wrong_arguments_are_refused_with_the_signature():
    x = cr.tensor(1.0)
    with pytest.raises(TypeError, match="exp"):
        OPS["exp"]()
    with pytest.raises(TypeError, match="speed"):
        OPS["exp"](x, speed=3)
    with pytest.raises(TypeError, match="exp"):
        OPS["exp"](x, x, x)


def test_shapes_that_do_not_fit_are_told_with_operation_shapes_and_line():
    a, b = cr.ones((2, 3)), cr.ones((4,))
    with pytest.raises(cr.errors.ShapeError) as caught:
        a + b
    text = str(caught.value)
    assert "add" in text and "[2, 3]" in text and "[4]" in text and "test_nodes.py" in text
    with pytest.raises(ValueError, match="matmul"):
        a @ a


def test_several_outputs_share_one_node():
    @op(backward=lambda node, g: [g[0] * 2.0 + g[1] * 3.0], several=True)
    def twice_and_thrice(xp, x, /):
        return 2.0 * x, 3.0 * x

    x = cr.tensor([1.0, 2.0], requires_grad=True)
    a, b = twice_and_thrice(x)
    assert a.node is b.node and a.node.output == (a, b)
    (a.sum() + 10.0 * b.sum()).backward()
    assert x.grad.tolist() == [32.0, 32.0]
    x.zero_grad()
    twice_and_thrice(x)[1].sum().backward()  # the other output is not used
    assert x.grad.tolist() == [3.0, 3.0]


def test_an_integer_output_beside_a_floating_one_needs_no_gradient():
    @op(backward=lambda node, g: [g[0]], several=True)
    def value_and_place(xp, x, /):
        return x + 1.0, xp.argsort(x)

    x = cr.tensor([3.0, 1.0], requires_grad=True)
    value, place = value_and_place(x)
    assert value.requires_grad and not place.requires_grad
    value.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]
