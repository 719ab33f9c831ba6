"""The array API standard against its reference implementation: signatures, dtypes, promotion, values, errors."""

from __future__ import annotations

import inspect
import itertools
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule.ops.coverage import METHODS, STANDARD
from ops.standard import DTYPES, examples, ours, parameters, reference, same, strategies, theirs
from ops.standard_calls import CALLS, WHOLE, A, Z

ELEMENTWISE = STANDARD["Elementwise functions"].split()
BINARY = [n for n in ELEMENTWISE if len(parameters(getattr(reference, n))) == 2]
UNARY = [n for n in ELEMENTWISE if len(parameters(getattr(reference, n))) == 1]
FUNCTIONS = [
    (section, name)
    for section, names in STANDARD.items()
    for name in names.split()
    if section not in ("Constants", "Data types", "Inspection")
]


def holder(namespace: Any, section: str) -> Any:
    extension = section.removeprefix("Extension ")
    return namespace if extension == section else getattr(namespace, extension)


# -- names and signatures --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("section", "name"), FUNCTIONS, ids=[n for _, n in FUNCTIONS])
def test_signatures(section: str, name: str) -> None:
    found = parameters(getattr(holder(cr, section), name))
    wanted = parameters(getattr(holder(reference, section), name))
    if name == "expand_dims":  # positional since 2025.12
        wanted[1] = ("axis", inspect.Parameter.KEYWORD_ONLY, 0)
    assert found == wanted


@pytest.mark.parametrize("name", [n for s, names in METHODS.items() if s != "Attributes" for n in names.split()])
def test_signatures_of_methods(name: str) -> None:
    assert parameters(getattr(cr.Tensor, name)) == parameters(getattr(type(reference.ones(1)), name))


def test_inspection() -> None:
    info = cr.__array_namespace_info__()
    assert set(info.capabilities()) == {"boolean indexing", "data-dependent shapes", "max dimensions"}
    assert info.default_device() in info.devices()
    defaults = info.default_dtypes()
    assert cr.zeros(1).dtype == defaults["real floating"]
    assert cr.asarray(1).dtype == cr.argmax(cr.zeros(1)).dtype == defaults["integral"] == defaults["indexing"]
    assert cr.asarray(1j).dtype == defaults["complex floating"]
    assert list(info.dtypes()) == DTYPES
    assert list(info.dtypes(kind=("bool", "unsigned integer"))) == ["bool", "uint8", "uint16", "uint32", "uint64"]
    assert cr.zeros(1).__array_namespace__(api_version="2024.12") is cr
    with pytest.raises(ValueError, match=r"2024\.12"):
        cr.zeros(1).__array_namespace__(api_version="1999.01")


# -- dtypes and promotion --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", UNARY)
def test_unary_functions(name: str) -> None:
    tried = 0
    for dtype in DTYPES:
        x = examples(dtype)
        try:
            with np.errstate(all="ignore"):
                expected = getattr(reference, name)(theirs(x))
        except TypeError:  # not defined for this kind
            continue
        same(getattr(cr, name)(ours(x)), expected, exactly=x.dtype.kind != "c")
        tried += 1
    assert tried


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # overflow and inf · 0 are among the examples
@pytest.mark.parametrize("name", BINARY)
def test_binary_functions_and_promotion(name: str) -> None:
    tried = 0
    for left, right in itertools.product(DTYPES, DTYPES):
        x1, x2 = examples(left), examples(right)[::-1].copy()
        if "shift" in name:
            x2 = (np.arange(len(x2)) % 5).astype(right)
        if name in ("floor_divide", "remainder", "pow") and x2.dtype.kind in "iu":
            x2 = np.maximum(x2, 1) % 7 + 1
            x2 = x2.astype(right)
        try:
            with np.errstate(all="ignore"):
                expected = getattr(reference, name)(theirs(x1), theirs(x2))
        except TypeError:  # not defined for these kinds together
            continue
        if name == "floor_divide":  # where one of them is infinite, NumPy leaves the standard
            finite = np.isfinite(x1) & np.isfinite(x2)
            x1, x2 = x1[finite], x2[finite]
            expected = expected[reference.asarray(finite)]
        same(getattr(cr, name)(ours(x1), ours(x2)), expected, exactly=expected.dtype != reference.complex64)
        tried += 1
    assert tried


@pytest.mark.parametrize("name", BINARY)
def test_python_numbers_as_operands(name: str) -> None:
    tried = 0
    for dtype in DTYPES:
        x = examples(dtype)[1:4]
        if "shift" in name:
            x = np.array([1, 3, 5], dtype)
        for number in (True, 2, 1.5, 2j):
            for arguments in ((x, number), (number, x)):
                try:
                    with np.errstate(all="ignore"):
                        expected = getattr(reference, name)(*(theirs(a) for a in arguments))
                except TypeError:
                    continue
                same(getattr(cr, name)(*(ours(a) for a in arguments)), expected, exactly=x.dtype.kind != "c")
                tried += 1
    assert tried


SYMBOLS = {
    "+": "add", "-": "subtract", "*": "multiply", "/": "divide", "//": "floor_divide", "%": "remainder", "**": "pow",
    "@": "matmul", "&": "bitwise_and", "|": "bitwise_or", "^": "bitwise_xor", "<<": "bitwise_left_shift",
    ">>": "bitwise_right_shift", "==": "equal", "!=": "not_equal", "<": "less", "<=": "less_equal", ">": "greater",
    ">=": "greater_equal",
}  # fmt: skip


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_operators_are_the_functions(symbol: str) -> None:
    import operator

    methods = {
        "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv,
        "%": operator.mod, "**": operator.pow, "@": operator.matmul, "&": operator.and_, "|": operator.or_,
        "^": operator.xor, "<<": operator.lshift, ">>": operator.rshift, "==": operator.eq, "!=": operator.ne,
        "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    }  # fmt: skip
    in_place = {
        "+": operator.iadd, "-": operator.isub, "*": operator.imul, "/": operator.itruediv, "//": operator.ifloordiv,
        "%": operator.imod, "**": operator.ipow, "@": operator.imatmul, "&": operator.iand, "|": operator.ior,
        "^": operator.ixor, "<<": operator.ilshift, ">>": operator.irshift,
    }  # fmt: skip
    dtype = "int32" if symbol in ("&", "|", "^", "<<", ">>") else "float32"
    x, y = cr.asarray(np.array([[3, 2], [1, 4]], dtype)), cr.asarray(np.array([[1, 2], [3, 1]], dtype))
    expected = getattr(cr, SYMBOLS[symbol])(x, y)
    assert (methods[symbol](x, y) == expected).all()
    if symbol != "@":
        assert (methods[symbol](x, 2) == getattr(cr, SYMBOLS[symbol])(x, 2)).all()
        assert (methods[symbol](2, x) == getattr(cr, SYMBOLS[symbol])(2, x)).all()
    if symbol in in_place:
        before, name = x.tolist(), x
        name = in_place[symbol](name, y)
        assert (name == expected).all()
        assert name is not x
        assert x.tolist() == before


@pytest.mark.parametrize("left", DTYPES)
def test_result_type_and_can_cast(left: str) -> None:
    for right in DTYPES:
        a, b = getattr(cr, left), getattr(cr, right)
        try:
            expected = reference.result_type(getattr(reference, left), getattr(reference, right))
        except TypeError:
            continue
        assert cr.result_type(a, b).name == expected._np_dtype.name
        assert cr.result_type(cr.zeros(1, dtype=a), b) == cr.result_type(a, b)
        assert cr.can_cast(a, b) == reference.can_cast(getattr(reference, left), getattr(reference, right))


def test_kinds_may_mix_without_float64_leaking_in() -> None:
    whole, real = cr.asarray([1, 2]), cr.asarray([0.5, 1.5])
    for y in (whole + real, whole / whole, whole * 0.5, cr.sqrt(whole), cr.mean(whole), cr.where(real > 1, whole, 0.5)):
        assert y.dtype == cr.float32
    assert cr.compile(lambda w, r: [w + r, w / w, w * 0.5, cr.sqrt(w), cr.mean(w)])(whole, real)[2].dtype == cr.float32
    assert (whole + cr.asarray(real, dtype=cr.float64)).dtype == cr.float64
    assert (whole * 1j).dtype == cr.complex64
    assert cr.result_type(cr.int64, cr.float32) == cr.result_type(cr.int64, 1.0) == cr.float32
    with pytest.raises(TypeError, match="uint64"):
        cr.asarray([1], dtype=cr.uint64) + whole


@pytest.mark.parametrize("dtype", DTYPES)
def test_kinds_of_dtypes_and_their_limits(dtype: str) -> None:
    for kind in (
        "bool",
        "signed integer",
        "unsigned integer",
        "integral",
        "real floating",
        "complex floating",
        "numeric",
    ):
        expected = reference.isdtype(getattr(reference, dtype), kind)
        assert cr.isdtype(getattr(cr, dtype), kind) == expected
        assert cr.isdtype(getattr(cr, dtype), (kind, getattr(cr, dtype)))
    if np.dtype(dtype).kind in "fc":
        info, wanted = cr.finfo(getattr(cr, dtype)), np.finfo(dtype)
        assert (info.bits, info.eps, info.max, info.min) == (wanted.bits, wanted.eps, wanted.max, wanted.min)
        assert info.smallest_normal == wanted.smallest_normal and type(info.eps) is float
        assert info.dtype == wanted.dtype
    elif np.dtype(dtype).kind in "iu":
        info = cr.iinfo(cr.zeros(1, dtype=dtype))
        assert (info.bits, info.max, info.min) == (np.iinfo(dtype).bits, np.iinfo(dtype).max, np.iinfo(dtype).min)


# -- values of everything that is not elementwise --------------------------------------------------------------------


def found_in(namespace: Any, path: str) -> Any:
    for part in path.split("."):
        namespace = getattr(namespace, part)
    return namespace


@pytest.mark.parametrize("index", range(len(CALLS)), ids=[f"{c[0]}-{i}" for i, c in enumerate(CALLS)])
def test_values(index: int) -> None:
    path, arguments, options = CALLS[index]

    def call(namespace: Any, convert: Any) -> Any:
        def argument(x: Any) -> Any:
            return getattr(namespace, x) if isinstance(x, str) and x in DTYPES else convert(x)

        named = {k: argument(v) for k, v in options.items()}
        return found_in(namespace, path)(*(argument(x) for x in arguments), **named)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the mean of nothing
        expected = call(reference, theirs)
    same(call(cr, ours), expected, exactly=False, rtol=1e-12 if "float32" not in str(options) else 1e-6)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_joining(axis: int) -> None:
    parts = [A, A[:, :3] * 2.0]
    same(cr.concat([ours(x) for x in parts], axis=axis), reference.concat([theirs(x) for x in parts], axis=axis))
    same(cr.stack([ours(x) for x in parts], axis=axis), reference.stack([theirs(x) for x in parts], axis=axis))
    flat = [WHOLE.astype("int8"), WHOLE[:1].astype("int32")]
    same(cr.concat([ours(x) for x in flat], axis=None), reference.concat([theirs(x) for x in flat], axis=None))


# -- properties ------------------------------------------------------------------------------------------------------


@given(st.data())
def test_indexing_means_what_it_means_in_numpy(data: st.DataObject) -> None:
    shape = data.draw(strategies.array_shapes(min_dims=0, min_side=0, max_dims=4))
    x = data.draw(strategies.arrays(strategies.scalar_dtypes(), shape))
    key = data.draw(strategies.indices(shape, allow_newaxis=True))
    expected = x.numpy()[key]
    assert x[key].dtype == x.dtype
    np.testing.assert_array_equal(x[key].numpy(), expected)
    mask = data.draw(strategies.arrays(cr.bool, shape))
    np.testing.assert_array_equal(x[mask].numpy(), x.numpy()[mask.numpy()])


@given(st.data())
def test_arithmetic_broadcasts(data: st.DataObject) -> None:
    dtype = data.draw(strategies.numeric_dtypes())
    shapes = data.draw(strategies.mutually_broadcastable_shapes(2))
    x1, x2 = (data.draw(strategies.arrays(dtype, shape)) for shape in shapes.input_shapes)
    for function in (cr.add, cr.multiply, cr.equal):
        with np.errstate(all="ignore"):
            y = function(x1, x2)
            assert y.shape == shapes.result_shape
            expected = getattr(np, function.__name__)(x1.numpy(), x2.numpy())
        np.testing.assert_array_equal(y.numpy(), expected)


@given(st.data())
def test_reductions_and_shapes(data: st.DataObject) -> None:
    shape = data.draw(strategies.array_shapes(min_side=1))
    x = data.draw(strategies.arrays(cr.int64, shape, elements={"min_value": -1000, "max_value": 1000}))
    axis = data.draw(st.one_of(st.none(), strategies.valid_tuple_axes(len(shape))))
    keepdims = data.draw(st.booleans())
    for name in ("sum", "max", "min", "all", "any"):
        found = getattr(cr, name)(x, axis=axis, keepdims=keepdims)
        np.testing.assert_array_equal(found.numpy(), getattr(np, name)(x.numpy(), axis=axis, keepdims=keepdims))
    order = data.draw(st.permutations(range(len(shape))))
    assert cr.permute_dims(x, tuple(order)).shape == tuple(shape[i] for i in order)
    assert cr.all(cr.reshape(cr.reshape(x, (-1,)), shape) == x)
    assert cr.all(cr.sort(x) == cr.take_along_axis(x, cr.argsort(x), axis=-1))
    assert cr.all(cr.flip(cr.flip(x)) == x)


# -- errors ----------------------------------------------------------------------------------------------------------

x, m = cr.asarray(A), cr.asarray(WHOLE)


def call(function: Any, *arguments: Any, **options: Any) -> Any:
    return function(*arguments, **options)


ERRORS: dict[str, tuple[Any, Any]] = {
    "broadcast": (lambda: x + cr.ones(2), ValueError),
    "broadcast_to": (lambda: cr.broadcast_to(x, (2, 3)), ValueError),
    "reshape": (lambda: cr.reshape(x, (2, 4)), ValueError),
    "reshape in place": (lambda: cr.reshape(x.mT, (9,), copy=False), ValueError),
    "squeeze": (lambda: cr.squeeze(x, 0), ValueError),
    "concat": (lambda: cr.concat([x, x[:, :2]]), ValueError),
    "stack": (lambda: cr.stack([x, x[:2]]), ValueError),
    "axis": (lambda: cr.sum(x, axis=2), IndexError),
    "expand_dims": (lambda: cr.expand_dims(x, axis=5), IndexError),
    "unstack": (lambda: cr.unstack(x, axis=3), IndexError),
    "index": (lambda: x[7], IndexError),
    "too many indices": (lambda: x[0, 0, 0], IndexError),
    "floating index": (lambda: x[cr.asarray([0.5])], (IndexError, TypeError)),
    "mask": (lambda: x[cr.asarray([True, False])], IndexError),
    "take": (lambda: cr.take(x, cr.asarray([3]), axis=0), IndexError),
    "take without axis": (lambda: cr.take(x, cr.asarray([0])), ValueError),
    "matmul": (lambda: cr.matmul(x, cr.ones((2, 2))), ValueError),
    "matmul of a number": (lambda: cr.matmul(x, cr.asarray(1.0)), ValueError),
    "tensordot": (lambda: cr.tensordot(x, cr.ones((2, 2)), axes=1), ValueError),
    "cross": (lambda: cr.linalg.cross(cr.ones(2), cr.ones(2)), ValueError),
    "outer": (lambda: cr.linalg.outer(x, x), ValueError),
    "inv": (lambda: cr.linalg.inv(m), ValueError),
    "singular": (lambda: cr.linalg.inv(cr.zeros((2, 2))), np.linalg.LinAlgError),
    "cholesky": (lambda: cr.linalg.cholesky(-cr.eye(2)), np.linalg.LinAlgError),
    "qr": (lambda: cr.linalg.qr(x, mode="economic"), ValueError),
    "matrix_norm": (lambda: cr.linalg.matrix_norm(x, ord="huge"), ValueError),
    "empty maximum": (lambda: cr.max(cr.zeros((0,))), ValueError),
    "empty argmax": (lambda: cr.argmax(cr.zeros((0,))), ValueError),
    "nonzero of a number": (lambda: cr.nonzero(cr.asarray(1)), ValueError),
    "copy=False of a list": (lambda: cr.asarray([1], copy=False), ValueError),
    "copy=False of another dtype": (lambda: cr.asarray(x, dtype=cr.float32, copy=False), ValueError),
    "ragged": (lambda: cr.asarray([[1, 2], [3]]), (ValueError, TypeError)),
    "device": (lambda: cr.zeros(1, device="gpu"), ValueError),
    "to_device": (lambda: x.to_device("gpu"), ValueError),
    "dtype": (lambda: cr.zeros(1, dtype="float12"), TypeError),
    "kind": (lambda: cr.isdtype(cr.float32, "real"), (TypeError, ValueError)),
    "finfo": (lambda: cr.finfo(cr.int8), TypeError),
    "iinfo": (lambda: cr.iinfo(cr.float32), TypeError),
    "result_type": (lambda: cr.result_type(), TypeError),
    "result_type of numbers": (lambda: cr.result_type(1, 2), TypeError),
    "complex into real": (lambda: cr.astype(cr.asarray(Z), cr.float32), TypeError),
    "bits of reals": (lambda: cr.bitwise_and(x, x), TypeError),
    "minus of truth values": (lambda: -(x > 0), TypeError),
    "assignment": (lambda: x.__setitem__(0, 1.0), TypeError),
    "out of bounds": (lambda: cr.asarray([1], dtype=cr.uint8) + 300, TypeError),
    "too many arguments": (lambda: call(cr.exp, x, x), TypeError),
    "too few arguments": (lambda: call(cr.add, x), TypeError),
    "unknown argument": (lambda: call(cr.sum, x, axes=1), TypeError),
    "side": (lambda: cr.searchsorted(x[0], x[0], side="middle"), ValueError),
    "indexing": (lambda: cr.meshgrid(x[0], x[1], indexing="yx"), ValueError),
    "moveaxis": (lambda: cr.moveaxis(x, (0, 1), (0,)), ValueError),
    "cumulative_sum without axis": (lambda: cr.cumulative_sum(x), ValueError),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_are_ours_and_of_the_expected_kind(case: str) -> None:
    function, kind = ERRORS[case]
    with pytest.raises(kind) as caught:
        function()
    assert isinstance(caught.value, cr.errors.ChainruleError), type(caught.value)
