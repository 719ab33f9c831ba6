"""Every record of the op table through the same checks, with the inputs that the record itself names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import GradcheckError, OpError
from chainrule.graph import op as record
from chainrule.graph import per_input
from ops.op_samples import DIFFERENTIABLE, RECORDS, as_inputs, as_tuple, floating_positions, samples_of


def closed(name: str, inputs: tuple[Any, ...], attributes: dict[str, Any]) -> tuple[Any, list[np.ndarray]]:
    """The op as a function of its floating inputs alone."""
    positions = floating_positions(inputs)
    held = list(as_inputs(inputs))

    def function(*floating: Any) -> Any:
        arguments = list(held)
        for position, x in zip(positions, floating, strict=True):
            arguments[position] = x
        return RECORDS[name](*arguments, **attributes)

    return function, [inputs[i] for i in positions]


@pytest.mark.parametrize("name", RECORDS)
def test_has_samples_and_a_docstring(name: str) -> None:
    op = RECORDS[name]
    assert op.samples is not None
    assert len(samples_of(op)) >= 1
    private = op.forward.__name__.startswith("_")
    assert private or op.__doc__, f"{name} has no docstring"


@pytest.mark.parametrize("name", [n for n in RECORDS if n not in DIFFERENTIABLE])
def test_without_a_rule_says_why(name: str) -> None:
    op = RECORDS[name]
    if op.constant:
        return
    # No reason means that there is a derivative which the op cannot give: needing it is an error, at once.
    for inputs, attributes in samples_of(op):
        function, floating = closed(name, inputs, attributes)
        if floating:
            with pytest.raises(OpError, match=r"no backward rule|complex result"):
                function(*(cr.asarray(x) for x in floating[:-1]), cr.tensor(floating[-1], requires_grad=True))


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradients_of_first_and_second_order(name: str) -> None:
    op = RECORDS[name]
    checked = 0
    for inputs, attributes in samples_of(op):
        function, floating = closed(name, inputs, attributes)
        if floating:
            checked += cr.gradcheck(function, floating, order=2 if op.second_order else 1).entries
    assert checked > 0, f"no sample of {name} has a floating input"


@pytest.mark.parametrize("name", RECORDS)
def test_inputs_stay_as_they_are(name: str) -> None:
    op = RECORDS[name]
    for inputs, attributes in samples_of(op):
        before = [x.copy() if isinstance(x, np.ndarray) else x for x in inputs]
        tensors = as_inputs(inputs)
        for x in tensors:
            if op.backward is not None and isinstance(x, cr.Tensor) and cr.isdtype(x.dtype, "real floating"):
                x.requires_grad = True
        outputs = [y for y in as_tuple(op(*tensors, **attributes)) if y.requires_grad]
        for y in outputs:
            y.backward(np.ones(y.shape), retain_graph=True)
        for x, old in zip(inputs, before, strict=True):
            np.testing.assert_array_equal(x, old)


@pytest.mark.parametrize("name", RECORDS)
def test_the_same_compiled(name: str) -> None:
    """Values, dtypes, shapes and gradients are those of NumPy when XLA computes."""
    op = RECORDS[name]
    if name in ("nonzero", "unique"):  # shapes that depend on values
        pytest.skip("refused while compiling")
    samples = samples_of(op)

    def run(*flat: Any) -> list[Any]:
        rest, results = list(flat), []
        for inputs, attributes in samples:
            arguments = [rest.pop(0) if isinstance(x, np.ndarray) else x for x in inputs]
            leaves = []
            for i in floating_positions(inputs):
                if op.backward is not None:
                    arguments[i] = arguments[i] * 1.0  # a leaf of its own, that needs a gradient
                    arguments[i].requires_grad = True
                    leaves.append(arguments[i])
            outputs = as_tuple(op(*arguments, **attributes))
            results.extend(outputs)
            for y in outputs:
                if y.requires_grad:
                    weights = np.cos(np.arange(y.size)).reshape(y.shape)
                    pairs = cr.graph.gradients([y], [cr.asarray(weights)], wanted=leaves, retain_graph=True)
                    results.extend(g for _, g in pairs if g is not None)
        return [r.dense() if isinstance(r, cr.graph.RowSparse) else r for r in results]

    flat = [cr.asarray(x) for inputs, _ in samples for x in inputs if isinstance(x, np.ndarray)]
    eager = run(*flat)
    compiled = cr.compile(run)(*flat)
    assert len(eager) == len(compiled)
    for i, (a, b) in enumerate(zip(eager, compiled, strict=True)):
        assert (a.shape, a.dtype) == (b.shape, b.dtype), f"result {i}"
        np.testing.assert_allclose(b.numpy(), a.numpy(), rtol=1e-9, atol=1e-11, err_msg=f"result {i}")


def test_a_wrong_gradient_is_found() -> None:
    x = cr.tensor([0.5, 1.0, 2.0])

    @record(backward=per_input(lambda g, y, x: g * (3.001 * x * x)))
    def cube(xp: Any, x: Any, /) -> Any:
        return x * x * x

    with pytest.raises(GradcheckError, match="cube"):
        cr.gradcheck(cube, x)

    @record(backward=per_input(lambda g, y, x: g * 3.0 * (x * x).detach()))
    def cube_once(xp: Any, x: Any, /) -> Any:
        return x * x * x

    cr.gradcheck(cube_once, x)
    with pytest.raises(GradcheckError, match="second"):
        cr.gradcheck(cube_once, x, order=2)


def test_the_table_is_as_large_as_it_says() -> None:
    """The counts that the documentation names grow and never shrink unnoticed."""
    assert len(RECORDS) >= 160
    assert len(DIFFERENTIABLE) >= 98
