"""Zeros of both signs, infinities, nan, ties, huge numbers, nothing at all: eagerly and compiled, values and
gradients."""

from __future__ import annotations

import itertools
import math
from math import inf, nan, pi
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.ops import activations, arithmetic, bits, comparison, exponentials, rounding, trigonometry
from ops.op_samples import RECORDS
from ops.standard import examples

FAMILIES = (activations, arithmetic, bits, comparison, exponentials, rounding, trigonometry)
ELEMENTWISE = [n for family in FAMILIES for n in family.__all__ if n in RECORDS and n not in ("softmax", "log_softmax")]

# Where the two libraries choose another sign of zero, which the standard leaves open.
SIGN_OF_ZERO_FREE = ("maximum", "minimum")


def awkward(dtype: str) -> np.ndarray:
    if np.dtype(dtype).kind == "f":
        info = np.finfo(dtype)
        plain = [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 100.0, 1e-3, 1e10, pi, 0.99999, info.max, info.tiny, info.eps, inf]
        return np.array([s * x for x in plain for s in (1.0, -1.0)] + [nan], dtype)
    info = np.iinfo(dtype)
    return np.array([0, 1, 2, 3, 5, 7, info.max, info.max - 1, info.min, info.min + 1], dtype)


def agree(name: str, eager: cr.Tensor, compiled: cr.Tensor, arguments: list[np.ndarray]) -> None:
    a, b = eager.numpy(), compiled.numpy()
    assert a.dtype == b.dtype
    if a.dtype.kind != "f":
        same = a == b
    else:
        rtol = 1e-4 if name == "gelu" else 1e-5 if a.dtype == np.float32 else 1e-11
        with np.errstate(all="ignore"):
            same = np.isclose(a, b, rtol=rtol, atol=4 * np.finfo(a.dtype).tiny, equal_nan=True)
        if name not in SIGN_OF_ZERO_FREE:
            same &= (a != 0) | (np.signbit(a) == np.signbit(b))
    wrong = np.flatnonzero(~same)[:5]
    rows = [(*(x[i].item() for x in arguments), a[i].item(), b[i].item()) for i in wrong]
    assert not rows, f"{name}: inputs, eager result, compiled result: {rows}"


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise_functions_compiled(name: str) -> None:
    op = RECORDS[name]
    arity = len([p for p in op.__signature__.parameters.values() if p.kind is p.POSITIONAL_ONLY])
    if arity > 2:
        pytest.skip("clip has a test of its own")
    tried: list[Any] = []
    for dtype in ("float32", "float64", "int32", "uint8", "bool"):
        if dtype == "bool" and ("shift" in name or not name.startswith(("logical", "bitwise", "equal", "not_equal"))):
            continue
        if "shift" in name and dtype in ("int32", "uint8"):
            tried.append(shifts(op, dtype))
            continue
        values = np.array([False, True]) if dtype == "bool" else awkward(dtype)
        columns = [np.array(c, dtype) for c in zip(*itertools.product(values, repeat=arity), strict=True)]
        if name == "pow" and dtype == "int32":
            columns[1] = np.abs(columns[1] % 7)
        tensors = [cr.asarray(c) for c in columns]
        try:
            eager = op(*tensors)
        except (cr.errors.OpError, cr.errors.DtypeError):
            continue  # not defined for this kind
        tried.append((columns, tensors, eager))
    compiled = cr.compile(lambda every: [op(*tensors) for tensors in every])([t for _, t, _ in tried])
    for (columns, _, eager), found in zip(tried, compiled, strict=True):
        agree(name, eager, found, columns)


def shifts(op: Any, dtype: str) -> tuple[Any, Any, Any]:
    columns = [awkward(dtype), (np.arange(len(awkward(dtype))) % 7).astype(dtype)]
    tensors = [cr.asarray(c) for c in columns]
    return columns, tensors, op(*tensors)


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_complex_numbers_compiled(dtype: str) -> None:
    x1 = cr.asarray(examples(dtype)[1:])
    x2 = cr.asarray(examples(dtype)[:0:-1].copy())
    unary = [
        cr.abs,
        cr.acos,
        cr.acosh,
        cr.asin,
        cr.asinh,
        cr.atan,
        cr.atanh,
        cr.conj,
        cr.cos,
        cr.cosh,
        cr.exp,
        cr.expm1,
    ]
    unary += [cr.imag, cr.log, cr.log10, cr.log1p, cr.log2, cr.negative, cr.real, cr.reciprocal, cr.round, cr.sign]
    unary += [cr.sin, cr.sinh, cr.sqrt, cr.square, cr.tan, cr.tanh, cr.sum, cr.prod, cr.mean, cr.cumulative_sum]
    binary = [cr.add, cr.subtract, cr.multiply, cr.divide, cr.pow, cr.equal, cr.vecdot, cr.matmul]

    def run(x1: cr.Tensor, x2: cr.Tensor) -> list[Any]:
        return [f(x1) for f in unary] + [f(x1, x2) for f in binary]

    for function, a, b in zip([*unary, *binary], run(x1, x2), cr.compile(run)(x1, x2), strict=True):
        assert a.dtype == b.dtype, function
        np.testing.assert_allclose(b.numpy(), a.numpy(), rtol=1e-4 if dtype == "complex64" else 1e-10, atol=1e-6)


# What the standard says of single values: arguments, then the result.
CASES: dict[str, list[tuple[Any, ...]]] = {
    "abs": [(-0.0, 0.0), (-inf, inf), (nan, nan)],
    "acos": [(2.0, nan), (-2.0, nan), (1.0, 0.0), (nan, nan)],
    "acosh": [(0.5, nan), (1.0, 0.0), (inf, inf), (nan, nan)],
    "add": [(inf, -inf, nan), (inf, 1.0, inf), (-0.0, -0.0, -0.0), (-0.0, 0.0, 0.0), (1.0, -1.0, 0.0), (nan, 1.0, nan)],
    "asin": [(2.0, nan), (0.0, 0.0), (-0.0, -0.0), (nan, nan)],
    "asinh": [(0.0, 0.0), (-0.0, -0.0), (inf, inf), (-inf, -inf)],
    "atan": [(0.0, 0.0), (-0.0, -0.0), (inf, pi / 2), (-inf, -pi / 2)],
    "atan2": [
        (1.0, 0.0, pi / 2), (1.0, -0.0, pi / 2), (0.0, 1.0, 0.0), (0.0, 0.0, 0.0), (0.0, -0.0, pi), (0.0, -1.0, pi),
        (-0.0, 1.0, -0.0), (-0.0, 0.0, -0.0), (-0.0, -0.0, -pi), (-0.0, -1.0, -pi), (-1.0, 0.0, -pi / 2),
        (1.0, inf, 0.0), (1.0, -inf, pi), (-1.0, inf, -0.0), (-1.0, -inf, -pi), (inf, 1.0, pi / 2),
        (-inf, 1.0, -pi / 2),
        (inf, inf, pi / 4), (inf, -inf, 3 * pi / 4), (-inf, inf, -pi / 4), (-inf, -inf, -3 * pi / 4), (nan, 1.0, nan),
    ],
    "atanh": [(2.0, nan), (-2.0, nan), (1.0, inf), (-1.0, -inf), (0.0, 0.0), (-0.0, -0.0)],
    "ceil": [(-0.5, -0.0), (-0.0, -0.0), (inf, inf), (nan, nan), (2.0, 2.0)],
    "copysign": [(3.0, -0.0, -3.0), (-3.0, 0.0, 3.0), (0.0, -1.0, -0.0), (inf, -1.0, -inf)],
    "cos": [(0.0, 1.0), (-0.0, 1.0), (inf, nan), (-inf, nan), (nan, nan)],
    "cosh": [(0.0, 1.0), (-0.0, 1.0), (inf, inf), (-inf, inf)],
    "divide": [
        (0.0, 0.0, nan), (inf, inf, nan), (1.0, 0.0, inf), (1.0, -0.0, -inf), (-1.0, 0.0, -inf), (0.0, 1.0, 0.0),
        (-0.0, 1.0, -0.0), (0.0, -1.0, -0.0), (inf, 2.0, inf), (inf, -2.0, -inf), (1.0, inf, 0.0), (1.0, -inf, -0.0),
    ],
    "exp": [(0.0, 1.0), (-0.0, 1.0), (inf, inf), (-inf, 0.0), (nan, nan)],
    "expm1": [(0.0, 0.0), (-0.0, -0.0), (inf, inf), (-inf, -1.0), (nan, nan)],
    "floor": [(-0.0, -0.0), (0.5, 0.0), (-0.5, -1.0), (inf, inf), (nan, nan)],
    "floor_divide": [
        (0.0, 0.0, nan), (inf, inf, nan), (0.0, 1.0, 0.0), (0.0, -1.0, -0.0), (-0.0, 1.0, -0.0), (-0.0, -1.0, 0.0),
        (1.0, 0.0, inf), (1.0, -0.0, -inf), (-1.0, 0.0, -inf), (-1.0, -0.0, inf), (inf, 2.0, inf), (inf, -2.0, -inf),
        (-inf, 2.0, -inf), (-inf, -2.0, inf), (1.0, inf, 0.0), (1.0, -inf, -0.0), (-1.0, inf, -0.0), (-1.0, -inf, 0.0),
        (nan, 1.0, nan), (7.0, -2.0, -4.0),
    ],
    "hypot": [(inf, nan, inf), (nan, -inf, inf), (nan, 1.0, nan), (0.0, -0.0, 0.0), (3.0, 4.0, 5.0)],
    "isfinite": [(inf, False), (nan, False), (1.0, True)],
    "isinf": [(inf, True), (-inf, True), (nan, False)],
    "isnan": [(nan, True), (inf, False)],
    "log": [(-1.0, nan), (0.0, -inf), (-0.0, -inf), (1.0, 0.0), (inf, inf)],
    "log10": [(-1.0, nan), (0.0, -inf), (-0.0, -inf), (1.0, 0.0), (inf, inf)],
    "log1p": [(-2.0, nan), (-1.0, -inf), (-0.0, -0.0), (0.0, 0.0), (inf, inf)],
    "log2": [(-1.0, nan), (0.0, -inf), (-0.0, -inf), (1.0, 0.0), (inf, inf)],
    "logaddexp": [(nan, 1.0, nan), (1.0, nan, nan), (-inf, -inf, -inf), (inf, 1.0, inf), (-inf, 1.0, 1.0)],
    "maximum": [(nan, 1.0, nan), (1.0, nan, nan), (inf, 1.0, inf)],
    "minimum": [(nan, 1.0, nan), (1.0, nan, nan), (-inf, 1.0, -inf)],
    "multiply": [(inf, 0.0, nan), (inf, -2.0, -inf), (-inf, -inf, inf), (-0.0, 1.0, -0.0), (nan, 0.0, nan)],
    "nextafter": [(nan, 1.0, nan), (1.0, nan, nan), (-0.0, 0.0, 0.0), (0.0, -0.0, -0.0), (2.0, 2.0, 2.0)],
    "pow": [
        (nan, 0.0, 1.0), (1.0, nan, 1.0), (nan, 1.0, nan), (2.0, nan, nan), (2.0, inf, inf), (2.0, -inf, 0.0),
        (1.0, inf, 1.0),
        (-1.0, inf, 1.0), (0.5, inf, 0.0), (0.5, -inf, inf), (inf, 1.0, inf), (inf, -1.0, 0.0), (-inf, 3.0, -inf),
        (-inf, 2.0, inf),
        (-inf, -3.0, -0.0), (-inf, -2.0, 0.0), (0.0, 1.0, 0.0), (0.0, -1.0, inf), (-0.0, 3.0, -0.0), (-0.0, 2.0, 0.0),
        (-0.0, -3.0, -inf), (-0.0, -2.0, inf), (-2.0, 0.5, nan), (-2.0, 3.0, -8.0),
    ],
    "remainder": [
        (inf, 1.0, nan), (1.0, 0.0, nan), (0.0, 0.0, nan), (0.0, 1.0, 0.0), (0.0, -1.0, -0.0), (1.0, inf, 1.0),
        (-1.0, -inf, -1.0),
        (1.0, -inf, -inf), (-1.0, inf, inf), (7.0, -4.0, -1.0), (-7.0, 4.0, 1.0), (nan, 1.0, nan),
    ],
    "round": [(0.5, 0.0), (1.5, 2.0), (2.5, 2.0), (-0.5, -0.0), (-0.0, -0.0), (inf, inf), (nan, nan)],
    "sign": [(-0.0, 0.0), (0.0, 0.0), (-3.0, -1.0), (inf, 1.0), (nan, nan)],
    "signbit": [(-0.0, True), (0.0, False), (-inf, True),
    (-1.0, True)],
    "sin": [(0.0, 0.0), (-0.0, -0.0), (inf, nan), (nan, nan)],
    "sinh": [(0.0, 0.0), (-0.0, -0.0), (inf, inf), (-inf, -inf)],
    "sqrt": [(-1.0, nan), (0.0, 0.0), (-0.0, -0.0), (inf, inf)],
    "subtract": [(inf, inf, nan), (0.0, 0.0, 0.0), (-0.0, 0.0, -0.0)],
    "tan": [(0.0, 0.0), (-0.0, -0.0), (inf, nan)],
    "tanh": [(0.0, 0.0), (-0.0, -0.0), (inf, 1.0), (-inf, -1.0), (1e30, 1.0)],
    "trunc": [(-0.5, -0.0), (1.9, 1.0), (-inf, -inf), (nan, nan)],
    "sigmoid": [(inf, 1.0), (-inf, 0.0), (1e30, 1.0), (nan, nan), (0.0, 0.5)],
    "softplus": [(inf, inf), (-inf, 0.0), (1e30, 1e30), (nan, nan)],
    "relu": [(-inf, 0.0), (inf, inf), (nan, nan), (-1.0, 0.0)],
    "erf": [(inf, 1.0), (-inf, -1.0), (-0.0, -0.0), (nan, nan)],
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_what_the_standard_says_of_single_values(dtype: str, compiled: bool) -> None:
    arguments = {n: [np.array(c, dtype) for c in zip(*rows, strict=True)][:-1] for n, rows in CASES.items()}

    def run(every: dict[str, list[Any]]) -> dict[str, Any]:
        return {name: getattr(cr, name)(*columns) for name, columns in every.items()}

    tensors = {name: [cr.asarray(c) for c in columns] for name, columns in arguments.items()}
    results = (cr.compile(run) if compiled else run)(tensors)
    wrong = []
    for name, rows in CASES.items():
        for row, y in zip(rows, results[name].numpy(), strict=True):
            expected = row[-1]
            close = math.isnan(y) if math.isnan(expected) else np.isclose(y, expected, rtol=1e-6)
            signed = expected != 0 or name in SIGN_OF_ZERO_FREE or np.signbit(y) == np.signbit(expected)
            if not (close and signed):
                wrong.append((name, *row, "is", y.item()))
    assert not wrong


x0 = [3.0, nan, 1.0, 3.0, -inf, -0.0]
OVER_AXES: dict[str, Any] = {
    "max of nan": lambda x: cr.max(x),
    "min along an axis": lambda x: cr.min(x, axis=0),
    "argmax of nan": lambda x: cr.argmax(x),
    "argmax of ties": lambda x: cr.argmax(cr.asarray([1.0, 3.0, 3.0]) + 0.0 * x[:3, 0]),
    "argmin of nan": lambda x: cr.argmin(x, axis=0),
    "sum of infinities": lambda x: cr.sum(cr.concat([x[0], -x[0]])),
    "sort": lambda x: cr.sort(x, axis=0),
    "sort descending": lambda x: cr.sort(x, axis=0, descending=True),
    "argsort": lambda x: cr.argsort(x, axis=0),
    "argsort descending": lambda x: cr.argsort(x, axis=0, descending=True),
    "argsort of ties": lambda x: cr.argsort(cr.astype(x > 0, cr.int32), axis=0),
    "argsort of ties descending": lambda x: cr.argsort(cr.astype(x > 0, cr.int32), axis=0, descending=True),
    "cumulative_sum": lambda x: cr.cumulative_sum(x, axis=0),
    "cumulative_prod": lambda x: cr.cumulative_prod(x, axis=0),
    "mean of nothing": lambda x: cr.mean(x[:0], axis=0),
    "sum of nothing": lambda x: cr.sum(x[:0]),
    "prod of nothing": lambda x: cr.prod(x[:0], axis=0),
    "all of nothing": lambda x: cr.all(x[:0]),
    "any of nothing": lambda x: cr.any(x[:0]),
    "logsumexp of nothing but -inf": lambda x: cr.ops.logsumexp(x[4:5]),
    "logsumexp of the huge": lambda x: cr.ops.logsumexp(x[:1] * 1e30),
    "softmax of the huge": lambda x: cr.ops.softmax(x[0] * 1e30),
    "softmax beside -inf": lambda x: cr.ops.softmax(cr.concat([x[4], x[0]])),
    "log_softmax beside -inf": lambda x: cr.ops.log_softmax(cr.concat([x[4], x[0]])),
    "std of one": lambda x: cr.std(x[:1], axis=0, correction=1),
    "var of nothing": lambda x: cr.var(x[:0]),
    "var of fewer than the correction": lambda x: cr.var(x[:2], axis=0, correction=2),
    "var of one": lambda x: cr.var(x[:1, 0], correction=0),
    "clip": lambda x: cr.clip(x, -1.0, 2.0),
    "clip between nan": lambda x: cr.clip(x, cr.asarray(nan), 2.0),
    "searchsorted": lambda x: cr.searchsorted(cr.asarray([-inf, 0.0, inf]), x),
    "count_nonzero": lambda x: cr.count_nonzero(x),
    "matmul": lambda x: cr.matmul(x, cr.asarray([[1.0, 2.0]])),
    "matmul of nothing": lambda x: cr.matmul(x[:, :0], x[:, :0].mT),
    "vecdot of nothing": lambda x: cr.vecdot(x[:, :0], x[:, :0]),
    "vector_norm": lambda x: cr.linalg.vector_norm(x[0:1] * 0.0),
    "a number": lambda x: cr.sum(x[0, 0], axis=()),
    "take": lambda x: cr.take(x, cr.asarray([-1, 0]), axis=0),
    "integers by zero": lambda x: cr.asarray([5, -5, 0]) // cr.astype(x[:3, 0] * 0.0 > 1, cr.int64),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_functions_over_axes_compiled(dtype: str) -> None:
    x = cr.asarray(np.array(x0, dtype)[:, None])

    def run(x: cr.Tensor) -> dict[str, cr.Tensor]:
        return {name: function(x) for name, function in OVER_AXES.items()}

    eager, compiled = run(x), cr.compile(run)(x)
    for name, a in eager.items():
        b = compiled[name]
        assert (a.shape, a.dtype) == (b.shape, b.dtype), name
        np.testing.assert_allclose(b.numpy(), a.numpy(), rtol=1e-6, err_msg=name)


def gradient(function: Any, *values: Any) -> Any:
    """The gradients at numbers, eagerly and compiled, which have to agree."""
    inputs = [cr.asarray(v, dtype=cr.float64) for v in values]
    pull = cr.grad(lambda *xs: cr.sum(function(*xs)), tuple(range(len(inputs))))
    eager, compiled = pull(*inputs), cr.compile(pull)(*inputs)
    for a, b in zip(eager, compiled, strict=True):
        np.testing.assert_allclose(b.numpy(), a.numpy())
    found = [g.tolist() for g in eager]
    return found[0] if len(found) == 1 else found


CONVENTIONS: dict[str, tuple[Any, tuple[Any, ...], Any]] = {
    "abs": (cr.abs, (0.0,), 0.0),
    "relu": (cr.ops.relu, (0.0,), 0.0),
    "sqrt": (cr.sqrt, (0.0,), inf),
    "sign": (lambda x: x * cr.sign(x), (-2.0,), -1.0),
    "maximum of equals": (cr.maximum, (1.0, 1.0), [0.5, 0.5]),
    "minimum of equals": (cr.minimum, (1.0, 1.0), [0.5, 0.5]),
    "maximum": (cr.maximum, (1.0, 2.0), [0.0, 1.0]),
    "max of ties": (cr.max, ([1.0, 3.0, 3.0],), [0.0, 0.5, 0.5]),
    "min of ties": (lambda x: cr.min(x, axis=0), ([[1.0], [1.0]],), [[0.5], [0.5]]),
    "clip at a bound": (lambda x: cr.clip(x, 0.0, 1.0), ([-1.0, 0.0, 0.5, 1.0, 2.0],), [0.0, 0.5, 1.0, 0.5, 0.0]),
    "clip by a Tensor": (lambda x, low: cr.clip(x, low, None), ([-1.0, 0.0, 1.0], 0.0), [[0.0, 0.5, 1.0], 1.5]),
    "0 squared": (lambda x: x**2, (0.0,), 0.0),
    "0 to the 0": (lambda x: x**0, (0.0,), 0.0),
    "0 to a Tensor": (lambda x, p: x**p, (0.0, 2.0), [0.0, 0.0]),
    "a number to a Tensor": (lambda p: 2.0**p, (0.0,), math.log(2.0)),
    "0 to the half": (lambda x: x**0.5, (0.0,), inf),
    "prod with a zero": (cr.prod, ([2.0, 0.0, 3.0],), [0.0, 6.0, 0.0]),
    "prod with zeros": (cr.prod, ([2.0, 0.0, 0.0],), [0.0, 0.0, 0.0]),
    "cumulative_prod with a zero": (cr.cumulative_prod, ([2.0, 0.0, 3.0],), [1.0, 8.0, 0.0]),
    "norm of zeros": (cr.linalg.vector_norm, ([0.0, 0.0],), [0.0, 0.0]),
    "std of equals": (cr.std, ([1.0, 1.0],), [nan, nan]),
    "where": (lambda x: cr.where(x > 0, x, 0.0), ([-1.0, 2.0],), [0.0, 1.0]),
    "sort of ties": (lambda x: cr.sort(x) * cr.asarray([1.0, 2.0, 3.0]), ([1.0, 1.0, 0.0],), [2.0, 3.0, 1.0]),
    "take of one entry twice": (lambda x: cr.take(x, cr.asarray([1, 1])), ([1.0, 2.0],), [0.0, 2.0]),
    "the last entry": (lambda x: x[-1], ([1.0, 2.0],), [0.0, 1.0]),
    "a slice": (lambda x: x[::-2], ([1.0, 2.0, 3.0],), [1.0, 0.0, 1.0]),
    "logaddexp of -inf": (cr.logaddexp, (-inf, -inf), [0.5, 0.5]),
    "sigmoid of the huge": (cr.ops.sigmoid, ([1e30, -1e30],), [0.0, 0.0]),
    "softplus of the huge": (cr.ops.softplus, ([1e30, -1e30],), [1.0, 0.0]),
    "tanh of the huge": (cr.tanh, (1e30,), 0.0),
    "logsumexp of the huge": (cr.ops.logsumexp, ([1e30, 0.0],), [1.0, 0.0]),
    "nothing": (cr.sum, ([],), []),
    "a broadcast": (lambda x, y: x + y, ([[1.0], [2.0]], [1.0, 2.0, 3.0]), [[[3.0], [3.0]], [2.0, 2.0, 2.0]]),
    "remainder": (cr.remainder, (7.5, 2.0), [1.0, -3.0]),
    "through integers": (lambda x: x * cr.astype(cr.astype(x, cr.int32), cr.float64), (2.5,), 2.0),
    "equal eigenvalues": (lambda x: cr.linalg.eigvalsh(x), ([[2.0, 0.0], [0.0, 2.0]],), [[1.0, 0.0], [0.0, 1.0]]),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("case", CONVENTIONS)
def test_gradients_where_they_need_a_convention(case: str) -> None:
    function, values, expected = CONVENTIONS[case]
    found = gradient(function, *values)
    for one, other in zip(found, expected, strict=True) if len(values) > 1 else [(found, expected)]:
        np.testing.assert_allclose(np.asarray(one, float), np.asarray(other, float), rtol=1e-12)


def test_lookups_and_the_whole_table_together() -> None:
    """A table that is looked up in and used as a whole, as with tied weights: both gradients arrive, in either
    order."""
    ids = cr.asarray([1, 2, 1])
    for first, second in ((0, 1), (1, 0)):
        table = cr.tensor(np.ones((4, 2)), requires_grad=True)
        parts = [cr.ops.embedding(table, ids).sum(), (table * 2.0).sum()]
        (parts[first] + parts[second]).backward()
        assert table.grad is not None
        assert table.grad.numpy().tolist() == [[2.0, 2.0], [4.0, 4.0], [3.0, 3.0], [2.0, 2.0]]


def test_bfloat16_stays_bfloat16() -> None:
    x = cr.asarray([[1.0, 2.0], [3.0, 4.0]], dtype=cr.bfloat16)
    functions = [
        lambda x: x * 2.0,
        lambda x: 1 + x,
        lambda x: x / 3,
        lambda x: x @ x,
        lambda x: cr.maximum(x, 0),
        cr.exp,
        cr.sqrt,
        cr.sum,
        cr.mean,
        cr.var,
        cr.max,
        cr.sort,
        cr.ops.softmax,
        cr.ops.logsumexp,
        cr.ops.sigmoid,
        cr.ops.gelu,
        cr.linalg.det,
    ]
    for i, function in enumerate(functions):
        eager, compiled = function(x), cr.compile(function)(x)
        assert eager.dtype == compiled.dtype == cr.bfloat16, (
            f"function {i} gives {eager.dtype}, compiled {compiled.dtype}"
        )
        np.testing.assert_allclose(np.asarray(compiled.numpy(), float), np.asarray(eager.numpy(), float), rtol=2e-2)


SHAPED_BY_VALUES = {
    "nonzero": lambda x: cr.nonzero(x),
    "unique_values": lambda x: cr.unique_values(x),
    "unique_counts": lambda x: cr.unique_counts(x),
    "mask": lambda x: x[x > 0],
    "repeat": lambda x: cr.repeat(x, cr.astype(x, cr.int64)),
    "arange": lambda x: cr.arange(x[0]),
    "item": lambda x: x[0].item(),
    "shape": lambda x: cr.zeros(int(x[0])),
}


@pytest.mark.parametrize("case", SHAPED_BY_VALUES)
def test_shapes_that_depend_on_values_are_refused_while_compiling(case: str) -> None:
    x = cr.asarray([1.0, 2.0])
    SHAPED_BY_VALUES[case](x)
    with pytest.raises(cr.errors.TracedValueError):
        cr.compile(SHAPED_BY_VALUES[case])(x)
