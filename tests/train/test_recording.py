"""What a run writes beside the training takes little of its time."""

from __future__ import annotations

import json

import numpy as np
import pytest
import threadpoolctl

import chainrule as cr
from chainrule import data, losses, metrics, nn, optim
from chainrule.train import recording
from chainrule.train.work import Work, work_of


def small(**options):
    model = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2))
    rule = optim.Adam(model.parameters(), lr=0.01)
    return cr.Trainer(model, losses.CrossEntropy(), rule, progress=False, **options)


def looked_at(folder):
    return sorted({json.loads(line)["epoch"] for line in (folder / "layers.jsonl").read_text().splitlines()})


def test_layers_are_looked_at_as_long_as_it_takes_little(tmp_path, monkeypatch):
    moons = data.prepare("two-moons").train
    monkeypatch.setattr(recording, "_FREE", 60.0)
    small().fit(moons, epochs=4, out=tmp_path / "short")
    assert looked_at(tmp_path / "short") == [1, 2, 3, 4]
    monkeypatch.setattr(recording, "_FREE", 0.0)
    monkeypatch.setattr(recording, "_SHARE", 1e-9)
    small().fit(moons, epochs=4, out=tmp_path / "long")
    assert looked_at(tmp_path / "long") == [1]


def test_the_more_work_a_sample_is_the_fewer_are_looked_at():
    assert [Work(operations, True).samples_in_a_look() for operations in (0.0, 1e6, 2e7, 1e12)] == [32, 32, 12, 4]
    model = nn.Linear(1000, 1000)
    cost = losses.mse(model(cr.ones((4, 1000))), cr.ones((4, 1000)))
    assert work_of(cost, 4).operations == 6 * (1_000_000 + 1000)


def test_looks_use_no_thread_of_numpys_own(tmp_path, monkeypatch):
    """Which would go on running beside the training."""

    def threads():
        return [library["num_threads"] for library in threadpoolctl.threadpool_info() if library["user_api"] == "blas"]

    seen, before = [], threads()
    loss = type("Loss", (losses.CrossEntropy,), {})()
    monkeypatch.setattr(type(loss), "__call__", lambda self, *a: seen.append(threads()) or losses.cross_entropy(*a))
    model = nn.Linear(2, 2)
    trainer = cr.Trainer(model, loss, optim.SGD(model.parameters(), lr=0.1), progress=False)
    trainer.fit(data.prepare("two-moons").train, epochs=1, out=tmp_path)
    few, every, *steps, look = seen
    assert few == every == look == [1] * len(before) and threads() == before
    assert all(step == before for step in steps)


@pytest.mark.parametrize("kind", [metrics.Accuracy, metrics.BalancedAccuracy])
def test_classes_decided_in_the_step_score_what_probabilities_do(kind):
    x = np.random.default_rng(0).normal(size=(90, 2)).astype(np.float32)
    rows = (x, (x[:, 0] > 0.3).astype(np.int32))
    for accumulate in (1, 2):
        alone, beside = (
            small(metrics=scores, accumulate=accumulate) for scores in ([kind()], [kind(), metrics.TopKAccuracy(1)])
        )
        for trainer in (alone, beside):
            trainer.model.load_state_dict(alone.model.state_dict())
        told = [trainer.fit(rows, epochs=3, batch_size=16).history[-1]["train"] for trainer in (alone, beside)]
        assert told[0][kind().name] == pytest.approx(told[1][kind().name], abs=1e-12) and told[0]["loss"] < 0.7


def test_probabilities_of_ones_own_are_what_is_scored():
    class Late(losses.CrossEntropy):
        def predict(self, outputs):
            return super().predict(outputs - np.array([100.0, 0.0], np.float32))  # always the second class

    model = nn.Linear(2, 2)
    trainer = cr.Trainer(
        model, Late(), optim.SGD(model.parameters(), lr=0.1), metrics=[metrics.Accuracy()], progress=False
    )
    x = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)
    run = trainer.fit((x, np.zeros(40, np.int32)), epochs=1)
    assert run.history[0]["train"]["accuracy"] == 0.0


def test_training_scores_are_of_the_rows_that_were_learned():
    """With a rate of 0 nothing is learned, so that an epoch's score is that of the data, whatever the order and the
    parts: a last batch that is smaller, batches in pieces.
    """
    x = np.random.default_rng(0).normal(size=(70, 2)).astype(np.float32)
    for accumulate in (1, 3):
        trainer = small(metrics=[metrics.Accuracy()], accumulate=accumulate)
        trainer.optimizer.lr = 0.0
        run = trainer.fit((x, (x[:, 0] > 0.3).astype(np.int32)), epochs=2, batch_size=16)
        found = trainer.evaluate((x, (x[:, 0] > 0.3).astype(np.int32)))["accuracy"]
        assert [record["train"]["accuracy"] for record in run.history] == pytest.approx([found] * 2)
