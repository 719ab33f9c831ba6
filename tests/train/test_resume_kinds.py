"""Runs of every kind of data go on bit for bit where they were stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule import train
from chainrule.train import Config, events
from chainrule.train.files import read_tensors
from data.test_graph_samples import archive
from data.test_sequences import arrays, long_table

PROSE = "It was the best of times, it was the worst of times;\nit was the age of wisdom.\n" * 12


def text(folder: Path) -> dict[str, Any]:
    (folder / "novel.txt").write_text(PROSE)
    return {
        "data.source": str(folder / "novel.txt"), "data.context": 8, "model.name": "lstm", "model.width": 8,
        "model.layers": 1, "model.dropout": 0.2,
    }  # fmt: skip


def graph(folder: Path) -> dict[str, Any]:
    return {
        "data.source": str(archive(folder)),
        "model.name": "gat",
        "model.width": 4,
        "model.heads": 2,
        "trainer.epochs": 9,
    }


def images(folder: Path) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    np.savez(folder / "shapes.npz", x=rng.normal(size=(90, 8, 8, 1)), y=np.arange(90) % 3)
    return {"data.source": str(folder / "shapes.npz"), "model.name": "lenet", "model.augment": ["shift", "flip"]}


def sequences(folder: Path) -> dict[str, Any]:
    long_table(arrays(count=60)).write_csv(folder / "walks.csv")
    return {
        "data.source": str(folder / "walks.csv"), "data.sequence": "walk", "data.time": "step", "model.width": 8,
        "model.layers": 1, "model.dropout": 0.2,
    }  # fmt: skip


@pytest.mark.parametrize("kind", [text, graph, images, sequences])
def test_stopped_and_resumed_is_the_same(tmp_path: Path, kind: Any) -> None:
    options = {"trainer.epochs": 3, "trainer.checkpoint_every": 1} | kind(tmp_path)

    def config() -> Config:
        made = Config()
        for name, value in options.items():
            made.set(name, value)
        return made

    whole = train.train(config(), out=tmp_path / "whole", progress=False)
    half = max(whole.run.steps // 2, 1)

    def stop(event: events.Event) -> None:
        if isinstance(event, events.StepsDone) and event.step == half:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train.train(config(), out=tmp_path / "parts", callbacks=[stop], progress=False)
    again = train.train(config(), out=tmp_path / "parts", resume=True, progress=False)
    assert again.run.steps == whole.run.steps
    ours, theirs = (read_tensors(tmp_path / name / "model.safetensors")[0] for name in ("parts", "whole"))
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        np.testing.assert_array_equal(ours[name], value, err_msg=name)
