"""What RNN, LSTM and GRU share: parameters, first values, stacking, directions, lengths."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule import init, ops
from chainrule.errors import ConfigError, DtypeError, ShapeError
from chainrule.graph import Tensor, as_tensor
from chainrule.graph.tensor import is_tracer
from chainrule.nn.checks import check_dtype, fraction, positive
from chainrule.nn.dropout import Dropout
from chainrule.nn.module import Module
from chainrule.nn.variables import Parameter

__all__ = ["Recurrent", "RecurrentCell", "first_values"]

_NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def first_values(
    inputs: int, size: int, gates: int, *, dialect: str = "paper", forget: int | None = None, dtype: Any = None
) -> Iterator[Tensor]:
    """The first weight_ih (inputs, gates · size), weight_hh (size, gates · size), bias_ih and bias_hh of a layer.

    Arguments:
        dialect: "paper": each gate's weight_ih uniform as of Glorot & Bengio (2010) and its weight_hh orthogonal (Saxe
            et al. 2014), biases 0, that of the forget gate 1 (Jozefowicz, Zaremba & Sutskever 2015, section 5);
            "pytorch": everything uniform in ±1/√size; "keras": as "paper", with all gates drawn as one matrix.
        forget: which gate is the forget gate.

    Raises:
        ConfigError: for an unknown dialect.
    """
    width = gates * size
    if dialect == "pytorch":
        limit = size**-0.5
        yield from (init.uniform(s, -limit, limit, dtype=dtype) for s in ((inputs, width), (size, width)))
        yield from (init.uniform((width,), -limit, limit, dtype=dtype) for _ in range(2))
        return
    if dialect == "keras":
        yield init.xavier_uniform((inputs, width), dtype=dtype)
        yield init.orthogonal((size, width), dtype=dtype)
    elif dialect == "paper":
        yield ops.concat([init.xavier_uniform((inputs, size), dtype=dtype) for _ in range(gates)], axis=1)
        yield ops.concat([init.orthogonal((size, size), dtype=dtype) for _ in range(gates)], axis=1)
    else:
        raise ConfigError(f"There is no dialect {dialect!r}.", fix='"paper", "pytorch" or "keras"')
    bias = np.zeros(width)
    if forget is not None:
        bias[forget * size : (forget + 1) * size] = 1.0
    yield ops.asarray(bias, dtype=dtype or "float32")
    yield init.zeros((width,), dtype=dtype)


class _Gated(Module):
    """Sizes and parameters; what kind of recurrence it is, subclasses say.

    Attributes:
        gates: how many parts the projections have.
        forget: which of them is a forget gate, or None.
    """

    gates: int
    forget: int | None = None
    hidden_size: int

    def _add_parameters(self, inputs: int, bias: bool, suffix: str, dialect: str, dtype: Any) -> None:
        made = first_values(inputs, self.hidden_size, self.gates, dialect=dialect, forget=self.forget, dtype=dtype)
        for name, value in zip(_NAMES, made, strict=True):
            if bias or name.startswith("weight"):
                setattr(self, name + suffix, Parameter(value, penalised=name.startswith("weight")))
            else:
                setattr(self, name + suffix, None)

    def _parameters_of(self, suffix: str) -> Any:
        """weight_ih, weight_hh, bias_ih and bias_hh of a layer and direction, such as `_l0_reverse`."""
        return tuple(getattr(self, name + suffix) for name in _NAMES)

    def from_pytorch(self, entries: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: value.T if name.startswith("weight") else value for name, value in entries.items()}


class Recurrent(_Gated, ABC):
    """The base of RNN, LSTM and GRU: layers on top of each other, in one or both directions.

    Attributes:
        states: how many Tensors the state is made of.
    """

    states = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        bias: bool,
        dropout: float,
        bidirectional: bool,
        dialect: str,
        dtype: Any,
    ) -> None:
        super().__init__()
        self.input_size = positive(input_size, "input_size")
        self.hidden_size = positive(hidden_size, "hidden_size")
        self.num_layers = positive(num_layers, "num_layers")
        self.bidirectional = bool(bidirectional)
        fraction(dropout, "dropout")
        if dropout and num_layers == 1:
            raise ConfigError(
                f"{type(self).__name__} with dropout={dropout} and one layer: dropout acts between layers.",
                fix="num_layers=2, or nn.Dropout after this layer",
            )
        self.dropout = Dropout(dropout) if dropout else None
        directions = ("", "_reverse") if bidirectional else ("",)
        self._suffixes = tuple(tuple(f"_l{k}{d}" for d in directions) for k in range(num_layers))
        for k, names in enumerate(self._suffixes):
            for suffix in names:
                inputs = self.input_size if k == 0 else self.hidden_size * len(directions)
                self._add_parameters(inputs, bias, suffix, dialect, dtype)

    @abstractmethod
    def _run(self, z: Tensor, state: list[Any], suffix: str, lengths: Any, reverse: bool) -> Any:
        """One direction of one layer on projected inputs, (T, N, …): the outputs and the last state."""

    def _project(self, x: Tensor, suffix: str) -> Tensor:
        """The part of the gates that does not depend on the state, of all steps in one product."""
        weight, _, bias_ih, bias_hh = self._parameters_of(suffix)
        return ops.linear(x, weight, None if bias_ih is None else bias_ih + bias_hh)

    def forward(self, x: Tensor, state: Any = None, lengths: Any = None) -> tuple[Tensor, Any]:
        self._check(x)
        rows = self.num_layers * len(self._suffixes[0])
        given = self._state(state, rows, x)
        lengths = None if lengths is None else self._lengths(lengths, x)
        y = ops.permute_dims(x, (1, 0, 2))  # time first, so that each step is one piece of memory
        last: list[list[Any]] = []
        for k, names in enumerate(self._suffixes):
            if k and self.dropout is not None:
                y = self.dropout(y)
            made = []
            for suffix in names:
                before = [s[len(last)] for s in given]
                out, *after = self._run(self._project(y, suffix), before, suffix, lengths, suffix.endswith("reverse"))
                made.append(out)
                last.append(after)
            y = made[0] if len(made) == 1 else ops.concat(made, axis=-1)
        states = tuple(ops.stack(parts) for parts in zip(*last, strict=True))
        return ops.permute_dims(y, (1, 0, 2)), states if self.states > 1 else states[0]

    def initial_state(self, batch: int) -> Any:
        """The state of zeros that a batch begins with unless another is given."""
        weight = self._parameters_of("_l0")[0]
        shape = (self.num_layers * len(self._suffixes[0]), batch, self.hidden_size)
        states = tuple(ops.zeros(shape, dtype=weight.dtype) for _ in range(self.states))
        return states if self.states > 1 else states[0]

    # -- what arrives -------------------------------------------------------------------------------------------------

    def _check(self, x: Tensor) -> None:
        if x.ndim != 3 or x.shape[-1] != self.input_size:
            raise ShapeError(
                f"{self.label()} got {x.shape}: "
                + (
                    "it takes batches of sequences, (N, T, C)."
                    if x.ndim != 3
                    else f"its input_size should be {x.shape[-1]}."
                ),
                fix="x[None] for a single sequence (T, C)"
                if x.ndim == 2
                else f"inputs (N, T, {self.input_size}): the batch comes first, features last",
            )
        check_dtype(self, x, self._parameters_of("_l0")[0])

    def _state(self, state: Any, rows: int, x: Tensor) -> tuple[Any, ...]:
        if state is None:
            state = self.initial_state(x.shape[0])
        parts = tuple(state) if self.states > 1 and isinstance(state, list | tuple) else (state,)
        wanted = (rows, x.shape[0], self.hidden_size)
        shapes = [getattr(s, "shape", type(s).__name__) for s in parts]
        if shapes != [wanted] * self.states:
            raise ShapeError(
                f"{self.label()} got a state of {', '.join(map(str, shapes))}: it should be "
                + " and ".join([str(wanted)] * self.states)
                + ", (layers · directions, N, hidden_size)"
                + (", as a pair (h, c)." if self.states > 1 else "."),
                fix="the state that a call of this layer on as many sequences returned, or None for zeros",
            )
        parts = tuple(as_tensor(s) for s in parts)
        for part in parts:
            check_dtype(self, part, x)
        return parts

    def _lengths(self, lengths: Any, x: Tensor) -> Tensor:
        lengths = as_tensor(lengths)
        if lengths.dtype.kind not in "iu":
            raise DtypeError(f"{self.label()} takes lengths that are integers and got {lengths.dtype}.")
        if lengths.shape != x.shape[:1]:
            raise ShapeError(f"{self.label()} got lengths {lengths.shape} for inputs {x.shape}: one for each sequence.")
        if not is_tracer(lengths._data) and lengths.size:
            low, high = int(lengths.numpy().min()), int(lengths.numpy().max())
            if low < 0 or high > x.shape[1]:
                raise ShapeError(
                    f"{self.label()} got lengths from {low} to {high} for sequences of {x.shape[1]} steps."
                )
        return lengths

    def extra_repr(self) -> str:
        more = f", num_layers={self.num_layers}" if self.num_layers > 1 else ""
        return f"{self.input_size}, {self.hidden_size}{more}" + (", bidirectional=True" if self.bidirectional else "")


class RecurrentCell(_Gated):
    """The base of RNNCell, LSTMCell and GRUCell: one step."""

    states = 1

    def __init__(self, input_size: int, hidden_size: int, bias: bool, dialect: str, dtype: Any) -> None:
        super().__init__()
        self.input_size = positive(input_size, "input_size")
        self.hidden_size = positive(hidden_size, "hidden_size")
        self._add_parameters(input_size, bias, "", dialect, dtype)

    def _begin(self, x: Tensor, state: Any) -> tuple[Tensor, tuple[Any, ...]]:
        """x · W_ih + b_ih and the state, both looked at."""
        weight, _, bias, _ = self._parameters_of("")
        if x.ndim != 2 or x.shape[-1] != self.input_size:
            raise ShapeError(f"{self.label()} got {x.shape}: it takes one step of a batch, (N, {self.input_size}).")
        check_dtype(self, x, weight)
        wanted = (x.shape[0], self.hidden_size)
        if state is None:
            state = [ops.zeros(wanted, dtype=x.dtype)] * self.states
        parts = tuple(state) if isinstance(state, list | tuple) else (state,)
        shapes = [getattr(s, "shape", type(s).__name__) for s in parts]
        if shapes != [wanted] * self.states:
            raise ShapeError(
                f"{self.label()} got a state of {', '.join(map(str, shapes))}: it should be "
                + " and ".join([str(wanted)] * self.states)
                + "."
            )
        return ops.linear(x, weight, bias), parts

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}"
