"""Techniques by command: ensembles, the learning-rate range test."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from cli.conftest import Type, cars, passengers


@pytest.mark.parametrize("table", ["passengers", "cars"])
def test_an_ensemble_is_a_run_as_any_other(chainrule: Type, folder: Path, table: str) -> None:
    (folder / f"{table}.csv").write_text(passengers() if table == "passengers" else cars())
    words = ["--ensemble", 3, "--ensemble-kind", "bagging", "--epochs", 2, "--hidden", "8"]
    outcome = chainrule("train", f"{table}.csv", *words)
    assert outcome.code == 0, outcome.err
    assert "member 3 of 3" in outcome.err
    for text in ("members", "alone", "together", "cost", "3 × "):
        assert text in outcome.out
    summary = json.loads((folder / "runs" / table / "summary.json").read_text())
    scores = json.loads(chainrule("evaluate", f"runs/{table}", "--format", "json").out)
    assert scores["loss"] == pytest.approx(summary["test"]["loss"], rel=1e-5)
    assert chainrule("predict", f"runs/{table}", f"{table}.csv").out.count("\n") == 121
    assert "ensemble" in (folder / "runs" / table / "report.html").read_text()


def test_an_ensemble_that_was_interrupted_keeps_its_members_and_goes_on(chainrule: Type, folder: Path) -> None:
    options = ["digits", "--ensemble", "3", "--epochs", "40", "--patience", "0", "--hidden", "16"]
    process = subprocess.Popen(
        [sys.executable, "-m", "chainrule", "train", *options, "--out", "cut"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder,
    )  # fmt: skip
    second = folder / "cut" / "members" / "2" / "metrics.jsonl"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not second.exists():
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "1 of 2 members left out: interrupted." in err
    assert "train --resume cut" in out
    assert chainrule("predict", "cut", "digits").out.count("\n") == 1798
    before = os.stat(folder / "cut" / "members" / "1" / "metrics.jsonl").st_size
    resumed = chainrule("train", "--resume", "cut")
    assert resumed.code == 0, resumed.err
    assert os.stat(folder / "cut" / "members" / "1" / "metrics.jsonl").st_size == before
    assert chainrule("train", *options, "--out", "whole", "--quiet").code == 0
    from safetensors.numpy import load_file

    one, other = (load_file(folder / name / "model.safetensors") for name in ("cut", "whole"))
    assert set(one) == set(other)
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


def test_a_kind_of_ensemble_that_does_not_exist(chainrule: Type) -> None:
    outcome = chainrule("train", "xor", "--ensemble", 2, "--ensemble-kind", "boosting")
    assert outcome.code == 2
    assert "no kind of ensemble 'boosting'" in outcome.err and "--ensemble-kind" in outcome.err


def test_a_rare_class_counts_as_much_as_the_other(chainrule: Type, folder: Path) -> None:
    rng = np.random.default_rng(0)
    ill = np.arange(1500) % 15 == 0
    fever = rng.normal(37, 0.5, 1500) + ill
    lines = [f"{t:.2f},{rng.normal():.3f},{'yes' if i else 'no'}" for t, i in zip(fever, ill, strict=True)]
    (folder / "ward.csv").write_text("\n".join(["fever,other,ill", *lines]) + "\n")
    common = ["train", "ward.csv", "--epochs", 15, "--hidden", "8", "--lr", 0.02, "--quiet"]
    assert chainrule(*common, "--out", "plain").out.split()[:2] == ["test", "accuracy"]
    for balance in ("weights", "resample"):
        outcome = chainrule(*common, "--balance", balance, "--out", balance)
        assert outcome.code == 0, outcome.err
        assert outcome.out.split()[:3] == ["test", "balanced", "accuracy"]
        scores = json.loads(chainrule("evaluate", balance, "--format", "json").out)
        summary = json.loads((folder / balance / "summary.json").read_text())
        assert scores["balanced_accuracy"] == summary["test"]["balanced_accuracy"] > 0.65
        assert scores["loss"] == pytest.approx(summary["test"]["loss"], rel=1e-5)
        assert "balanced accuracy" in (folder / balance / "report.html").read_text()
    refused = chainrule("train", "--resume", "weights", "--balance", "resample")
    assert refused.code == 2 and "--balance cannot be changed" in refused.err


def test_a_learning_rate_is_suggested_and_drawn(chainrule: Type, folder: Path) -> None:
    outcome = chainrule("lr-range", "digits", "--hidden", "16", "--steps", 60)
    assert outcome.code == 0, outcome.err
    for text in (
        "where the loss falls fastest",
        "a tenth of the rate at its lowest point",
        "0.002, of adamw",
        "lr-range.svg",
        "train digits --lr 0.",
    ):
        assert text in outcome.out
    rate = float(outcome.out.rsplit("--lr ", 1)[1])
    assert 1e-4 < rate < 1.0
    text = "".join(ElementTree.parse(folder / "lr-range.svg").getroot().itertext())
    assert f"falls fastest at {rate:g}" in text and "learning rate" in text
    assert [path.name for path in folder.iterdir()] == ["lr-range.svg"]  # and no run is left behind


def test_the_range_test_takes_the_rows_of_the_training(chainrule: Type, folder: Path) -> None:
    (folder / "ward.csv").write_text(
        "x,ill\n" + "".join(f"{i % 7},{'yes' if i % 12 == 0 else 'no'}\n" for i in range(240))
    )
    common = ["lr-range", "ward.csv", "--hidden", "8", "--steps", 12, "--lowest", 1e-6, "--highest", 1e-5]
    pictures = []
    (folder / "plan.toml").write_text('[trainer]\nbalance = "weights"\n')
    for words in ([], ["--balance", "weights"], ["--config", "plan.toml"]):
        assert chainrule(*common, *words).code == 0
        pictures.append((folder / "lr-range.svg").read_text())
    assert pictures[0] != pictures[1] == pictures[2]


def test_a_range_of_rates_that_cannot_be(chainrule: Type) -> None:
    outcome = chainrule("lr-range", "xor", "--lowest", 1, "--highest", 0.1)
    assert outcome.code == 2
    assert "goes up from above 0, got 1.0 to 0.1" in outcome.err


def test_a_network_of_images_can_be_looked_into(chainrule: Type, runs: Path, folder: Path) -> None:
    outcome = chainrule("look", "runs/digits", "digits", "--row", 7)
    assert outcome.code == 0, outcome.err
    assert "taken for" in outcome.out
    for name, words in (("filters", "16 units that see 8 × 8"), ("feature-maps", "What each layer sees")):
        assert words in "".join(ElementTree.parse(runs / "digits" / f"{name}.svg").getroot().itertext())
    from PIL import Image

    Image.fromarray(np.arange(400, dtype=np.uint8).reshape(20, 20)).save(folder / "seven.png")
    assert chainrule("look", "runs/digits", "seven.png").code == 0
    assert "there are 270, from 0" in chainrule("look", "runs/digits", "--row", 99999).err
    refused = chainrule("look", "runs/passengers")
    assert refused.code == 2 and "looking is for images" in refused.err
