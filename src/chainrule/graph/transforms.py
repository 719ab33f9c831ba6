"""Derivatives of functions: gradients, products with Jacobians from both sides, Jacobians and Hessians."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.array import is_floating
from chainrule.errors import DtypeError, GradientError, ShapeError
from chainrule.graph.backward import gradients, nodes_of
from chainrule.graph.context import RECORDING, enable_grad
from chainrule.graph.registry import FUNCTIONS
from chainrule.graph.sparse import RowSparse
from chainrule.graph.tensor import Tensor, as_tensor, wrap

__all__ = ["grad", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"]


def _marked(x: Any) -> Tensor:
    """x as a Tensor to differentiate by; one that is already part of a graph stays linked to it, for higher
    derivatives.
    """
    x = as_tensor(x)
    if not is_floating(x.dtype):
        raise DtypeError(
            f"A derivative by {x.dtype} numbers is not defined.", fix="pass floating Tensors, or other argnums"
        )
    if x.requires_grad:
        return FUNCTIONS["positive"](x)
    return wrap(x._data, requires_grad=True)


def _depends_on_more(values: Sequence[Tensor], marked: Sequence[Tensor]) -> bool:
    """Whether the values depend on anything that requires a gradient beside what is being differentiated by.

    Such as Parameters in a closure, or what an outer derivative is taken by; then the derivative is a function of
    those too, and has to be recorded.
    """
    known = {id(x) for x in marked}
    return any(x.requires_grad and id(x) not in known for x in values if x._node is None) or any(
        needed and x._node is None and id(x) not in known
        for node in nodes_of(values)
        for x, needed in zip(node.inputs, node.needs, strict=True)
    )


def _dense(g: Any, like: Tensor) -> Tensor:
    if g is None:
        return FUNCTIONS["zeros_like"](like.detach())
    return g.dense() if isinstance(g, RowSparse) else g


def value_and_grad(
    function: Callable[..., Any], argnums: int | Sequence[int] = 0, *, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that gives both the value of `function` and its gradient.

    Arguments:
        function: returns a single number (or, with `has_aux`, a pair of it and anything else).
        argnums: which positional arguments to differentiate by; one index gives one gradient, several give a tuple.
        has_aux: whether `function` returns `(value, aux)`; then the result is `((value, aux), gradient)`.

    Inside another `grad`, or where the function uses Parameters or other Tensors that require gradients, the result can
    be differentiated again; under `cr.no_grad()` it never is.

    Example:
        >>> import chainrule as cr
        >>> value, g = cr.value_and_grad(lambda x: (x * x).sum())(cr.tensor([1.0, 2.0]))
        >>> float(value), g.tolist()
        (5.0, [2.0, 4.0])
    """
    single = isinstance(argnums, int)
    positions = (argnums,) if isinstance(argnums, int) else tuple(argnums)

    @functools.wraps(function)
    def differentiated(*args: Any, **options: Any) -> Any:
        recording = RECORDING.get()
        with enable_grad():
            marked = list(args)
            for i in positions:
                marked[i] = _marked(args[i])
            wanted = [marked[i] for i in positions]
            result = function(*marked, **options)
            value, aux = result if has_aux else (result, None)
            if not isinstance(value, Tensor) or value.size != 1:
                shape = value.shape if isinstance(value, Tensor) else type(value).__name__
                raise GradientError(
                    f"grad needs a function with a single number as its value, got {shape}.",
                    fix="use cr.jacobian, or sum the value",
                )
            higher = recording and _depends_on_more([value], wanted)
            if not value.requires_grad:
                found: list[Tensor] = [_dense(None, x) for x in wanted]
            else:
                pairs = gradients([value], [None], wanted=wanted, create_graph=higher)
                found = [_dense(g, x) for x, g in pairs]
        if not higher:
            value = value.detach()
        gradient = found[0] if single else tuple(found)
        return ((value, aux), gradient) if has_aux else (value, gradient)

    return differentiated


def grad(function: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """A function that gives the gradient of `function`; see `value_and_grad`.

    Example:
        >>> import chainrule as cr
        >>> cube = lambda x: x**3
        >>> float(cr.grad(cr.grad(cube))(cr.tensor(2.0)))
        12.0
    """
    both = value_and_grad(function, argnums)

    @functools.wraps(function)
    def gradient(*args: Any, **options: Any) -> Any:
        return both(*args, **options)[1]

    return gradient


def vjp(function: Callable[..., Tensor], *primals: Any) -> tuple[Tensor, Callable[[Any], tuple[Tensor, ...]]]:
    """The value at the primals, and the pullback g ↦ gᵀJ, a tuple with one entry for each primal.

    Example:
        >>> import chainrule as cr
        >>> y, pullback = cr.vjp(cr.sin, cr.tensor([0.0]))
        >>> pullback(cr.tensor([2.0]))[0].tolist()
        [2.0]
    """
    recording = RECORDING.get()
    y, inputs, pullback = _vjp(function, primals)
    return (y if recording and _depends_on_more([y], inputs) else y.detach()), pullback


def _vjp(
    function: Callable[..., Tensor], primals: Sequence[Any]
) -> tuple[Tensor, list[Tensor], Callable[[Any], tuple[Tensor, ...]]]:
    """Value with its graph, the marked inputs, and the pullback."""
    with enable_grad():
        inputs = [_marked(x) for x in primals]
        y = function(*inputs)

    def pullback(g: Any) -> tuple[Tensor, ...]:
        if not y.requires_grad:
            return tuple(_dense(None, x) for x in inputs)
        linked = isinstance(g, Tensor) and g.requires_grad
        higher = RECORDING.get() and (linked or _depends_on_more([y], inputs))
        pairs = gradients([y], [g], wanted=inputs, retain_graph=True, create_graph=higher)
        return tuple(_dense(g, x) for x, g in pairs)

    return y, inputs, pullback


def jvp(function: Callable[..., Tensor], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Tensor, Tensor]:
    """The value at the primals, and J·t: how the value changes along the tangents.

    Computed by differentiating the pullback, which is linear in its argument, once more: two reverse passes.

    Example:
        >>> import chainrule as cr
        >>> y, dy = cr.jvp(cr.exp, [cr.tensor(0.0)], [cr.tensor(3.0)])
        >>> float(dy)
        3.0
    """
    if len(primals) != len(tangents):
        raise ShapeError(f"jvp needs one tangent for each primal, got {len(primals)} and {len(tangents)}.")
    recording = RECORDING.get()
    y, inputs, pullback = _vjp(function, primals)
    linked = any(isinstance(t, Tensor) and t.requires_grad for t in tangents)
    higher = recording and (linked or _depends_on_more([y], inputs))
    with enable_grad():
        cotangent = wrap(FUNCTIONS["zeros_like"](y.detach())._data, requires_grad=True)
        columns = pullback(cotangent)
        total: Any = None
        for column, tangent in zip(columns, tangents, strict=True):
            t = as_tensor(tangent)
            if t.shape != column.shape:
                raise ShapeError(f"A tangent has the shape {t.shape}, its primal {column.shape}.")
            term = (column * t).sum()
            total = term if total is None else total + term
        if total is None or not total.requires_grad:
            return (y if higher else y.detach()), _dense(None, y)
        pairs = gradients([total], [None], wanted=[cotangent], create_graph=higher)
    return (y if higher else y.detach()), _dense(pairs[0][1], y)


def jacobian(function: Callable[..., Tensor], argnum: int = 0) -> Callable[..., Tensor]:
    """A function that gives the Jacobian, of shape `value.shape + argument.shape`: one reverse pass for each entry of
    the value.

    Example:
        >>> import chainrule as cr
        >>> cr.jacobian(lambda x: x * x)(cr.tensor([1.0, 2.0])).tolist()
        [[2.0, 0.0], [0.0, 4.0]]
    """

    @functools.wraps(function)
    def derivative(*args: Any, **options: Any) -> Tensor:
        recording = RECORDING.get()
        marked = list(args)
        with enable_grad():
            x = marked[argnum] = _marked(args[argnum])
            y = function(*marked, **options)
            higher = recording and _depends_on_more([y], [x])
            rows = []
            for index in range(y.size):
                seed = np.zeros(y.size, y.dtype)
                seed[index] = 1
                if y.requires_grad:
                    pairs = gradients([y], [seed.reshape(y.shape)], wanted=[x], retain_graph=True, create_graph=higher)
                    rows.append(_dense(pairs[0][1], x))
                else:
                    rows.append(_dense(None, x))
            if not rows:
                return wrap(np.zeros(y.shape + x.shape, x.dtype))
            return FUNCTIONS["reshape"](FUNCTIONS["stack"](rows), y.shape + x.shape)

    return derivative


def hessian(function: Callable[..., Tensor], argnum: int = 0) -> Callable[..., Tensor]:
    """A function that gives the matrix of second derivatives, of shape `argument.shape + argument.shape`.

    Example:
        >>> import chainrule as cr
        >>> cr.hessian(lambda x: (x**3).sum())(cr.tensor([1.0, 2.0])).tolist()
        [[6.0, 0.0], [0.0, 12.0]]
    """
    return jacobian(grad(function, argnum), argnum)


def hvp(function: Callable[..., Tensor], x: Any, v: Any) -> Tensor:
    """The Hessian of `function` at x times v, at the price of two reverse passes, without ever forming the Hessian.

    Source: Pearlmutter, "Fast Exact Multiplication by the Hessian" (1994); here reverse over reverse.

    Example:
        >>> import chainrule as cr
        >>> cr.hvp(lambda x: (x**3).sum(), cr.tensor([1.0, 2.0]), cr.tensor([1.0, 1.0])).tolist()
        [6.0, 12.0]
    """
    v = as_tensor(v)
    return grad(lambda x: (grad(function)(x) * v).sum())(x)
