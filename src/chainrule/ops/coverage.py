"""The coverage table of the array API standard, worked out from the code: `python -m chainrule.ops.coverage`.

What is present is looked up, and what is differentiable is read from the records; a function composed of several
operations is run on an example, and its result asked whether a gradient reaches it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.graph import OPS, Op, Tensor, tensor

__all__ = ["METHODS", "STANDARD", "page"]

STANDARD: dict[str, str] = {
    "Constants": "e inf nan newaxis pi",
    "Creation functions": "arange asarray empty empty_like eye from_dlpack full full_like linspace meshgrid ones "
    "ones_like tril triu zeros zeros_like",
    "Data type functions": "astype can_cast finfo iinfo isdtype result_type",
    "Data types": "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 complex64 complex128",
    "Elementwise functions": "abs acos acosh add asin asinh atan atan2 atanh bitwise_and bitwise_invert "
    "bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor ceil clip conj copysign cos cosh divide equal "
    "exp expm1 floor floor_divide greater greater_equal hypot imag isfinite isinf isnan less less_equal log log1p "
    "log2 log10 logaddexp logical_and logical_not logical_or logical_xor maximum minimum multiply negative "
    "nextafter not_equal positive pow real reciprocal remainder round sign signbit sin sinh sqrt square subtract "
    "tan tanh trunc",
    "Indexing functions": "take take_along_axis",
    "Inspection": "__array_api_version__ __array_namespace_info__",
    "Linear algebra functions": "matmul matrix_transpose tensordot vecdot",
    "Manipulation functions": "broadcast_arrays broadcast_to concat expand_dims flip moveaxis permute_dims repeat "
    "reshape roll squeeze stack tile unstack",
    "Searching functions": "argmax argmin count_nonzero nonzero searchsorted where",
    "Set functions": "unique_all unique_counts unique_inverse unique_values",
    "Sorting functions": "argsort sort",
    "Statistical functions": "cumulative_prod cumulative_sum max mean min prod std sum var",
    "Utility functions": "all any diff",
    "Extension linalg": "cholesky cross det diagonal eigh eigvalsh inv matmul matrix_norm matrix_power matrix_rank "
    "matrix_transpose outer pinv qr slogdet solve svd svdvals tensordot trace vecdot vector_norm",
    "Extension fft": "fft fftfreq fftn fftshift hfft ifft ifftn ifftshift ihfft irfft irfftn rfft rfftfreq rfftn",
}
"""The functions, constants and dtypes of the standard (2024.12) by section."""

METHODS: dict[str, str] = {
    "Attributes": "T device dtype mT ndim shape size",
    "Arithmetic operators": "__add__ __floordiv__ __mod__ __mul__ __neg__ __pos__ __pow__ __sub__ __truediv__",
    "Array operators": "__matmul__",
    "Bitwise operators": "__and__ __invert__ __lshift__ __or__ __rshift__ __xor__",
    "Comparison operators": "__eq__ __ge__ __gt__ __le__ __lt__ __ne__",
    "Reflected operators": "__radd__ __rand__ __rfloordiv__ __rlshift__ __rmatmul__ __rmod__ __rmul__ __ror__ "
    "__rpow__ __rrshift__ __rsub__ __rtruediv__ __rxor__",
    "Methods": "__abs__ __array_namespace__ __bool__ __complex__ __dlpack__ __dlpack_device__ __float__ __getitem__ "
    "__index__ __int__ __setitem__ to_device",
}
"""The attributes, operators and methods of the standard's array object."""

_OPERATORS = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "divide",
    "floordiv": "floor_divide",
    "mod": "remainder",
    "pow": "pow",
    "neg": "negative",
    "pos": "positive",
    "abs": "abs",
    "matmul": "matmul",
    "and": "bitwise_and",
    "or": "bitwise_or",
    "xor": "bitwise_xor",
    "invert": "bitwise_invert",
    "lshift": "bitwise_left_shift",
    "rshift": "bitwise_right_shift",
    "eq": "equal",
    "ne": "not_equal",
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
    "getitem": "getitem",
}

# Functions made of several operations, each on an example: x is a square matrix that requires a gradient.
_EXAMPLES: dict[str, Callable[[Tensor], Any]] = {
    "asarray": lambda x: ops.asarray(x),
    "astype": lambda x: ops.astype(x, "float32"),
    "broadcast_arrays": lambda x: ops.broadcast_arrays(x, x[0]),
    "clip": lambda x: ops.clip(x, 0.0, 1.0),
    "concat": lambda x: ops.concat([x, x]),
    "diagonal": lambda x: ops.linalg.diagonal(x),
    "diff": lambda x: ops.diff(x),
    "eigh": lambda x: ops.linalg.eigh(x),
    "fftshift": lambda x: ops.fft.fftshift(x),
    "ifftshift": lambda x: ops.fft.ifftshift(x),
    "matrix_norm": lambda x: ops.linalg.matrix_norm(x),
    "matrix_power": lambda x: ops.linalg.matrix_power(x, 3),
    "meshgrid": lambda x: ops.meshgrid(x[0], x[1]),
    "moveaxis": lambda x: ops.moveaxis(x, 0, 1),
    "outer": lambda x: ops.linalg.outer(x[0], x[1]),
    "pinv": lambda x: ops.linalg.pinv(x),
    "qr": lambda x: ops.linalg.qr(x),
    "repeat": lambda x: ops.repeat(x, 2),
    "slogdet": lambda x: ops.linalg.slogdet(x),
    "stack": lambda x: ops.stack([x, x]),
    "svd": lambda x: ops.linalg.svd(x),
    "take": lambda x: ops.take(x, np.array([0, 1]), axis=0),
    "tensordot": lambda x: ops.tensordot(x, x),
    "tile": lambda x: ops.tile(x, (2, 1)),
    "trace": lambda x: ops.linalg.trace(x),
    "tril": lambda x: ops.tril(x),
    "triu": lambda x: ops.triu(x),
    "unique_all": lambda x: ops.unique_all(x),
    "unique_counts": lambda x: ops.unique_counts(x),
    "unique_inverse": lambda x: ops.unique_inverse(x),
    "unique_values": lambda x: ops.unique_values(x),
    "unstack": lambda x: ops.unstack(x),
    "vector_norm": lambda x: ops.linalg.vector_norm(x),
    "T": lambda x: x.T,
    "mT": lambda x: x.mT,
    "to_device": lambda x: x.to_device("cpu"),
}


def _each(names: str, text: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), text)


_WHY_NOT = {
    **_each("arange empty empty_like eye from_dlpack full full_like linspace", "makes a Tensor from nothing"),
    **_each("ones ones_like zeros zeros_like fftfreq rfftfreq", "makes a Tensor from nothing"),
    **_each("can_cast finfo iinfo isdtype result_type", "about dtypes"),
    **_each("__array_api_version__ __array_namespace_info__ __array_namespace__", "about the namespace"),
    **_each("device dtype ndim shape size", "about the Tensor, not its values"),
    **_each("__bool__ __complex__ __float__ __index__ __int__", "gives a Python value"),
    **_each("__dlpack__ __dlpack_device__", "hands out memory"),
    **_each(STANDARD["Constants"], "a constant"),
    **_each(STANDARD["Data types"], "a constant"),
    "__setitem__": "always an error: see the exceptions",
}

_NOTES = {
    "asarray": "a float64 array stays float64 (`cr.tensor` makes float32 of it)",
    **_each("empty empty_like", "zeros: a Tensor cannot be filled later"),
    **_each(
        "nonzero unique_all unique_counts unique_inverse unique_values",
        "not while compiling: its shape depends on values",
    ),
    "repeat": "while compiling, the numbers of repeats must be Python's",
    "abs": "gradient 0 at 0",
    **_each("maximum minimum", "equal arguments share the gradient"),
    "clip": "at a bound, x and the bound share the gradient",
    **_each("max min", "equal entries share the gradient"),
    "sqrt": "gradient inf at 0",
    "sort": "equal entries keep their order",
    "std": "gradient nan where all entries are equal",
    "det": "of invertible matrices",
    "eigh": "of distinct eigenvalues, up to signs",
    "svd": "of distinct singular values that are not 0, up to signs; not of the columns that `full_matrices` adds",
    "qr": "of full rank; not of the columns that mode 'complete' adds",
    "pinv": "while the rank stays",
    "cholesky": "of the symmetric part",
    "vector_norm": "gradient 0 at the zero vector for ord 2",
    "matrix_norm": "gradient 0 at the zero matrix for 'fro'",
    "T": "of matrices",
}

_EXCEPTIONS = """\
- **Tensors never change.** `x[i] = v` raises a `TypeError` that says what to use instead, since a value that changes
  after a node has read it would make the graph lie. `x += y` gives the name x a new Tensor, and so do the other
  in-place operators.
- **Shapes that depend on values** (`nonzero`, `unique_*`, truth masks as indices, `repeat` with a Tensor of counts)
  work eagerly; a compiled function refuses them with an error that says what to use instead, because XLA has to know
  shapes before values.
- **Complex numbers carry no gradient.** Derivatives here are of real functions of real numbers; a complex result of an
  input that requires a gradient is an error, not a silent constant.
- **Of complex functions at zeros and infinities** the values are NumPy's and XLA's own; not all are the standard's.
- **While compiling, values are unknown**, so what is an error eagerly becomes a value there: an index outside its axis
  gives nan (or the smallest integer), a singular matrix inf or nan.
- **Eager Tensors live on the CPU**, the one device that the namespace names; compiled functions use the accelerator by
  themselves.
"""

_CHOICES = """\
- Defaults: float32, complex64, int64.
- Kinds may mix: integers take the floating dtype of their partner (int64 with float32 gives float32, never float64), a
  Python float among integers gives float32, and functions of real numbers turn integers into float32.
- uint64 with signed integers is an error: no integer dtype holds both.
- One dtype more than the standard's: bfloat16.
- Integers divided by 0 give 0, in `floor_divide` and `remainder` alike.
- nan counts as the largest number in `sort` and `argsort`, and every nan is distinct in `unique_*`.
"""


def _gradient(name: str, function: Any) -> tuple[str, str]:
    """Whether a gradient passes, and why not."""
    if isinstance(function, Op):
        return (
            ("yes", "")
            if function.backward is not None
            else ("no", function.constant or "complex numbers carry no gradient")
        )
    if name in _EXAMPLES:
        x = tensor(np.array([[3.0, 1.0], [0.5, 2.0]]), dtype="float64", requires_grad=True)
        result = _EXAMPLES[name](x)
        reached = any(y.requires_grad for y in (result if isinstance(result, tuple | list) else (result,)))
        return ("yes", "") if reached else ("no", "")
    if name in _WHY_NOT:
        return "no", _WHY_NOT[name]
    record = OPS.get(name)
    return "no", record.constant if record is not None else "unknown"


def _rows() -> Iterator[tuple[str, str, bool, str, str]]:
    """Section, name, whether present, whether differentiable, and a remark."""
    from chainrule import array

    for section, names in STANDARD.items():
        holder: Any = {"Extension linalg": ops.linalg, "Extension fft": ops.fft}.get(section, ops)
        for name in names.split():
            if section == "Data types":
                found: Any = getattr(array, "bool_" if name == "bool" else name, None)
                present = found is not None
            else:
                present = hasattr(holder, name)
                found = getattr(holder, name, None)
            differentiable, why = _gradient(name, found) if present else ("no", "missing")
            yield section, name, present, differentiable, "; ".join(t for t in (why, _NOTES.get(name, "")) if t)
    for section, names in METHODS.items():
        for name in names.split():
            bare = name.strip("_")
            target = _OPERATORS.get(bare) or (_OPERATORS.get(bare[1:]) if bare.startswith("r") else None)
            if target is not None:
                function = ops.FUNCTIONS[target]
                differentiable, why = ("yes", "") if target == "getitem" else _gradient(target, function)
                why = "; ".join(t for t in (f"`{target}`", why) if t)
            else:
                differentiable, why = _gradient(name, None)
            note = _NOTES.get(name, "") if target is None else ""
            yield section, name, hasattr(Tensor, name), differentiable, "; ".join(t for t in (why, note) if t)


def page() -> str:
    """The page `docs/array-api.md`."""
    rows = list(_rows())
    present = sum(row[2] for row in rows)
    functions = [row for row in rows if row[0] not in ("Constants", "Data types", "Attributes")]
    with_gradient = sum(row[3] == "yes" for row in functions)
    own = {
        name: op for name, op in OPS.items() if op.forward.__module__.startswith(("chainrule.ops.", "chainrule.graph."))
    }
    lines = [
        "# The array API standard",
        "",
        "<!-- Generated by `python -m chainrule.ops.coverage`; a test compares it with the code. -->",
        "",
        "The functions at the top level of `chainrule` have the names and the meaning of the "
        "[Python array API standard](https://data-apis.org/array-api/2024.12/),",
        "version 2024.12, and so have the operators and methods of Tensors. They mean the same eagerly on NumPy and "
        "compiled by XLA.",
        "",
        f"- {present} of {len(rows)} names of the standard are present, the extensions `linalg` and `fft` included.",
        f"- A gradient passes through {with_gradient} of the {len(functions)} functions and methods; each other one "
        "says why not.",
        f"- They stand on {len(own)} records of operations, {sum(op.backward is not None for op in own.values())} with "
        "a backward rule; the rules are written",
        "  in operations themselves, so second derivatives exist too.",
        "",
        "## Exceptions",
        "",
        _EXCEPTIONS.rstrip("\n"),
        "",
        "## Where the standard leaves the choice",
        "",
        _CHOICES.rstrip("\n"),
    ]
    section = ""
    for row in rows:
        if row[0] != section:
            section = row[0]
            lines += ["", f"## {section}", "", "| name | present | gradient | remarks |", "| --- | --- | --- | --- |"]
        lines.append(f"| `{row[1]}` | {'yes' if row[2] else '**no**'} | {row[3]} | {row[4]} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
