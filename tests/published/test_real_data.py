"""What `chainrule train` reaches on real data with nothing chosen: the commands of docs/results.md, run once."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

import pytest

pytest.importorskip("sklearn")
pytestmark = pytest.mark.slow


@pytest.fixture
def measure(repository, tmp_path):
    """Runs `python -m benchmarks.real_data` and gives the runs of every method: name, then accuracy or roc_auc."""

    def run(name: str, repeats: int) -> dict[str, dict[str, list[float]]]:
        out = tmp_path / "numbers.json"
        command = [sys.executable, "-m", "benchmarks.real_data", name, "--repeats", str(repeats), "--json", str(out)]
        done = subprocess.run(command, cwd=repository, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(out.read_text())[name]

    return run


@pytest.mark.usefixtures("real_data")
def test_mnist(measure):
    [accuracy] = measure("mnist", 1)["chainrule train"]["accuracy"]
    assert 0.983 <= accuracy < 0.995  # more would be beyond perceptrons


@pytest.mark.usefixtures("real_data")
def test_adult(measure):
    ours = measure("adult", 1)["chainrule train"]
    assert 0.855 <= ours["accuracy"][0] < 0.9
    assert 0.905 <= ours["roc_auc"][0] < 0.95


@pytest.mark.usefixtures("real_data")
def test_titanic_cross_validated_beside_logistic_regression(measure):
    methods = measure("titanic", 1)
    ours = statistics.fmean(methods["chainrule train"]["accuracy"])
    logistic = statistics.fmean(methods["scikit-learn LogisticRegression"]["accuracy"])
    assert ours > 0.77
    assert ours >= logistic - 0.02
    assert ours < 0.9  # above it would be the answer in disguise
    assert statistics.fmean(methods["chainrule train"]["roc_auc"]) > 0.83


def test_digits(measure):
    ours = measure("digits", 2)["chainrule train"]["accuracy"]
    assert min(ours) >= 0.97 - 0.01  # one image of 270 is 0.4 points
    assert statistics.fmean(ours) >= 0.97


def test_without_the_data_it_says_what_to_set(repository, monkeypatch):
    monkeypatch.delenv("CHAINRULE_DATA", raising=False)
    command = [sys.executable, "-m", "benchmarks.real_data", "mnist"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True)
    assert done.returncode == 0
    assert "mnist: skipped, set CHAINRULE_DATA" in done.stdout


def test_a_name_that_does_not_exist(repository):
    command = [sys.executable, "-m", "benchmarks.real_data", "minst"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True)
    assert done.returncode == 2
    assert "there are mnist, adult, titanic, digits" in done.stderr
