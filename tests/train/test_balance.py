"""Trainings whose classes count the same: by rows drawn, and by weights in the loss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import data, losses, metrics, nn, optim, train
from chainrule.errors import ConfigError
from chainrule.train import Config, events
from chainrule.train.files import read_tensors

X = np.random.default_rng(0).normal(size=(600, 2)).astype(np.float32)
RARE = (X @ [1.0, 0.5] + np.random.default_rng(1).normal(size=600) > 2.2).astype(np.int32)  # 5 % of the rows
ROWS = data.Dataset(X, RARE)


def fitted(rows: Any, validation: Any = None, *, loss: Any = None, epochs: int = 300, **options: Any) -> Any:
    model = nn.Linear(2, 1 if loss is None else 2)
    for parameter in model.parameters():
        parameter.assign(np.zeros(parameter.shape))
    network = nn.Sequential(model, nn.Flatten(0)) if loss is None else model
    rule = optim.SGD(model.parameters(), lr=1.0)
    trainer = cr.Trainer(network, loss or losses.BinaryCrossEntropy(), rule, progress=False, **options)
    return trainer, trainer.fit(rows, validation, epochs=epochs, batch_size=None), model


@pytest.mark.parametrize("loss", [None, losses.CrossEntropy()])
def test_weights_find_what_scikit_learn_finds(loss: Any) -> None:
    sklearn = pytest.importorskip("sklearn.linear_model")
    theirs = sklearn.LogisticRegression(C=np.inf, class_weight="balanced", tol=1e-8).fit(X, RARE)
    _, _, model = fitted(data.Balanced(ROWS, "weights"), loss=loss, epochs=3000)
    w, b = model.weight.numpy(), model.bias.numpy()
    ours = (w[:, 0], b[0]) if loss is None else (w[:, 1] - w[:, 0], b[1] - b[0])
    np.testing.assert_allclose(ours[0], theirs.coef_[0], rtol=2e-3)
    assert ours[1] == pytest.approx(theirs.intercept_[0], rel=2e-3)


def test_a_rare_row_weighs_the_same_whatever_is_in_its_batch() -> None:
    """The steps of one epoch add up to the gradient of all rows, and micro-batches to their batch."""
    balanced = data.Balanced(ROWS, "weights")
    told = []
    for batch, accumulate in ((None, 1), (8, 1), (100, 7)):
        model = nn.Linear(2, 2)
        model.weight.assign([[0.1, -0.2], [0.3, 0.4]])
        rule = optim.SGD(model.parameters(), lr=0.0)
        trainer = cr.Trainer(model, losses.CrossEntropy(), rule, accumulate=accumulate, progress=False)
        told.append(trainer.fit(balanced, epochs=1, batch_size=batch).history[0]["train"]["loss"])
    rows = losses.cross_entropy(model(X), RARE, reduction="none").numpy()
    assert told == pytest.approx([np.mean(rows * balanced.class_weights[RARE])] * 3, rel=1e-5)


@pytest.mark.parametrize("by", ["resample", "weights"])
def test_the_validation_loss_counts_classes_the_same_and_scores_are_of_the_rows_as_they_are(by: str) -> None:
    trainer, run, _ = fitted(data.Balanced(ROWS, by), ROWS, epochs=3, metrics=[metrics.Accuracy()])
    p = trainer.predict(X)
    rows = -np.log(np.where(RARE == 1, p, 1 - p))
    told = run.history[run.best_epoch - 1]["validation"]
    assert told["loss"] == pytest.approx((rows[RARE == 0].mean() + rows[RARE == 1].mean()) / 2, rel=1e-4)
    assert trainer.evaluate(ROWS)["loss"] == pytest.approx(rows.mean(), rel=1e-4)
    assert told["accuracy"] == trainer.evaluate(ROWS)["accuracy"] == pytest.approx(np.mean((p > 0.5) == RARE))


def test_probabilities_are_too_high_and_the_logits_less_the_log_weights_are_right() -> None:
    for by in ("weights", "resample"):
        balanced = data.Balanced(ROWS, by)
        trainer, _, _ = fitted(balanced, loss=losses.CrossEntropy(), epochs=400)
        logits = trainer.outputs(X)
        assert np.mean(logits[:, 1] > logits[:, 0]) > 3 * RARE.mean()
        corrected = losses.CrossEntropy().predict(logits - np.log(balanced.class_weights))
        assert corrected[:, 1].mean() == pytest.approx(RARE.mean(), abs=0.015)
        assert trainer.loss.predict(logits)[:, 1].mean() > 0.2


def test_a_loss_that_takes_no_weights_is_told_how_to() -> None:
    def plain(outputs: Any, target: Any) -> Any:
        return ((outputs - cr.astype(cr.asarray(target), "float32")) ** 2).mean()

    def weighted(outputs: Any, target: Any, weights: Any = None) -> Any:
        rows = (outputs - cr.astype(cr.asarray(target), "float32")) ** 2
        return rows.mean() if weights is None else (weights * rows).sum() / weights.sum()

    def trained(loss: Any, by: str, validation: Any = None) -> Any:
        model = nn.Sequential(nn.Linear(2, 1), nn.Flatten(0))
        rule = optim.SGD(model.parameters(), lr=0.1)
        return cr.Trainer(model, loss, rule, progress=False).fit(data.Balanced(ROWS, by), validation, epochs=1)

    for by, validation in (("weights", None), ("resample", ROWS)):
        with pytest.raises(ConfigError, match=r"plain, takes no weights[\s\S]*weights=None"):
            trained(plain, by, validation)
        assert np.isfinite(trained(weighted, by, validation).history[-1]["train"]["loss"])
    trained(plain, "resample")


def test_nothing_changes_for_who_does_not_ask() -> None:
    """A training on some rows after one on balanced rows is a training on these rows."""
    apart = fitted(ROWS, epochs=2)[2].weight.numpy()
    trainer, _, model = fitted(data.Balanced(ROWS, "weights"), epochs=2)
    for parameter in model.parameters():
        parameter.assign(np.zeros(parameter.shape))
    trainer.fit(ROWS, epochs=2, batch_size=None)
    np.testing.assert_array_equal(model.weight.numpy(), apart)


def rare(folder: Path) -> Path:
    """Two classes, 12 rows of one to one of the other."""
    rng = np.random.default_rng(0)
    y = (np.arange(390) % 13 == 0).astype(int)
    x = rng.normal(size=(390, 3)) + 1.2 * y[:, None]
    np.savez(folder / "rare.npz", x=x, y=y)
    return folder / "rare.npz"


def config(source: Path, **options: Any) -> Config:
    made = Config()
    for name, value in ({"data.source": str(source), "trainer.epochs": 3, "model.hidden": [8]} | options).items():
        made.set(name, value)
    return made


@pytest.mark.parametrize("by", ["resample", "weights"])
def test_a_run_goes_on_with_the_draws_it_would_have_had(tmp_path: Path, by: str) -> None:
    made = {"trainer.balance": by, "trainer.checkpoint_every": 1}
    whole = train.train(config(rare(tmp_path), **made), out=tmp_path / "whole", progress=False)
    half = whole.run.steps // 2

    def stop(event: events.Event) -> None:
        if isinstance(event, events.StepsDone) and event.step == half:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train.train(config(rare(tmp_path), **made), out=tmp_path / "parts", callbacks=[stop], progress=False)
    saved = Config.read(tmp_path / "parts" / "config.toml")
    assert saved.trainer.balance == by
    train.train(saved, out=tmp_path / "parts", resume=True, progress=False)
    ours, theirs = (read_tensors(tmp_path / name / "model.safetensors")[0] for name in ("parts", "whole"))
    for name, value in theirs.items():
        np.testing.assert_array_equal(ours[name], value, err_msg=name)


@pytest.mark.parametrize("by", ["resample", "weights"])
@pytest.mark.parametrize("ensemble", [{}, {"ensemble.members": 2, "ensemble.kind": "bagging"}])
def test_the_rare_class_is_found(tmp_path: Path, by: str, ensemble: dict[str, Any]) -> None:
    recalls = []
    for balance in ({}, {"trainer.balance": by}):
        trained = train.train(config(rare(tmp_path), **{"trainer.epochs": 30}, **balance, **ensemble), progress=False)
        assert trained.data is not None
        recalls.append(metrics.recall(trained.predict(trained.data.train), trained.data.train.target))
    assert recalls[1] > recalls[0] + 0.3


def test_a_student_is_taught_on_rows_drawn_evenly_but_has_no_weights() -> None:
    student, teacher = nn.Linear(2, 2), nn.Linear(2, 2)
    options: dict[str, Any] = {"epochs": 1, "progress": False}
    rule = optim.SGD(student.parameters(), lr=0.1)
    assert train.distill(student, teacher, data.Balanced(ROWS), optimizer=rule, **options).run.steps
    with pytest.raises(ConfigError, match="no weight of its own"):
        train.distill(student, teacher, data.Balanced(ROWS, "weights"), optimizer=rule, **options)


def test_numbers_have_no_classes_to_balance(tmp_path: Path) -> None:
    np.savez(tmp_path / "numbers.npz", x=X, y=X.sum(axis=1) * 1.5)
    with pytest.raises(ConfigError, match="the task is regression"):
        train.train(config(tmp_path / "numbers.npz", **{"trainer.balance": "weights"}), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
