"""Layers one by one: what the comparison with PyTorch cannot say."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import ConfigError, DtypeError, LabelError, ShapeError


def test_linear_first_values_by_dialect() -> None:
    cr.random.seed(1)
    paper = nn.Linear(400, 300)
    assert float(paper.weight.numpy().std()) == pytest.approx((2 / 400) ** 0.5, rel=0.02)
    assert not paper.bias.numpy().any()
    pytorch = nn.Linear(400, 300, dialect="pytorch")
    assert np.abs(pytorch.weight.numpy()).max() <= 0.05 and pytorch.bias.numpy().any()
    keras = nn.Linear(400, 300, dialect="keras")
    assert 0.09 < np.abs(keras.weight.numpy()).max() <= (6 / 700) ** 0.5
    with pytest.raises(ConfigError, match="Did you mean 'pytorch'"):
        nn.Linear(2, 2, dialect="pytoch")


@pytest.mark.parametrize("sizes", [(0, 2), (2, -1), (2.0, 3), (True, 2)])
def test_linear_refuses_impossible_sizes(sizes: Any) -> None:
    with pytest.raises(ConfigError, match="whole number of at least 1"):
        nn.Linear(*sizes)


def test_linear_refuses_other_dtypes_and_single_numbers() -> None:
    layer = nn.Linear(2, 3)
    with pytest.raises(DtypeError, match=r"computes in float32 and got float64"):
        layer(cr.ones((1, 2), dtype="float64"))
    with pytest.raises(DtypeError, match="got uint8"):
        layer(np.ones((1, 2), np.uint8))
    with pytest.raises(ShapeError, match="at least one axis"):
        layer(cr.tensor(1.0))
    with pytest.raises(ShapeError, match=r"Flatten"):
        layer(cr.ones((1, 2, 3)))
    assert nn.Linear(2, 3, bias=False).bias is None


ALL = [
    nn.Identity(), nn.Sigmoid(), nn.Tanh(), nn.ReLU(), nn.LeakyReLU(), nn.Absolute(), nn.PReLU(), nn.ELU(), nn.GELU(),
    nn.GELU("tanh"), nn.SiLU(), nn.Softplus(), nn.Softplus(3.0), nn.Heaviside(), nn.Hardmax(), nn.Softmax(),
    nn.LogSoftmax(),
]  # fmt: skip


@pytest.mark.parametrize("layer", ALL, ids=repr)
def test_activations_survive_large_inputs_and_keep_the_dtype(layer: nn.Module) -> None:
    x = cr.tensor([[-1e4, -30.0, 0.0, 30.0, 1e4]], requires_grad=True)
    y = layer(x)
    assert y.dtype == cr.float32 and bool(cr.isfinite(y).all())
    if y.requires_grad:
        y.sum().backward()
        assert x.grad is not None and np.isfinite(x.grad.numpy()).all()


@pytest.mark.parametrize("layer", [m for m in ALL if not isinstance(m, nn.Heaviside | nn.Hardmax)], ids=repr)
def test_activations_have_right_gradients_of_both_orders(layer: nn.Module) -> None:
    layer = copy.deepcopy(layer).to("float64")
    x = np.random.default_rng(0).uniform(0.2, 2.5, (3, 4)) * np.array([-1, 1, 1, -1])
    cr.gradcheck(layer, [x], order=2)


def test_gradients_where_there_is_a_kink() -> None:
    def at_zero(layer: nn.Module) -> float:
        x = cr.tensor([0.0], requires_grad=True)
        layer(x).sum().backward()
        return float(x.grad[0])

    assert at_zero(nn.ReLU()) == 0.0
    assert at_zero(nn.Absolute()) == 0.0
    assert at_zero(nn.LeakyReLU(0.1)) == pytest.approx(0.1)
    assert at_zero(nn.PReLU()) == 0.25


def test_steps_give_no_gradient() -> None:
    x = cr.tensor([[-1.0, 0.0, 2.0]], requires_grad=True)
    assert not nn.Heaviside()(x).requires_grad and not nn.Hardmax()(x).requires_grad
    assert nn.Heaviside(at_zero=0.0)(x).tolist() == [[0.0, 0.0, 1.0]]
    assert nn.Heaviside(at_zero=0.5)(x).tolist() == [[0.0, 0.5, 1.0]]
    assert nn.Hardmax(0)(cr.tensor([[1.0, 5.0], [2.0, 5.0]])).tolist() == [[0.0, 1.0], [1.0, 0.0]]


def test_softmax_tends_to_hardmax_and_two_classes_are_a_sigmoid() -> None:
    x = cr.tensor([[1.0, 1.2, -3.0]])
    cold = nn.Softmax(temperature=1e-3)(x)
    np.testing.assert_allclose(cold.numpy(), nn.Softmax(temperature=0)(x).numpy(), atol=1e-6)
    np.testing.assert_allclose(nn.Softmax(temperature=1e6)(x).numpy(), 1 / 3, atol=1e-5)
    pair = cr.tensor([[0.3, -1.1]])
    assert float(nn.Softmax()(pair)[0, 0]) == pytest.approx(float(nn.Sigmoid()(pair[0, 0] - pair[0, 1])))
    assert nn.Softmax()(cr.tensor([[1e30, 0.0]])).tolist() == [[1.0, 0.0]]
    with pytest.raises(ConfigError, match="temperature"):
        nn.Softmax(temperature=-1)


def test_activation_options_are_checked_and_names_found() -> None:
    assert isinstance(nn.activation("ReLU"), nn.ReLU)
    assert repr(nn.activation("leaky-relu", negative_slope=0.3)) == "LeakyReLU(negative_slope=0.3)"
    with pytest.raises(ConfigError, match="Did you mean 'relu'"):
        nn.activation("rellu")
    with pytest.raises(ConfigError, match="'none' or 'tanh'"):
        nn.GELU("erf")
    with pytest.raises(ConfigError, match="beta > 0"):
        nn.Softplus(0)
    with pytest.raises(ShapeError, match="3 slopes"):
        nn.PReLU(3)(cr.ones((2, 4)))
    assert not nn.PReLU().weight.penalised


# -- dropout ---------------------------------------------------------------------------------------------------------


def test_dropout_keeps_the_mean_and_draws_anew() -> None:
    cr.random.seed(0)
    layer = nn.Dropout(0.3)
    x = cr.ones((400, 100))
    a, b = layer(x).numpy(), layer(x).numpy()
    assert set(np.unique(a)) == {np.float32(0), np.float32(1 / 0.7)}
    assert abs((a == 0).mean() - 0.3) < 0.01 and abs(a.mean() - 1) < 0.01
    assert (a != b).any()
    assert abs(((a == 0) & (b == 0)).mean() - 0.09) < 0.01  # one mask says nothing about the next


def test_dropout_gradient_passes_where_it_was_kept() -> None:
    layer = nn.Dropout(0.5)
    x = cr.ones((50,))
    x.requires_grad = True
    y = layer(x)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), y.numpy())


def test_dropout_does_nothing_in_eval_and_at_the_ends() -> None:
    x = cr.ones((10,))
    assert nn.Dropout(0.9).eval()(x) is x
    assert nn.Dropout(0.0)(x) is x
    assert not nn.Dropout(1.0)(x).numpy().any()
    for p in (-0.1, 1.5, "half", np.float32(1.5), np.float64("nan"), np.array([0.5])):
        with pytest.raises(ConfigError, match="from 0 to 1"):
            nn.Dropout(p)  # type: ignore[arg-type]
    shares: list[Any] = [np.float32(0.5), np.float16(0.5), np.int64(1), 1]
    assert [nn.Dropout(p).p for p in shares] == [0.5, 0.5, 1.0, 1.0]


def test_dropout_is_fixed_by_the_seed_and_its_state_is_saved() -> None:
    def made() -> nn.Sequential:
        cr.random.seed(5)
        return nn.Sequential(nn.Dropout(0.5), nn.Dropout(0.5))

    x = cr.ones((64,))
    one, two = made(), made()
    np.testing.assert_array_equal(one(x).numpy(), two(x).numpy())
    assert (one[0](x).numpy() != one[1](x).numpy()).any()  # two layers, two streams
    state = one.state_dict()
    again = one(x).numpy()
    two.load_state_dict(state)
    np.testing.assert_array_equal(two(x).numpy(), again)


def test_dropout_draws_the_same_compiled() -> None:
    def made() -> nn.Dropout:
        cr.random.seed(9)
        return nn.Dropout(0.4)

    eager, traced = made(), made()
    step = cr.compile(lambda x: traced(x))
    for _ in range(3):
        x = cr.ones((33,))
        np.testing.assert_array_equal(step(x).numpy(), eager(x).numpy())
    assert len(step.compilations) == 1
    traced.eval()
    assert step(cr.ones((33,))).tolist() == [1.0] * 33
    assert len(step.compilations) == 2 and "training" in step.compilations[1].reason


# -- normalisations ----------------------------------------------------------------------------------------------------


def test_batch_norm_normalises_and_remembers() -> None:
    layer = nn.BatchNorm(3)
    x = np.random.default_rng(0).normal([1.0, -5.0, 100.0], [0.1, 2.0, 30.0], (256, 3)).astype("f")
    y = layer(x).numpy()
    np.testing.assert_allclose(y.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(y.std(0), 1, atol=2e-3)
    np.testing.assert_allclose(layer.running_mean.numpy(), 0.1 * x.mean(0), rtol=1e-5)
    np.testing.assert_allclose(layer.running_var.numpy(), 0.9 + 0.1 * x.var(0, ddof=1), rtol=1e-5)
    layer.eval()
    before = layer.state_dict()
    layer(x)
    assert all((layer.state_dict()[k] == before[k]).all() for k in before)


def test_batch_norm_keeps_its_digits_far_from_zero() -> None:
    x = (1e4 + np.random.default_rng(0).normal(size=(64, 2))).astype("f")
    y = nn.BatchNorm(2)(x).numpy()
    exact = (x.astype("d") - x.astype("d").mean(0)) / np.sqrt(x.astype("d").var(0) + 1e-5)
    np.testing.assert_allclose(y, exact, atol=2e-3)
    constant = nn.BatchNorm(1)(cr.full((4, 1), 7.0))
    assert constant.tolist() == [[0.0]] * 4


def test_normalisations_refuse_what_does_not_fit() -> None:
    with pytest.raises(ShapeError, match=r"BatchNorm\(3.*got \(4, 2\): its num_features should be 2"):
        nn.BatchNorm(3)(cr.ones((4, 2)))
    with pytest.raises(ShapeError, match="a single row has no variance"):
        nn.BatchNorm(2)(cr.ones((1, 2)))
    assert nn.BatchNorm(2).eval()(cr.ones((1, 2))).shape == (1, 2)
    with pytest.raises(ShapeError, match="needs a batch"):
        nn.BatchNorm(2)(cr.ones((2,)))
    with pytest.raises(DtypeError, match="float64"):
        nn.BatchNorm(2)(cr.ones((3, 2), dtype="float64"))
    with pytest.raises(ConfigError, match="Keras"):
        nn.BatchNorm(2, momentum=1.5)
    with pytest.raises(ShapeError, match=r"its normalized_shape should be \(5,\)"):
        nn.LayerNorm(4)(cr.ones((2, 5)))
    with pytest.raises(ConfigError, match="epsilon > 0"):
        nn.LayerNorm(4, epsilon=0.0)
    assert not any(p.penalised for m in (nn.BatchNorm(2), nn.LayerNorm(2)) for p in m.parameters())


def test_layer_norm_is_the_same_in_both_modes() -> None:
    layer, x = nn.LayerNorm((2, 3)), cr.random.normal((5, 2, 3))
    np.testing.assert_array_equal(layer(x).numpy(), layer.eval()(x).numpy())
    assert nn.LayerNorm(3, affine=False)(x).shape == (5, 2, 3)
    assert list(nn.LayerNorm(3, affine=False).parameters()) == []


# -- embedding, flatten, residual ------------------------------------------------------------------------------------


def test_embedding_gradient_is_rows() -> None:
    table = nn.Embedding(100, 4)
    table(cr.tensor([[1, 5], [1, 99]])).sum().backward()
    grad = table.weight.grad
    assert isinstance(grad, cr.graph.RowSparse) and grad.rows.shape == (4,)
    dense = grad.dense().numpy()
    assert dense[1].tolist() == [2.0] * 4 and dense[5].tolist() == [1.0] * 4 and dense.sum() == 16


def test_embedding_names_the_id_that_is_outside() -> None:
    table = nn.Embedding(10, 2)
    with pytest.raises(LabelError, match=r"id 10 at \[1, 0\].*0 to 9"):
        table(np.array([[0, 3], [10, 1]]))
    with pytest.raises(LabelError, match="id -1"):
        nn.Sequential(table)(np.array([-1]))
    with pytest.raises(DtypeError, match="integer ids"):
        table(cr.ones((2,)))
    assert table(np.zeros((0, 3), np.int64)).shape == (0, 3, 2)
    with pytest.raises(ConfigError, match="padding_idx"):
        nn.Embedding(3, 2, padding_idx=3)


def test_embedding_outside_gives_nan_when_compiled() -> None:
    table = nn.Embedding(4, 2)
    y = cr.compile(lambda ids: table(ids))(np.array([0, 4, -1]))
    assert np.isnan(y.numpy()).all(axis=1).tolist() == [False, True, True]


def test_padding_is_not_learned() -> None:
    table = nn.Embedding(5, 3, padding_idx=-1)
    assert table.padding_idx == 4 and not table.weight.numpy()[4].any()
    optimizer = cr.optim.Adam(table.parameters(), lr=0.1)
    optimizer.minimize(cr.square(table(np.array([0, 4, 4])) - 1.0).sum())
    assert not table.weight.numpy()[4].any() and table.weight.numpy()[0].any()


def test_flatten() -> None:
    assert nn.Flatten()(cr.ones((2, 3, 4, 5))).shape == (2, 60)
    assert nn.Flatten(0)(cr.ones((3, 1))).shape == (3,)
    assert nn.Flatten(1, 2)(cr.ones((2, 3, 4, 5))).shape == (2, 12, 5)
    assert nn.Flatten()(cr.ones((0, 3, 4))).shape == (0, 12)
    with pytest.raises(ShapeError, match="no axis"):
        nn.Flatten(3)(cr.ones((2, 3)))
    with pytest.raises(ShapeError, match="comes after"):
        nn.Flatten(2, 1)(cr.ones((2, 3, 4)))


def test_residual_adds_and_says_when_it_cannot() -> None:
    block = nn.Residual(nn.Identity(), nn.Identity())
    assert block(cr.ones((2, 3))).tolist() == [[2.0] * 3] * 2
    with pytest.raises(ShapeError, match=r"made \(2, 5\) of it and the way around \(2, 3\)") as caught:
        nn.Sequential(nn.Residual(nn.Linear(3, 5)))(cr.ones((2, 3)))
    assert "shortcut=nn.Linear(3, 5)" in str(caught.value)
