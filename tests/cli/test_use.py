from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from cli.conftest import Type, cars, passengers


def test_evaluate_scores_the_rows_held_out(chainrule: Type, runs: Path) -> None:
    outcome = chainrule("evaluate", "runs/passengers", "--format", "json")
    assert outcome.code == 0, outcome.err
    scores = json.loads(outcome.out)
    summary = json.loads((runs / "passengers" / "summary.json").read_text())
    assert scores["rows"] == 18
    assert scores["accuracy"] == summary["test"]["accuracy"]


def test_evaluate_shows_scores_and_confusions(chainrule: Type, runs: Path) -> None:
    Path("test.csv").write_text(passengers(40, seed=1))
    outcome = chainrule("evaluate", "passengers", "test.csv")
    assert outcome.code == 0, outcome.err
    assert "40 rows" in outcome.out
    assert "ROC AUC" in outcome.out
    counts = [int(word) for line in outcome.out.splitlines()[-2:] for word in line.split()[1:] if word != "·"]
    assert sum(counts) == 40


def test_evaluate_of_a_number_is_in_its_own_unit(chainrule: Type, runs: Path) -> None:
    Path("test.csv").write_text(cars(40, seed=1))
    outcome = chainrule("evaluate", "cars", "test.csv", "--format", "json")
    assert outcome.code == 0, outcome.err
    assert 100 < json.loads(outcome.out)["rmse"] < 30_000


def test_evaluate_warns_of_rows_it_learned_from(chainrule: Type, runs: Path) -> None:
    assert "it learned from some of these rows" in chainrule("evaluate", "digits", "digits").err


def test_predict_takes_columns_in_any_order_and_says_what_it_did(chainrule: Type, runs: Path) -> None:
    Path("new.csv").write_text("note,fare,port,sex,age\nx,12,S,female,30\ny,,Z,male,\nz,7,Q,,5\n")
    outcome = chainrule("predict", "passengers", "new.csv")
    assert outcome.code == 0, outcome.err
    rows = list(csv.DictReader(io.StringIO(outcome.out)))
    assert len(rows) == 3
    assert list(rows[0]) == ["prediction", "probability_no", "probability_yes"]
    for row in rows:
        assert row["prediction"] in ("no", "yes")
        assert float(row["probability_no"]) + float(row["probability_yes"]) == pytest.approx(1, abs=2e-6)
    assert rows[0]["prediction"] == "yes"
    for words in ("'Z'", "missing", "note"):
        assert words in outcome.err, words


def test_predict_writes_files_by_their_ending(chainrule: Type, runs: Path) -> None:
    Path("new.csv").write_text("power,age,fuel\n100,3,petrol\n150,1,diesel\n")
    outcome = chainrule("predict", "cars", "new.csv", "--out", "prices.jsonl")
    assert outcome.code == 0, outcome.err
    assert outcome.out == ""
    assert "2 predictions written to prices.jsonl" in outcome.err
    records = [json.loads(line) for line in Path("prices.jsonl").read_text().splitlines()]
    assert [list(record) for record in records] == [["prediction"], ["prediction"]]
    assert 1_000 < records[0]["prediction"] < 60_000
    assert chainrule("predict", "cars", "new.csv", "--out", "prices.csv").code == 0
    assert Path("prices.csv").read_text().splitlines()[0] == "prediction"
    assert not list(Path().glob(".*.part"))


def test_predict_gives_each_class_its_probability(chainrule: Type, runs: Path) -> None:
    outcome = chainrule("predict", "digits", "digits", "--format", "jsonl")
    first = json.loads(outcome.out.splitlines()[0])
    assert list(first["probabilities"]) == [str(n) for n in range(10)]
    assert first["prediction"] == max(first["probabilities"], key=first["probabilities"].__getitem__)
    assert outcome.out.count("\n") == 1797


def test_predict_into_a_device_leaves_the_device(chainrule: Type, runs: Path) -> None:
    assert chainrule("predict", "digits", "digits", "--out", "/dev/null").code == 0
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("run", ["passengers", "cars", "digits"])
def test_graph_draws_a_run_in_every_format(run: str, chainrule: Type, runs: Path) -> None:
    text = chainrule("graph", run)
    assert text.code == 0, text.err
    assert "Linear" in text.out
    assert chainrule("graph", run, "--format", "dot").out.startswith("digraph")
    assert chainrule("graph", run, "--out", "network.svg").code == 0
    assert ElementTree.parse("network.svg").getroot().tag.endswith("svg")
    assert (
        "matmul" in chainrule("graph", run, "--depth", 9).out or "linear" in chainrule("graph", run, "--depth", 9).out
    )


def test_graph_draws_the_network_that_train_would_build(chainrule: Type) -> None:
    outcome = chainrule("graph", "xor", "--hidden", "5,4")
    assert outcome.code == 0, outcome.err
    assert "(2, 5)" in outcome.out
    assert "(5, 4)" in outcome.out


def test_gradcheck_compares_three_ways(chainrule: Type, runs: Path) -> None:
    outcome = chainrule("gradcheck", "--limit", 20)
    assert outcome.code == 0, outcome.err
    assert "1,211 forward" in outcome.out
    assert "1 forward + 1 backward" in outcome.out
    for run in ("passengers", "cars", "digits"):
        outcome = chainrule("gradcheck", run, "--limit", 10)
        assert outcome.code == 0, outcome.err
        errors = [line.split()[-2] for line in outcome.out.splitlines() if line.startswith("central")]
        assert float(errors[0]) < 1e-6


def test_gradcheck_of_operations(chainrule: Type) -> None:
    outcome = chainrule("gradcheck", "--ops", "tanh")
    assert outcome.code == 0, outcome.err
    assert "1 rule agrees" in outcome.out
    assert "no backward rule" in chainrule("gradcheck", "--ops", "round").out
    assert "Did you mean 'matmul'" in chainrule("gradcheck", "--ops", "matmull").err


def test_gradcheck_finds_a_planted_wrong_rule(chainrule: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    from chainrule.graph import OPS

    rule = OPS["tanh"].backward
    assert rule is not None
    monkeypatch.setattr(OPS["tanh"], "backward", lambda node, g: [1.01 * dx for dx in rule(node, g)])
    outcome = chainrule("gradcheck", "--ops", "tanh")
    assert outcome.code == 1
    assert "WRONG" in outcome.out
    assert "central differences" in outcome.out


@pytest.mark.slow
def test_gradcheck_of_every_operation(chainrule: Type) -> None:
    outcome = chainrule("gradcheck", "--ops")
    assert outcome.code == 0, outcome.out
    assert "rules agree with differences" in outcome.out


def test_report_is_written_again(chainrule: Type, runs: Path) -> None:
    page = runs / "digits" / "report.html"
    page.unlink()
    outcome = chainrule("report", "digits")
    assert (outcome.code, outcome.out) == (0, "runs/digits/report.html\n")
    assert page.exists()


def test_data_shows_what_the_reader_understood(chainrule: Type, runs: Path) -> None:
    outcome = chainrule("data", "passengers.csv", "--target", "port", "--type", "fare=category")
    assert outcome.code == 0, outcome.err
    assert "port: 3 classes" in outcome.out
    rows = {line.split()[0]: line.split()[1:] for line in outcome.out.splitlines() if line.strip()}
    assert rows["fare"][0] in ("category", "text", "identifier")
    assert rows["age"][0] == "number"
    listing = chainrule("data")
    assert "two-moons" in listing.out
