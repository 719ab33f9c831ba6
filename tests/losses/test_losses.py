"""Losses: what the comparison with PyTorch cannot say: errors, weights of rows, options, predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import losses
from chainrule.errors import ConfigError, DtypeError, LabelError, ShapeError


@pytest.mark.parametrize("loss", [losses.mse, losses.mae, losses.huber, losses.binary_cross_entropy])
def test_a_column_against_a_row_is_refused_with_the_fix(loss: Any) -> None:
    column, row = cr.zeros((32, 1)), cr.zeros((32,))
    with pytest.raises(ShapeError) as caught:
        loss(column, row)
    message = str(caught.value)
    assert (
        "(32, 1)" in message and "(32,)" in message and "(32, 32)" in message and "fix: prediction[..., 0]" in message
    )
    with pytest.raises(ShapeError, match=r"fix: target\[..., 0\]"):
        loss(row, column)


@pytest.mark.parametrize("shapes", [((3, 2), (3, 3)), ((3,), (4,)), ((3, 1, 2), (3, 2)), ((), (1,)), ((4, 3), (3,))])
def test_no_broadcasting_at_all(shapes: Any) -> None:
    with pytest.raises(ShapeError, match="fix:"):
        losses.mse(cr.zeros(shapes[0]), cr.zeros(shapes[1]))


@pytest.mark.parametrize(
    ("label", "message", "fix"),
    [
        (10, r"label 10 in row 3; with 10 classes labels are 0 to 9 \(1 of 5 are outside\)", "11 outputs"),
        (-1, "label -1 in row 3", "ignore_index=-1"),
        (-7, "label -7 in row 3", "numbered from 0"),
    ],
)
def test_a_label_outside_is_named(label: int, message: str, fix: str) -> None:
    labels = np.array([0, 1, 2, label, 4])
    with pytest.raises(LabelError, match=message) as caught:
        losses.cross_entropy(cr.zeros((5, 10)), labels)
    assert fix in str(caught.value)
    others: list[dict[str, Any]] = [{"class_weights": np.ones(10)}, {"label_smoothing": 0.1}, {"reduction": "none"}]
    for options in others:
        with pytest.raises(LabelError, match=message):
            losses.cross_entropy(cr.zeros((5, 10)), labels, **options)
    with pytest.raises(LabelError, match=message):
        losses.nll(cr.zeros((5, 10)), labels)


def test_labels_counted_from_one_are_recognised() -> None:
    with pytest.raises(LabelError, match="labels - 1"):
        losses.cross_entropy(cr.zeros((3, 3)), np.array([1, 2, 3]))
    with pytest.raises(LabelError, match=r"row \(1, 0\)"):
        losses.cross_entropy(cr.zeros((2, 2, 3)), np.array([[0, 1], [5, 1]]))


def test_a_label_outside_makes_the_loss_nan_when_compiled() -> None:
    others: list[dict[str, Any]] = [{}, {"class_weights": np.ones(3)}, {"ignore_index": -100}, {"label_smoothing": 0.1}]
    for options in others:
        step = cr.compile(lambda x, t, o=options: losses.cross_entropy(x, t, **o))
        assert np.isnan(float(step(cr.zeros((2, 3)), np.array([0, 3]))))
        assert not np.isnan(float(step(cr.zeros((2, 3)), np.array([0, 2]))))
    assert np.isnan(float(cr.compile(lambda x, t: losses.nll(x, t))(cr.zeros((2, 3)), np.array([0, -1]))))


def test_nan_logits_are_not_taken_for_wrong_labels() -> None:
    assert np.isnan(float(losses.cross_entropy(cr.tensor([[float("nan"), 0.0]]), np.array([0]))))


def test_labels_of_a_wrong_kind_or_shape() -> None:
    logits = cr.zeros((4, 3))
    with pytest.raises(DtypeError, match="int32"):
        losses.cross_entropy(logits, cr.zeros((4,)))
    with pytest.raises(ShapeError, match=r"labels\[..., 0\]"):
        losses.cross_entropy(logits, np.zeros((4, 1), int))
    with pytest.raises(ShapeError, match="argmax"):
        losses.cross_entropy(logits, np.eye(3, dtype=int)[[0, 1, 2, 0]])
    with pytest.raises(ShapeError, match="one label for each row"):
        losses.cross_entropy(logits, np.zeros(5, int))
    with pytest.raises(ShapeError, match="3 classes"):
        losses.cross_entropy(logits, np.zeros(4, int), class_weights=[1.0, 2.0])
    with pytest.raises(ConfigError, match="label_smoothing"):
        losses.cross_entropy(logits, np.zeros(4, int), label_smoothing=1.5)


def test_binary_targets_outside_are_named() -> None:
    with pytest.raises(LabelError, match=r"target 2 in row 1") as caught:
        losses.binary_cross_entropy(cr.zeros((3,)), np.array([0, 2, 1]))
    assert "cross_entropy" in str(caught.value)
    with pytest.raises(LabelError, match=r"\(target \+ 1\) / 2"):
        losses.binary_cross_entropy(cr.zeros((2,)), np.array([-1, 1]))
    with pytest.raises(LabelError, match="nan"):
        losses.binary_cross_entropy(cr.zeros((2,)), cr.tensor([0.0, float("nan")]))
    with pytest.raises(ConfigError, match="positive_weight"):
        losses.binary_cross_entropy(cr.zeros((1,)), np.array([1]), positive_weight=-1)
    assert float(losses.binary_cross_entropy(cr.tensor([1e4, -1e4]), np.array([True, False]))) == 0.0


def test_two_classes_are_a_binary_loss_of_the_difference() -> None:
    rng = np.random.default_rng(0)
    logits, labels = cr.asarray(rng.normal(size=(9, 2))), rng.integers(0, 2, 9)
    binary = losses.binary_cross_entropy(logits[:, 1] - logits[:, 0], labels)
    assert float(losses.cross_entropy(logits, labels)) == pytest.approx(float(binary), rel=1e-12)


@pytest.mark.parametrize("kind", ["softmax", "soft targets", "sigmoid", "identity"])
def test_an_output_layer_has_the_gradient_a_minus_y_over_m(kind: str) -> None:
    """With the loss that belongs to its activation, and 1/m once."""
    rng = np.random.default_rng(1)
    z = cr.tensor(rng.normal(size=(6, 4) if "so" in kind else 6), dtype="float64", requires_grad=True)
    labels, numbers, soft = rng.integers(0, 4, 6), rng.normal(size=6), rng.dirichlet(np.ones(4), 6)
    loss, a, y = {
        "softmax": lambda: (losses.cross_entropy(z, labels), cr.softmax(z), np.eye(4)[labels]),
        "soft targets": lambda: (losses.cross_entropy(z, cr.asarray(soft)), cr.softmax(z), soft),
        "sigmoid": lambda: (losses.binary_cross_entropy(z, labels % 2), cr.sigmoid(z), labels % 2),
        "identity": lambda: (0.5 * losses.mse(z, cr.asarray(numbers)), z, numbers),
    }[kind]()
    loss.backward()
    np.testing.assert_allclose(z.grad.numpy(), (a.detach().numpy() - y) / 6, rtol=1e-10, atol=1e-14)


def test_another_pair_of_activation_and_loss_has_another_gradient() -> None:
    z, y = cr.tensor([0.5, -2.0], dtype="float64", requires_grad=True), np.array([1.0, 0.0])
    (0.5 * losses.mse(cr.sigmoid(z), cr.asarray(y))).backward()
    a = cr.sigmoid(z.detach()).numpy()
    np.testing.assert_allclose(z.grad.numpy(), (a - y) * a * (1 - a) / 2, rtol=1e-10)


def test_integer_targets_do_not_widen_the_loss() -> None:
    x = cr.zeros((3,))
    assert losses.mse(x, np.array([1, 2, 3])).dtype == cr.float32
    assert losses.mse(x, cr.zeros((3,), dtype="float64")).dtype == cr.float32
    assert losses.binary_cross_entropy(x, np.array([1, 0, 1])).dtype == cr.float32


CASES: list[tuple[Any, Any, Any]] = [
    (losses.mse, (6,), "number"),
    (losses.mae, (6, 3), "number"),
    (losses.huber, (6, 3), "number"),
    (losses.binary_cross_entropy, (6,), "binary"),
    (losses.cross_entropy, (6, 4), "label"),
    (losses.nll, (6, 4), "label"),
    (losses.focal, (6, 4), "label"),
    (lambda *a, **k: losses.focal(*a, class_weights=[1, 2, 3, 4], **k), (6, 4), "label"),
    (losses.multi_margin, (6, 4), "label"),
    (losses.binary_focal, (6,), "binary"),
    (losses.soft_margin, (6, 2), "binary"),
    (lambda *a, **k: losses.hinge(*a, margin=9.0, **k), (6,), "binary"),
    (losses.poisson_nll, (6,), "number"),
    (losses.smooth_l1, (6, 3), "number"),
    (lambda *a, **k: losses.cross_entropy(*a, label_smoothing=0.1, class_weights=[1, 2, 3, 4], **k), (6, 4), "label"),
    (lambda *a, **k: losses.cross_entropy(*a, ignore_index=0, **k), (6, 4), "label"),
]


def _inputs(shape: Any, kind: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    x = rng.normal(size=shape)
    if kind == "label":
        return x, np.array([1, 2, 3, 1, 2, 3])
    return x, rng.integers(0, 2, shape).astype(float) if kind == "binary" else rng.normal(size=shape)


@pytest.mark.parametrize(("loss", "shape", "kind"), CASES)
def test_rows_of_weight_zero_are_not_there(loss: Any, shape: Any, kind: str) -> None:
    x, t = _inputs(shape, kind)
    whole = loss(cr.asarray(x[:4]), t[:4])
    padded_x, padded_t = x.copy(), t.copy()
    weights = np.array([1, 1, 1, 1, 0, 0])
    assert float(loss(cr.asarray(padded_x), padded_t, weights=weights)) == pytest.approx(float(whole), rel=1e-12)
    x64 = cr.asarray(padded_x)
    x64.requires_grad = True
    loss(x64, padded_t, weights=weights).backward()
    assert not x64.grad.numpy()[4:].any() and x64.grad.numpy()[:4].any()


@pytest.mark.parametrize(("loss", "shape", "kind"), CASES)
def test_a_weight_of_two_is_the_row_twice(loss: Any, shape: Any, kind: str) -> None:
    x, t = _inputs(shape, kind)
    twice = loss(cr.asarray(np.concatenate([x, x[:1]])), np.concatenate([t, t[:1]]))
    weighted = loss(cr.asarray(x), t, weights=np.array([2.0, 1, 1, 1, 1, 1]))
    assert float(weighted) == pytest.approx(float(twice), rel=1e-12)


@pytest.mark.parametrize(("loss", "shape", "kind"), CASES)
def test_weights_that_are_all_zero_or_do_not_fit(loss: Any, shape: Any, kind: str) -> None:
    x, t = _inputs(shape, kind)
    assert float(loss(cr.asarray(x), t, weights=np.zeros(6))) == 0.0
    with pytest.raises(ShapeError, match="weights have the shape"):
        loss(cr.asarray(x), t, weights=np.ones(5))
    with pytest.raises(ConfigError, match="reduction"):
        loss(cr.asarray(x), t, reduction="average")


def test_weights_of_tokens_and_of_sentences() -> None:
    rng = np.random.default_rng(0)
    x, t = cr.asarray(rng.normal(size=(2, 3, 5))), rng.integers(0, 5, (2, 3))
    rows = losses.cross_entropy(x, t, reduction="none").numpy()
    tokens = np.array([[1, 1, 0], [1, 0, 0]])
    assert float(losses.cross_entropy(x, t, weights=tokens)) == pytest.approx((rows * tokens).sum() / 3)
    assert float(losses.cross_entropy(x, t, weights=np.array([3.0, 1.0]))) == pytest.approx(
        (3 * rows[0].mean() + rows[1].mean()) / 4
    )


def test_micro_batches_weighted_by_their_counts_are_one_batch() -> None:
    rng = np.random.default_rng(5)
    w = cr.tensor(rng.normal(size=(3, 4)), dtype="float64", requires_grad=True)
    x, t = cr.asarray(rng.normal(size=(10, 3))), rng.integers(0, 4, 10)
    losses.cross_entropy(x @ w, t).backward()
    whole = w.grad.numpy()
    w.zero_grad()
    for part in (slice(0, 3), slice(3, 10)):
        count = len(t[part])
        (losses.cross_entropy(x[part] @ w, t[part]) * (count / 10)).backward()
    np.testing.assert_allclose(w.grad.numpy(), whole, rtol=1e-12)


def test_all_rows_ignored_is_zero_with_a_zero_gradient() -> None:
    x = cr.tensor([[1.0, 2.0]], requires_grad=True)
    loss = losses.cross_entropy(x, np.array([-100]), ignore_index=-100)
    loss.backward()
    assert float(loss) == 0.0 and not x.grad.numpy().any()


@pytest.mark.parametrize("name", sorted(losses.LOSSES))
def test_classes_are_their_functions_and_come_back_from_their_options(name: str) -> None:
    loss = losses.make(name)
    assert loss.name == name
    again = losses.make(loss.name, **loss.options)
    assert repr(again) == repr(loss)
    function, weights = getattr(losses, name), np.arange(6.0)
    rng = np.random.default_rng(0)
    if name in ("contrastive", "cosine_embedding", "margin_ranking", "triplet_margin", "info_nce", "bpr"):
        outputs = tuple(rng.normal(size=(3 if name == "triplet_margin" else 2, 6, 4)))
        if name in ("bpr", "margin_ranking"):
            outputs = tuple(x[:, 0] for x in outputs)
        target = () if name in ("triplet_margin", "info_nce", "bpr") else (np.array([1, 0, 1, 1, 0, 0]),)
        assert float(loss(outputs, *target)) == float(function(*outputs, *target))
        assert float(again(outputs, *target, weights=weights)) == float(function(*outputs, *target, weights=weights))
        with pytest.raises(ConfigError, match="outputs and got"):
            loss(outputs[0], *target)
        return
    shape, kind = (
        ((6, 4), "label")
        if name in ("cross_entropy", "nll", "focal", "multi_margin", "distillation")
        else ((6,), "binary")
    )
    x, t = _inputs(shape, kind)
    given: tuple[Any, ...] = (t,)
    if name == "distillation":
        given = (rng.normal(size=shape), t)
        assert float(loss(cr.asarray(x), given)) == float(function(cr.asarray(x), *given))
        return
    if name == "multi_label_margin":
        x, t = rng.normal(size=(6, 4)), rng.integers(0, 2, (6, 4))
        given = (t,)
    if name == "kl_divergence":
        x, t = np.log(rng.dirichlet(np.ones(4), 6)), rng.dirichlet(np.ones(4), 6)
        given = (t,)
    if name == "gaussian_nll":
        given = (t, cr.exp(cr.asarray(x)))
        assert float(loss(cr.asarray(np.stack([x, x], -1)), t)) == float(function(cr.asarray(x), *given))
        return
    assert float(loss(cr.asarray(x), t)) == float(function(cr.asarray(x), *given))
    assert float(again(cr.asarray(x), t, weights=weights)) == float(function(cr.asarray(x), *given, weights=weights))


def test_predictions() -> None:
    z = np.array([[1.0, 3.0, -2.0], [900.0, 0.0, 0.0]])
    p = losses.CrossEntropy().predict(z)
    np.testing.assert_allclose(p.sum(1), 1)
    assert p[1].tolist() == [1.0, 0.0, 0.0]
    np.testing.assert_allclose(losses.BinaryCrossEntropy().predict(np.array([0.0, 800.0, -800.0])), [0.5, 1, 0])
    np.testing.assert_allclose(losses.NLL().predict(np.log([[0.25, 0.75]])), [[0.25, 0.75]])
    assert losses.MSE().predict(z) is z
    assert losses.CrossEntropy().predict(z.astype("f")).dtype == np.float32


def test_losses_by_name_say_what_they_do_not_know() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'cross_entropy'"):
        losses.make("crossentropy")
    with pytest.raises(ConfigError, match="Did you mean 'label_smoothing'"):
        losses.make("cross_entropy", smoothing=0.1)
    with pytest.raises(ConfigError, match="reduction"):
        losses.MSE(reduction="average")
    with pytest.raises(ConfigError, match="delta"):
        losses.huber(cr.zeros((1,)), cr.zeros((1,)), delta=0)
    weighted = losses.CrossEntropy(class_weights=np.array([1.0, 2.0]))
    assert weighted.options["class_weights"] == [1.0, 2.0]
