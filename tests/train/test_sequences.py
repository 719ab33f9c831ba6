"""Trainings on sequences of several lengths: what stands behind their ends changes no bit of what is learned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import losses, metrics, models, optim, train
from chainrule.data import Dataset
from chainrule.graph import random
from chainrule.train import Config, TrainedModel
from data.test_sequences import arrays, filled, long_table

KINDS = ("rnn", "lstm", "gru", "transformer")


def trained(source: Any, model: str, out: Path | None = None, **more: Any) -> TrainedModel:
    config = Config()
    options = {"model.name": model, "model.width": 8, "model.layers": 1, "trainer.epochs": 2, "trainer.batch_size": 8}
    for name, value in (options | more).items():
        config.set(name.replace("__", "."), value)
    return train.train(config, source=source, out=out, progress=False)


def bits(model: Any) -> dict[str, bytes]:
    return {name: np.asarray(value).tobytes() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("model", ["gru", "transformer"])
def test_what_stands_behind_the_end_changes_no_bit(model: str) -> None:
    """From the arrays of a file to weights and scores."""
    found = arrays(count=50)
    first = trained(filled(found, 0.0), model)
    again = trained(filled(found, np.nan, more=3), model)
    assert bits(again.model) == bits(first.model)
    assert again.scores == first.scores
    other = trained(found | {"lengths": np.full(50, 7)}, model)  # it does look at what counts
    assert bits(other.model) != bits(first.model)


@pytest.mark.parametrize("model", KINDS)
def test_a_network_itself_leaves_padding_alone(model: str) -> None:
    """Garbage that reaches the network, as a Dataset of one's own may hold it."""
    found = arrays(count=24)
    learned = []
    for garbage in (0.0, 50.0):
        x = filled(found, garbage)["x"].astype(np.float32)
        random.seed(0)
        description = {"kind": "sequence", "shape": [7, 2], "outputs": 3}
        options = {"width": 8, "layers": 1, "dropout": 0.0} | ({"heads": 2} if model == "transformer" else {})
        network = models.build(model, description, **options)
        trainer = cr.Trainer(
            network, losses.CrossEntropy(), optim.Adam(network.parameters(), lr=0.01), metrics=[metrics.Accuracy()],
            progress=False,
        )  # fmt: skip
        trainer.fit(Dataset((x, found["lengths"]), found["y"]), epochs=3, batch_size=8)
        learned.append((bits(network), trainer.outputs((x, found["lengths"].astype(np.int32))).tobytes()))
    assert learned[0] == learned[1]


@pytest.mark.parametrize("model", ["gru", "transformer"])
def test_sequences_of_several_lengths_are_compiled_once(model: str) -> None:
    found = arrays(count=64)
    random.seed(0)
    description = {"kind": "sequence", "shape": [7, 2], "outputs": 3}
    options = {"width": 8, "layers": 1, "dropout": 0.0} | ({"heads": 2} if model == "transformer" else {})
    network = models.build(model, description, **options)
    trainer = cr.Trainer(network, losses.CrossEntropy(), optim.Adam(network.parameters(), lr=0.01), progress=False)
    trainer.fit(Dataset((found["x"], found["lengths"]), found["y"]), epochs=3, batch_size=8)
    assert len(trainer._train_step.compilations) == 1


@pytest.mark.parametrize("from_table", [False, True])
def test_what_is_loaded_answers_as_what_was_trained(tmp_path: Path, from_table: bool) -> None:
    found = arrays(count=60)
    source: Any = long_table(found) if from_table else found
    columns = {"data__sequence": "walk", "data__time": "step"} if from_table else {}
    fresh = trained(source, "gru", tmp_path / "run", **columns)
    assert fresh.data is not None
    test, again = fresh.data.test, TrainedModel.load(tmp_path / "run")
    assert again.evaluate(test) == fresh.scores
    everything, _ = again.preprocessing.transform(source, has_target=True)
    told = again.predict(everything)
    rows = [int(np.flatnonzero([np.array_equal(x, y) for y in everything.inputs[0]])[0]) for x in test.inputs[0]]
    np.testing.assert_array_equal(told[rows], fresh.predict(test))  # whatever else is in the batch
    blind, _ = again.preprocessing.transform(source, has_target=False)
    np.testing.assert_array_equal(again.predict(blind), told)


def test_the_usual_network_reads_longer_sequences_than_it_was_trained_on() -> None:
    found = arrays(count=40)
    model = trained(found, "auto")
    assert model.config.model.name == "gru"
    longer = arrays(count=5, longest=11)
    dataset, _ = model.preprocessing.transform(longer)
    assert model.predict(dataset).shape == (5, 3)
    alone, _ = model.preprocessing.transform({name: values[1:2] for name, values in longer.items()})
    np.testing.assert_allclose(model.predict(alone), model.predict(dataset)[1:2], rtol=1e-5)


def test_numbers_as_targets_and_ensembles() -> None:
    found = arrays(count=60)
    real = np.arange(7) < found["lengths"][:, None]
    found["y"] = (found["x"][..., 0] * real).sum(axis=1) / found["lengths"]
    model = trained(found, "gru", ensemble__members=2, trainer__epochs=30, optimizer__lr=0.02)
    assert model.scores is not None and model.scores["r2"] > 0.6
