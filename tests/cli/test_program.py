from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chainrule.cli import main, program
from chainrule.cli.phrases import in_options
from cli.conftest import Type

HEAVY = ("jax", "polars", "PIL", "scipy", "jinja2", "safetensors", "chainrule.nn", "chainrule.data")


def run_program(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.run(
        [sys.executable, "-m", "chainrule", *words],
        capture_output=True, text=True, timeout=120, check=False, env=environment, cwd=cwd,
    )  # fmt: skip


def test_version(chainrule: Type) -> None:
    import chainrule as cr

    outcome = chainrule("--version")
    assert (outcome.code, outcome.out, outcome.err) == (0, f"chainrule {cr.__version__}\n", "")


def test_no_words_are_a_cry_for_help(chainrule: Type) -> None:
    assert chainrule().out == chainrule("--help").out
    assert "chainrule train digits" in chainrule().out


def test_help_loads_nothing_heavy() -> None:
    check = (
        "import sys; from chainrule.cli import main; main(['train', '--help']);"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trian"], "Did you mean 'train'?"),
        (["train", "digits", "--epoch", "3"], "chainrule train has no option --epoch. Did you mean '--epochs'"),
        (["train", "digits", "--epochs", "many"], "'many'"),
        (["predict"], "Missing argument 'RUN'"),
        (["evaluate", "a", "b", "c"], "unexpected extra argument"),
        (["graph", "digits", "--depth", "-1"], "-1"),
    ],
)
def test_a_wrong_command_is_one_message_and_exit_code_2(words: list[str], message: str, chainrule: Type) -> None:
    outcome = chainrule(*words)
    assert outcome.code == 2
    assert outcome.out == ""
    assert message in outcome.err
    assert outcome.err.startswith("error: ")
    assert outcome.err.count("error:") == 1
    assert "--help" in outcome.err


def test_an_error_of_our_own_is_one_line_and_exit_code_1(chainrule: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(words: list[str]) -> None:
        raise ZeroDivisionError("a bug\nof two lines")

    monkeypatch.setattr(program, "_run", fail)
    outcome = chainrule("data")
    assert outcome.code == 1
    assert len(outcome.err.splitlines()) == 1
    assert "ZeroDivisionError: a bug" in outcome.err
    assert "--debug" in outcome.err
    shown = chainrule("data", "--debug")
    assert shown.code == 1
    assert "Traceback" in shown.err


def test_debug_shows_the_traceback_of_bad_input_and_its_message(chainrule: Type) -> None:
    outcome = chainrule("data", "missing.csv", "--debug")
    assert outcome.code == 2
    assert "Traceback" in outcome.err
    assert "error: no file or folder 'missing.csv'" in outcome.err


def test_the_operating_system_is_quoted_without_a_traceback(chainrule: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(words: list[str]) -> None:
        raise PermissionError(13, "Permission denied", "secret.csv")

    monkeypatch.setattr(program, "_run", fail)
    outcome = chainrule("data", "secret.csv")
    assert (outcome.code, outcome.err) == (2, "error: secret.csv: Permission denied.\n")


def test_an_interrupt_is_exit_code_130(chainrule: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*arguments: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("chainrule.train.prepare_data", interrupt)
    outcome = chainrule("data", "digits")
    assert (outcome.code, outcome.err) == (130, "Interrupted.\n")


def test_a_reader_that_goes_away_is_no_error() -> None:
    script = f"{sys.executable} -m chainrule data | head -1"
    result = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert result.stdout.startswith("bundled")
    assert len(result.stdout.splitlines()) == 1
    assert result.stderr == ""


def test_the_words_of_python_become_options() -> None:
    assert in_options("task='regression' takes it") == "--task regression takes it"
    assert in_options("validation=0, test_fraction=0") == "--validation 0, --test-fraction 0"
    assert in_options("types={'a b': 'number'} or 'category'") == "--type 'a b=number' or 'a b=category'"
    assert in_options("header=False if its first line is a row") == "--no-header if its first line is a row"
    assert in_options("an equation y=3 is left alone") == "an equation y=3 is left alone"


def test_main_takes_the_words_of_the_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["chainrule", "--version"])
    assert main() == 0
    assert capsys.readouterr().out.startswith("chainrule ")
