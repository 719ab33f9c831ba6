"""The benchmarks: they refuse peers that compute something else, and say what they measured."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The modules of `benchmarks`, by name."""
    monkeypatch.syspath_prepend(str(ROOT))
    return lambda name: importlib.import_module(f"benchmarks.{name}")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def entry(times: dict[str, float], asked: dict[str, float]) -> dict[str, Any]:
    rows = {
        peer: {"times": [t] * 3, "ratio": [t / times["chainrule"]] * 3, "rounds": 3, "mebibytes": 100.0}
        for peer, t in times.items()
    }
    return {
        "title": "work", "unit": "µs", "asked": asked, "notes": "", "left_out": {"tinygrad": "it does not run"},
        "says": "", "machine": "a machine", "rows": rows,
    }  # fmt: skip


def test_every_workload_has_chainrule_and_its_rivals(benchmarks: Any) -> None:
    workloads, processes = benchmarks("workloads").WORKLOADS, benchmarks("whole_processes").WORKLOADS
    library = benchmarks("workload").library
    assert not set(workloads) & set(processes)
    for work in (workloads | processes).values():
        assert next(iter(work.peers)) == "chainrule"
        assert set(work.asked) <= {library(peer) for peer in work.peers}
    for work in processes.values():
        for script in work.peers.values():
            assert (ROOT / "benchmarks" / "processes" / script.name).exists()


@pytest.mark.parametrize("name", ["wide-bf16", "trainer-mnist"])
def test_chainrule_computes_the_same_in_bfloat16_by_hand_and_by_trainer(
    benchmarks: Any, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    work, given = benchmarks("workloads").WORKLOADS[name], benchmarks("workload").Given
    whole = work.given()
    few = given(whole.weights, tuple(x[:3, :32] for x in whole.batches), whole.epochs)
    assert few.steps == 3 * whole.epochs
    values = {peer: go(few)() for peer, go in work.peers.items() if peer.startswith("chainrule")}
    assert len(values) == (2 if name == "wide-bf16" else 3)
    benchmarks("alternate").check(name, values)
    assert len(set(values.values())) > 1 or name == "trainer-mnist"  # rounded, then
    assert (f"epoch {whole.epochs}/{whole.epochs}" in capsys.readouterr().err) is (name == "trainer-mnist")


def test_chainrule_computes_the_same_in_every_way(benchmarks: Any) -> None:
    work = benchmarks("workloads").WORKLOADS["xor"]
    given = benchmarks("workload").Given
    whole = work.given()
    few = given(whole.weights, tuple(x[:5] for x in whole.batches))
    losses = [work.peers[name](few)() for name in work.peers if name.startswith("chainrule")]
    assert len(losses) == 3
    np.testing.assert_allclose(losses, losses[0], rtol=1e-5)


def test_a_peer_that_computes_something_else_is_refused(benchmarks: Any) -> None:
    check = benchmarks("alternate").check
    check("work", {"chainrule": 2.0, "JAX, jit": 2.001})
    for wrong in (2.01, float("nan")):
        with pytest.raises(AssertionError, match="JAX"):
            check("work", {"chainrule": 2.0, "JAX, jit": wrong, "PyTorch, eager": 2.0})


def test_processes_that_reach_something_else_are_refused(benchmarks: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = benchmarks("whole_processes")
    said = {"here": "0.118 0.112", "there": "0.119 0.112", "elsewhere": "0.118 0.110"}
    monkeypatch.setattr(whole, "_once", lambda script, *_: (31.0, 100.0, said[script.name]))

    def run(other: str, tolerance: float | None) -> Any:
        peers = {"chainrule": whole.Script("here"), "chainrule, float32": whole.Script(other)}
        return whole.run("work", whole.Processes("work", peers, tolerance=tolerance), 15)

    assert run("there", 0.01)["rows"]["chainrule"]["rounds"] == 1  # slow ones have one turn
    run("elsewhere", None)
    with pytest.raises(AssertionError, match=r"0\.112.*0\.11"):
        run("elsewhere", 0.01)


def test_the_summary_takes_the_best_of_each_library(benchmarks: Any) -> None:
    results = benchmarks("results")
    times = {"chainrule": 10.0, "PyTorch, eager": 30.0, "PyTorch, torch.compile": 25.0, "JAX, scan": 9.0}
    made = entry(times, {"PyTorch": 2, "JAX": 1})
    assert results.summary({"work": made}).splitlines()[-1] == (
        "| work | 2.50 (torch.compile) | 2 | 0.90 (scan) | 1 | – | – | not JAX |"
    )
    own = results.summary({"work": entry({"chainrule": 10.0, "chainrule, float32": 13.0}, {"chainrule": 1.4})})
    assert own.splitlines()[-1] == "| work | – | – | – | – | 1.30 (float32) | 1.4 | not its own |"
    assert results.summary({"work": entry(times, {"PyTorch": 2})}).splitlines()[-1].endswith("| – | – | – | met |")
    page = results.page({"work": made})
    assert "tinygrad is left out: it does not run." in page and page.count("a machine") == 1


def test_entries_take_the_place_of_earlier_ones(
    benchmarks: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    results = benchmarks("results")
    monkeypatch.setattr(results, "FILE", tmp_path / "results.json")
    monkeypatch.setattr(results, "PAGE", tmp_path / "RESULTS.md")
    results.keep({"b": entry({"chainrule": 1.0}, {})}, ["a", "b"])
    results.keep({"a": entry({"chainrule": 1.0}, {})}, ["a", "b"])
    results.keep({"b": entry({"chainrule": 7.0}, {})}, ["a", "b"])
    kept = json.loads((tmp_path / "results.json").read_text())
    assert list(kept) == ["a", "b"] and kept["b"]["rows"]["chainrule"]["times"][0] == 7.0
    assert (tmp_path / "RESULTS.md").read_text() == results.page(kept)


def test_the_page_is_made_of_the_numbers(benchmarks: Any) -> None:
    results = benchmarks("results")
    known = benchmarks("kept").known(results.FILE)
    assert not known or results.PAGE.read_text() == results.page(known)


def test_slopes_and_bends(benchmarks: Any) -> None:
    curves = benchmarks("curves")
    x = [2.0**n for n in range(8)]
    assert curves.slope(x, [3 * v**1.5 for v in x]) == pytest.approx(1.5)
    assert curves.bend(x, [max(v, 16.0) for v in x]) == 16.0


def test_peers_in_a_process_of_their_own() -> None:
    peers = ["chainrule, eager (NumPy)", "chainrule, a call a step"]
    done = run("benchmarks.worker", "xor", "--one-step", *peers)
    assert done.returncode == 0, done.stderr
    values = json.loads(done.stdout)
    assert list(values) == peers and all(0.1 < value < 5 for value in values.values())


@pytest.mark.parametrize(
    ("module", "name", "known"),
    [
        ("benchmarks", "gtp", "gpt, lstm"),
        ("benchmarks.curves", "widht", "width, depth"),
        ("benchmarks.findings", "heds", "kernel-gradient, heads"),
    ],
)
def test_unknown_names(module: str, name: str, known: str) -> None:
    done = run(module, name)
    assert done.returncode == 2
    assert name in done.stderr and known in done.stderr
