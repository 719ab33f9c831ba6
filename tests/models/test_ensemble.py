"""Ensembles of networks: probabilities averaged in logarithms, members that belong to the model."""

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import losses, models, nn
from chainrule.errors import ConfigError, ShapeError


class Answer(nn.Module):
    """Gives the same outputs whatever it is asked."""

    def __init__(self, outputs):
        super().__init__()
        self.outputs = nn.Parameter(np.asarray(outputs, np.float64), dtype=cr.float64)

    def forward(self, x):
        return self.outputs * 1.0


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def test_classes_are_averaged_as_probabilities():
    z = np.random.default_rng(0).normal(size=(4, 6, 3)) * 3
    y = models.Ensemble([Answer(member) for member in z])(np.zeros(1)).numpy()
    np.testing.assert_allclose(np.exp(y), softmax(z).mean(0), rtol=1e-12)
    np.testing.assert_allclose(losses.CrossEntropy().predict(y), softmax(z).mean(0), rtol=1e-12)


def test_two_classes_with_one_logit():
    z = np.random.default_rng(1).normal(size=(5, 7)) * 4
    y = models.Ensemble([Answer(member) for member in z], "binary")(np.zeros(1)).numpy()
    np.testing.assert_allclose(losses.BinaryCrossEntropy().predict(y), (1 / (1 + np.exp(-z))).mean(0), rtol=1e-12)


def test_numbers():
    z = np.random.default_rng(2).normal(size=(3, 5))
    y = models.Ensemble([Answer(member) for member in z], "regression")(np.zeros(1)).numpy()
    np.testing.assert_allclose(y, z.mean(0), rtol=1e-12)


def test_probabilities_too_small_for_a_float_are_averaged_rightly():
    z = np.array([[[0.0, -2000.0]], [[0.0, -2010.0]]])
    y = models.Ensemble([Answer(member) for member in z])(np.zeros(1)).numpy()
    np.testing.assert_allclose(y[0, 1], -2000 + np.log((1 + np.exp(-10)) / 2), rtol=1e-12)
    y = models.Ensemble([Answer([-2000.0]), Answer([-2010.0])], "binary")(np.zeros(1)).numpy()
    np.testing.assert_allclose(y[0], -2000 + np.log((1 + np.exp(-10)) / 2), rtol=1e-12)


def test_one_member_alone_says_the_same():
    z = np.random.default_rng(3).normal(size=(6, 3))
    np.testing.assert_allclose(
        losses.CrossEntropy().predict(models.Ensemble([Answer(z)])(np.zeros(1)).numpy()), softmax(z), rtol=1e-12
    )
    np.testing.assert_allclose(models.Ensemble([Answer(z[0])], "binary")(np.zeros(1)).numpy(), z[0], rtol=1e-12)


def test_the_gradient_is_right_and_reaches_every_member():
    z = np.random.default_rng(4).normal(size=(3, 4, 3))
    for task, given, loss in (
        ("classification", z, losses.CrossEntropy()),
        ("binary", z[..., 0], losses.BinaryCrossEntropy()),
    ):
        model = models.Ensemble([Answer(member) for member in given], task)
        target = np.array([0, 1, 1, 0])
        cr.gradcheck(lambda *p, m=model, f=loss, t=target: f(m(np.zeros(1)), t), list(model.parameters()))
        loss(model(np.zeros(1)), target).backward()
        assert all(p.grad is not None and np.abs(p.grad.numpy()).max() > 0 for p in model.parameters())


def test_its_state_holds_all_members_and_it_runs_compiled():
    cr.random.seed(0)
    model, other = (models.Ensemble([nn.Linear(4, 3) for _ in range(3)]) for _ in range(2))
    assert sorted(model.state_dict()) == [f"members.{k}.{name}" for k in range(3) for name in ("bias", "weight")]
    other.load_state_dict(model.state_dict())
    x = np.random.default_rng(5).normal(size=(2, 4)).astype(np.float32)
    np.testing.assert_allclose(cr.compile(other)(x).numpy(), model(x).numpy(), rtol=1e-5, atol=1e-6)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ConfigError, match="at least one member"):
        models.Ensemble([])
    with pytest.raises(ConfigError, match=r"no task 'clasification'.*classification"):
        models.Ensemble([nn.Linear(2, 2)], "clasification")
    with pytest.raises(ShapeError):
        models.Ensemble([nn.Linear(2, 2), nn.Linear(2, 3)])(np.zeros((1, 2), np.float32))


def test_language_models_write_together():
    cr.random.seed(0)
    options: Any = {"width": 8, "layers": 1, "heads": 2, "context": 8}
    members = [models.TransformerLanguageModel(11, **options) for _ in range(2)]
    model = models.Ensemble(members, "language")
    assert (model.vocabulary, model.context) == (11, 8)
    kept = models.generate(model, [1, 2, 3], 12, stream=0)
    np.testing.assert_array_equal(kept, models.generate(model, [1, 2, 3], 12, stream=0, use_cache=False))
    cells = models.Ensemble([models.RecurrentLanguageModel(11, width=8, layers=1) for _ in range(2)], "language")
    assert cells.context is None and models.generate(cells, [1], 4, stream=0).shape == (5,)
