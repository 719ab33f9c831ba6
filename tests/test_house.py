"""The house rules that no single floor can check: imports, import time, public faces, and pages that tell the truth."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "chainrule"
FLOORS = sorted(p.parent.name for p in SOURCE.glob("*/__init__.py"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
HEAVY = ("jax", "jaxlib", "polars", "plotly", "PIL", "scipy", "typer", "rich", "jinja2", "pydantic", "sklearn", "torch")


def run_python(*arguments: str) -> subprocess.CompletedProcess[str]:
    # what a user has: compiled files are kept
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=120, check=False, env=environment
    )


def test_imports_only_go_down() -> None:
    result = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_importing_chainrule_loads_no_heavy_library() -> None:
    # what keeps the import under 0.3 s, without a threshold in seconds that a busy machine would break
    result = run_python("-c", f"import sys, chainrule; print(*[m for m in {HEAVY!r} if m in sys.modules])")
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == []


def test_importing_chainrule_changes_nothing_global() -> None:
    check = """
import logging, os, random, sys, threading, warnings
import numpy as np

def state():
    return {
        "environment": dict(os.environ),
        "warnings": list(warnings.filters),
        "random": random.getstate(),
        "numpy.random": np.random.get_state()[1].tolist(),
        "numpy errors": np.geterr(),
        "logging": (list(logging.root.handlers), logging.root.level),
        "recursion": sys.getrecursionlimit(),
        "threads": threading.active_count(),
    }

before = state()
import chainrule
after = state()
assert before == after, [key for key in before if before[key] != after[key]]
"""
    result = run_python("-c", check)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("floor", FLOORS)
def test_a_floor_has_a_documented_public_face(floor: str) -> None:
    module = importlib.import_module(f"chainrule.{floor}")
    assert module.__doc__, f"chainrule.{floor} has no docstring"
    names = module.__all__
    assert len(names) == len(set(names)), f"chainrule.{floor}.__all__ names something twice"
    missing = [name for name in names if not hasattr(module, name)]
    assert not missing, f"chainrule.{floor}.__all__ promises {missing}"
    undocumented = [
        name
        for name in names
        if (inspect.isclass(value := getattr(module, name)) or inspect.isroutine(value)) and not inspect.getdoc(value)
    ]
    assert not undocumented, f"without a docstring in chainrule.{floor}: {undocumented}"


@pytest.mark.parametrize("floor", FLOORS)
def test_a_floor_has_its_page_of_reference(floor: str) -> None:
    page = ROOT / "docs" / "reference" / f"{floor}.md"
    assert page.is_file(), f"docs/reference/{floor}.md is missing"
    text = page.read_text(encoding="utf-8")
    assert re.search(rf"^::: chainrule\.{floor}$", text, re.MULTILINE)
    # what shares its name with a module is not found under the floor, and needs a directive of its own
    folder = SOURCE / floor
    modules = {p.stem for p in folder.glob("*.py")} | {p.parent.name for p in folder.glob("*/__init__.py")}
    for name in modules & set(importlib.import_module(f"chainrule.{floor}").__all__):
        assert re.search(rf"^::: chainrule\.{floor}\.{name}(\.{name})?$", text, re.MULTILINE), f"{page.name}: {name}"


def blocks(page: Path, language: str) -> list[str]:
    """The examples of a page, in order; those of a page share their names, as a reader would type them."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "python")], ids=lambda p: str(p.relative_to(ROOT)))
def test_the_examples_of_a_page_run(page: Path, tmp_path: Path) -> None:
    # a file, not -c, so that nodes can name their source lines as they do for a reader
    script = tmp_path / "example.py"
    script.write_text("\n".join(blocks(page, "python")), encoding="utf-8")
    result = subprocess.run(
        [sys.executable, "-W", "error", script], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
    )
    assert result.returncode == 0, result.stderr


def test_commands_in_the_pages_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = "\n".join(p.read_text(encoding="utf-8") for p in PAGES)
    named = set(re.findall(r"(?:^|`)make ([a-z][a-z-]*)", text, re.MULTILINE))
    assert named <= targets, f"the pages name targets that the Makefile lacks: {named - targets}"
    assert {"train", "test", "test-all", "bench", "docs", "lint"} <= targets


def test_the_command_lines_in_the_pages_are_understood() -> None:
    from chainrule.cli.application import command

    known = command().commands
    typed = "\n".join(block for page in PAGES for block in blocks(page, "sh"))
    lines = re.findall(r"^(?:\.venv/bin/)?chainrule (.*)$", typed, re.MULTILINE)
    assert lines
    for line in lines:
        name, *arguments = line.split("  #")[0].split()
        assert name in known, f"chainrule {line}: there is no command {name}"
        options = {
            option for parameter in known[name].params for option in (*parameter.opts, *parameter.secondary_opts)
        }
        used = {argument.split("=")[0] for argument in arguments if argument.startswith("-")}
        assert used <= options, f"chainrule {line}: {name} has no option {used - options}"


def test_the_tests_that_the_pages_name_exist() -> None:
    text = "\n".join(p.read_text(encoding="utf-8") for p in PAGES)
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text)
    assert named
    for file, function in named:
        assert (ROOT / file).is_file(), f"the pages name {file}"
        wanted = rf"def {function}\(" if function else ""
        assert re.search(wanted, (ROOT / file).read_text(encoding="utf-8")), f"the pages name {file}::{function}"


def test_every_row_of_what_is_there_has_its_code_its_test_and_its_place() -> None:
    """What is there names a test that would fail without it, and what is missing says so."""
    page = ROOT / "docs" / "what-is-there.md"
    text = page.read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in re.findall(r"^\|.*\|$", text, re.MULTILINE)
    ]
    told = [row for row in rows if row[0] != "what" and set(row[0]) != {"-"}]
    assert len(told) > 80
    for row in told:
        assert len(row) == 4, row
        what, code, test, place = row
        if code == "**not yet**":
            assert test == "**not yet**", what
            continue
        assert code and place, what
        assert re.fullmatch(r"`tests/[\w/]+\.py::\w+`(, `tests/[\w/]+\.py::\w+`)*", test), (what, test)
    for name in re.findall(r"\]\[(chainrule[\w.]+)\]", text):
        module, _, attribute = name.rpartition(".")
        assert hasattr(importlib.import_module(module), attribute), f"{page.name} leads to {name}"
    for link, anchor in re.findall(r"\]\(([\w/.-]+\.md)(?:#([\w-]+))?\)", text):
        assert (page.parent / link).is_file(), f"{page.name} leads to {link}"
        headings = re.findall(r"^##+ (.+)$", (page.parent / link).read_text(encoding="utf-8"), re.MULTILINE)
        slugs = {re.sub(r"[^\w\s-]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
        assert not anchor or anchor in slugs, f"{page.name} leads to {link}#{anchor}"
    commands = set(re.findall(r"`chainrule ([a-z-]+)", text))
    from chainrule.cli.application import command

    assert commands <= set(command().commands), f"{page.name} names {commands - set(command().commands)}"


def test_every_decision_record_is_complete() -> None:
    records = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert [p.name[:4] for p in records] == [f"{n:04d}" for n in range(1, len(records) + 1)]
    for record in records:
        headings = re.findall(r"^## (.+)$", record.read_text(encoding="utf-8"), re.MULTILINE)
        wanted = ["Context", "Choice", "What was measured", "What was rejected"]
        assert [h for h in headings if h in wanted] == wanted, f"{record.name} has {headings}"


def test_the_version_is_the_same_everywhere() -> None:
    import chainrule  # here, so that a broken import fails the tests of imports and not all of this file

    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert chainrule.__version__ == version
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text()


def test_no_file_of_the_library_is_a_grab_bag() -> None:
    vague = [p for p in SOURCE.rglob("*.py") if p.stem in {"utils", "util", "helpers", "misc", "common"}]
    assert not vague


def test_no_pickle_and_no_eval_in_the_library() -> None:
    # Files from outside are data, never code.
    found = []
    for path in SOURCE.rglob("*.py"):
        for item in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match item:
                case ast.Import(names=aliases):
                    names = {alias.name.split(".")[0] for alias in aliases}
                case ast.ImportFrom(module=str(module)):
                    names = {module.split(".")[0]}
                case ast.Call(func=ast.Name(id=name)) if name in {"eval", "exec"}:
                    names = {name}
                case _:
                    continue
            if names & {"pickle", "cloudpickle", "dill", "marshal", "shelve", "eval", "exec"}:
                found.append(f"{path.relative_to(ROOT)}:{item.lineno}")
    assert not found
