"""Every example in a --help is typed in and works."""

from __future__ import annotations

import inspect
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chainrule.cli import main
from chainrule.cli.application import COMMANDS
from cli.conftest import Type, cars, passengers, walks

EXAMPLES = {
    command.__name__.replace("_", "-"): re.findall(r"^ *(chainrule .+)$", inspect.getdoc(command) or "", re.MULTILINE)
    for command in COMMANDS
}


def test_every_command_has_examples_and_its_help_shows_them(chainrule: Type) -> None:
    for name, examples in EXAMPLES.items():
        assert examples, f"the help of {name} has no example"
        shown = chainrule(name, "--help").out
        for example in examples:
            assert example.strip() in shown


def test_the_help_of_train_tells_what_is_usual(chainrule: Type) -> None:
    shown = chainrule("train", "--help").out
    for usual in ("[adamw]", "[one-cycle]", "[0.04]", "[seeds]", "[runs/DATA]"):
        assert usual in shown


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that the examples speak of."""
    place = tmp_path_factory.mktemp("examples")
    (place / "passengers.csv").write_text(passengers())
    (place / "cars.csv").write_text(cars())
    (place / "cars-2024.csv").write_text(cars(30, seed=2))
    (place / "test.csv").write_text(passengers(30, seed=3))
    (place / "new.csv").write_text(
        "\n".join(line.rpartition(",")[0] for line in passengers(10, seed=4).splitlines()) + "\n"
    )
    (place / "novel.txt").write_text(
        " ".join(f"It was day {n}, and it was late: {n * n} miles to go." for n in range(300))
    )
    (place / "walks.csv").write_text(walks())
    rng = np.random.default_rng(0)
    for label, brightness in {"night": 60, "day": 200}.items():
        (place / "photos" / label).mkdir(parents=True)
        for number in range(12):
            pixels = rng.normal(brightness, 20, (16, 16, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(place / "photos" / label / f"{number}.png")
    return place


@pytest.mark.slow
def test_the_examples_of_every_help_work(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    for examples in EXAMPLES.values():
        for example in examples:
            words = shlex.split(example)[1:]
            quick = ["--epochs", "1"] if words[0] == "train" and "--epochs" not in words else []
            assert main([*words, *quick]) == 0, example


def test_the_module_runs_as_a_program() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "chainrule", "--version"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
