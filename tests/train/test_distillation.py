"""Distillation: the student follows its teacher, and is scored on labels."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import data, losses, metrics, models, nn, optim, train
from chainrule.errors import ConfigError, ShapeError
from chainrule.train import events


def samples(n=60, seed=0):
    x = np.random.default_rng(seed).normal(size=(n, 3)).astype(np.float32)
    return x, np.abs(x).argmax(axis=1).astype(np.int32)


def networks(seed=0):
    cr.random.seed(seed)
    teacher = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Dropout(0.5), nn.Linear(16, 3))
    return nn.Linear(3, 3), teacher


def test_its_steps_are_those_of_the_objective_written_out():
    (x, y), (student, teacher) = samples(), networks()
    other = nn.Linear(3, 3)
    other.load_state_dict(student.state_dict())
    rule = optim.SGD(student.parameters(), lr=0.3)
    train.distill(
        student, teacher, (x, y), optimizer=rule, temperature=3.0, alpha=0.7, epochs=2, batch_size=20, shuffle=False,
        progress=False,
    )  # fmt: skip
    peer = optim.SGD(other.parameters(), lr=0.3)
    beliefs = teacher.eval()(x).numpy()
    for _ in range(2):
        for start in range(0, 60, 20):
            rows = slice(start, start + 20)
            soft = losses.cross_entropy(other(x[rows]) / 3.0, cr.softmax(cr.tensor(beliefs[rows]) / 3.0))
            peer.minimize(0.7 * 9.0 * soft + 0.3 * losses.cross_entropy(other(x[rows]), y[rows]))
    for name, value in student.state_dict().items():
        np.testing.assert_allclose(value, other.state_dict()[name], rtol=1e-4, atol=1e-6)


def test_the_teacher_stays_as_it_is_and_both_are_scored_on_labels():
    (student, teacher), (x, y) = networks(), samples(40, 1)
    before, told = teacher.state_dict(), []
    result = train.distill(
        student, teacher, samples(), samples(30, 2), (x, y), optimizer=optim.Adam(student.parameters(), lr=0.01),
        epochs=3, metrics=[metrics.Accuracy()], callbacks=[told.append], progress=False,
    )  # fmt: skip
    for name, value in teacher.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    for model, scores in ((student, result.student), (teacher, result.teacher)):
        logits = model.eval()(x).numpy()
        assert scores["accuracy"] == pytest.approx((logits.argmax(1) == y).mean())
        assert scores["loss"] == pytest.approx(float(losses.cross_entropy(logits, y)), rel=1e-5)
    assert result.scored_on == "test" and result.parameters == (12, 64 + 51)
    assert "teacher" in str(result) and "115" in str(result)
    assert sum(isinstance(event, events.EpochEnded) for event in told) == 3
    assert set(result.run.history[0]["validation"]) == {"loss", "accuracy"}


def test_a_student_without_labels_becomes_its_teacher():
    (student, _), (x, y) = networks(), samples()
    teacher = nn.Linear(3, 3)
    train.distill(
        student, teacher, (x, y * 0), optimizer=optim.Adam(student.parameters(), lr=0.05), alpha=1.0, epochs=150,
        progress=False,
    )  # fmt: skip
    np.testing.assert_allclose(cr.softmax(student(x)).numpy(), cr.softmax(teacher(x)).numpy(), atol=0.01)


def test_an_ensemble_teaches_and_samples_may_be_drawn_several_times():
    (student, teacher), dataset = networks(), data.Dataset(*samples())
    drawn = data.Resampled(dataset, [3, 3, 7, 59, 20])
    rule = optim.SGD(student.parameters(), lr=0.1)
    result = train.distill(student, models.Ensemble([teacher, networks(1)[1]]), drawn, optimizer=rule, epochs=1,
                           progress=False)  # fmt: skip
    assert result.scored_on == "training"


def test_what_does_not_fit_is_refused():
    (student, teacher), (x, y) = networks(), samples()
    rule = optim.SGD(student.parameters(), lr=0.1)
    with pytest.raises(ConfigError, match=r"one logit for each class, got outputs of shape \(60, 1\) for regression"):
        train.distill(nn.Linear(3, 1), nn.Linear(3, 1), (x, x[:, :1]), optimizer=rule, progress=False)
    one = models.MLP(3, [], 1, squeeze=True)
    with pytest.raises(ConfigError, match=r"one logit for each class, got outputs of shape \(60,\)"):
        train.distill(one, one, (x, y % 2), optimizer=rule, progress=False)
    with pytest.raises(ShapeError, match=r"student of shape \(32, 3\) and of a teacher of shape \(32, 4\)"):
        train.distill(student, nn.Linear(3, 4), (x, y), optimizer=rule, progress=False)
    with pytest.raises(ConfigError, match="temperature"):
        train.distill(student, teacher, (x, y), optimizer=rule, temperature=0.0, progress=False)
