"""Focal, hinge, pair and likelihood losses and distillation: the papers' formulas in NumPy, extremes, bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import losses, nn, optim
from chainrule.errors import ConfigError, LabelError, ShapeError

RNG = np.random.default_rng(0)
Z = RNG.normal(0, 2, (7, 4))
LABELS = RNG.integers(0, 4, 7)


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_is_the_papers_formula(gamma: float) -> None:
    p = softmax(Z)[np.arange(7), LABELS]
    expected = -((1 - p) ** gamma) * np.log(p)
    found = losses.focal(cr.asarray(Z), LABELS, gamma=gamma, reduction="none")
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)
    z, t = Z[:, 0], LABELS % 2
    p = np.where(t == 1, 1 / (1 + np.exp(-z)), 1 / (1 + np.exp(z)))
    alpha = np.where(t == 1, 0.3, 0.7)
    for target in (t, t == 1, 2 * t - 1):
        found = losses.binary_focal(cr.asarray(z), target, gamma=gamma, alpha=0.3, reduction="none")
        np.testing.assert_allclose(found.numpy(), -alpha * (1 - p) ** gamma * np.log(p), rtol=1e-12)


def test_focal_with_gamma_0_is_cross_entropy_with_all_its_options() -> None:
    labels = np.where(np.arange(7) == 2, -1, LABELS)
    options: dict[str, Any] = {"class_weights": np.array([1.0, 2.0, 0.5, 3.0]), "ignore_index": -1}
    for reduction in ("mean", "sum", "none"):
        a = losses.focal(cr.asarray(Z), labels, gamma=0, reduction=reduction, **options)
        b = losses.cross_entropy(cr.asarray(Z), labels, reduction=reduction, **options)
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12)
    binary = losses.binary_focal(cr.asarray(Z), LABELS[:, None] == np.arange(4), gamma=0, alpha=None)
    expected = losses.binary_cross_entropy(cr.asarray(Z), LABELS[:, None] == np.arange(4))
    assert float(binary) == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_stays_finite_where_it_is_certain(gamma: float) -> None:
    z = cr.tensor([[1000.0, 0.0], [0.0, 1000.0]], requires_grad=True)
    loss = losses.focal(z, np.array([0, 0]), gamma=gamma)
    loss.backward()
    assert float(loss) == 500.0 and np.isfinite(z.grad.numpy()).all()


def test_what_is_impossible_and_not_expected_costs_nothing() -> None:
    z = cr.tensor([[0.0, -np.inf, 1.0]], dtype="float64", requires_grad=True)
    loss = losses.cross_entropy(z, cr.tensor([[0.5, 0.0, 0.5]], dtype="float64"))
    loss.backward()
    expected = losses.cross_entropy(cr.tensor([[0.0, 1.0]], dtype="float64"), cr.tensor([[0.5, 0.5]], dtype="float64"))
    assert float(loss) == pytest.approx(float(expected), rel=1e-12)
    np.testing.assert_allclose(z.grad.numpy(), [[1 / (1 + np.e) - 0.5, 0, np.e / (1 + np.e) - 0.5]], rtol=1e-12)
    q = cr.tensor([[0.0, -np.inf]], requires_grad=True)
    divergence = losses.kl_divergence(q, cr.tensor([[1.0, 0.0]]))
    divergence.backward()
    assert float(divergence) == 0.0 and np.isfinite(q.grad.numpy()).all()
    assert float(losses.kl_divergence(q, cr.tensor([[0.5, 0.5]]))) == np.inf


def test_the_divergence_is_the_cross_entropy_less_the_entropy() -> None:
    t = RNG.dirichlet(np.ones(4), 7)
    cross = float(losses.cross_entropy(cr.asarray(Z), cr.asarray(t)))
    entropy = -(t * np.log(t)).sum(1).mean()
    q = cr.log_softmax(cr.asarray(Z))
    assert float(losses.kl_divergence(q, cr.asarray(t))) == pytest.approx(cross - entropy, rel=1e-12)
    assert float(losses.kl_divergence(q, cr.asarray(np.log(t)), log_target=True)) == pytest.approx(cross - entropy)
    assert float(losses.kl_divergence(q, cr.asarray(softmax(Z)))) == pytest.approx(0, abs=1e-15)


def test_distillation_is_hintons_sum_and_the_gradient_keeps_its_size() -> None:
    teacher = RNG.normal(0, 3, (7, 4))
    for temperature, alpha in ((1.0, 0.5), (4.0, 0.9), (2.0, 0.0), (3.0, 1.0)):
        p, q = softmax(teacher / temperature), softmax(Z / temperature)
        hard = -np.log(softmax(Z)[np.arange(7), LABELS]).mean()
        expected = alpha * temperature**2 * (p * np.log(p / q)).sum(1).mean() + (1 - alpha) * hard
        found = losses.distillation(cr.asarray(Z), cr.asarray(teacher), LABELS, temperature=temperature, alpha=alpha)
        assert float(found) == pytest.approx(expected, rel=1e-10)
    # Section 2.1: for large T the gradient is (z_s − z_t) / C of logits with mean 0, whatever T is.
    z, t = Z - Z.mean(1, keepdims=True), teacher - teacher.mean(1, keepdims=True)
    student = cr.tensor(z, dtype="float64", requires_grad=True)
    losses.distillation(student, cr.asarray(t), temperature=1e4, alpha=1.0, reduction="sum").backward()
    np.testing.assert_allclose(student.grad.numpy(), (z - t) / 4, rtol=1e-2, atol=1e-3)


def test_no_gradient_reaches_the_teacher() -> None:
    student, teacher = (cr.tensor(Z, requires_grad=True) for _ in range(2))
    losses.distillation(student, teacher, LABELS).backward()
    assert student.grad is not None and teacher.grad is None


def test_hinges_at_and_beyond_the_corner() -> None:
    s = cr.tensor([2.0, 1.0, 0.5, -1.0], requires_grad=True)
    losses.hinge(s, np.array([True] * 4), reduction="sum").backward()
    assert s.grad.tolist() == [0.0, 0.0, -1.0, -1.0]
    for target in ([1, 0], [True, False], [1, -1]):
        assert losses.hinge(cr.tensor([0.5, 0.5]), np.array(target), reduction="none").tolist() == [0.5, 1.5]
    assert float(losses.soft_margin(cr.tensor([1e4, -1e4]), np.array([1, 0]))) == 0.0


def test_contrastive_pulls_and_pushes_and_rests_at_0() -> None:
    a, b = RNG.normal(size=(2, 6, 3))
    d = np.linalg.norm(a - b, axis=1)
    same = np.array([1, 0, 1, 0, 0, 1])
    expected = np.where(same, d**2, np.maximum(0, 2.0 - d) ** 2) / 2
    found = losses.contrastive(cr.asarray(a), cr.asarray(b), same, margin=2.0, reduction="none")
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)
    x = cr.tensor(a, dtype="float64", requires_grad=True)
    losses.contrastive(x, cr.asarray(a), same).backward()
    assert not x.grad.numpy().any()


def test_info_nce_and_nt_xent_written_out() -> None:
    a, b = RNG.normal(size=(2, 5, 3))
    u, v = a / np.linalg.norm(a, axis=1, keepdims=True), b / np.linalg.norm(b, axis=1, keepdims=True)
    expected = -np.log(softmax(u @ v.T / 0.2)[np.arange(5), np.arange(5)])
    found = losses.info_nce(cr.asarray(a), cr.asarray(b), temperature=0.2, reduction="none")
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9)
    every = np.concatenate([u, v])
    total = []
    for i in range(10):
        e = np.exp(every @ every[i] / 0.5)
        total.append(-np.log(e[(i + 5) % 10] / (e.sum() - e[i])))
    found = losses.nt_xent(cr.asarray(a), cr.asarray(b), temperature=0.5, reduction="none")
    np.testing.assert_allclose(found.numpy(), total, rtol=1e-9)


def test_bpr_with_several_negatives() -> None:
    p, n = RNG.normal(size=5), RNG.normal(size=(5, 3))
    expected = -np.log(1 / (1 + np.exp(-(p[:, None] - n))))
    assert float(losses.bpr(cr.asarray(p), cr.asarray(n))) == pytest.approx(expected.mean(), rel=1e-12)
    weights = np.array([1.0, 0.0, 2.0, 0.0, 0.0])
    weighted = (expected.mean(1) * weights).sum() / 3
    assert float(losses.bpr(cr.asarray(p), cr.asarray(n), weights=weights)) == pytest.approx(weighted, rel=1e-12)


def test_a_gaussian_unit_learns_how_sure_it_is() -> None:
    """Noise of width 0.1 on the left and 1 on the right: the variance that is found follows it."""
    cr.random.seed(0)
    rng = np.random.default_rng(0)
    x = np.repeat([[1.0, 0.0], [0.0, 1.0]], 500, axis=0)
    y = np.concatenate([rng.normal(2.0, 0.1, 500), rng.normal(-1.0, 1.0, 500)])
    model, loss = nn.Linear(2, 2, dialect="pytorch"), losses.GaussianNLL()
    optimizer = optim.Adam(model.parameters(), 0.1)
    step = cr.compile(lambda x, y: optimizer.minimize(loss(model(x), y)))
    for _ in range(300):
        step(cr.tensor(x), cr.tensor(y))
    found = model(cr.tensor(np.eye(2))).numpy()
    np.testing.assert_allclose(loss.predict(found), [2.0, -1.0], atol=0.1)
    np.testing.assert_allclose(np.exp(0.5 * found[:, 1]), [0.1, 1.0], rtol=0.1)


def test_half_the_squares_are_a_gaussian_of_width_1_and_smooth_l1_is_huber_over_beta() -> None:
    x, t = cr.asarray(Z), cr.asarray(Z[::-1].copy())
    assert float(losses.gaussian_nll(x, t, cr.ones_like(x))) == pytest.approx(0.5 * float(losses.mse(x, t)), rel=1e-12)
    for beta in (0.5, 2.0):
        found = float(losses.smooth_l1(x, t, beta=beta))
        assert found == pytest.approx(float(losses.huber(x, t, delta=beta)) / beta, rel=1e-12)


def test_predictions_of_the_new_classes() -> None:
    np.testing.assert_allclose(losses.Focal().predict(Z), softmax(Z))
    np.testing.assert_allclose(losses.Distillation().predict(Z), softmax(Z))
    np.testing.assert_allclose(losses.BinaryFocal().predict(np.zeros(2)), [0.5, 0.5])
    np.testing.assert_allclose(losses.KLDivergence().predict(np.log([0.25])), [0.25])
    np.testing.assert_allclose(losses.PoissonNLL().predict(np.log([3.0])), [3.0])
    assert losses.PoissonNLL(log_input=False).predict(Z) is Z and losses.Hinge().predict(Z) is Z


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda x: losses.focal(x, LABELS, gamma=-1), ConfigError, "gamma"),
        (lambda x: losses.focal(x[:, :1], LABELS * 0), ShapeError, "binary_focal"),
        (lambda x: losses.focal(x, LABELS + 4), LabelError, "4 classes"),
        (lambda x: losses.binary_focal(x, LABELS), ShapeError, "number by number"),
        (lambda x: losses.binary_focal(x[:, 0], LABELS + 5), LabelError, "positive_class"),
        (lambda x: losses.binary_focal(x[:, 0], LABELS > 1, alpha=2.0), ConfigError, "alpha"),
        (lambda x: losses.kl_divergence(x, x[:, :3]), ShapeError, "kl_divergence"),
        (lambda x: losses.distillation(x, x[:3], LABELS), ShapeError, "student"),
        (lambda x: losses.distillation(x, x), ConfigError, "needs labels"),
        (lambda x: losses.distillation(x, x, LABELS, temperature=0), ConfigError, "temperature"),
        (lambda x: losses.distillation(x, x, LABELS, alpha=1.5), ConfigError, "alpha"),
        (lambda x: losses.hinge(x[:, 0], LABELS + 3), LabelError, "truth value"),
        (lambda x: losses.multi_margin(x, LABELS, p=3), ConfigError, "1 or 2"),
        (lambda x: losses.multi_margin(x, LABELS - 9), LabelError, "labels"),
        (lambda x: losses.contrastive(x, x, LABELS[:3] > 1), ShapeError, "one number for each pair"),
        (lambda x: losses.cosine_embedding(x, x[:, :2], LABELS > 1), ShapeError, "cosine_embedding"),
        (lambda x: losses.triplet_margin(x, x, x, p=0.5), ConfigError, "norm"),
        (lambda x: losses.info_nce(x, x, temperature=0), ConfigError, "temperature"),
        (lambda x: losses.nt_xent(x[0], x[0]), ShapeError, r"\(N, D\)"),
        (lambda x: losses.bpr(x[:, 0], x[:3]), ShapeError, "K negatives"),
        (lambda x: losses.gaussian_nll(x, x, -cr.ones_like(x)), LabelError, "variance"),
        (lambda x: losses.gaussian_nll(x, x, x[:, :1]), ShapeError, "gaussian_nll"),
        (lambda x: losses.gaussian_nll(x, x, x, epsilon=0), ConfigError, "epsilon"),
        (lambda x: losses.GaussianNLL()(x, x), ShapeError, "two outputs"),
        (lambda x: losses.smooth_l1(x, x, beta=0), ConfigError, "beta"),
    ],
)
def test_bad_input(make: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        make(cr.tensor(Z))


def test_a_label_outside_makes_the_loss_nan_when_compiled() -> None:
    for loss in (losses.focal, losses.multi_margin):
        step = cr.compile(lambda x, t, f=loss: f(x, t))
        assert np.isnan(float(step(cr.zeros((2, 3)), np.array([0, 3]))))
        assert not np.isnan(float(step(cr.zeros((2, 3)), np.array([0, 2]))))
