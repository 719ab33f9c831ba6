"""LSTM: long short-term memory."""

from __future__ import annotations

from typing import Any

from chainrule import ops
from chainrule.graph import Tensor
from chainrule.nn.recurrent import Recurrent, RecurrentCell

__all__ = ["LSTM", "LSTMCell"]


class LSTM(Recurrent):
    """A state c that gates write to, keep and read: with i, f, g, o the four parts of
    xₜ W_ih + b_ih + hₜ₋₁ W_hh + b_hh,

    cₜ = σ(f)·cₜ₋₁ + σ(i)·tanh(g), hₜ = σ(o)·tanh(cₜ).

    Arguments:
        input_size, hidden_size, num_layers, bias, dropout, bidirectional: as of `RNN`.
        dialect: how the first values are drawn. "paper": of each gate W_ih as of Glorot & Bengio (2010) and W_hh
            orthogonal (Saxe et al. 2014), biases 0, but 1 for the forget gate (Jozefowicz et al. 2015); "pytorch": all
            uniform in ±1/√hidden_size; "keras": as "paper", with the gates drawn as one matrix.
        dtype: float32 unless said otherwise.

    The state is a pair (h, c). For lengths and truncated backpropagation through time see `RNN`; there both parts are
    detached.

    Shapes:
        x (N, T, C) → outputs (N, T, D·H) and (h, c), each (layers·D, N, H), with D = 2 if bidirectional, else 1.
        weight_ih_l0 (C, 4H), weight_hh_l0 (H, 4H), bias_ih_l0 and bias_hh_l0 (4H,), the gates in the order i, f, g, o.

    Raises:
        ShapeError: for inputs that are not (N, T, C), a state or lengths that do not fit.
        DtypeError: when x has another dtype than the weights, or lengths are no integers.

    Differs from PyTorch: batches come first, weights are (in, out), lengths take the place of packed sequences; there
    are no projections of h. Differs from Keras: there are two biases, and the outputs of all steps are returned.

    Source: Hochreiter & Schmidhuber, "Long Short-Term Memory" (1997); forget gates: Gers, Schmidhuber & Cummins,
    "Learning to Forget" (2000).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> outputs, (h, c) = nn.LSTM(3, 4, bidirectional=True)(cr.ones((2, 5, 3)), lengths=[5, 2])
        >>> outputs.shape, h.shape, outputs[1, 2:].tolist() == [[0.0] * 8] * 3
        ((2, 5, 8), (2, 2, 4), True)
    """

    gates, forget, states = 4, 1, 2

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        dialect: str = "paper",
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, num_layers, bias, dropout, bidirectional, dialect, dtype)

    def _run(self, z: Tensor, state: list[Any], suffix: str, lengths: Any, reverse: bool) -> Any:
        return ops.lstm(z, state[0], state[1], self._parameters_of(suffix)[1], lengths, reverse=reverse)


class LSTMCell(RecurrentCell):
    """One step of `LSTM`: x (N, C) and a state (h, c), each (N, H) → the next (h, c).

    Arguments:
        input_size, hidden_size, bias, dialect, dtype: as of `LSTM`.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> cell = nn.LSTMCell(3, 4)
        >>> def step(state, x):
        ...     h, c = cell(x, state)
        ...     return (h, c), h
        >>> state, outputs = cr.scan(step, (cr.zeros((2, 4)), cr.zeros((2, 4))), cr.ones((5, 2, 3)))
        >>> outputs.shape
        (5, 2, 4)
    """

    gates, forget, states = 4, 1, 2

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, *, dialect: str = "paper", dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, dialect, dtype)

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Tensor]:
        z, (h, c) = self._begin(x, state)
        _, weight, _, bias = self._parameters_of("")
        return ops.lstm_cell(z if bias is None else z + bias, h, c, weight)
