from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import numpy as np
import pytest

from chainrule import data, train
from cli.conftest import Type, cars, passengers


def weights(run: Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return load_file(run / "model.safetensors")


def test_trains_and_says_what_a_newcomer_wants_to_know(chainrule: Type, folder: Path) -> None:
    (folder / "passengers.csv").write_text(passengers())
    outcome = chainrule("train", "passengers.csv", "--epochs", 3, "--hidden", "8")
    assert outcome.code == 0, outcome.err
    for words in (
        "passengers.csv, a table of 120 rows and 5 columns",
        "survived: 2 classes (no ",
        "84 to learn from · 18 to watch · 18 for the final score",
        "2 categories: sex (2), port (3)",
        "missing, replaced by the training median",
        "Embedding",
        "test",
        "accuracy",
        "of 18)",
        "3 epochs",
        "runs/passengers/report.html",
        "chainrule predict runs/passengers new.csv",
        "chainrule evaluate runs/passengers test.csv",
    ):
        assert words in outcome.out, words
    assert "epoch 3/3" in outcome.err
    run = folder / "runs" / "passengers"
    for name in (
        "config.toml",
        "preprocessing.json",
        "model.safetensors",
        "metrics.jsonl",
        "layers.jsonl",
        "summary.json",
    ):
        assert (run / name).stat().st_size > 0, name
    for name in ("graph.svg", "report.html"):
        assert (run / name).stat().st_size > 0, name
    assert len(list((run / "checkpoints").glob("*.safetensors"))) in (1, 2)


def test_quiet_shows_the_result_alone(chainrule: Type) -> None:
    outcome = chainrule("train", "xor", "--epochs", 1, "--quiet")
    assert outcome.code == 0
    assert outcome.err == ""
    assert [line.split()[0] for line in outcome.out.splitlines()] == ["test", "run", "report"]


def test_options_count_more_than_the_config_file(chainrule: Type, folder: Path) -> None:
    (folder / "plan.toml").write_text(
        '[data]\nsource = "two-moons"\n[model]\nhidden = [4]\nactivation = "tanh"\n[optimizer]\nname = "momentum"\n'
        "[trainer]\nepochs = 1\nseed = 5\n"
    )
    outcome = chainrule("train", "--config", "plan.toml", "--hidden", "6,5", "--lr", "0.02", "--out", "here")
    assert outcome.code == 0, outcome.err
    config = tomllib.loads((folder / "here" / "config.toml").read_text())
    assert config["data"]["source"] == "two-moons"
    assert config["model"] | {"hidden": [6, 5], "activation": "tanh"} == config["model"]
    assert config["optimizer"] | {"name": "momentum", "lr": 0.02} == config["optimizer"]
    assert config["trainer"] | {"epochs": 1, "seed": 5} == config["trainer"]
    assert config["environment"]["chainrule"]
    again = chainrule("train", "--config", "here/config.toml", "--out", "there", "--quiet")
    assert again.code == 0, again.err
    for name, value in weights(folder / "here").items():
        np.testing.assert_array_equal(value, weights(folder / "there")[name])


def test_the_numbers_of_a_schedule_are_the_runs_and_those_of_another_course_are_left_behind(
    chainrule: Type, folder: Path
) -> None:
    (folder / "plan.toml").write_text('[schedule]\nname = "cosine"\nwarmup = 0.3\nend_factor = 0.5\n')
    common = ["train", "xor", "--config", "plan.toml", "--epochs", 1, "--quiet", "--out"]
    assert chainrule(*common, "here", "--warmup", 0.1).code == 0
    assert chainrule(*common, "there", "--schedule", "step", "--milestones", "0.5, 0.9", "--drop-factor", 0.3).code == 0
    saved = {name: tomllib.loads((folder / name / "config.toml").read_text())["schedule"] for name in ("here", "there")}
    assert saved["here"] == {"name": "cosine", "warmup": 0.1, "end_factor": 0.5}
    assert saved["there"] == {"name": "step", "warmup": 0.0, "milestones": [0.5, 0.9], "drop_factor": 0.3}
    refused = chainrule("train", "--resume", "here", "--end-factor", 0.1)
    assert refused.code == 2 and "--end-factor cannot be changed" in refused.err


def test_runs_are_numbered_and_never_overwritten(chainrule: Type, folder: Path) -> None:
    for _ in range(2):
        assert chainrule("train", "xor", "--epochs", 1, "--quiet").code == 0
    assert sorted(p.name for p in (folder / "runs").iterdir()) == ["xor", "xor-2"]
    outcome = chainrule("train", "xor", "--epochs", 1, "--out", "runs/xor")
    assert outcome.code == 2
    assert "runs/xor holds a run already" in outcome.err


def test_nothing_is_left_of_a_run_that_could_not_begin(chainrule: Type, folder: Path) -> None:
    assert chainrule("train", "digits", "--activation", "relo").code == 2
    assert chainrule("train", "missing.csv").code == 2
    (folder / "cars.csv").write_text(cars())
    refused = chainrule("train", "cars.csv", "--balance", "weights")
    assert refused.code == 2 and "no classes of these samples to balance: the task is regression" in refused.err
    assert [path.name for path in folder.iterdir()] == ["cars.csv"]


def test_ctrl_c_keeps_what_was_learned_and_resume_ends_as_if_nothing_had_happened(
    chainrule: Type, folder: Path
) -> None:
    command = [
        sys.executable,
        "-m",
        "chainrule",
        "train",
        "digits",
        "--epochs",
        "60",
        "--patience",
        "0",
        "--hidden",
        "16",
    ]
    process = subprocess.Popen(
        [*command, "--out", "cut"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder
    )
    deadline = time.monotonic() + 60
    metrics = folder / "cut" / "metrics.jsonl"
    while time.monotonic() < deadline and not (metrics.exists() and metrics.read_bytes().count(b"\n") >= 2):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "interrupted" in out
    assert "train --resume cut" in out
    summary = json.loads((folder / "cut" / "summary.json").read_text())
    assert summary["status"] == "interrupted"
    assert not {"test", "validation"} & set(summary)  # it is not scored, so that it ends at once
    assert (folder / "cut" / "report.html").exists()
    assert chainrule("predict", "cut", "digits").out.count("\n") == 1798
    best = min(json.loads(line)["validation"]["loss"] for line in metrics.read_text().splitlines())
    saved = train.TrainedModel.load(folder / "cut").evaluate(data.prepare("digits").validation)
    assert saved["loss"] == pytest.approx(best)

    resumed = chainrule("train", "--resume", "cut")
    assert resumed.code == 0, resumed.err
    assert "going on after epoch" in resumed.err
    whole = chainrule("train", "digits", "--epochs", 60, "--patience", 0, "--hidden", "16", "--out", "whole", "--quiet")
    assert whole.code == 0, whole.err
    for name, value in weights(folder / "whole").items():
        np.testing.assert_array_equal(value, weights(folder / "cut")[name])


def test_a_training_that_diverges_says_so_and_what_to_try(chainrule: Type, runs: Path) -> None:
    outcome = chainrule("train", "cars.csv", "--optimizer", "sgd", "--lr", 1e5, "--schedule", "constant")
    assert outcome.code == 1, outcome.err
    assert "diverged" in outcome.err
    assert "train cars.csv --lr 10000" in outcome.out
    assert (runs / "cars-2" / "report.html").exists()


def test_resume_finds_the_run_by_folder_by_name_by_data_or_takes_the_newest(chainrule: Type, runs: Path) -> None:
    later = time.time() + 10
    os.utime(runs / "cars" / "metrics.jsonl", (later, later))
    for words, found in (
        (["runs/digits"], "runs/digits"),
        (["digits"], "runs/digits"),
        (["passengers.csv"], "runs/passengers"),
        ([], "runs/cars"),
        (["--out", "runs/digits"], "runs/digits"),
    ):
        outcome = chainrule("train", "--resume", *words, "--quiet")
        assert outcome.code == 0, outcome.err
        assert found in outcome.out


def test_resume_may_train_longer_but_not_differently(chainrule: Type, runs: Path) -> None:
    refused = chainrule("train", "--resume", "runs/digits", "--lr", "1")
    assert refused.code == 2
    assert "--lr cannot be changed" in refused.err
    outcome = chainrule("train", "--resume", "runs/digits", "--epochs", 3)
    assert outcome.code == 0, outcome.err
    assert json.loads((runs / "digits" / "summary.json").read_text())["epochs"] == 3
    assert tomllib.loads((runs / "digits" / "config.toml").read_text())["trainer"]["epochs"] == 3
