"""Tensor, an immutable array in the computation graph, and Variable, the one thing whose value changes."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from chainrule.array import Array, as_dtype, default_dtypes, float32, is_floating, own_copy, to_numpy
from chainrule.errors import ConfigError, DtypeError, GradientError, OpError, ShapeError, TracedValueError
from chainrule.graph.context import TRACE
from chainrule.graph.node import Node, source_of_caller
from chainrule.graph.registry import FUNCTIONS

if TYPE_CHECKING:
    from chainrule.graph.sparse import RowSparse

__all__ = ["Tensor", "Variable", "as_tensor", "tensor", "wrap"]


class Tensor:
    """An immutable array that remembers how it was made.

    Made by `cr.tensor`, by the array API's creation functions, and by every operation. Operators and the methods below
    follow the Python array API standard (2024.12); further methods are the habits PyTorch users bring, each the same as
    the function of that name.

    Attributes:
        requires_grad: whether gradients flow to it.
        grad: after `backward`, the gradient of a leaf; it accumulates until `zero_grad`.
    """

    __slots__ = ("__weakref__", "_data", "_grad", "_index", "_node", "requires_grad")
    __array_priority__ = 1000  # NumPy arrays on the left hand over to our operators

    _data: Array
    _grad: Tensor | RowSparse | None
    _index: int
    _node: Node | None
    requires_grad: bool

    # -- what it is
    # ------------------------------------------------------------------------------------------------------------

    @property
    def node(self) -> Node | None:
        """The operation that made it, or None for a leaf."""
        return self._node

    @property
    def is_leaf(self) -> bool:
        """Whether it was made by the user rather than by a recorded operation."""
        return self._node is None

    @property
    def grad(self) -> Any:  # Tensor, RowSparse or None; Any, so that `x.grad.numpy()` needs no check first
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | RowSparse | None) -> None:
        trace = TRACE.get()
        if trace is not None:
            trace.leaf_grad(self)
        self._grad = value

    @property
    def shape(self) -> tuple[int, ...]:
        return self._data.shape

    @property
    def dtype(self) -> np.dtype:
        return self._data.dtype

    @property
    def ndim(self) -> int:
        return self._data.ndim

    @property
    def size(self) -> int:
        return self._data.size

    @property
    def device(self) -> str:
        """Where the values are: `"cpu"`, or the accelerator's name such as `"cuda:0"`."""
        data = self._data
        if isinstance(data, np.ndarray | np.generic) or is_tracer(data):
            return "cpu"
        device = next(iter(data.devices()))
        return "cpu" if device.platform == "cpu" else f"{device.platform}:{device.id}"

    @property
    def T(self) -> Tensor:  # noqa: N802 - the standard's name
        """The transpose of a matrix."""
        if self.ndim != 2:
            raise ShapeError(
                f".T is the transpose of a matrix; this Tensor has the shape {self.shape}.",
                fix="use .mT or permute_dims",
            )
        return self.mT

    @property
    def mT(self) -> Tensor:  # noqa: N802 - the standard's name
        """The last two axes exchanged."""
        return FUNCTIONS["matrix_transpose"](self)

    def __repr__(self) -> str:
        extra = ", requires_grad=True" if self.requires_grad and self._node is None else ""
        if self._node is not None:
            extra = f", node={self._node.op.name}"
        if isinstance(self._data, _Released):
            return f"{type(self).__name__}(<released>, shape={self.shape}, dtype={self.dtype}{extra})"
        if is_tracer(self._data):
            return f"{type(self).__name__}(<being compiled>, shape={self.shape}, dtype={self.dtype}{extra})"
        values = np.array2string(self.numpy(), separator=", ", prefix=type(self).__name__ + "(", threshold=200)
        return f"{type(self).__name__}({values}, dtype={self.dtype}{extra})"

    # -- its values, as Python and NumPy see them
    # ---------------------------------------------------------------------------------

    def _concrete(self, wanted: str) -> Any:
        data = self._data
        if type(data) is np.ndarray or isinstance(data, np.generic):
            return data
        if is_tracer(data):
            made = f" (made by {self._node.op.name} at {self._node.source})" if self._node else ""
            raise TracedValueError(
                f"Python needs {wanted} of a Tensor{made} that has no value yet, because the function is being "
                "compiled.",
                where=source_of_caller(),
                fix="use cr.where(condition, a, b) instead of a branch, return the Tensor and look at it "
                "outside, or run uncompiled",
            )
        return to_numpy(data)

    def numpy(self) -> np.ndarray:
        """The values as a read-only NumPy array, without a copy where memory can be shared."""
        array = np.asarray(self._concrete("the values"))
        if array.flags.writeable:
            array = array.view()
            array.flags.writeable = False
        return array

    def item(self) -> Any:
        """The single value as a Python number."""
        return self._single("the value")

    def tolist(self) -> Any:
        """The values as nested lists of Python numbers."""
        return self._concrete("the values").tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = np.asarray(self._concrete("the values"))
        return np.array(array, dtype=dtype, copy=copy) if copy or dtype is not None else self.numpy()

    def _single(self, wanted: str) -> Any:
        value = self._concrete(wanted)
        if value.size != 1:
            fix = "(x == y).all(), or .any()" if wanted == "the truth value" else "x.sum(), x.mean(), or x[0]"
            raise ShapeError(
                f"Python needs {wanted} of one number; this Tensor has the shape {self.shape}.",
                where=source_of_caller(),
                fix=fix,
            )
        return value.item()

    def __bool__(self) -> bool:
        return bool(self._single("the truth value"))

    def __int__(self) -> int:
        return int(self._single("the integer value"))

    def __index__(self) -> int:
        value = self._concrete("the integer value")
        if value.dtype.kind not in "iu" or value.ndim:
            raise DtypeError(
                f"Only a 0-d integer Tensor can be an index; this one is {self.dtype} with shape {self.shape}."
            )
        return int(value)

    def __float__(self) -> float:
        return float(self._single("the float value"))

    def __complex__(self) -> complex:
        return complex(self._single("the complex value"))

    def __len__(self) -> int:
        if not self.ndim:
            raise ShapeError("A 0-d Tensor has no length.")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if not self.ndim else format(str(self), spec)

    __hash__ = object.__hash__

    # -- exchange with other libraries
    # -----------------------------------------------------------------------------------------

    def __array_namespace__(self, /, *, api_version: str | None = None) -> Any:
        if api_version not in (None, "2024.12", "2023.12", "2022.12", "2021.12"):
            raise ConfigError(f"chainrule follows the array API standard 2024.12, not {api_version}.")
        return sys.modules["chainrule"]

    def __dlpack__(
        self,
        /,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[Any, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        array = np.asarray(self._concrete("the memory"))
        return array.__dlpack__(stream=stream, max_version=max_version, dl_device=dl_device, copy=copy)

    def __dlpack_device__(self) -> tuple[Any, int]:
        return np.asarray(self._concrete("the memory")).__dlpack_device__()

    def to_device(self, device: str, /, stream: Any = None) -> Tensor:
        """The same values on another device; eager values live on the CPU, compiled functions move what they need."""
        if device != "cpu":
            raise ConfigError(
                f"Eager Tensors live on the 'cpu', not {device!r}; compiled functions run on the accelerator "
                "by themselves."
            )
        return self

    # -- the graph
    # -------------------------------------------------------------------------------------------------------------

    def backward(self, gradient: Any = None, *, retain_graph: bool = False, create_graph: bool = False) -> None:
        """Adds the gradient of this Tensor to `.grad` of every leaf that it was computed from.

        Arguments:
            gradient: the gradient of the final result with respect to this Tensor; may be left out for a single number
                (it is 1).
            retain_graph: keep the saved values, so that `backward` can be called again.
            create_graph: record the backward pass itself, for higher derivatives.

        Raises:
            GradientError: when this Tensor needs no gradient, has several elements and no gradient is given, or was
                freed.

        Example:
            >>> import chainrule as cr
            >>> x = cr.tensor([1.0, 2.0], requires_grad=True)
            >>> (x * x).sum().backward()
            >>> x.grad.tolist()
            [2.0, 4.0]
        """
        from chainrule.graph.backward import backward

        backward(self, gradient, retain_graph=retain_graph, create_graph=create_graph)

    def _released(self) -> Tensor:
        """What stands for it in a node that a backward pass has freed.

        A leaf that gradients reach stays itself, and so does a single number: it is worth showing and weighs nothing.
        """
        if (self._node is None and self.requires_grad) or self._data.size == 1:
            return self
        made = wrap(_Released(self._data), self.requires_grad)
        made._node, made._index = self._node, self._index
        return made

    def detach(self) -> Tensor:
        """The same values without the history."""
        return wrap(self._data)

    def at(self, array: Array) -> Tensor:
        """This Tensor for a rule that is being differentiated; a Variable must still hold the array it held then."""
        return self

    def zero_grad(self) -> None:
        """Forgets the gradient."""
        self.grad = None

    # -- operators (array API standard)
    # ----------------------------------------------------------------------------------------

    def __add__(self, other: Any, /) -> Tensor:
        return FUNCTIONS["add"](self, other)

    def __radd__(self, other: Any, /) -> Tensor:
        return FUNCTIONS["add"](other, self)

    def __sub__(self, other: Any, /) -> Tensor:
        return FUNCTIONS["subtract"](self, other)

    def __rsub__(self, other: Any, /) -> Tensor:
        return FUNCTIONS["subtract"](other, self)

    def __mul__(self, other: Any, /) -> Tensor:
        return FUNCTIONS["multiply"](self, other)

    def __rmul__(self, other: Any, /) -> Tensor:
        return FUNCTIONS["multiply"](other, self)

    def __truediv__(self, other: Any, /) -> Tensor:
        return FUNCTIONS["divide"](self, other)

    def __rtruediv__(self, other: Any, /) -> Tensor:
        return FUNCTIONS["divide"](other, self)

    def __floordiv__(self, other: Any, /) -> Tensor:
        return FUNCTIONS["floor_divide"](self, other)

    def __rfloordiv__(self, other: Any, /) -> Tensor:
        return FUNCTIONS["floor_divide"](other, self)

    def __mod__(self, other: Any, /) -> Tensor:
        return FUNCTIONS["remainder"](self, other)

    def __rmod__(self, other: Any, /) -> Tensor:
        return FUNCTIONS["remainder"](other, self)

    def __pow__(self, other: Any, /) -> Tensor:
        return FUNCTIONS["pow"](self, other)

    def __rpow__(self, other: Any, /) -> Tensor:
        return FUNCTIONS["pow"](other, self)

    def __matmul__(self, other: Any, /) -> Tensor:
        return FUNCTIONS["matmul"](self, other)

    def __rmatmul__(self, other: Any, /) -> Tensor:
        return FUNCTIONS["matmul"](other, self)

    def __neg__(self) -> Tensor:
        return FUNCTIONS["negative"](self)

    def __pos__(self) -> Tensor:
        return FUNCTIONS["positive"](self)

    def __abs__(self) -> Tensor:
        return FUNCTIONS["abs"](self)

    def __invert__(self) -> Tensor:
        return FUNCTIONS["bitwise_invert"](self)

    def __and__(self, other: Any, /) -> Tensor:
        return FUNCTIONS["bitwise_and"](self, other)

    def __rand__(self, other: Any, /) -> Tensor:
        return FUNCTIONS["bitwise_and"](other, self)

    def __or__(self, other: Any, /) -> Tensor:
        return FUNCTIONS["bitwise_or"](self, other)

    def __ror__(self, other: Any, /) -> Tensor:
        return FUNCTIONS["bitwise_or"](other, self)

    def __xor__(self, other: Any, /) -> Tensor:
        return FUNCTIONS["bitwise_xor"](self, other)

    def __rxor__(self, other: Any, /) -> Tensor:
        return FUNCTIONS["bitwise_xor"](other, self)

    def __lshift__(self, other: Any, /) -> Tensor:
        return FUNCTIONS["bitwise_left_shift"](self, other)

    def __rlshift__(self, other: Any, /) -> Tensor:
        return FUNCTIONS["bitwise_left_shift"](other, self)

    def __rshift__(self, other: Any, /) -> Tensor:
        return FUNCTIONS["bitwise_right_shift"](self, other)

    def __rrshift__(self, other: Any, /) -> Tensor:
        return FUNCTIONS["bitwise_right_shift"](other, self)

    def __eq__(self, other: object, /) -> Tensor:
        return FUNCTIONS["equal"](self, other)

    def __ne__(self, other: object, /) -> Tensor:
        return FUNCTIONS["not_equal"](self, other)

    def __lt__(self, other: Any, /) -> Tensor:
        return FUNCTIONS["less"](self, other)

    def __le__(self, other: Any, /) -> Tensor:
        return FUNCTIONS["less_equal"](self, other)

    def __gt__(self, other: Any, /) -> Tensor:
        return FUNCTIONS["greater"](self, other)

    def __ge__(self, other: Any, /) -> Tensor:
        return FUNCTIONS["greater_equal"](self, other)

    def __getitem__(self, key: Any, /) -> Tensor:
        return FUNCTIONS["getitem"](self, key)

    def __setitem__(self, key: Any, value: Any, /) -> None:
        raise OpError(
            "Tensors never change, so that the graph stays true.",
            where=source_of_caller(),
            fix="cr.where(mask, new, x), cr.concat([...]), or the assign() of a Variable",
        )

    # -- habits
    # ------------------------------------------------------------------------------------------------------------------

    def sum(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return FUNCTIONS["sum"](self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return FUNCTIONS["mean"](self, axis=axis, keepdims=keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return FUNCTIONS["max"](self, axis=axis, keepdims=keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return FUNCTIONS["min"](self, axis=axis, keepdims=keepdims)

    def std(self, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
        return FUNCTIONS["std"](self, axis=axis, correction=correction, keepdims=keepdims)

    def var(self, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
        return FUNCTIONS["var"](self, axis=axis, correction=correction, keepdims=keepdims)

    def argmax(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        return FUNCTIONS["argmax"](self, axis=axis, keepdims=keepdims)

    def argmin(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        return FUNCTIONS["argmin"](self, axis=axis, keepdims=keepdims)

    def all(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return FUNCTIONS["all"](self, axis=axis, keepdims=keepdims)

    def any(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return FUNCTIONS["any"](self, axis=axis, keepdims=keepdims)

    def reshape(self, *shape: Any) -> Tensor:
        return FUNCTIONS["reshape"](self, shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape)

    def astype(self, dtype: Any) -> Tensor:
        return FUNCTIONS["astype"](self, dtype)

    def exp(self) -> Tensor:
        return FUNCTIONS["exp"](self)

    def log(self) -> Tensor:
        return FUNCTIONS["log"](self)

    def sqrt(self) -> Tensor:
        return FUNCTIONS["sqrt"](self)

    def tanh(self) -> Tensor:
        return FUNCTIONS["tanh"](self)


class _Released:
    """What remains of an array whose values a backward pass has let go of."""

    __slots__ = ("dtype", "shape")

    def __init__(self, array: Any) -> None:
        self.shape: tuple[int, ...] = array.shape
        self.dtype: np.dtype = array.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        raise GradientError(
            "The values of this Tensor were released by a backward pass; only its shape and how it was made remain.",
            where=source_of_caller(),
            fix="backward(retain_graph=True), or keep the Tensor yourself to look at it later",
        )


def is_tracer(data: Any) -> bool:
    jax = sys.modules.get("jax")
    return jax is not None and isinstance(data, jax.core.Tracer)


def wrap(array: Array, requires_grad: bool = False) -> Tensor:
    """A Tensor around an array as it is: the quick way in for chainrule's own code."""
    made = object.__new__(Tensor)
    made._data = array
    made._node = None
    made._grad = None
    made._index = 0
    made.requires_grad = requires_grad
    return made


def _as_array(data: Any, dtype: np.dtype | None, copy: bool) -> Array:
    if isinstance(data, Tensor):
        return data._data if dtype is None or data.dtype == dtype else FUNCTIONS["astype"](data, dtype)._data
    if isinstance(data, list | tuple) and _holds_tensors(data):
        data = [np.asarray(x) for x in data]
    elif is_tracer(data) or type(data).__module__.startswith("jax"):
        return data if dtype is None else cast(Any, data).astype(dtype)
    take = own_copy if copy else np.asarray
    if dtype is not None:
        return take(data, dtype=dtype)
    array = take(data)
    if array.dtype == np.float64:
        return array.astype(float32)
    if array.dtype == np.complex128 and not isinstance(data, np.ndarray):
        return array.astype(default_dtypes()["complex floating"])
    as_dtype(array.dtype)
    return array


def _holds_tensors(data: Any) -> bool:
    return any(isinstance(x, Tensor) or (isinstance(x, list | tuple) and _holds_tensors(x)) for x in data)


def tensor(data: Any, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """A Tensor with a copy of the data.

    Arguments:
        data: numbers, nested lists, a NumPy array, or a Tensor.
        dtype: by default float32 for floating data (NumPy's float64 included: float64 is by request), else the data's
            own.
        requires_grad: whether gradients are to reach it; needs a floating dtype.

    Raises:
        DtypeError: for a dtype that is not supported, or a gradient of integers.

    Differs from PyTorch: NumPy float64 becomes float32. `cr.asarray` keeps an array's dtype.

    Example:
        >>> import chainrule as cr
        >>> cr.tensor([[1.0, 2.0]]).dtype.name
        'float32'
    """
    wanted = None if dtype is None else as_dtype(dtype)
    try:
        array = _as_array(data, wanted, copy=True)
    except (ValueError, TypeError) as error:
        if isinstance(error, DtypeError):
            raise
        raise DtypeError(f"These data cannot become a Tensor: {error}", where=source_of_caller()) from error
    made = wrap(array)
    if requires_grad:
        if not is_floating(array.dtype):
            raise DtypeError(
                f"Only floating Tensors can require a gradient; this one would be {array.dtype}.",
                where=source_of_caller(),
                fix="cr.tensor(data, dtype=cr.float32, requires_grad=True)",
            )
        made.requires_grad = True
    return made


_TAKEN_AS_THEY_ARE = frozenset(map(np.dtype, ("float32", "int64", "int32", "uint8", "bool")))


def as_tensor(data: Any) -> Tensor:
    """The data as a Tensor, without a copy where possible: how operations take in NumPy arrays and lists."""
    if isinstance(data, Tensor):
        return data
    if type(data) is np.ndarray and data.dtype in _TAKEN_AS_THEY_ARE:
        return wrap(data)
    try:
        return wrap(_as_array(data, None, copy=False))
    except (ValueError, TypeError) as error:
        if isinstance(error, DtypeError):
            raise
        raise DtypeError(f"{type(data).__name__} cannot become a Tensor: {error}", where=source_of_caller()) from error


def _taken(value: Any, dtype: Any) -> Array:
    """A value of its own for a Variable: no memory of the caller's, and all digits of float64 where it has them."""
    if dtype == np.float64:
        array = np.array(value)
        return array.astype(dtype) if array.dtype.kind in "biuf" else array
    array = as_tensor(value)._data
    return own_copy(array) if array is value else array


class Variable(Tensor):
    """A Tensor with a value that changes, by `assign`, and a name: parameters, running statistics, optimizer state,
    random streams.

    While a function is being compiled, reads and writes go to the program being built; the value itself is never
    replaced by something unfinished.

    Arguments:
        data: the first value; copied.
        name: how it is called in messages and files.
        requires_grad: whether gradients are to reach it.
    """

    __slots__ = ("_value", "_wants_grad", "name")

    def _released(self) -> Variable:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Variable:
        """Another Variable of the same kind, name and value, without the gradient."""
        made = memo[id(self)] = object.__new__(type(self))
        made._value = np.array(to_numpy(self._value))
        made._wants_grad, made.name = self._wants_grad, self.name
        made._node, made._grad, made._index = None, None, 0
        return made

    def __init__(self, data: Any, *, name: str = "", requires_grad: bool = False, dtype: Any = None) -> None:
        trace = TRACE.get()
        if trace is not None:
            trace.refuse_new_variable()
        made = tensor(data, dtype=dtype)
        if requires_grad and not is_floating(made.dtype):
            raise DtypeError(f"Only floating Variables can require a gradient; {name or 'this one'} is {made.dtype}.")
        self._value: Array = made._data
        self._wants_grad = requires_grad
        self._node = None
        self._grad = None
        self._index = 0
        self.name = name

    @property
    def _data(self) -> Array:
        trace = TRACE.get()
        return self._value if trace is None else trace.read(self)

    @property
    def requires_grad(self) -> bool:
        trace = TRACE.get()
        if trace is not None:
            trace.guard(self, "requires_grad", self._wants_grad)
        return self._wants_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self._wants_grad = value
        changed()

    @property
    def grad(self) -> Any:
        trace = TRACE.get()
        return self._grad if trace is None else trace.read_grad(self)

    @grad.setter
    def grad(self, value: Tensor | RowSparse | None) -> None:
        trace = TRACE.get()
        if trace is None:
            self._grad = value
        else:
            trace.write_grad(self, value)

    @property
    def shape(self) -> tuple[int, ...]:
        return self._value.shape

    @property
    def dtype(self) -> np.dtype:
        return self._value.dtype

    def assign(self, value: Any) -> None:
        """Replaces the value by another of the same shape; the dtype stays.

        Raises:
            ShapeError: when the shape differs.
            DtypeError: when the value would lose its fraction (floating into integer).
        """
        held = self._value
        array = value._data if isinstance(value, Tensor) else _taken(value, held.dtype)
        if array.shape != held.shape:
            raise ShapeError(
                f"{self.name or 'The Variable'} has the shape {held.shape}; {array.shape} cannot be assigned to it."
            )
        if array.dtype != held.dtype:
            dtype = held.dtype
            if array.dtype.kind not in "biu" and dtype.kind in "biu":
                raise DtypeError(f"{self.name or 'The Variable'} is {dtype}; {array.dtype} cannot be assigned to it.")
            array = FUNCTIONS["astype"](wrap(array), dtype)._data
        trace = TRACE.get()
        if trace is not None:
            trace.write(self, array)
        else:
            self._value = np.asarray(array) if isinstance(array, np.generic) else array

    def at(self, array: Array) -> Tensor:
        held = self._data
        # A program that uses the Variable may have moved its values: another array with equal ones will do.
        if held is not array and (is_tracer(held) or not np.array_equal(to_numpy(held), to_numpy(array))):
            raise GradientError(
                f"{self.name or 'A Variable'} was assigned to after the graph that is being differentiated had "
                "read it.",
                fix="take higher derivatives before the update",
            )
        return self


_changes = 0


def changed() -> None:
    """Notes that a mode or flag changed which compiled functions may depend on."""
    global _changes
    _changes += 1


def changes() -> int:
    """How many such changes there were: compiled functions look at their guards again only when it has grown."""
    return _changes
