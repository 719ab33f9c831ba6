"""What is shown before training begins: the data as they were understood, and the network."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.cli.phrases import in_options
from chainrule.cli.screen import console, grid, table
from chainrule.train.events import DataPrepared, Event, NetworkBuilt

if TYPE_CHECKING:
    from rich.console import Console

    from chainrule.data import Prepared
    from chainrule.train import Config

__all__ = ["Overview", "data_facts", "show_network"]

_MESSAGES = 8
_LAYERS = 24


class Overview:
    """A callback that shows data and network, once, on standard output."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def __call__(self, event: Event) -> None:
        if isinstance(event, DataPrepared):
            out = console()
            out.print(data_facts(event.data, self._config.data.source))
            out.print()
        elif isinstance(event, NetworkBuilt):
            show_network(event.model, event.inputs)


def data_facts(prepared: Prepared, source: str, messages: int | None = _MESSAGES) -> Any:
    """What the reader understood, as a grid of a few lines, with at most so many remarks."""
    from rich.text import Text

    summary, facts = prepared.summary, grid()
    sizes = summary["rows"]
    facts.add_row("data", Text.assemble((_name_of(source), "bold"), f", {_kind(prepared)}"))
    facts.add_row("target", _target(prepared))
    parts = [f"{sizes[part]:,} {word}" for part, word in _PARTS if sizes.get(part)]
    facts.add_row(summary["unit"], " · ".join(parts))
    said = [m for m in prepared.messages if not m.startswith(("split:", "columns:", f"target {_name(prepared)!r}:"))]
    columns = next((m for m in prepared.messages if m.startswith("columns:")), None)
    if columns is not None:
        facts.add_row("columns", columns.removeprefix("columns:").strip())
    shown = said if messages is None or len(said) <= messages else said[: messages - 1]
    for i, message in enumerate(shown):
        facts.add_row("" if i else "noted", in_options(message))
    if len(shown) < len(said):
        facts.add_row("", f"… and {len(said) - len(shown)} more: chainrule data {source}")
    return facts


_PARTS = (("train", "to learn from"), ("validation", "to watch"), ("test", "for the final score"))


def _name_of(source: str) -> str:
    return Path(source).name or source


def _kind(prepared: Prepared) -> str:
    summary = prepared.summary
    rows, given = sum(summary["rows"].values()), summary["input"]
    if given["kind"] == "image":
        height, width, channels = given["shape"]
        return f"{rows:,} images of {height} × {width}" + (f" × {channels}" if channels > 1 else "")
    if given["kind"] == "table" and "columns" in summary:
        return f"a table of {rows:,} rows and {len(summary['columns']) + 1} columns"
    if given["kind"] == "table":
        return f"{rows:,} rows of {given['numeric']} numbers"
    if given["kind"] == "sequence":
        longest, channels = given["shape"]
        each = "1 number each" if channels == 1 else f"{channels:,} numbers each"
        return f"{rows:,} sequences of up to {longest:,} steps, {each}"
    if given["kind"] == "text":
        return f"a text of {rows:,} {summary['unit']}, {given['vocabulary']} different"
    if given["kind"] == "graph":
        return f"a graph, {given['features']:,} features at each node"
    return f"{rows:,} arrays of shape {tuple(given['shape'])}"


def _target(prepared: Prepared) -> str:
    summary = prepared.summary
    name = _name(prepared)
    shown = f"{name}: " if name and summary["kind"] in ("table", "sequence") else ""
    classes = summary.get("classes")
    if summary["task"] == "language":
        return f"the next of the {summary['unit']}, after up to {summary['input']['context']} before it"
    if not classes:
        return f"{shown}a number (regression)"
    counts = [f"{c['name']} {sum(c[part] for part in ('train', 'validation', 'test')):,}" for c in classes]
    if len(classes) > 6:
        names = ", ".join(str(c["name"]) for c in classes[:12]) + (", …" if len(classes) > 12 else "")
        return f"{shown}{len(classes)} classes ({names})"
    return f"{shown}{len(classes)} classes ({', '.join(counts)})"


def _name(prepared: Prepared) -> str | None:
    return prepared.summary.get("target")


def show_network(model: Any, inputs: tuple[Any, ...], out: Console | None = None) -> None:
    """Every layer with what it makes and how many numbers it learns."""
    from chainrule import nn
    from chainrule.graph import no_grad

    rows: list[tuple[str, str, str]] = []

    def note(path: str, module: Any, given: tuple[Any, ...], made: Any) -> None:
        if next(module.children(), None) is None:
            size = sum(p.size for p in module.parameters())
            rows.append((_layer(module), _shape(made), f"{size:,}" if size else ""))

    was_training = model.training
    model.eval()
    with nn.watch(note), no_grad():
        model(*inputs)
    if was_training:
        model.train()
    shown = table("network", "output", "parameters", right="parameters")
    shown.add_row("input", " + ".join(_shape(x) for x in inputs if getattr(x, "ndim", 1) > 1 or len(inputs) == 1), "")
    middle = max(len(rows) - _LAYERS, 0)
    for i, row in enumerate(rows):
        if middle and _LAYERS // 2 <= i < _LAYERS // 2 + middle:
            if i == _LAYERS // 2:
                shown.add_row(f"… {middle} more layers", "", "")
            continue
        shown.add_row(*row)
    total = sum(p.size for p in model.parameters())
    shown.add_row("", "", f"{total:,}", style="bold")
    out = out or console()
    out.print(shown)
    out.print()


def _layer(module: Any) -> str:
    """A layer's kind, with what its output's shape does not tell."""
    kind, p = type(module).__name__, getattr(module, "p", None)
    return f"{kind} {p:g}" if isinstance(p, float) else kind


def _shape(x: Any) -> str:
    """The shape of one sample; of a layer that gives a state too, that of its outputs."""
    x = x[0] if isinstance(x, tuple) else x
    shape = tuple(getattr(x, "shape", ()))[1:]
    return " × ".join(str(n) for n in shape) if math.prod(shape) > 1 or len(shape) > 1 else "1"
