"""RNN, LSTM, GRU and their cells: what holds for any recurrent layer, pieces of long sequences, padding, bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule import losses, nn, optim
from chainrule.errors import CheckpointError, ConfigError, DtypeError, ShapeError

LAYERS: dict[str, Any] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
CELLS: dict[str, Any] = {"rnn": nn.RNNCell, "lstm": nn.LSTMCell, "gru": nn.GRUCell}
RNG = np.random.default_rng(0)
kinds = pytest.mark.parametrize("kind", LAYERS)


def first(state: Any) -> Any:
    return state[0] if isinstance(state, tuple) else state


def detached(state: Any) -> Any:
    return tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()


@kinds
def test_is_its_cell_in_a_loop(kind: str) -> None:
    layer, cell = LAYERS[kind](3, 4, dtype="float64"), CELLS[kind](3, 4, dtype="float64")
    cell.load_state_dict({path.removesuffix("_l0"): value for path, value in layer.state_dict().items()})
    x = cr.asarray(RNG.normal(size=(2, 5, 3)))
    outputs, last = layer(x)
    state: Any = None
    for t in range(5):
        state = cell(x[:, t], state)
        np.testing.assert_allclose(outputs[:, t].numpy(), first(state).numpy(), rtol=1e-12)
    for a, b in zip(last if kind == "lstm" else [last], state if kind == "lstm" else [state], strict=True):
        np.testing.assert_allclose(a[0].numpy(), b.numpy(), rtol=1e-12)


@kinds
@pytest.mark.parametrize("compiled", [False, True])
def test_gates_that_are_open_or_shut_for_good(kind: str, compiled: bool) -> None:
    """Inputs so large that every tanh is ±1: gradients are 0 where nothing gets through, and nan nowhere."""
    layer = LAYERS[kind](2, 3)
    x = cr.asarray((RNG.choice([-1e30, 1e30], size=(2, 5, 2))).astype(np.float32))
    slopes = (cr.compile if compiled else lambda f: f)(cr.grad(lambda x: layer(x)[0].sum()))
    np.testing.assert_array_equal(slopes(x).numpy(), 0.0)


@kinds
def test_a_formula_in_numpy(kind: str) -> None:
    """The formulas of the docstrings for one step, from the first state on."""
    layer = LAYERS[kind](2, 3, dialect="pytorch", dtype="float64")
    p = layer.state_dict()
    x, h, c = RNG.normal(size=(1, 1, 2)), RNG.normal(size=(1, 1, 3)), RNG.normal(size=(1, 1, 3))
    a, b = x[:, 0] @ p["weight_ih_l0"] + p["bias_ih_l0"], h[0] @ p["weight_hh_l0"] + p["bias_hh_l0"]

    def sigmoid(v: Any) -> Any:
        return 1 / (1 + np.exp(-v))

    if kind == "rnn":
        expected = np.tanh(a + b)
    elif kind == "lstm":
        i, f, g, o = np.split(a + b, 4, axis=1)
        expected = sigmoid(o) * np.tanh(sigmoid(f) * c[0] + sigmoid(i) * np.tanh(g))
    else:
        (xr, xz, xn), (hr, hz, hn) = np.split(a, 3, axis=1), np.split(b, 3, axis=1)
        z = sigmoid(xz + hz)
        expected = (1 - z) * np.tanh(xn + sigmoid(xr + hr) * hn) + z * h[0]
    state = (cr.asarray(h), cr.asarray(c)) if kind == "lstm" else cr.asarray(h)
    np.testing.assert_allclose(layer(cr.asarray(x), state)[0][:, 0].numpy(), expected, rtol=1e-12)


@settings(deadline=None, max_examples=30)
@given(
    kind=st.sampled_from(sorted(LAYERS)),
    both=st.booleans(),
    lengths=st.lists(st.integers(0, 5), min_size=1, max_size=4),
    padding=st.integers(0, 3),
)
def test_padding_never_changes_a_result(kind: str, both: bool, lengths: list[int], padding: int) -> None:
    compare_with_each_alone(kind, both, lengths, padding, lambda f: f)


@kinds
def test_padding_never_changes_a_result_compiled(kind: str) -> None:
    compare_with_each_alone(kind, True, [3, 0, 5], 1, cr.compile)


def compare_with_each_alone(kind: str, both: bool, lengths: list[int], padding: int, how: Any) -> None:
    """A batch of padded sequences gives what each gives alone, whatever the padding holds, and so do its gradients."""
    layer = LAYERS[kind](2, 3, 2, bidirectional=both, dtype="float64")
    steps = max(lengths) + padding
    x = np.random.default_rng(len(lengths)).normal(size=(len(lengths), steps, 2))
    for row, n in zip(x, lengths, strict=True):
        row[n:] = 1e3

    def run(x: Any, lengths: Any) -> Any:
        outputs, state = layer(x, lengths=lengths)
        parts = [outputs, *(state if isinstance(state, tuple) else (state,))]
        total: Any = sum(cr.sin(p).sum() for p in parts)
        return parts, [g for _, g in cr.graph.gradients([total], [None], wanted=list(layer.parameters()))]

    together, slopes = how(run)(cr.asarray(x), cr.asarray(np.array(lengths)))
    sums: list[Any] = [0.0] * len(slopes)
    for i, n in enumerate(lengths):
        alone, own = run(cr.asarray(x[i : i + 1, :n]), None)
        np.testing.assert_allclose(together[0][i, :n].numpy(), alone[0][0].numpy(), rtol=1e-9, atol=1e-12)
        assert not together[0][i, n:].numpy().any()
        for a, b in zip(together[1:], alone[1:], strict=True):
            np.testing.assert_allclose(a[:, i].numpy(), b[:, 0].numpy(), rtol=1e-9, atol=1e-12)
        sums = [s + (0.0 if g is None else g.numpy()) for s, g in zip(sums, own, strict=True)]
    for s, g in zip(sums, slopes, strict=True):
        np.testing.assert_allclose(np.zeros(g.shape) + s, g.numpy(), rtol=1e-8, atol=1e-10)


@kinds
def test_a_long_sequence_in_pieces_is_the_whole(kind: str) -> None:
    layer = LAYERS[kind](3, 4, 2, dtype="float64")
    x = cr.asarray(RNG.normal(size=(2, 9, 3)))
    whole, end = layer(x)
    state, pieces = None, []
    for piece in (x[:, :4], x[:, 4:5], x[:, 5:]):
        outputs, state = layer(piece, state)
        pieces.append(outputs)
    np.testing.assert_allclose(cr.concat(pieces, axis=1).numpy(), whole.numpy(), rtol=1e-12)
    np.testing.assert_allclose(first(state).numpy(), first(end).numpy(), rtol=1e-12)


@kinds
def test_a_detached_state_cuts_the_gradient(kind: str) -> None:
    layer = LAYERS[kind](3, 4)
    early = cr.tensor(RNG.normal(size=(2, 4, 3)), requires_grad=True)
    late = cr.tensor(RNG.normal(size=(2, 3, 3)), requires_grad=True)
    layer(late, detached(layer(early)[1]))[0].sum().backward()
    assert early.grad is None
    layer(late, layer(early)[1])[0].sum().backward()
    assert np.abs(np.asarray(early.grad)).max() > 0


@kinds
@pytest.mark.parametrize("both", [False, True])
def test_compiles_once_with_the_same_steps_of_training(kind: str, both: bool) -> None:
    answers = []
    for how in (lambda f: f, cr.compile):
        cr.random.seed(1)
        layer = LAYERS[kind](3, 4, 2, dropout=0.3, bidirectional=both)
        optimizer = optim.Adam(layer.parameters(), lr=0.01)

        def train(x: Any, lengths: Any, layer: Any = layer, optimizer: Any = optimizer) -> Any:
            outputs, state = layer(x, lengths=lengths)
            return optimizer.minimize((outputs**2).mean() + first(state).sum())

        step = how(train)
        x = cr.tensor(RNG.normal(size=(3, 5, 3))) if not answers else answers[0][0]
        losses_ = [float(step(x, cr.asarray([5, 2, n]))) for n in (1, 3, 4)]
        answers.append((x, losses_, [p.numpy() for p in layer.parameters()]))
        if how is cr.compile:
            assert len(step.compilations) == 1
    (_, eager, weights), (_, compiled, other) = answers
    np.testing.assert_allclose(compiled, eager, rtol=1e-5)
    for a, b in zip(weights, other, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-3, atol=1e-5)


@kinds
def test_single_steps_and_empty_batches(kind: str) -> None:
    layer = LAYERS[kind](3, 4, bidirectional=True)
    outputs, state = layer(cr.ones((2, 1, 3)))
    np.testing.assert_allclose(outputs[:, 0, :4].numpy(), first(state)[0].numpy())
    np.testing.assert_allclose(outputs[:, 0, 4:].numpy(), first(state)[1].numpy())
    for how in (lambda f: f, cr.compile):
        outputs, state = how(lambda x: layer(x))(cr.ones((0, 5, 3)))
        assert outputs.shape == (0, 5, 8)
        assert first(state).shape == (2, 0, 4)
        outputs, state = how(lambda x: layer(x))(cr.ones((2, 0, 3)))
        assert outputs.shape == (2, 0, 8)
        assert not first(state).numpy().any()


def test_learns_to_remember() -> None:
    """The first token of a sequence, asked for at its end."""
    cr.random.seed(0)
    rng = np.random.default_rng(0)
    layer, head = nn.LSTM(4, 16), nn.Linear(16, 4)
    optimizer = optim.Adam([*layer.parameters(), *head.parameters()], lr=0.02)

    @cr.compile
    def step(x: Any, y: Any) -> Any:
        return optimizer.minimize(losses.cross_entropy(head(layer(x)[0][:, -1]), y))

    loss = 9.0
    for _ in range(150):
        tokens = rng.integers(0, 4, (32, 12))
        loss = float(step(np.eye(4, dtype="float32")[tokens], tokens[:, 0]))
    assert loss < 0.1


@kinds
def test_first_values(kind: str) -> None:
    gates = {"rnn": 1, "lstm": 4, "gru": 3}[kind]
    layer = LAYERS[kind](6, 8)
    for gate in np.split(layer.weight_hh_l0.numpy(), gates, axis=1):
        np.testing.assert_allclose(gate.T @ gate, np.eye(8), atol=1e-5)
    assert np.abs(layer.weight_ih_l0.numpy()).max() <= np.sqrt(6 / 14)
    bias = (layer.bias_ih_l0 + layer.bias_hh_l0).numpy()
    forget = [0.0] * 8 + [1.0] * 8 + [0.0] * 16
    assert bias.tolist() == (forget if kind == "lstm" else [0.0] * gates * 8)
    wide = LAYERS[kind](6, 8, dialect="keras").weight_hh_l0.numpy()
    np.testing.assert_allclose(wide @ wide.T, np.eye(8), atol=1e-5)
    torch_like = LAYERS[kind](6, 8, dialect="pytorch")
    for p in torch_like.parameters():
        assert 0.5 * 8**-0.5 < np.abs(p.numpy()).max() <= 8**-0.5
    with pytest.raises(ConfigError, match="dialect 'tf'"):
        LAYERS[kind](6, 8, dialect="tf")
    assert [p.penalised for p in layer.parameters()] == [True, True, False, False]


@kinds
def test_wrong_inputs_say_what_is_wrong(kind: str) -> None:
    layer = nn.Sequential(LAYERS[kind](3, 4))
    with pytest.raises(ShapeError, match=r"layer '0' \(\w+\(3, 4\)\) got \(2, 5, 7\): its input_size should be 7"):
        layer(cr.ones((2, 5, 7)))
    with pytest.raises(ShapeError, match=r"batches of sequences.*\n.*x\[None\]"):
        layer(cr.ones((5, 3)))
    with pytest.raises(DtypeError, match="float32 and got float64"):
        layer(cr.ones((2, 5, 3), dtype="float64"))
    single = layer[0]
    state = cr.zeros((1, 3, 4))
    with pytest.raises(ShapeError, match=r"got a state of \(1, 3, 4\).*should be \(1, 2, 4\)"):
        single(cr.ones((2, 5, 3)), (state, state) if kind == "lstm" else state)
    with pytest.raises(ShapeError, match="lengths from 2 to 6 for sequences of 5 steps"):
        single(cr.ones((2, 5, 3)), lengths=[2, 6])
    with pytest.raises(ShapeError, match="one for each sequence"):
        single(cr.ones((2, 5, 3)), lengths=[2])
    with pytest.raises(DtypeError, match="integers"):
        single(cr.ones((2, 5, 3)), lengths=[2.0, 3.0])
    with pytest.raises(ConfigError, match="between layers"):
        LAYERS[kind](3, 4, dropout=0.5)
    with pytest.raises(ConfigError, match="hidden_size"):
        LAYERS[kind](3, 0)
    with pytest.raises(ShapeError, match="one step of a batch"):
        CELLS[kind](3, 4)(cr.ones((2, 5, 3)))
    with pytest.raises(ShapeError, match="got a state of"):
        CELLS[kind](3, 4)(cr.ones((2, 3)), cr.ones((3, 4)))
    with pytest.raises(CheckpointError, match="wrong shape"):
        nn.load_pytorch(single, {path: np.ones((2, 2)) for path in single.state_dict()})


def test_a_state_that_is_no_pair() -> None:
    with pytest.raises(ShapeError, match=r"as a pair \(h, c\)"):
        nn.LSTM(3, 4)(cr.ones((2, 5, 3)), cr.zeros((1, 2, 4)))
    with pytest.raises(ConfigError, match="nonlinearity"):
        nn.RNN(3, 4, nonlinearity="sigmoid")
