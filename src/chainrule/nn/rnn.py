"""RNN: the simple recurrent network."""

from __future__ import annotations

from typing import Any

from chainrule import ops
from chainrule.errors import ConfigError
from chainrule.graph import Tensor
from chainrule.nn.recurrent import Recurrent, RecurrentCell

__all__ = ["RNN", "RNNCell"]


def _checked(nonlinearity: str) -> str:
    if nonlinearity not in ("tanh", "relu"):
        raise ConfigError(f"The nonlinearity of an RNN is 'tanh' or 'relu', got {nonlinearity!r}.")
    return nonlinearity


class RNN(Recurrent):
    """hₜ = tanh(xₜ W_ih + b_ih + hₜ₋₁ W_hh + b_hh): a state that each step of a sequence changes.

    Arguments:
        input_size: C, the numbers of one step.
        hidden_size: H, the units.
        num_layers: how many on top of each other; each reads the outputs of the one below.
        nonlinearity: "tanh" or "relu".
        bias: whether there are b_ih and b_hh.
        dropout: between layers, in training: the probability that an output is left out.
        bidirectional: whether a second network reads each sequence backwards; outputs are joined, forwards first.
        dialect: how the first values are drawn. "paper": W_ih as of Glorot & Bengio (2010), W_hh orthogonal (Saxe et
            al. 2014), biases 0; "pytorch": all uniform in ±1/√hidden_size; "keras": as "paper".
        dtype: float32 unless said otherwise.

    Call it with x, and optionally the state to begin with (zeros otherwise) and the lengths (N,) of the sequences,
    where they differ: steps past a sequence's length change nothing, their outputs are 0, and the last state is that
    after its own last step. In reverse a sequence begins with its own last step.

    Shapes:
        x (N, T, C) → outputs (N, T, D·H) and the last state (layers·D, N, H), with D = 2 if bidirectional, else 1.
        weight_ih_l0 (C, H), weight_hh_l0 (H, H), bias_ih_l0 and bias_hh_l0 (H,), and so on for l1 …, and with _reverse.

    Truncated backpropagation through time: a long sequence is read in pieces, each beginning with the state that the
    piece before ended with, detached, so that the gradient stops there.

    Raises:
        ShapeError: for inputs that are not (N, T, C), a state or lengths that do not fit.
        DtypeError: when x has another dtype than the weights, or lengths are no integers.

    Differs from PyTorch: batches come first, weights are (in, out), lengths take the place of packed sequences (and
    need no order, and may be 0).

    Source: Elman, "Finding Structure in Time" (1990); Williams & Peng, "An Efficient Gradient-Based Algorithm for
    On-Line Training of Recurrent Network Trajectories" (1990) for truncation.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> layer, text = nn.RNN(3, 4), cr.ones((2, 10, 3))
        >>> state = None
        >>> for piece in (text[:, :5], text[:, 5:]):
        ...     outputs, state = layer(piece, state)
        ...     outputs.sum().backward()  # reaches back over this piece only
        ...     state = state.detach()
        >>> outputs.shape, state.shape
        ((2, 5, 4), (1, 2, 4))
    """

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        dialect: str = "paper",
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, num_layers, bias, dropout, bidirectional, dialect, dtype)
        self.nonlinearity = _checked(nonlinearity)

    def _run(self, z: Tensor, state: list[Any], suffix: str, lengths: Any, reverse: bool) -> Any:
        weight = self._parameters_of(suffix)[1]
        return ops.rnn(z, state[0], weight, lengths, nonlinearity=self.nonlinearity, reverse=reverse)


class RNNCell(RecurrentCell):
    """One step of `RNN`: x (N, C) and a state (N, H) → the next state; for loops of one's own, such as in `cr.scan`.

    Arguments:
        input_size, hidden_size, bias, nonlinearity, dialect, dtype: as of `RNN`.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.RNNCell(3, 4)(cr.ones((2, 3))).shape
        (2, 4)
    """

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        *,
        dialect: str = "paper",
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, dialect, dtype)
        self.nonlinearity = _checked(nonlinearity)

    def forward(self, x: Tensor, state: Any = None) -> Tensor:
        z, (h,) = self._begin(x, state)
        _, weight, _, bias = self._parameters_of("")
        return ops.rnn_cell(z if bias is None else z + bias, h, weight, nonlinearity=self.nonlinearity)
