"""Where runs are: the name of a new one, the folder that somebody means, and how this program is called."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tomllib
from pathlib import Path

from chainrule.errors import RunError, suggest

__all__ = ["RUNS", "data_name", "newest_run", "program", "run_folder"]

RUNS = Path("runs")
_ENDINGS = (".csv", ".tsv", ".tab", ".txt", ".parquet", ".arrow", ".feather", ".npz", ".gz")


def data_name(source: str) -> str:
    """What a run on this source is called.

    Example:
        >>> data_name("digits"), data_name("data/My Cars.csv.gz"), data_name("../mnist/")
        ('digits', 'My-Cars', 'mnist')
    """
    name = Path(os.path.abspath(source)).name
    while name.lower().endswith(_ENDINGS):
        name = name[: name.rindex(".")]
    return re.sub(r"[^\w.]+", "-", name).strip("-.") or "run"


def run_folder(text: str) -> Path:
    """The folder of the run that somebody means: the folder itself, a file in it, or its name in `runs`.

    Raises:
        RunError: there is none; it suggests the runs that there are.
    """
    given = Path(text)
    for folder in (given, given.parent, RUNS / text):
        if (folder / "config.toml").is_file() and (folder != given.parent or given.is_file()):
            return folder
    runs = [str(path) for path in all_runs()]
    if given.is_dir():
        raise RunError(
            f"{text} is not the folder of a run: it has no config.toml.",
            fix=_which(runs) or "chainrule train makes one",
        )
    raise RunError(f"There is no run {text!r}.{suggest(text, runs)}", fix=_which(runs) or "chainrule train makes one")


def newest_run(source: str | None = None) -> Path:
    """The run that was written to last, of all in `runs` or of those on this source.

    Raises:
        RunError: there is none.
    """
    found = [folder for folder in all_runs() if source is None or _source(folder) == source]
    if not found:
        about = "" if source is None else f" on {source}"
        raise RunError(f"There is no run{about} in the folder {RUNS} to go on with.", fix="name its folder")
    return max(found, key=_last_written)


def all_runs() -> list[Path]:
    """Every run in `runs`, by name."""
    try:
        return sorted(path.parent for path in RUNS.glob("*/config.toml"))
    except OSError:
        return []


def program() -> str:
    """What to type for this program here: `chainrule` where the shell finds it, else its path."""
    called = sys.argv[0] if sys.argv else ""
    if Path(called).name == "__main__.py":
        return f"{Path(sys.executable).name} -m chainrule"
    if Path(called).name != "chainrule" or shutil.which("chainrule") is not None:
        return "chainrule"
    here = os.path.relpath(called)
    return here if len(here) < len(called) or not os.path.isabs(called) else called


def _last_written(folder: Path) -> float:
    return max(path.stat().st_mtime for path in (folder, *folder.glob("*.jsonl"), folder / "config.toml"))


def _source(folder: Path) -> str | None:
    try:
        config = tomllib.loads((folder / "config.toml").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    data = config.get("data")
    return data.get("source") if isinstance(data, dict) else None


def _which(runs: list[str]) -> str:
    return f"one of: {', '.join(runs[:8])}" if runs else ""
