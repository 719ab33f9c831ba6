"""Convolutions: against the formula, as adjoints of each other, compiled, first values, and bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule import init, losses, nn, ops, optim
from chainrule.array import convolution
from chainrule.errors import CheckpointError, ConfigError, DtypeError, ShapeError

RNG = np.random.default_rng(0)


def by_the_formula(x: np.ndarray, layer: Any) -> np.ndarray:
    """y[n, h, w, o] = Σ_ij Σ_c x[n, h·s + i·d − p, w·s + j·d − p, c] · weight[i, j, c, o] + bias[o], one by one."""
    weight = layer.weight.numpy()
    x = np.pad(x, ((0, 0), *layer.padding, (0, 0)))
    size = weight.shape[:2]
    places = [
        (n - (k - 1) * d - 1) // s + 1
        for n, k, d, s in zip(x.shape[1:-1], size, layer.dilation, layer.stride, strict=True)
    ]
    per_group, units = weight.shape[2], weight.shape[3] // layer.groups
    y = np.zeros((x.shape[0], *places, weight.shape[3]))
    for n, h, w, o in np.ndindex(*y.shape):
        y[n, h, w, o] = layer.bias.numpy()[o]
        for i, j, c in np.ndindex(*weight.shape[:3]):
            row, column = h * layer.stride[0] + i * layer.dilation[0], w * layer.stride[1] + j * layer.dilation[1]
            y[n, h, w, o] += x[n, row, column, o // units * per_group + c] * weight[i, j, c, o]
    return y


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stride": 2, "padding": 1},
        {"stride": (1, 2), "padding": ((0, 1), (2, 1)), "dilation": (2, 1)},
        {"groups": 2, "padding": "same"},
    ],
)
def test_is_what_the_formula_says(options: dict[str, Any]) -> None:
    layer = nn.Conv2d(4, 6, (3, 2), dtype="float64", **options)
    x = RNG.normal(size=(2, 6, 5, 4))
    np.testing.assert_allclose(layer(cr.asarray(x)).numpy(), by_the_formula(x, layer), rtol=1e-12)


@given(
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 2),
    st.integers(0, 1),
    st.sampled_from([1, 2]),
    st.integers(0, 100),
)
def test_the_transposed_layer_is_the_adjoint(
    rank: int, size: int, stride: int, dilation: int, padding: int, groups: int, seed: int
) -> None:
    # ⟨conv x, g⟩ = ⟨x, transposed conv g⟩ when the latter has the kernel with its channels exchanged.
    rng = np.random.default_rng(seed)
    down: Any = getattr(nn, f"Conv{rank}d")(
        2 * groups, 3 * groups, size, stride, padding, dilation, groups, False, dtype="float64"
    )
    n = 6
    x = rng.normal(size=(2, *(n,) * rank, 2 * groups))
    y = down(cr.asarray(x)).numpy()
    extra = (n + 2 * padding - dilation * (size - 1) - 1) % stride
    up: Any = getattr(nn, f"ConvTranspose{rank}d")(
        3 * groups, 2 * groups, size, stride, padding, extra, groups, False, dilation, dtype="float64"
    )
    split = down.weight.numpy().reshape(*(size,) * rank, 2, groups, 3)
    up.weight.assign(cr.asarray(np.swapaxes(split, -1, -3).reshape(*(size,) * rank, 3, 2 * groups)))
    g = rng.normal(size=y.shape)
    assert float((y * g).sum()) == pytest.approx(float((x * up(cr.asarray(g)).numpy()).sum()), rel=1e-9, abs=1e-9)


@given(st.integers(1, 9), st.integers(1, 5), st.integers(1, 3))
def test_same_padding_keeps_the_length(n: int, size: int, dilation: int) -> None:
    assert nn.Conv1d(1, 1, size, padding="same", dilation=dilation)(cr.ones((1, n, 1))).shape == (1, n, 1)


def test_a_batch_taken_in_parts_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> list[np.ndarray]:
        x, kernel = cr.tensor(images, requires_grad=True), cr.tensor(weights, requires_grad=True)
        y = ops.convolve(x, kernel, padding=1, groups=2)
        y.backward(cr.asarray(np.cos(np.arange(y.size, dtype="float32")).reshape(y.shape)))
        return [y.numpy(), x.grad.numpy(), kernel.grad.numpy()]

    images = RNG.normal(size=(5, 4, 4, 2)).astype("float32")
    weights = RNG.normal(size=(3, 3, 1, 4)).astype("float32")
    whole = run()
    monkeypatch.setattr(convolution, "_COLUMNS", 2 * 4 * 4 * 9 * 2)
    for a, b in zip(run(), whole, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("size", "options"),
    [
        ((3,), {"input_dilation": (2,), "padding": ((1, 1),)}),
        ((4,), {"input_dilation": (2,), "padding": ((2, 3),), "groups": 2}),
        ((2,), {"input_dilation": (3,), "padding": ((0, -1),)}),  # some places meet no entry of x
        ((5,), {"input_dilation": (3,), "padding": ((-1, 4),)}),
        ((3, 4), {"input_dilation": (2, 3), "padding": ((1, 0), (2, 2))}),
        ((2, 3), {"input_dilation": (1, 2), "padding": ((0, 1), (1, 1)), "groups": 4}),
        ((2, 2), {"input_dilation": (2, 2), "padding": ((1, 1), (2, 1)), "dilation": (2, 1)}),
        ((2, 3, 1), {"input_dilation": (2, 2, 2), "padding": ((1, 1), (1, 1), (0, 0))}),
        ((3,), {"groups": 2, "stride": (2,), "padding": ((1, 0),)}),
        ((2, 3), {"groups": 4, "stride": (2, 1), "padding": ((-1, 1), (1, 2)), "dilation": (1, 2)}),
        ((1, 1), {}),
        ((1, 1), {"stride": (2, 3)}),
    ],
)
def test_the_ways_on_a_processor(monkeypatch: pytest.MonkeyPatch, size: Any, options: dict[str, Any]) -> None:
    """In phases, x and g in each other's part, by groups, as a product: as on NumPy."""
    monkeypatch.setattr(convolution, "_WITH_ZEROS", 0)
    groups = options.get("groups", 1)
    x = RNG.normal(size=(2, *(5, 4, 2)[: len(size)], 4))
    kernel = RNG.normal(size=(*size, 4 // groups, 2 * groups))

    def both(x: Any, kernel: Any) -> Any:
        y, back = cr.vjp(lambda *inputs: ops.convolve(*inputs, **options), x, kernel)
        return y, *back(y * y)

    inputs = cr.asarray(x, dtype="float64"), cr.asarray(kernel, dtype="float64")
    for new, expected in zip(cr.compile(both)(*inputs), both(*inputs), strict=True):
        np.testing.assert_allclose(new.numpy(), expected.numpy(), atol=1e-12)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_training_is_the_same_compiled(rank: int, transposed: bool) -> None:
    name = f"Conv{'Transpose' * transposed}{rank}d"
    x = RNG.normal(size=(4, *(5,) * rank, 2))
    target = RNG.normal(size=(4, 3))

    def train(compiled: bool) -> list[Any]:
        cr.random.seed(0)
        body = getattr(nn, name)(2, 4, 3, stride=2, padding=1, groups=2, dtype="float64")
        model = nn.Sequential(body, nn.ReLU(), nn.GlobalAvgPool(), nn.Linear(4, 3, dtype="float64"))
        optimizer = optim.SGD(model.parameters(), lr=0.1)

        def step(x: Any, target: Any) -> Any:
            loss = losses.mse(model(x), target)
            optimizer.minimize(loss)
            return loss

        run = cr.compile(step) if compiled else step
        values = [float(run(cr.asarray(x), cr.asarray(target))) for _ in range(3)]
        assert not compiled or len(run.compilations) == 1
        return [values, *model.state_dict().values()]

    for a, b in zip(train(True), train(False), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_padding_with_its_own_entries() -> None:
    x = cr.tensor([1.0, 2.0, 3.0]).reshape((1, 3, 1))
    for mode, expected in (("reflect", [2, 1, 2, 3, 2]), ("replicate", [1, 1, 2, 3, 3]), ("circular", [3, 1, 2, 3, 1])):
        layer = nn.Conv1d(1, 1, 1, padding=1, padding_mode=mode, bias=False)
        layer.weight.assign(cr.ones((1, 1, 1)))
        assert layer(x).tolist()[0] == [[v] for v in expected]


@pytest.mark.parametrize(
    ("dialect", "bound", "bias"),
    [("pytorch", 1 / np.sqrt(75), True), ("keras", np.sqrt(6 / (75 + 16 * 25)), False)],
)
def test_first_values_in_the_dialects(dialect: str, bound: float, bias: bool) -> None:
    layer: Any = nn.Conv2d(3, 16, 5, dialect=dialect)
    weight = np.abs(layer.weight.numpy())
    assert 0.95 * bound < weight.max() <= bound
    assert (np.abs(layer.bias.numpy()).max() > 0) == bias
    with pytest.raises(ConfigError, match="no dialect 'pytroch'"):
        nn.Conv2d(3, 16, 5, dialect="pytroch")


def test_first_values_keep_the_variance() -> None:
    layer: Any = nn.Conv2d(64, 64, 3, groups=2)
    assert float(layer.weight.numpy().std()) == pytest.approx(np.sqrt(2 / (32 * 9)), rel=0.02)
    assert not layer.bias.numpy().any() and not layer.bias.penalised
    kernel, bias = init.convolution((3, 4, 5), dtype="float64")
    assert (kernel.shape, bias.shape, kernel.dtype, bias.dtype) == ((3, 4, 5), (5,), "float64", "float64")


def test_convolutions_are_not_run_in_loops() -> None:
    assert not cr.graph.OPS["convolve"].in_loops and not cr.graph.OPS["kernel_gradient"].in_loops


@pytest.mark.parametrize(
    ("layer", "shape", "words"),
    [
        (nn.Conv2d(3, 8, 3), (4, 3, 32, 32), r"3 channels come first.*\n.*np.moveaxis\(x, 1, -1\).*\(4, 32, 32, 3\)"),
        (nn.Conv1d(3, 8, 3), (4, 3, 32), r"channels come first"),
        (nn.Conv2d(1, 8, 3), (4, 28, 28), r"needs 4 axes.*\n.*x\[..., None\]"),
        (nn.Conv2d(3, 8, 3), (28, 28, 3), r"needs 4 axes.*\n.*x\[None\]"),
        (nn.Conv2d(3, 8, 3), (4, 28, 28, 5), r"in_channels should be 5"),
        (nn.Conv2d(3, 8, 7), (4, 6, 28, 3), r"6 long, and the kernel 7"),
        (nn.Conv2d(3, 8, 3, padding=1, dilation=4), (4, 6, 28, 3), r"8 long, and the kernel 9"),
        (nn.Conv1d(1, 1, 3, padding=4, padding_mode="reflect"), (1, 4, 1), r"reflect padding of 4.*\n.*at most 3"),
        (nn.ConvTranspose2d(3, 8, 3), (4, 3, 32, 32), r"channels come first"),
        (nn.ConvTranspose2d(3, 8, 3, padding=3), (4, 2, 2, 3), r"padding of 3 takes away"),
    ],
)
def test_bad_shapes(layer: nn.Module, shape: tuple[int, ...], words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        layer(cr.ones(shape))
    with pytest.raises(ShapeError, match=words):
        cr.compile(layer)(cr.ones(shape))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nn.Conv2d(3, 8, 3, groups=2), "2 groups need"),
        (lambda: nn.Conv2d(3, 8, (3, 3, 3)), "kernel_size is a whole number.*or 2 of them"),
        (lambda: nn.Conv2d(3, 8, 0), "kernel_size is a whole number of at least 1"),
        (lambda: nn.Conv2d(3, 8, 3, padding=-1), "padding is a whole number of at least 0"),
        (lambda: nn.Conv2d(3, 8, 3, padding=((1, 2), (1, 2, 3))), "padding in pairs"),
        (lambda: nn.Conv2d(3, 8, 3, padding="smae"), "padding is numbers"),
        (lambda: nn.Conv2d(3, 8, 3, 2, "same"), "only at stride 1"),
        (lambda: nn.Conv2d(3, 8, 3, padding_mode="mirror"), "no padding_mode 'mirror'"),
        (lambda: nn.ConvTranspose2d(3, 8, 3, 2, output_padding=2), "output_padding is smaller"),
    ],
)
def test_bad_options(make: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        make()


def test_other_bad_input() -> None:
    with pytest.raises(DtypeError, match="computes in float32 and got float64"):
        nn.Conv1d(1, 1, 1)(cr.ones((1, 2, 1), dtype="float64"))
    with pytest.raises(ShapeError, match="2 channels, and a kernel"):
        ops.convolve(cr.ones((1, 4, 2)), cr.ones((2, 3, 1)))
    with pytest.raises(ShapeError, match="is larger"):
        ops.convolve(cr.ones((1, 4, 2)), cr.ones((5, 2, 1)))
    with pytest.raises(ShapeError, match="as many spatial axes"):
        ops.convolve(cr.ones((4, 2)), cr.ones((5, 2, 1)))
    with pytest.raises(CheckpointError, match="weight"):
        nn.load_pytorch(nn.Conv1d(2, 3, 5), {"weight": np.ones((3, 2, 4)), "bias": np.ones(3)})


def test_representations_name_what_differs_from_the_usual() -> None:
    assert repr(nn.Conv2d(1, 2, 3)) == "Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1))"
    text = repr(nn.Conv1d(2, 2, 3, 1, 1, 2, 2, False, "circular"))
    for part in ("padding=((1, 1),)", "dilation=(2,)", "groups=2", "bias=False", "padding_mode='circular'"):
        assert part in text
    text = repr(nn.ConvTranspose1d(2, 2, 3, 2, 1, 1))
    assert "padding=(1,), output_padding=(1,)" in text


@pytest.mark.parametrize("size", [(1, 1), (2, 3)])
def test_bfloat16_stays(size: tuple[int, int]) -> None:
    layer = nn.Conv2d(2, 3, size, dtype="bfloat16")
    x = cr.ones((1, 4, 4, 2), dtype="bfloat16")
    eager, compiled = layer(x), cr.compile(layer)(x)
    assert eager.dtype == compiled.dtype == cr.bfloat16
    np.testing.assert_allclose(compiled.numpy().astype("f"), eager.numpy().astype("f"), rtol=0.05, atol=0.05)
