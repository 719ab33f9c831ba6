"""Op: the record of one operation, and the one place where operations are executed and recorded."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Concatenate, Generic, ParamSpec, TypeAlias, cast
from weakref import ref

import numpy as np
from numpy import generic, ndarray

from chainrule.array import (
    bfloat16,
    complex64,
    complex128,
    float32,
    float64,
    is_floating,
    numpy_namespace,
    promote,
    resolve,
)
from chainrule.errors import (
    ChainruleError,
    DtypeError,
    NonFiniteError,
    OpError,
    OutOfBoundsError,
    ShapeError,
    TracedValueError,
)
from chainrule.graph.context import QUIET, RECORDING, TRACE
from chainrule.graph.node import Node, source_of_caller
from chainrule.graph.tensor import Tensor, as_tensor, wrap

__all__ = ["OPS", "Op", "Rule", "Sample", "op", "per_input"]

P = ParamSpec("P")

Rule: TypeAlias = Callable[[Node, Any], Sequence[Any]]
"""`rule(node, g)`: the gradient of every input (None where `node.needs` is false), from g, the gradient of the
output."""

Sample: TypeAlias = tuple[tuple[Any, ...], dict[str, Any]]
"""Inputs (NumPy arrays) and attributes to try an op with."""

OPS: dict[str, Op[...]] = {}
"""Every record by name."""

_SCALARS = frozenset((bool, int, float, complex))
_FLOAT16 = np.dtype("float16")
_FAILURES = (ValueError, TypeError, IndexError, OverflowError, ZeroDivisionError)
"""What NumPy and JAX raise for inputs they cannot compute; their own classes derive from these."""


class Op(Generic[P]):
    """The record of one operation: everything that chainrule knows about it, in one place.

    Made by the decorator `op` from the forward function; calling the record executes it.

    Attributes:
        name: its name in graphs and tables.
        forward: `forward(xp, *arrays, **attributes)`, written against an array namespace.
        backward: the rule, or None.
        constant: where backward is None because the derivative is zero or undefined everywhere (comparisons, argmax,
            rounding), why; then the result simply needs no gradient. Without it, needing a gradient is an error when
            the op is recorded.
        saves: whether forward returns `(result, saved)`; the rule finds saved in the node, or None when it has to be
            differentiable itself, and then works it out again from the inputs.
        several: whether forward returns several results.
        quiet: whether floating-point warnings of NumPy are not worth showing (log of 0 is -inf by definition).
        samples: `samples(rng)` gives inputs for the table-driven tests.
        second_order: whether the rule's own derivative is tested too.
        in_loops: whether XLA on a CPU runs it inside a loop as fast as outside; convolutions it does not, so steps that
            have them are called one by one.
    """

    def __init__(
        self,
        forward: Callable[..., Any],
        *,
        backward: Rule | None,
        constant: str = "",
        saves: bool = False,
        several: bool = False,
        quiet: bool = False,
        samples: Callable[[np.random.Generator], Iterable[Sample]] | None = None,
        second_order: bool = True,
        in_loops: bool = True,
    ) -> None:
        self.name = forward.__name__.lstrip("_")  # `_concat` is the record behind the public function `concat`
        self.forward = forward
        self.backward = backward
        self.constant = constant
        self.saves = saves
        self.several = several
        self.quiet = quiet
        self.samples = samples
        self.second_order = second_order
        self.in_loops = in_loops
        self.__name__ = self.name
        self.__qualname__ = self.name
        self.__doc__ = forward.__doc__
        self.__module__ = forward.__module__
        self.__wrapped__ = forward  # so that doctest finds the example in the docstring
        signature = inspect.signature(forward)
        parameters = list(signature.parameters.values())[1:]
        self.__signature__ = signature.replace(parameters=parameters)
        self._variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        self._arity = sum(p.kind is p.POSITIONAL_ONLY for p in parameters)
        kinds = (
            (inspect.Parameter.KEYWORD_ONLY,)
            if self._variadic
            else (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        )
        attributes = [p for p in parameters if p.kind in kinds]  # what stands before *arrays is an input too
        self._attribute_names = [p.name for p in attributes if p.kind is p.POSITIONAL_OR_KEYWORD]
        self._defaults = {p.name: p.default for p in attributes if p.default is not p.empty}
        self._optional = sum(p.kind is p.POSITIONAL_ONLY and p.default is not p.empty for p in parameters)
        self._known = frozenset(p.name for p in attributes)
        self._required = self._known - self._defaults.keys()

    def __call__(self, *inputs: P.args, **attributes: P.kwargs) -> Tensor:
        """Executes the operation and, where a gradient is needed, leaves a node; every operation passes here."""
        given: tuple[Any, ...] = inputs
        options: dict[str, Any] = attributes
        if len(given) != self._arity or ((options or self._required) and options.keys() != self._known):
            given, options = self.bind(given, options)
        elif not options:
            options = self._defaults
        recording = RECORDING.get()
        needed = foreign = False
        arrays: list[Any] = []
        for x in given:
            if isinstance(x, Tensor):
                array = x._data
                if type(array) is not ndarray and not isinstance(array, generic):
                    foreign = True
                arrays.append(array)
                if recording and x.requires_grad:
                    needed = True
            elif x is None or type(x) in _SCALARS:
                arrays.append(x)
            else:
                return cast(Any, self)(*_as_tensors(given), **options)
        xp: Any = numpy_namespace
        if foreign:
            trace = TRACE.get()
            xp, arrays = resolve(arrays, trace is not None)
            if trace is not None:
                trace.used(self.name)
        try:
            if self.quiet and xp is numpy_namespace and not QUIET.get():
                with np.errstate(all="ignore"):
                    result = self.forward(xp, *arrays, **options)
            else:
                result = self.forward(xp, *arrays, **options)
        except ChainruleError:
            raise
        except _FAILURES as error:
            raise _explain(self, given, error) from error
        saved = None
        if self.saves:
            result, saved = result
        if self.several:
            return self._several(given, arrays, options, xp, result, saved, needed)
        dtype = result.dtype
        if dtype is float32:  # NumPy, which does not know bfloat16, widens it in places
            first = arrays[0] if type(arrays[0]) is not float else arrays[-1]
            widened = getattr(first, "dtype", None) is bfloat16
        else:
            widened = dtype is float64 or dtype is complex128 or dtype is _FLOAT16
        if widened:
            result, saved = _settled(self, given, xp, arrays, options, result, saved)
            dtype = result.dtype
        y = wrap(result)
        if needed:
            if is_floating(dtype):
                node = self._record(given, arrays, options, (result,), saved)
                if node is not None:
                    y.requires_grad = True
                    y._node = node
                    node._output = (ref(y),)
            elif dtype.kind == "c" and not self.constant:
                raise _complex_gradient(self)
        return y

    def _several(
        self,
        inputs: tuple[Any, ...],
        arrays: list[Any],
        attributes: dict[str, Any],
        xp: Any,
        result: Any,
        saved: Any,
        needed: bool,
    ) -> Any:
        """The results of an operation with several, as Tensors that share one node."""
        result = tuple(result)
        if xp is not numpy_namespace or not _plain(arrays, result):
            result, saved = _settled(self, inputs, xp, arrays, attributes, result, saved)
        outputs = tuple([wrap(r) for r in result])
        node = self._record(inputs, arrays, attributes, result, saved) if needed else None
        if node is not None:
            for index, y in enumerate(outputs):
                if is_floating(y.dtype):
                    y.requires_grad = True
                    y._node = node
                    y._index = index
            node._output = tuple([ref(y) for y in outputs])
        return outputs

    def _record(
        self, inputs: tuple[Any, ...], arrays: list[Any], attributes: dict[str, Any], results: Any, saved: Any
    ) -> Node | None:
        if self.backward is None:
            if self.constant:
                return None
            raise OpError(
                f"{self.name} has no backward rule, and an input of it requires a gradient.",
                where=source_of_caller(),
                fix="detach() the input, compute inside cr.no_grad(), or use an operation that has a rule",
            )
        needs = tuple([isinstance(x, Tensor) and x.requires_grad for x in inputs])
        return Node(self, inputs, arrays, attributes, needs, results, saved)

    def __repr__(self) -> str:
        return f"Op({self.name}{self.__signature__})"

    def bind(self, inputs: tuple[Any, ...], attributes: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Inputs and attributes apart, defaults filled in."""
        if not self._variadic and len(inputs) != self._arity:
            if len(inputs) > self._arity:
                extra = inputs[self._arity :]
                inputs = inputs[: self._arity]
                if len(extra) > len(self._attribute_names):
                    raise OpError(
                        f"{self.name}{self.__signature__} got {self._arity + len(extra)} positional arguments."
                    )
                attributes = {**dict(zip(self._attribute_names, extra, strict=False)), **attributes}
            elif len(inputs) >= self._arity - self._optional:
                inputs = inputs + (None,) * (self._arity - len(inputs))
            else:
                raise OpError(f"{self.name}{self.__signature__} needs {self._arity} inputs, got {len(inputs)}.")
        if attributes:
            attributes = {**self._defaults, **attributes}
        else:
            attributes = self._defaults
        if attributes.keys() != self._known:
            unknown = sorted(attributes.keys() - self._known)
            if unknown:
                raise OpError(f"{self.name}{self.__signature__} has no argument {', '.join(unknown)}.")
            missing = sorted(self._required - attributes.keys())
            raise OpError(f"{self.name}{self.__signature__} needs the argument {', '.join(missing)}.")
        return inputs, attributes


def _as_tensors(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The inputs with arrays and lists as Tensors; beside a float64 Tensor, float64 arrays keep their digits."""
    wide = any(isinstance(x, Tensor) and x.dtype is float64 for x in inputs)
    made = []
    for x in inputs:
        if isinstance(x, Tensor) or x is None or type(x) in _SCALARS:
            made.append(x)
        elif wide and isinstance(x, ndarray | generic) and x.dtype is float64:
            made.append(wrap(x))
        else:
            made.append(as_tensor(x))
    return tuple(made)


_WIDE = (float64, complex128, _FLOAT16)


def _plain(arrays: list[Any], results: tuple[Any, ...]) -> bool:
    """Whether only float32 came out of NumPy, with no bfloat16 going in: then nothing needs a look."""
    for r in results:
        if r.dtype is not float32:
            return False
    return not [a for a in arrays if (a.dtype is bfloat16 if type(a) is ndarray else type(a) is bfloat16.type)]


def _settled(
    op: Op[...], inputs: Any, xp: Any, arrays: list[Any], attributes: dict[str, Any], result: Any, saved: Any
) -> tuple[Any, Any]:
    """The result in the dtype of the policy, where the library gave a wider one; with what the forward saved.

    The libraries give float64 (or float16) where integers meet floating numbers; here integers take the floating
    dtype of their partners, or float32. It is looked at only when such a result has come out.
    """
    dtypes = [a.dtype for a in arrays if hasattr(a, "dtype")]
    if float64 in dtypes or complex128 in dtypes or attributes.get("dtype") is not None:
        return result, saved
    wide = any(r.dtype in _WIDE for r in (result if op.several else (result,)))
    if not wide and bfloat16 not in dtypes:
        return result, saved
    found = promote(dtypes) if dtypes else float32
    real = float32 if found.kind in "biuc" else found

    def convert(x: Any) -> Any:
        if hasattr(x, "dtype"):
            return x.astype(real) if x.dtype.kind in "biu" else x
        return x if x is None else complex64.type(x) if isinstance(x, complex) else real.type(x)

    if wide:
        try:
            with np.errstate(all="ignore"):
                result = op.forward(xp, *[convert(x) for x in arrays], **attributes)
        except _FAILURES as error:
            raise _explain(op, inputs, error) from error
        if op.saves:
            result, saved = result

    def fit(r: Any) -> Any:
        if r.dtype.kind == "c":
            return r if r.dtype is complex64 else r.astype(complex64)
        return r.astype(real) if is_floating(r.dtype) and r.dtype is not real else r

    return (tuple(fit(r) for r in result) if op.several else fit(result)), saved


def _complex_gradient(op: Op[...]) -> OpError:
    return OpError(
        f"{op.name} has a complex result, and an input of it requires a gradient: derivatives here are of real "
        "functions.",
        where=source_of_caller(),
        fix="detach() the input, or compute with the real and imaginary parts as Tensors of their own",
    )


def _explain(op: Op[...], inputs: tuple[Any, ...], error: Exception) -> ChainruleError:
    """The library's complaint as ours: which operation, with what shapes, made where."""
    arrived = ", ".join(f"{x.dtype}{list(x.shape)}" if isinstance(x, Tensor) else repr(x) for x in inputs)
    where = source_of_caller()
    text = str(error).strip().split("\n")[0]
    message = f"{op.name} cannot be computed of ({arrived}): {text}"
    if type(error).__module__.startswith("jax"):
        return TracedValueError(
            f"{op.name} of ({arrived}) has a result whose shape depends on values, which are unknown while compiling.",
            where=where,
            fix="use cr.where(mask, x, 0) instead of x[mask], pass the numbers as Python values, or compute "
            "this outside",
        )
    if isinstance(error, IndexError):
        return OutOfBoundsError(message, where=where)
    if isinstance(error, TypeError) and "shape" not in text:  # JAX complains of shapes by TypeErrors
        return OpError(message, where=where)
    if isinstance(error, OverflowError):
        return DtypeError(message, where=where, fix="a number within the limits of the dtype, or a wider dtype")
    if isinstance(error, np.linalg.LinAlgError) and "must be" not in text:  # those that say it are about shapes
        return _LinearAlgebraError(message, where=where)
    return ShapeError(message, where=where)


class _LinearAlgebraError(NonFiniteError, np.linalg.LinAlgError):
    """A matrix without the inverse or the decomposition; a LinAlgError too, as NumPy habits expect."""


def op(
    *,
    backward: Rule | None = None,
    constant: str = "",
    saves: bool = False,
    several: bool = False,
    quiet: bool = False,
    samples: Callable[[np.random.Generator], Iterable[Sample]] | None = None,
    second_order: bool = True,
    in_loops: bool = True,
) -> Callable[[Callable[Concatenate[Any, P], Any]], Op[P]]:
    """Decorates a forward function into the record of an operation; the arguments are `Op`'s.

    Positional-only parameters of the forward are array inputs, all others attributes.

    Example:
        >>> import chainrule as cr
        >>> from chainrule.graph import op, per_input
        >>> @op(backward=per_input(lambda g, y, x: 3.0 * x * x * g))
        ... def cube(xp, x, /):
        ...     return x * x * x
        >>> x = cr.tensor(2.0, requires_grad=True)
        >>> cube(x).backward()
        >>> float(x.grad)
        12.0
    """

    def record(forward: Callable[Concatenate[Any, P], Any]) -> Op[P]:
        made: Op[P] = Op(
            forward,
            backward=backward,
            constant=constant,
            saves=saves,
            several=several,
            quiet=quiet,
            samples=samples,
            second_order=second_order,
            in_loops=in_loops,
        )
        if forward.__module__.startswith("chainrule.") and OPS.setdefault(made.name, made) is not made:
            raise OpError(f"There are two records of the operation {made.name}.")
        return made

    return record


def per_input(*rules: Callable[..., Any] | None) -> Rule:
    """A backward rule from one function per input: `rule(g, y, *inputs, **attributes)` gives that input's gradient.

    Only those whose input needs a gradient are called. The last serves all further inputs of a variadic op.
    A None stands for an input that never gets a gradient (indices, conditions).
    """
    first = rules[0] if len(rules) == 1 else None

    def backward(node: Node, g: Any) -> list[Any]:
        y, inputs = values(node)
        attributes, needs = node.attributes, node.needs
        if first is not None and len(needs) == 1:
            return [first(g, y, inputs[0], **attributes)]
        chosen = rules
        if len(rules) != len(needs):
            chosen = (rules + rules[-1:] * (len(needs) - len(rules)))[: len(needs)]
        return [
            rule(g, y, *inputs, **attributes) if needed and rule is not None else None
            for rule, needed in zip(chosen, needs, strict=False)  # of one length, as just seen to
        ]

    return backward


def values(node: Node) -> tuple[Any, Sequence[Any]]:
    """Output and inputs of a node as Tensors for its backward rule.

    While gradients are being recorded they are linked into the graph, so that the rule can be differentiated again;
    otherwise Variables are taken as they were when the node was made, whatever has been assigned to them since.
    """
    arrays, results = node._arrays, node._results
    assert arrays is not None and results is not None
    if not RECORDING.get():
        inputs = [wrap(a) if isinstance(x, Tensor) else x for x, a in zip(node.inputs, arrays, strict=False)]
        return (tuple([wrap(r) for r in results]) if node.op.several else wrap(results[0])), inputs
    inputs = [x.at(a) if isinstance(x, Tensor) else x for x, a in zip(node.inputs, arrays, strict=True)]
    outputs = [wrap(r) for r in results]
    for index, y in enumerate(outputs):
        if is_floating(y.dtype):
            y.requires_grad, y._node, y._index = True, node, index
    return (tuple(outputs) if node.op.several else outputs[0]), inputs
