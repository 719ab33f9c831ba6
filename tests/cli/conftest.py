"""What the tests of the command line share: small data, one trained run of each kind, and a way to type commands."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from chainrule.cli import main


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


Type = Callable[..., Outcome]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def chainrule(folder: Path, capsys: pytest.CaptureFixture[str]) -> Type:
    """Types a command in that folder: `chainrule("train", "digits")`."""

    def run(*words: object) -> Outcome:
        capsys.readouterr()
        code = main([str(word) for word in words])
        out, err = capsys.readouterr()
        return Outcome(code, out, err)

    return run


def passengers(rows: int = 120, seed: int = 0) -> str:
    """A table with numbers, categories and missing values, and two classes that follow from them."""
    draw = random.Random(seed)
    lines = ["age,sex,port,fare,survived"]
    for _ in range(rows):
        sex, port = draw.choice(["male", "female"]), draw.choice(["S", "C", "Q"])
        age = "" if draw.random() < 0.1 else f"{draw.uniform(1, 70):.1f}"
        fare = f"{draw.uniform(5, 90):.2f}"
        survived = "yes" if (sex == "female") != (draw.random() < 0.1) else "no"
        lines.append(f"{age},{sex},{port},{fare},{survived}")
    return "\n".join(lines) + "\n"


def cars(rows: int = 120, seed: int = 0) -> str:
    """A table whose target is a number."""
    draw = random.Random(seed)
    lines = ["age,power,fuel,price"]
    for _ in range(rows):
        age, power, fuel = draw.uniform(0, 15), draw.uniform(50, 200), draw.choice(["petrol", "diesel"])
        price = 20_000 + 90 * power - 1200 * age + draw.gauss(0, 300)
        lines.append(f"{age:.2f},{power:.1f},{fuel},{price:.2f}")
    return "\n".join(lines) + "\n"


def walks(count: int = 60, seed: int = 0) -> str:
    """A row for each step of walks of several lengths; who walks shows in how far the steps are."""
    draw = random.Random(seed)
    lines = ["walk,step,forward,sideways,person"]
    for walk in range(count):
        person, size = (("ann", 1.0), ("bob", 2.0))[walk % 2]
        lines += [
            f"w{walk},{step},{draw.gauss(size, 0.2):.3f},{draw.gauss(0, 0.2):.3f},{person}"
            for step in range(draw.randint(2, 8))
        ]
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with passengers.csv, cars.csv and a finished run of each, and one on digits, in runs/."""
    place = tmp_path_factory.mktemp("trained")
    (place / "passengers.csv").write_text(passengers())
    (place / "cars.csv").write_text(cars())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        for source, epochs in (("passengers.csv", 12), ("cars.csv", 12), ("digits", 2)):
            assert main(["train", source, "--quiet", "--epochs", str(epochs), "--hidden", "16", "--lr", "0.03"]) == 0
    return place


@pytest.fixture
def runs(trained: Path, folder: Path) -> Path:
    """A copy of all of it in the current folder, free to be damaged; gives its folder of runs."""
    shutil.copytree(trained, folder, dirs_exist_ok=True)
    return folder / "runs"
