"""The Trainer: fits, validates, stops, keeps the best, is interrupted cleanly, and says what does not fit."""

import signal

import numpy as np
import pytest

import chainrule as cr
from chainrule import data, losses, metrics, models, nn, optim
from chainrule.errors import ConfigError, LabelError, RunError, ShapeError
from chainrule.train import Run, events
from chainrule.train.probe import layer_statistics
from chainrule.train.work import Work


def moons(n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, np.pi, n)
    label = rng.integers(0, 2, n)
    x = np.stack([np.cos(angle) * (1 - 2 * label) + label, np.sin(angle) * (1 - 2 * label) + 0.5 * label], 1)
    return (x + rng.normal(size=x.shape) * 0.05).astype(np.float32), label.astype(np.int32)


def make(lr: float = 1e-2, seed: int = 0, **options) -> cr.Trainer:
    cr.random.seed(seed)
    model = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2))
    rule = optim.Adam(model.parameters(), lr=lr)
    return cr.Trainer(model, losses.CrossEntropy(), rule, metrics=[metrics.Accuracy()], progress=False, **options)


def test_it_learns_and_the_history_tells():
    trainer, (x, y) = make(), moons()
    run = trainer.fit((x, y), (x, y), epochs=30, batch_size=16)
    assert run.best["validation"]["accuracy"] > 0.97
    assert [r["epoch"] for r in run.history] == list(range(1, 31)) and run.history[-1]["step"] == run.steps == 30 * 13
    assert (run.status, run.epochs) == ("finished", 30)
    assert trainer.evaluate((x, y)) == pytest.approx(run.best["validation"])
    np.testing.assert_allclose(trainer.predict(x).sum(1), 1.0, rtol=1e-5)


def test_many_steps_in_one_call_are_the_steps_one_by_one():
    (x, y), results = moons(64), []
    for whole in (True, False):
        trainer = make()
        if whole:
            trainer.fit((x, y), epochs=3, batch_size=10, shuffle=False)
        else:
            for _ in range(3):
                for start in range(0, 64, 10):
                    trainer.optimizer.minimize(
                        trainer.loss(trainer.model(x[start : start + 10]), y[start : start + 10])
                    )
        results.append(trainer.model.state_dict())
    for name, array in results[0].items():
        np.testing.assert_allclose(array, results[1][name], rtol=2e-4, atol=1e-6)


@pytest.mark.parametrize(("steps", "together"), [(468, 234), (300, 300), (624, 312), (469, 312), (100, 312)], ids=str)
def test_an_epochs_steps_are_cut_evenly_where_they_can_be(steps, together):
    """Another number of steps is another program to compile."""
    assert Work(operations=1.6e8, loops=True).steps_together(1, steps) == together


def test_steps_that_loops_make_slower_are_looked_at_together_too(tmp_path):
    """A convolution's are called one by one; where they are cut makes no difference."""
    x = np.random.default_rng(0).normal(size=(70, 6, 6, 1)).astype(np.float32)
    y, states, told = (x.mean((1, 2, 3)) > 0).astype(np.int32), [], []
    for every in (None, 1):
        cr.random.seed(0)
        model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 2))
        steps = []
        trainer = cr.Trainer(
            model, losses.CrossEntropy(), optim.Adam(model.parameters(), lr=0.01), metrics=[metrics.Accuracy()],
            callbacks=[lambda e, s=steps: s.append(e.step) if isinstance(e, events.StepsDone) else None],
            progress=False,
        )  # fmt: skip
        run = trainer.fit((x, y), epochs=2, batch_size=16, out=tmp_path, checkpoint_every=every)
        assert not trainer.work.in_one_call
        assert steps == ([4, 5, 9, 10] if every is None else list(range(1, 11)))
        states.append(model.state_dict())
        told.append([[r["train"]["loss"], r["train"]["accuracy"]] for r in run.history])
    np.testing.assert_allclose(told[0], told[1], rtol=1e-12)
    for name, value in states[0].items():
        np.testing.assert_array_equal(value, states[1][name])


@pytest.mark.parametrize(("batch_size", "steps"), [(None, 1), (1, 20), (8, 3), (100, 1)])
def test_full_batch_stochastic_and_mini_batch(batch_size, steps):
    run = make().fit(moons(20), epochs=1, batch_size=batch_size)
    assert run.steps == steps


def test_an_epochs_loss_counts_a_ragged_batch_by_its_samples():
    x, y = moons(20)
    trainer = make(lr=0.0)
    run = trainer.fit((x, y), epochs=1, batch_size=8)
    assert run.history[0]["train"]["loss"] == pytest.approx(trainer.evaluate((x, y))["loss"], rel=1e-5)
    assert run.history[0]["train"]["accuracy"] == pytest.approx(trainer.evaluate((x, y))["accuracy"])


def test_it_compiles_once_for_whole_and_once_for_ragged_batches():
    trainer, (x, y) = make(), moons(50)
    trainer.fit((x, y), (x[:20], y[:20]), epochs=3, batch_size=8)
    assert len(trainer._train_step.compilations) == 2 and len(trainer._forward.compilations) == 1
    trainer.fit((x + 1, y), epochs=1, batch_size=8)  # other data of the same shape take the place of the first
    assert len(trainer._train_step.compilations) == 2


def test_early_stopping_keeps_the_best_weights():
    (x, y), rng = moons(), np.random.default_rng(1)
    noise = rng.integers(0, 2, 200).astype(np.int32)
    trainer = make(lr=0.1)
    run = trainer.fit((x, y), (x, noise), epochs=100, batch_size=16, patience=3)
    assert run.status == "stopped" and run.epochs == run.best_epoch + 3 < 100
    assert trainer.evaluate((x, noise))["loss"] == pytest.approx(run.best["validation"]["loss"], rel=1e-5)


def test_same_seed_same_weights_to_the_bit():
    results = []
    for seed in (0, 0, 1):
        trainer = make(seed=0, callbacks=[])
        trainer.seed = seed
        trainer.fit(moons(), epochs=2, batch_size=16)
        results.append(trainer.model.state_dict()["0.weight"].tobytes())
    assert results[0] == results[1] != results[2]


def test_a_schedule_reaches_every_step():
    rates = []
    trainer = make(schedule=lambda step: 0.01 / (1 + step))
    trainer.callbacks.append(
        lambda e: rates.append(e.record["learning_rate"]) if isinstance(e, events.EpochEnded) else None
    )
    trainer.fit(moons(20), epochs=2, batch_size=8)
    assert rates == pytest.approx([0.01 / 3, 0.01 / 6])


def test_interrupting_saves_and_going_on_finishes(tmp_path):
    trainer, seen = make(), []

    def interrupt(event):
        seen.append(type(event).__name__)
        if isinstance(event, events.EpochEnded) and event.epoch == 2 and not resumed:
            signal.raise_signal(signal.SIGINT)

    trainer.callbacks.append(interrupt)
    resumed = False
    before = signal.getsignal(signal.SIGINT)
    run = trainer.fit(moons(), moons(), epochs=5, batch_size=16, out=tmp_path)
    assert signal.getsignal(signal.SIGINT) is before
    assert (run.status, run.epochs) == ("interrupted", 2) and (tmp_path / "model.safetensors").exists()
    assert seen[0] == "RunStarted" and seen[-1] == "RunEnded" and "SnapshotSaved" in seen
    resumed = True
    run = trainer.fit(moons(), moons(), epochs=5, batch_size=16, out=tmp_path, resume=True)
    assert (run.status, run.epochs, len(run.history)) == ("finished", 5, 5)
    assert [r["epoch"] for r in Run.read(tmp_path).history] == [1, 2, 3, 4, 5]


def test_divergence_is_said_and_the_best_weights_stay(tmp_path):
    said = []
    cr.random.seed(0)
    model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1), nn.Flatten())
    x, _ = moons()
    trainer = cr.Trainer(model, losses.MSE(), optim.SGD(model.parameters(), lr=1e6), progress=False)
    trainer.callbacks.append(lambda e: said.append(e.text) if isinstance(e, events.Message) else None)
    run = trainer.fit((x, x[:, :1]), epochs=50, batch_size=16, out=tmp_path)
    assert run.status == "diverged" and "learning rate" in said[-1]


def test_a_callback_may_stop_the_run():
    trainer = make()
    trainer.callbacks.append(lambda e: trainer.stop() if isinstance(e, events.EpochEnded) and e.epoch == 2 else None)
    assert trainer.fit(moons(), epochs=9, batch_size=16).epochs == 2


def test_layer_statistics(tmp_path):
    import json

    trainer = make()
    trainer.fit(moons(), epochs=2, batch_size=16, out=tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "layers.jsonl").read_text().splitlines()]
    assert [(r["epoch"], r["layer"], r["kind"]) for r in lines] == [
        (e, layer, kind) for e in (1, 2) for layer, kind in (("0", "Linear"), ("1", "Tanh"), ("2", "Linear"))
    ]
    assert all(
        0 < r["gradient_rms"]["weight"] < 10 and 0 < r["update_ratio"]["weight"] < 1
        for r in lines
        if r["kind"] == "Linear"
    )
    model, (x, y) = nn.Sequential(nn.Linear(2, 3), nn.ReLU()), moons(20)
    first, second = layer_statistics(model, losses.CrossEntropy(), (x,), y, {}, 1)
    for record, values in ((first, model[0](x).numpy()), (second, model(x).numpy())):
        told = [record[f"activation_{name}"] for name in ("mean", "std", "zero")]
        assert told == pytest.approx([values.mean(), values.std(), (values == 0).mean()], rel=1e-5)
    for size in (1e-30, 1e-3, 1e30):
        model[0].weight.assign(np.full((2, 3), size))
        assert layer_statistics(model, losses.CrossEntropy(), (x,), y, {}, 1)[0]["weight_rms"][
            "weight"
        ] == pytest.approx(size)


def test_what_does_not_fit_is_said_before_anything_is_compiled(tmp_path):
    x, y = moons()
    with pytest.raises(ShapeError, match=r"Linear\(2, 16"):
        make().fit((np.ones((10, 3), np.float32), np.zeros(10, np.int32)))
    with pytest.raises(LabelError, match="label 7"):
        make().fit((x, np.where(np.arange(len(y)) == 5, 7, y)))
    with pytest.raises(ConfigError, match="epochs"):
        make().fit((x, y), epochs=0)
    with pytest.raises(ConfigError, match="batch_size"):
        make().fit((x, y), batch_size=0)
    with pytest.raises(ConfigError, match="pair"):
        make().fit([x, y])
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be made"):
        make().fit((x, y), out=tmp_path / "file" / "run")
    model = nn.Linear(2, 1)
    trainer = cr.Trainer(model, losses.MSE(), optim.SGD(model.parameters(), lr=0.1), progress=False)
    with pytest.raises(ShapeError, match=r"\(4, 1\)"):
        trainer.fit((x, x[:, 0]))


def test_datasets_of_several_inputs():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(2, 2), nn.Linear(3, 2)

        def forward(self, x, z):
            return self.a(x) + self.b(z)

    (x, y), model = moons(40), Two()
    trainer = cr.Trainer(model, losses.CrossEntropy(), optim.SGD(model.parameters(), lr=0.1), progress=False)
    run = trainer.fit(data.Dataset((x, np.ones((40, 3), np.float32)), y), epochs=2, batch_size=16)
    assert run.steps == 6


def test_what_prepare_makes_of_a_table_is_taken_and_a_table_itself_is_told_how():
    table = {"age": [float(i % 40) for i in range(200)], "member": ["yes", "no"] * 100, "target": ["a", "b"] * 100}
    prepared = data.prepare(table)
    model = models.build("mlp", prepared.preprocessing.input_description, hidden=[4])
    trainer = cr.Trainer(model, losses.BinaryCrossEntropy(), optim.Adam(model.parameters(), lr=0.05), progress=False)
    assert "validation" in trainer.fit(prepared, epochs=2).history[-1]
    with pytest.raises(ConfigError, match=r"data\.prepare\(frame, target='…'\)"):
        trainer.fit(table)


def test_a_callback_that_fails_lets_go_of_the_terminal_first():
    seen = []

    def fail(event):
        seen.append(event)
        if isinstance(event, events.StepsDone):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        make(callbacks=[fail]).fit(moons(20), epochs=1)
    assert isinstance(seen[-1], events.RunEnded) and seen[-1].status == "failed"


def test_a_run_that_stopped_early_stays_as_it_is_when_resumed(tmp_path):
    (x, y), said = moons(), []
    options = {"validation": (x, 1 - y), "epochs": 50, "patience": 3, "out": tmp_path}
    first = make().fit((x, y), **options)
    assert first.status == Run.read(tmp_path).status == "stopped" and first.epochs < 50
    again = make(callbacks=[said.append]).fit((x, y), resume=True, **options)
    assert (again.status, again.epochs, again.steps) == ("stopped", first.epochs, first.steps)
    assert any(isinstance(e, events.Message) and "No lower validation loss" in e.text for e in said)


@pytest.mark.parametrize("batch_size", [20, 7])
def test_micro_batches_make_the_step_of_the_batch(batch_size: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 4)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int64) + (x[:, 1] > 0)
    weights = []
    for accumulate in (1, 3):
        cr.random.seed(0)
        model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.LayerNorm(8), nn.Linear(8, 3))
        rule = optim.Adam(model.parameters(), lr=0.01, clip_norm=0.5)
        trainer = cr.Trainer(
            model, losses.CrossEntropy(), rule, metrics=[metrics.Accuracy()], accumulate=accumulate, progress=False
        )
        run = trainer.fit((x, y), epochs=3, batch_size=batch_size)
        weights.append((model.state_dict(), run.history[-1]["train"]))
    for name, value in weights[0][0].items():
        np.testing.assert_allclose(weights[1][0][name], value, rtol=2e-4, atol=2e-6, err_msg=name)
    assert weights[1][1] == pytest.approx(weights[0][1], rel=1e-4)


@pytest.mark.parametrize("accumulate", [1, 3])
def test_a_penalty_is_its_proximal_step_after_each_of_the_rule(accumulate: int) -> None:
    """Plain descent with it is the lasso's algorithm, written out; the weight that nothing needs ends at exactly 0."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3)).astype(np.float32)
    y = x @ np.array([2.0, -1.0, 0.0], np.float32)
    model = nn.Linear(3, 1, bias=False)
    w = model.weight.numpy()[:, 0].astype(np.float64)
    rule = optim.SGD(model.parameters(), lr=0.1)
    penalty = losses.ElasticNet(l1=0.3, l2=0.05)
    trainer = cr.Trainer(model, losses.MSE(), rule, penalty=penalty, accumulate=accumulate, progress=False)
    trainer.fit((x, y[:, None]), epochs=100, batch_size=20, shuffle=False)
    for _ in range(100):
        for part in (slice(0, 20), slice(20, 40), slice(40, 60)):
            w = w - 0.1 * 2 * x[part].T @ (x[part] @ w - y[part]) / 20
            w = np.sign(w) * np.maximum(np.abs(w) - 0.1 * 0.3, 0) / (1 + 2 * 0.1 * 0.05)
    np.testing.assert_allclose(model.weight.numpy()[:, 0], w, rtol=1e-4, atol=1e-6)
    assert model.weight.numpy()[2, 0] == 0.0


def test_pieces_of_another_length_are_another_program() -> None:
    seen: list[int] = []

    class Reader(models.RecurrentLanguageModel):
        def forward(self, tokens, state=None):
            seen.append(tokens.shape[1])
            return super().forward(tokens, state)

    model = Reader(10, width=4, layers=1)
    trainer = cr.Trainer(model, losses.CrossEntropy(), optim.SGD(model.parameters(), lr=0.1), progress=False)
    for length in (4, 8):
        trainer.fit(data.TextSamples(np.arange(200) % 10, length, per_epoch=32), epochs=1, batch_size=8)
        assert seen.count(length) > 1  # in the check before, and in the program
