"""Ensembles: members that differ as they should, a gain that is told rightly, and trainings that can be cut short."""

import json

import numpy as np
import pytest

import chainrule as cr
from chainrule import data, losses, metrics, models, nn, optim, train
from chainrule.errors import ConfigError
from chainrule.train import events


def samples(n=90, seed=0):
    x = np.random.default_rng(seed).normal(size=(n, 2)).astype(np.float32)
    return x, (x[:, 0] * x[:, 1] > 0).astype(np.int32)


def maker(callbacks=(), lr=0.03):
    def make():
        model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))
        rule = optim.Adam(model.parameters(), lr=lr)
        return cr.Trainer(
            model, losses.CrossEntropy(), rule, metrics=[metrics.Accuracy()], callbacks=callbacks, progress=False
        )

    return make


def members_of(result):
    return [member.state_dict() for member in result.model.members]


def same(a, b):
    return all(np.array_equal(a[name], b[name]) for name in a)


def test_members_of_other_seeds_are_the_trainings_alone_and_the_scores_are_theirs():
    result = train.fit_ensemble(maker(), samples(), samples(40, 1), samples(60, 2), members=3, seed=2, epochs=3)
    x, y = samples(60, 2)
    probabilities, states = [], members_of(result)
    for k in range(3):
        cr.random.seed(6 + k)
        trainer = maker()()
        trainer.seed = 6 + k
        trainer.fit(samples(), samples(40, 1), epochs=3)
        assert same(trainer.model.state_dict(), states[k])
        probabilities.append(trainer.predict(x))
        assert result.member_scores[k]["accuracy"] == pytest.approx((probabilities[-1].argmax(1) == y).mean())
    assert not same(states[0], states[1])
    mean = np.mean(probabilities, axis=0)
    assert result.scored_on == "test"
    assert result.scores["accuracy"] == pytest.approx((mean.argmax(1) == y).mean())
    assert result.scores["loss"] == pytest.approx(metrics.log_loss(mean, y), rel=1e-4)
    calibration = "expected_calibration_error"
    assert result.scores[calibration] == pytest.approx(metrics.expected_calibration_error(mean, y), abs=1e-5)
    values = [scores["loss"] for scores in result.member_scores]
    assert result.mean("loss") == pytest.approx(np.mean(values))
    assert result.spread("loss") == pytest.approx(np.std(values, ddof=1))
    assert result.gain("loss") == pytest.approx(result.scores["loss"] - np.mean(values))
    assert result.gain("loss") < 0  # the log loss of a mean is below the mean log loss, by convexity
    assert result.parameters == 3 * 42 and "mean member" in str(result) and "126" in str(result)
    assert result.run.steps == 9 * 3 and len(result.run.history) == 3


def test_bags_hold_each_row_as_often_as_it_was_drawn():
    drawn = data.Resampled(data.Dataset(*samples(1000)), seed=3)
    counts = np.bincount(drawn.rows(), minlength=1000)
    assert len(drawn) == counts.sum() == 1000
    assert (counts > 0).mean() == pytest.approx(1 - np.exp(-1), abs=0.04)
    assert sorted(drawn.order(0, 1)) == sorted(drawn.rows()) and not np.array_equal(drawn.order(0, 1), drawn.rows())
    again = train.fit_ensemble(maker(), samples(), members=2, kind="bagging", epochs=2)
    plain = train.fit_ensemble(maker(), samples(), members=2, epochs=2)
    assert not same(members_of(again)[0], members_of(plain)[0])


def test_a_bag_of_graph_nodes():
    graph = data.Graph([[1.0], [2.0], [4.0]], [[0, 1], [1, 2]], labels=[0, 1, 1])
    drawn = data.Resampled(data.GraphSamples(graph.features, graph.edges, graph.labels, [0, 2], ["a", "b"]), [1, 1])
    assert drawn.few(2)[1].tolist() == [1, 1] and drawn.few(2)[0][2].tolist() == [2, 2]


def test_snapshots_are_what_one_training_had_learned_when_its_rate_reached_zero():
    rates, states = [], {}

    def watch(event):
        if isinstance(event, events.EpochEnded):
            rates.append(event.record["learning_rate"])

    result = train.fit_ensemble(maker([watch]), samples(), members=3, kind="snapshot", epochs=9, batch_size=10)
    assert len(result.model.members) == 3 and result.run.epochs == 9
    assert result.run.steps == 9 * 9  # one training's work for three members
    np.testing.assert_allclose(rates[2::3], 0.5 * 0.03 * (1 + np.cos(np.pi * 26 / 27)), rtol=1e-4)
    np.testing.assert_allclose(rates[0::3], 0.5 * 0.03 * (1 + np.cos(np.pi * 8 / 27)), rtol=1e-4)
    cr.random.seed(0)
    trainer = maker()()
    trainer.schedule = optim.Cosine(0.03, 27, restarts=True)
    trainer.callbacks.append(
        lambda e: states.setdefault(e.epoch, trainer.model.state_dict()) if isinstance(e, events.EpochEnded) else None
    )
    trainer.fit(samples(), epochs=9, batch_size=10)
    for member, epoch in zip(members_of(result), (3, 6, 9), strict=True):
        assert same(member, states[epoch])


@pytest.mark.parametrize("kind", ["seeds", "snapshot"])
def test_interrupted_it_keeps_what_is_done_and_goes_on_as_if_nothing_had_happened(tmp_path, kind):
    whole = train.fit_ensemble(maker(), samples(), samples(40, 1), members=3, kind=kind, epochs=6, out=tmp_path / "a")
    seen, trainers = [], []

    def interrupt(event):
        seen.append(isinstance(event, events.EpochEnded))
        if sum(seen) == 3 if kind == "snapshot" else sum(seen) == 8:
            trainers[-1].stop("interrupted")

    def make():
        trainers.append(maker([interrupt])())
        return trainers[-1]

    cut = train.fit_ensemble(make, samples(), samples(40, 1), members=3, kind=kind, epochs=6, out=tmp_path / "b")
    assert cut.run.status == "interrupted" and len(cut.model.members) == 1
    assert same(members_of(cut)[0], members_of(whole)[0])
    go_on = train.fit_ensemble(
        maker(), samples(), samples(40, 1), members=3, kind=kind, epochs=6, out=tmp_path / "b", resume=True
    )
    assert go_on.run.status == "finished"
    for one, other in zip(members_of(go_on), members_of(whole), strict=True):
        assert same(one, other)
    assert go_on.scores == whole.scores


def test_members_that_are_done_are_not_trained_again(tmp_path):
    train.fit_ensemble(maker(), samples(), members=2, epochs=2, out=tmp_path)
    steps = []
    train.fit_ensemble(
        maker([lambda e: steps.append(e) if isinstance(e, events.StepsDone) else None]),
        samples(), members=3, epochs=2, out=tmp_path, resume=True,
    )  # fmt: skip
    assert {event.step for event in steps} == {2, 3, 5, 6} and len(steps) == 4  # of the third


def test_a_member_that_diverged_does_not_spoil_the_others():
    made, told = [], []

    def make():
        made.append(maker([lambda e: told.append(getattr(e, "text", ""))], lr=3e38 if len(made) == 1 else 0.03)())
        return made[-1]

    with np.errstate(all="ignore"):
        result = train.fit_ensemble(make, samples(), members=3, epochs=3)
    assert len(result.model.members) == 2 and result.run.status == "finished"
    assert "1 of 3 members left out: diverged." in told


def test_the_loss_says_what_the_outputs_are():
    def make(loss, squeeze):
        def build():
            model = models.MLP(2, [4], 1, squeeze=squeeze)
            return cr.Trainer(model, loss, optim.Adam(model.parameters(), lr=0.01), progress=False)

        return build

    x, y = samples()
    numbers = train.fit_ensemble(make(losses.MSE(), False), (x, x[:, :1]), members=2, epochs=1)
    assert numbers.model.task == "regression" and set(numbers.scores) == {"loss"}
    logits = train.fit_ensemble(make(losses.BinaryCrossEntropy(), True), (x, y), members=2, epochs=1)
    assert logits.model.task == "binary"
    assert logits.scores["loss"] < logits.mean("loss")


def test_what_does_not_fit_is_refused():
    with pytest.raises(ConfigError, match=r"no kind of ensemble 'bagged'"):
        train.fit_ensemble(maker(), samples(), kind="bagged")
    with pytest.raises(ConfigError, match="at least one member"):
        train.fit_ensemble(maker(), samples(), members=0)
    with pytest.raises(ConfigError, match="5 snapshots need at least 5 epochs, got 4"):
        train.fit_ensemble(maker(), samples(), kind="snapshot", epochs=4)


@pytest.mark.parametrize("kind", ["seeds", "bagging", "snapshot"])
def test_from_a_config_to_a_folder_that_is_loaded_again(tmp_path, kind):
    config = train.Config()
    for name, value in (
        ("model.hidden", [4]), ("trainer.epochs", 4), ("ensemble.members", 2), ("ensemble.kind", kind),
    ):  # fmt: skip
        config.set(name, value)
    trained = train.train(config, source="xor", out=tmp_path / "run", progress=False)
    assert trained.ensemble is not None and trained.scores == trained.ensemble.scores
    loaded = train.TrainedModel.load(tmp_path / "run")
    assert trained.data is not None
    test = trained.data.test
    assert test is not None
    np.testing.assert_array_equal(loaded.predict(test), trained.predict(test))
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["ensemble"]["members"] == 2 and summary["ensemble"]["kind"] == kind
    assert summary["test"] == pytest.approx(loaded.evaluate(test), rel=1e-5)
    records = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert len(records) == 4


def test_a_kind_without_a_number_of_members_is_refused():
    config = train.Config()
    config.set("ensemble.kind", "bagging")
    with pytest.raises(ConfigError, match="not how many members"):
        train.train(config, source="xor", progress=False)
