"""GRU: gated recurrent units."""

from __future__ import annotations

from typing import Any

from chainrule import ops
from chainrule.graph import Tensor
from chainrule.nn.recurrent import Recurrent, RecurrentCell

__all__ = ["GRU", "GRUCell"]


class GRU(Recurrent):
    """A state that a gate mixes with a candidate: with xr, xz, xn the parts of xₜ W_ih + b_ih and hr, hz, hn those of
    hₜ₋₁ W_hh + b_hh,

    r = σ(xr + hr), z = σ(xz + hz), n = tanh(xn + r·hn), hₜ = (1 − z)·n + z·hₜ₋₁.

    Arguments:
        input_size, hidden_size, num_layers, bias, dropout, bidirectional: as of `RNN`.
        dialect: how the first values are drawn. "paper": of each gate W_ih as of Glorot & Bengio (2010) and W_hh
            orthogonal (Saxe et al. 2014), biases 0; "pytorch": all uniform in ±1/√hidden_size; "keras": as "paper",
            with the gates drawn as one matrix.
        dtype: float32 unless said otherwise.

    For lengths and truncated backpropagation through time see `RNN`.

    Shapes:
        x (N, T, C) → outputs (N, T, D·H) and the last state (layers·D, N, H), with D = 2 if bidirectional, else 1.
        weight_ih_l0 (C, 3H), weight_hh_l0 (H, 3H), bias_ih_l0 and bias_hh_l0 (3H,), the gates in the order r, z, n.

    Raises:
        ShapeError: for inputs that are not (N, T, C), a state or lengths that do not fit.
        DtypeError: when x has another dtype than the weights, or lengths are no integers.

    Differs from the paper, as PyTorch and Keras (`reset_after`) do: r multiplies after the product with W_hh, not
    before. Differs from PyTorch: batches come first, weights are (in, out), lengths take the place of packed sequences.

    Source: Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine Translation"
    (2014), section 2.3.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> outputs, state = nn.GRU(3, 4, num_layers=2)(cr.ones((2, 5, 3)))
        >>> outputs.shape, state.shape
        ((2, 5, 4), (2, 2, 4))
    """

    gates = 3

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

    def _project(self, x: Tensor, suffix: str) -> Tensor:
        weight, _, bias, _ = self._parameters_of(suffix)
        return ops.linear(x, weight, bias)

    def _run(self, z: Tensor, state: list[Any], suffix: str, lengths: Any, reverse: bool) -> Any:
        _, weight, _, bias = self._parameters_of(suffix)
        return ops.gru(z, state[0], weight, bias, lengths, reverse=reverse)


class GRUCell(RecurrentCell):
    """One step of `GRU`: x (N, C) and a state (N, H) → the next state.

    Arguments:
        input_size, hidden_size, bias, dialect, dtype: as of `GRU`.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.GRUCell(3, 4)(cr.ones((2, 3))).shape
        (2, 4)
    """

    gates = 3

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, *, dialect: str = "paper", dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, dialect, dtype)

    def forward(self, x: Tensor, state: Any = None) -> Tensor:
        z, (h,) = self._begin(x, state)
        _, weight, _, bias = self._parameters_of("")
        return ops.gru_cell(z, h, weight, bias)
