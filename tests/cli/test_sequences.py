"""Sequences of several lengths from the command line, as a person would use it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cli.conftest import Type, walks
from cli.test_bad_input import refused
from data.test_sequences import arrays, filled

TABLE = ("--sequence", "walk", "--time", "step", "--target", "person")
QUICK = ("--width", 16, "--layers", 1, "--lr", 0.02, "--epochs", 15)


def test_from_a_long_table_to_predictions(chainrule: Type, folder: Path) -> None:
    (folder / "walks.csv").write_text(walks())
    seen = " ".join(chainrule("data", "walks.csv", *TABLE).out.split())
    outcome = chainrule("train", "walks.csv", *TABLE, *QUICK)
    assert outcome.code == 0, outcome.err
    for words in (
        "60 sequences of up to 8 steps, 2 numbers each",
        "person: 2 classes (ann 30, bob 30)",
        "sequences 42 to learn from",
        "2 numbers at each step: forward, sideways",
        "sequences: 60 of 2 to 8 steps, by column 'walk', in the order of 'step'",
    ):
        assert words in " ".join(outcome.out.split()), words
        assert words in seen, words
    for words in ("GRU", "accuracy 100", "chainrule predict runs/walks new.csv"):
        assert words in outcome.out, words
    assert (folder / "runs/walks/report.html").exists()
    assert "up to 8 steps" in (folder / "runs/walks/report.html").read_text()

    rows = walks(20, seed=1).splitlines()
    (folder / "test.csv").write_text("\n".join(rows) + "\n")
    (folder / "new.csv").write_text("\n".join([rows[0], *reversed(rows[1:])]).replace(",ann", ",").replace(",bob", ","))
    told = list(csv.DictReader(io.StringIO(chainrule("predict", "walks", "new.csv").out)))
    assert list(told[0]) == ["walk", "prediction", "probability_ann", "probability_bob"]
    assert [row["walk"] for row in told] == [f"w{i}" for i in reversed(range(20))]
    assert [row["prediction"] for row in told] == ["bob", "ann"] * 10
    records = [
        json.loads(line) for line in chainrule("predict", "walks", "new.csv", "--format", "jsonl").out.splitlines()
    ]
    assert [record["walk"] for record in records] == [row["walk"] for row in told]
    scored = chainrule("evaluate", "walks", "test.csv")
    assert "20 sequences" in scored.out and "100.0 %" in scored.out
    held_out = json.loads(chainrule("evaluate", "walks", "--format", "json").out)
    assert held_out["loss"] == pytest.approx(
        json.loads((folder / "runs/walks/summary.json").read_text())["test"]["loss"]
    )
    for command in (["graph", "walks"], ["gradcheck", "walks"], ["lr-range", "walks.csv", *TABLE]):
        assert chainrule(*command).code == 0, command


@pytest.mark.parametrize("model", ["transformer", "lstm"])
def test_from_arrays_with_lengths(chainrule: Type, folder: Path, model: str) -> None:
    np.savez(folder / "plain.npz", **arrays())
    np.savez(folder / "spoiled.npz", **filled(arrays(), np.nan, more=2))
    options = ("--model", model, "--width", 8, "--layers", 1, "--epochs", 2, "--quiet")
    for name in ("plain", "spoiled"):
        outcome = chainrule("train", f"{name}.npz", *options)
        assert outcome.code == 0, outcome.err
    weights = [(folder / "runs" / name / "model.safetensors").read_bytes() for name in ("plain", "spoiled")]
    assert weights[0] == weights[1]
    told = chainrule("predict", "plain", "plain.npz").out
    assert told == chainrule("predict", "spoiled", "spoiled.npz").out
    assert told.count("\n") == 41


def test_an_interrupted_run_goes_on(chainrule: Type, folder: Path) -> None:
    (folder / "walks.csv").write_text(walks())
    assert chainrule("train", "walks.csv", *TABLE, "--width", 8, "--epochs", 2, "--quiet").code == 0
    resumed = chainrule("train", "--resume", "runs/walks", "--epochs", 3, "--quiet")
    assert resumed.code == 0, resumed.err
    (folder / "walks.csv").write_text(walks(seed=5))
    refused(chainrule("train", "--resume", "runs/walks", "--epochs", 4), "not what they were")


def test_what_is_refused(chainrule: Type, folder: Path) -> None:
    table = walks().splitlines()
    (folder / "walks.csv").write_text("\n".join(table) + "\n")
    for name, line, place, value in (
        ("empty", 9, 2, ""), ("word", 9, 2, "far"), ("two", 9, 4, "cid"), ("nobody", 9, 0, "")
    ):  # fmt: skip
        cells = table[line - 1].split(",")
        cells[place] = value
        (folder / f"{name}.csv").write_text("\n".join([*table[: line - 1], ",".join(cells), *table[line:]]) + "\n")
    walk = table[8].split(",")[0]
    wrong: dict[str, Any] = {"zero": np.arange(40) % 7, "few": np.ones(39, int)}
    for name, lengths in wrong.items():
        np.savez(folder / f"{name}.npz", **arrays() | {"lengths": lengths})
    for source, words in (
        ("empty.csv", ("column 'forward' is empty in line 9", f"column 'forward', sequence '{walk}'", "forward=drop")),
        ("word.csv", ("'far' in line 9", f"column 'forward', sequence '{walk}'")),
        ("two.csv", (f"sequence '{walk}' has two targets", "'cid' in line 9")),
        ("nobody.csv", ("does not say to which sequence line 9 belongs",)),
    ):
        refused(chainrule("train", source, *TABLE), source, *words)
    refused(chainrule("train", "zero.npz"), "length of sequence 0", "zero.npz, row 0")
    refused(chainrule("train", "few.npz"), "(39,)", "40 sequences")
    refused(chainrule("train", "walks.csv", "--time", "step"), "--sequence … names it")
    refused(chainrule("train", "digits", "--sequence", "walk"), "digits has no columns")
    refused(
        chainrule("train", "walks.csv", *TABLE, "--model", "mlp"), "of the kind sequence", "--model rnn or lstm or gru"
    )
    assert not (folder / "runs").exists()


def test_longer_sequences_than_in_training(chainrule: Type, folder: Path) -> None:
    np.savez(folder / "short.npz", **arrays())
    np.savez(folder / "long.npz", **arrays(count=5, longest=9))
    options = ("--width", 8, "--layers", 1, "--epochs", 1, "--quiet", "--out")
    assert chainrule("train", "short.npz", *options, "gru").code == 0
    assert chainrule("train", "short.npz", "--model", "transformer", *options, "transformer").code == 0
    told = chainrule("predict", "gru", "long.npz")
    assert (told.code, told.out.count("\n")) == (0, 6)
    assert "sequence 0 (counting from 0) has 9 steps, more than the 7" in told.err
    refused(chainrule("predict", "transformer", "long.npz"), "T up to 7", "a recurrent network")
