"""The settings of a run, its environment and the command that repeats it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from chainrule.report import words
from chainrule.report.reading import Run, mapping, number, sequence, whole


def settings(config: dict[str, Any], skip: Sequence[str] = ()) -> list[tuple[str, list[tuple[str, str]]]]:
    """The config as (section, [(key, value)]); keys outside any section come first, nested ones get dotted names."""
    loose: list[tuple[str, str]] = []
    sections: list[tuple[str, list[tuple[str, str]]]] = []
    for key, value in config.items():
        if key in skip:
            continue
        if isinstance(value, dict):
            sections.append((key, _flat(value)))
        else:
            loose.append((key, plain(value)))
    return ([("general", loose)] if loose else []) + [(name, rows) for name, rows in sections if rows]


def _flat(table: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for key, value in table.items():
        if isinstance(value, dict) and value:
            rows += _flat(value, f"{prefix}{key}.")
        elif value not in (None, "", [], {}):
            rows.append((f"{prefix}{key}", plain(value)))
    return rows


def plain(value: object) -> str:
    """A config value as a person writes it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    if isinstance(value, int | float):
        # an integer is a seed as often as a count, so its digits stay as they are
        return str(value) if isinstance(value, int) and whole(value) is not None else words.number(number(value), 6)
    if isinstance(value, list | tuple):
        shown = [plain(v) for v in value[:40]]
        return ", ".join(shown) + (f" and {len(value) - 40} more" if len(value) > 40 else "") if value else "none"
    if isinstance(value, dict):
        return ", ".join(f"{k}: {plain(v)}" for k, v in value.items()) or "none"
    return str(value)


def environment(run: Run) -> list[tuple[str, str]]:
    """Versions and machine, as the run recorded them, without the command that `reproduce` shows."""
    return [(k, v) for k, v in _flat(mapping(run.config.get("environment"))) if k != "command"]


def command(run: Run) -> str:
    """The command that gives this run again, or an empty string."""
    for found in (run.summary.get("reproduce"), mapping(run.config.get("environment")).get("command")):
        if isinstance(found, str) and found.strip():
            return found.strip()
        if sequence(found):
            return " ".join(str(part) for part in sequence(found))
    return ""


def next_commands(run: Run) -> list[tuple[str, str]]:
    """What can be done with the run folder as it is, as (words, command)."""
    folder = shlex.quote(str(run.folder))
    found: list[tuple[str, str]] = []
    if run.summary.get("status", "interrupted") == "interrupted" and any(run.folder.glob("checkpoints/*.safetensors")):
        found.append(("Go on from the last checkpoint:", f"chainrule train --resume {folder}"))
    if (run.folder / "model.safetensors").is_file():
        found.append(("See what the network makes of new data:", f"chainrule predict {folder} NEW_DATA"))
    return found
