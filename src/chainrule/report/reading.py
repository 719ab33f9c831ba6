"""Reading a run folder for the page: whatever is there, and one sentence for each piece that is not."""

from __future__ import annotations

import json
import math
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chainrule.errors import RunError

# A page has to stay a page: past this size a file is named instead of shown.
LARGEST_FILE = 64 * 2**20
LARGEST_DRAWING = 2 * 2**20


@dataclass(frozen=True)
class Run:
    """What a run folder holds; `missing` maps a piece (`"curves"`, ...) to the sentence that says what is not there."""

    folder: Path
    config: dict[str, Any] = field(default_factory=dict)
    config_text: str = ""
    epochs: list[dict[str, Any]] = field(default_factory=list)
    layers: list[dict[str, Any]] = field(default_factory=list)
    texts: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    preprocessing: dict[str, Any] = field(default_factory=dict)
    graph: str = ""
    missing: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read(folder: str | Path) -> Run:
    """Read a run folder.

    Arguments:
        folder: the folder that training wrote. Any of its files may be missing or damaged.

    Returns:
        A `Run`; what could not be read is empty there and explained in `missing` or `notes`.

    Raises:
        RunError: there is no such folder, or it may not be read.
    """
    folder = Path(folder)
    if not folder.exists():
        raise RunError(
            f"There is no run folder {str(folder)!r}, so there is nothing to report.",
            where=str(folder),
            fix="give the folder that `chainrule train` named in its last lines",
        )
    if not folder.is_dir():
        raise RunError(
            f"{str(folder)!r} is a file; a report is written from a run folder.",
            where=str(folder),
            fix=f"give the folder it lies in: {str(folder.parent)!r}",
        )
    missing: dict[str, str] = {}
    notes: list[str] = []

    config_text = _text(folder / "config.toml", missing, "config", "the settings of this run are not known")
    config: dict[str, Any] = {}
    if config_text:
        try:
            config = tomllib.loads(config_text)
        except tomllib.TOMLDecodeError as error:
            notes.append(f"config.toml is not valid TOML ({error}); it is shown as it stands.")

    curves = _text(folder / "metrics.jsonl", missing, "curves", "there are no curves to draw")
    lines = _records(curves, "metrics.jsonl", notes)
    epochs = [line for line in lines if line.get("event", "epoch") == "epoch" and whole(line.get("epoch")) is not None]
    if not epochs and "curves" not in missing:
        missing["curves"] = "metrics.jsonl holds no finished epoch yet, so there are no curves to draw."

    scales = _text(folder / "layers.jsonl", missing, "layers", "the scales of gradients and activations are not known")
    layers = [
        line
        for line in _records(scales, "layers.jsonl", notes)
        if isinstance(line.get("layer"), str | int) and whole(line.get("epoch")) is not None
    ]
    if not layers and "layers" not in missing:
        missing["layers"] = "layers.jsonl holds no measurement yet, so the scales in each layer are not known."

    # only language models write, so nothing is missing without it
    written = _records(_text(folder / "samples.jsonl", {}, "texts", ""), "samples.jsonl", notes)
    texts = [line for line in written if whole(line.get("epoch")) is not None and isinstance(line.get("text"), str)]

    summary = _object(folder / "summary.json", missing, notes, "summary", "the run has not come to its end")
    preprocessing = _object(
        folder / "preprocessing.json", missing, notes, "preprocessing", "what was done to the data is not known"
    )
    graph = _text(folder / "graph.svg", missing, "graph", "the network is not drawn", LARGEST_DRAWING)
    return Run(
        folder=folder,
        config=config,
        config_text=config_text,
        # after a resume an epoch may stand there twice; what was written last counts
        epochs=[last for _, last in sorted({int(line["epoch"]): line for line in epochs}.items())],
        layers=layers,
        texts=[last for _, last in sorted({int(line["epoch"]): line for line in texts}.items())],
        summary=summary,
        preprocessing=preprocessing,
        graph=graph,
        missing=missing,
        notes=notes,
    )


def number(value: object) -> float | None:
    """A finite number as a float; anything else (text, a truth value, NaN, infinity) as None.

    Example:
        >>> number(2), number("2"), number(float("nan"))
        (2.0, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        result = float(value)
    except OverflowError:  # an integer of more than 308 digits
        return None
    return result if math.isfinite(result) else None


def whole(value: object) -> int | None:
    """A number without a fraction as an int; anything else as None."""
    result = number(value)
    return int(result) if result is not None and result == int(result) else None


def mapping(value: object) -> dict[str, Any]:
    """The value if it is a JSON object, else an empty one, so that a damaged file cannot stop the page."""
    return {str(k): v for k, v in value.items()} if isinstance(value, dict) else {}


def sequence(value: object) -> list[Any]:
    """The value if it is a JSON list, else an empty one."""
    return value if isinstance(value, list) else []


def _text(path: Path, missing: dict[str, str], piece: str, so: str, limit: int = LARGEST_FILE) -> str:
    try:
        size = path.stat().st_size
        if size > limit:
            missing[piece] = f"{path.name} has {size / 2**20:.0f} MB, too much for a page, so {so}."
            return ""
        text = path.read_text("utf-8", errors="replace")
    except FileNotFoundError:
        missing[piece] = f"{path.name} is not in the run folder, so {so}."
        return ""
    except OSError as error:
        missing[piece] = f"{path.name} cannot be read ({error.strerror or error}), so {so}."
        return ""
    if not text.strip():
        missing[piece] = f"{path.name} is empty, so {so}."
    return text


def _object(path: Path, missing: dict[str, str], notes: list[str], piece: str, so: str) -> dict[str, Any]:
    text = _text(path, missing, piece, so)
    if piece in missing:
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        missing[piece] = f"{path.name} is damaged ({error}), so {so}."
        return {}
    if not isinstance(value, dict):
        notes.append(f"{path.name} does not hold a JSON object and was left out.")
    return mapping(value)


def _records(text: str, name: str, notes: list[str]) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    bad: list[int] = []
    for index, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            bad.append(index)
            continue
        if isinstance(value, dict):
            records.append(value)
        else:
            bad.append(index)
    if bad:
        which = f"line {bad[0]}" if len(bad) == 1 else f"{len(bad)} lines (the first is line {bad[0]})"
        notes.append(f"{name}: {which} could not be read, perhaps cut off by a kill, and was left out.")
    return records
