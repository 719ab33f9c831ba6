"""Linear layers of 8 bits: the formula, exact sums, small files, the same predictions, and no training."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule import data, losses, models, nn, optim, train
from chainrule.errors import CheckpointError, ConfigError, DtypeError, NonFiniteError, OpError, ShapeError
from chainrule.ops.quantized import quantized_linear

RNG = np.random.default_rng(0)


def formula(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Sums of products of whole numbers, each row and each column with a step of its own."""
    s = np.abs(weight).max(axis=0) / np.float32(127)
    q = np.round(weight / s).astype(np.int64)
    t = np.abs(x).max(axis=-1, keepdims=True) / np.float32(127)
    p = np.round(x / t).astype(np.int64)
    assert max(abs(q).max(), abs(p).max()) == 127
    return (p @ q).astype(np.float32) * t * s + bias


@pytest.mark.parametrize("rows", [1, 5])
def test_is_the_formula(rows: int) -> None:
    x = RNG.normal(size=(rows, 40)).astype(np.float32)
    linear = nn.Linear(40, 7)
    linear.bias.assign(RNG.normal(size=7))
    layer = nn.QuantizedLinear.of(linear)
    expected = formula(x, linear.weight.numpy(), linear.bias.numpy())
    np.testing.assert_array_equal(layer(x).numpy(), expected)
    np.testing.assert_allclose(cr.compile(layer)(x).numpy(), expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(layer(x).numpy(), linear(x).numpy(), atol=0.03 * np.abs(expected).max())
    np.testing.assert_array_equal(layer(x.reshape(rows, 1, 40)).numpy()[:, 0], expected)


@pytest.mark.parametrize("inputs", [3, 1024, 1025, 5000])
@pytest.mark.parametrize("rows", [1, 2, 9])
def test_sums_are_exact_also_where_they_are_largest(inputs: int, rows: int) -> None:
    """Instructions for int8 that saturate on the way, and floating sums past 2²⁴, would show."""
    sign = np.where(RNG.random((rows, inputs)) < 0.02, -127, 127)
    weight = np.full((inputs, 4), 127, np.int8)
    weight[:, 1], weight[1:, 2], weight[::2, 3] = -127, 126, -126
    x, scale = sign.astype(np.float64), np.ones(4)
    expected = sign.astype(np.int64) @ weight.astype(np.int64)
    for how in (lambda f: f, cr.compile):
        y = how(lambda x: quantized_linear(x, cr.asarray(weight), cr.asarray(scale)))(cr.asarray(x))
        np.testing.assert_array_equal(y.numpy(), expected)


@given(st.integers(0, 2**16), st.integers(1, 6), st.integers(1, 40), st.floats(1e-30, 1e30))
def test_a_row_depends_on_no_other_and_errs_by_half_a_step(seed: int, rows: int, inputs: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    cr.random.seed(seed)
    linear = nn.Linear(inputs, 3, dtype="float64")
    layer = nn.QuantizedLinear.of(linear)
    x = cr.asarray(rng.normal(size=(rows, inputs)) * size * 10.0 ** rng.integers(-3, 4, (rows, 1)))
    y = layer(x).numpy()
    for i in range(rows):
        np.testing.assert_array_equal(layer(x[i]).numpy(), y[i])
    a, w = np.abs(x.numpy()), np.abs(linear.weight.numpy())
    t, s = a.max(axis=1, keepdims=True) / 127, w.max(axis=0) / 127
    bound = t / 2 * w.sum(axis=0) + (a + t / 2).sum(axis=1, keepdims=True) * s / 2
    assert (np.abs(y - linear(x).numpy()) <= bound * (1 + 1e-9)).all()


def test_special_values() -> None:
    linear = nn.Linear(3, 2)
    linear.weight.assign(cr.tensor([[0.0, 1e-45], [0.0, -1.9e-43], [0.0, 0.0]]))
    linear.bias.assign(cr.tensor([1.0, 2.0]))
    layer = nn.QuantizedLinear.of(linear)
    assert layer.int8_weight[:, 0].tolist() == [0, 0, 0]
    assert layer.int8_weight.numpy().min() == -127
    x = np.array([[0, 0, 0], [np.inf, 0, 1], [np.nan, 0, 1], [-np.inf, np.inf, 1], [1e-45, 0, 0]], np.float32)
    for how in (lambda f: f, cr.compile):
        y = how(layer)(x).numpy()
        assert y[0].tolist() == [1.0, 2.0] == y[4].tolist()
        assert np.isnan(y[1:4]).all()
    assert layer(np.zeros((0, 3), np.float32)).shape == (0, 2)


def test_digits_are_recognised_as_well_with_a_quarter_of_the_bytes(tmp_path: Path) -> None:

    def fresh() -> nn.Module:
        return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))

    digits = data.bundled("digits")
    order = np.random.default_rng(0).permutation(len(digits))
    images, labels = digits.inputs[0].reshape(-1, 64)[order] / np.float32(16), np.asarray(digits.target)[order]
    cr.random.seed(0)
    model = fresh()
    optimizer = optim.Adam(model.parameters(), lr=0.005)
    step = cr.compile(lambda x, y: optimizer.minimize(losses.cross_entropy(model(x), y)))
    for start in [*range(0, 1280, 64)] * 12:
        step(images[start : start + 64], labels[start : start + 64])
    small = nn.quantize_dynamic(model)

    def accuracy(m: Any) -> float:
        return float((m(images[1280:]).numpy().argmax(axis=1) == labels[1280:]).mean())

    assert accuracy(model.eval()) > 0.9
    assert abs(accuracy(small) - accuracy(model)) < 0.005
    assert accuracy(cr.compile(small)) == accuracy(small)

    train.save_weights(model, tmp_path / "model.safetensors")
    train.save_weights(small, tmp_path / "small.safetensors")
    sizes = [sum(v.nbytes for k, v in m.state_dict().items() if "weight" in k) for m in (model, small)]
    assert sizes[1] * 4 == sizes[0]
    assert (tmp_path / "small.safetensors").stat().st_size < 0.35 * (tmp_path / "model.safetensors").stat().st_size
    cr.random.seed(1)
    other = nn.quantize_dynamic(fresh())
    train.load_weights(other, tmp_path / "small.safetensors")
    np.testing.assert_array_equal(other(images).numpy(), small(images).numpy())
    with pytest.raises(CheckpointError, match=r"0\.int8_weight"):
        train.load_weights(model, tmp_path / "small.safetensors")


def test_the_model_stays_and_the_copy_is_for_prediction() -> None:
    cr.random.seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Checkpoint(nn.Linear(8, 2)))
    before, x = model.state_dict(), cr.asarray(RNG.normal(size=(3, 4)).astype(np.float32))
    small = nn.quantize_dynamic(model)
    assert model.training and all(p.requires_grad for p in model.parameters())
    assert all((model.state_dict()[k] == v).all() for k, v in before.items())
    assert not small.training and not list(small.parameters())
    assert [v.name for v in small.buffers() if v.dtype == "int8"] == ["0.int8_weight", "2.int8_weight"]
    np.testing.assert_allclose(small(x).numpy(), model.eval()(x).numpy(), atol=0.05)
    with pytest.raises(ShapeError, match=r"layer '2' \(QuantizedLinear\(8, 2"):
        small[2](cr.ones((1, 3)))
    assert isinstance(nn.quantize_dynamic(nn.Linear(2, 2)), nn.QuantizedLinear)


def test_language_models_and_layers_that_share_their_weights() -> None:
    cr.random.seed(0)
    model = models.TransformerLanguageModel(20, width=16, layers=2, heads=2, context=8).eval()
    tokens = RNG.integers(0, 20, (2, 6))
    small = nn.quantize_dynamic(model)
    assert sum(isinstance(m, nn.QuantizedLinear) for m in small.modules()) == 12
    difference = np.abs(small(tokens).numpy() - model(tokens).numpy()).max()
    assert 0 < difference < 0.05 * np.abs(model(tokens).numpy()).max()

    tied = models.Autoencoder(6, [4], tied=True).eval()
    x = RNG.normal(size=(3, 6)).astype(np.float32)
    np.testing.assert_allclose(nn.quantize_dynamic(tied)(x).numpy(), tied(x).numpy(), atol=0.05)

    adapted = nn.quantize_dynamic(nn.add_lora(nn.Sequential(nn.Linear(6, 6)), 2, targets=["0"]))
    y = adapted(x).numpy()
    np.testing.assert_allclose(nn.merge_lora(adapted)(x).numpy(), y, atol=0.05)


def test_it_is_not_for_training() -> None:
    small = nn.quantize_dynamic(nn.Sequential(nn.Linear(4, 2)))
    with pytest.raises(OpError, match="no backward rule"):
        small(cr.tensor(np.ones((1, 4)), requires_grad=True))
    with pytest.raises(ConfigError, match=r"layer '0' .*only predicts"):
        small.train()(cr.ones((1, 4)))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ConfigError, match="no Linear layers"):
        nn.quantize_dynamic(nn.Sequential(nn.ReLU()))
    with pytest.raises(ConfigError, match="at most 133,144"):
        nn.QuantizedLinear(200_000, 1)
    with pytest.raises(DtypeError, match="computes in float32 and got float64"):
        nn.QuantizedLinear(2, 1)(cr.asarray(np.ones((1, 2))))
    broken = nn.Linear(2, 2)
    broken.weight.assign(cr.tensor([[np.nan, 1.0], [1.0, 1.0]]))
    with pytest.raises(NonFiniteError, match="not finite"):
        nn.quantize_dynamic(broken)


@pytest.mark.torch
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("bias", [False, True])
def test_beside_pytorch(seed: int, bias: bool) -> None:
    """Both stay as near to the floating network, and to each other, as 8 bits allow."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(seed)
    theirs = torch.nn.Sequential(torch.nn.Linear(64, 32, bias), torch.nn.ReLU(), torch.nn.Linear(32, 10, bias)).eval()
    ours = nn.Sequential(nn.Linear(64, 32, bias), nn.ReLU(), nn.Linear(32, 10, bias))
    nn.load_pytorch(ours, theirs.state_dict())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the move to another package
        small = torch.ao.quantization.quantize_dynamic(theirs, {torch.nn.Linear}, dtype=torch.qint8)
        x = RNG.normal(size=(50, 64)).astype(np.float32)
        with torch.no_grad():
            exact, rounded = theirs(torch.from_numpy(x)).numpy(), small(torch.from_numpy(x)).numpy()
    found = nn.quantize_dynamic(ours)(x).numpy()

    def distance(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.linalg.norm(a - b) / np.linalg.norm(exact))

    # Rounding to 1/127 of the largest of a row or column errs by 0.4 to 0.6 % of its size: about 1 % after two layers.
    assert distance(found, exact) < 0.015
    assert distance(found, exact) < distance(rounded, exact)
    assert distance(found, rounded) < 0.03
