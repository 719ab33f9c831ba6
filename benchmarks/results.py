"""The results: one JSON file with an entry for each workload, and the page that is made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks import kept
from benchmarks.workload import library

FILE = Path(__file__).with_name("results.json")
PAGE = Path(__file__).with_name("RESULTS.md")

_HEAD = """# Results

Written by `make bench WRITE=1` from results.json. Every peer has a process of its own and they take turns, round by
round, after it was checked that all have the same loss. Times are medians over rounds, with the lowest and the highest
in brackets; a ratio is the median over rounds of the peer's time divided by chainrule's in the same round (above 1:
chainrule is faster). "Start" is the time from the start of the process to the end of the first step: with nothing
cached, and with the compiled programs of an earlier process.
"""


def keep(entries: dict[str, Any], order: list[str]) -> None:
    """Puts entries in the place of earlier ones of the same name, and writes the page."""
    PAGE.write_text(page(kept.keep(FILE, entries, order)))


def page(entries: dict[str, Any]) -> str:
    """Everything as Markdown."""
    machines = {e["machine"] for e in entries.values()}
    parts = [_HEAD, *(f"{m}\n" for m in machines if len(machines) == 1), summary(entries)]
    parts += [section(name, e, machine=len(machines) > 1) for name, e in entries.items()]
    return "\n".join(parts)


def best(entry: dict[str, Any], whose: str) -> tuple[str, float] | None:
    """The fastest peer of a library, and its ratio; chainrule's are its other ways, where a ratio is asked of them."""
    if whose == "chainrule" and whose not in entry["asked"]:
        return None
    ratios = {
        peer: row["ratio"][0] for peer, row in entry["rows"].items() if library(peer) == whose and peer != "chainrule"
    }
    if not ratios:
        return None
    peer = min(ratios, key=lambda peer: ratios[peer])
    return peer, ratios[peer]


def summary(entries: dict[str, Any]) -> str:
    """The best ratio of each library beside what was asked."""
    lines = [
        "| workload | best PyTorch | asked | best JAX | asked | chainrule's own | asked | |",
        f"| --- |{' ---: |' * 6} --- |",
    ]
    for name, entry in entries.items():
        cells, missed = [], []
        for whose in ("PyTorch", "JAX", "chainrule"):
            found, asked = best(entry, whose), entry["asked"].get(whose)
            cells.append("–" if found is None else f"{found[1]:.2f} ({_way(found[0])})")
            cells.append("–" if asked is None else f"{asked:g}")
            if found is not None and asked is not None and found[1] < asked:
                missed.append("its own" if whose == "chainrule" else whose)
        word = f"not {' nor '.join(missed)}" if missed else "met" if entry["asked"] else ""
        lines.append(f"| {name} | {' | '.join(cells)} | {word} |")
    return "\n".join([*lines, ""])


def _way(peer: str) -> str:
    return peer.partition(", ")[2] or peer


def section(name: str, entry: dict[str, Any], *, machine: bool = True) -> str:
    """The table of a workload."""
    lines = [f"## {name}: {entry['title']}", "", *([entry["machine"], ""] if machine else [])]
    starts = any("cold" in row for row in entry["rows"].values())
    heads = [
        entry["unit"],
        "ratio",
        "memory",
        *(["start", "cached"] if starts else []),
        *([entry["says"]] if entry["says"] else []),
    ]
    lines += [f"| | {' | '.join(heads)} |", f"| --- |{' ---: |' * len(heads)}"]
    few = []
    for peer, row in entry["rows"].items():
        cells = [_spread(row["times"]), _spread(row["ratio"]), f"{row['mebibytes']:.0f} MiB"]
        cells += [f"{row['cold']:.1f} s", f"{row['cached']:.1f} s"] if starts else []
        cells += [row["said"]] if entry["says"] else []
        lines.append(f"| {peer} | {' | '.join(cells)} |")
        few += [f"{peer}: {row['rounds']} rounds only, as it is slow."] if row["rounds"] < _most(entry) else []
    notes = [entry["notes"], *few, *(f"{peer} is left out: {why}." for peer, why in entry["left_out"].items())]
    lines += ["", *(line for note in notes if note for line in (note, ""))]
    return "\n".join(lines)


def _most(entry: dict[str, Any]) -> int:
    return max(row["rounds"] for row in entry["rows"].values())


def _spread(values: list[float]) -> str:
    return f"{_number(values[0])} ({_number(values[1])}–{_number(values[2])})"


def _number(value: float) -> str:
    """With three digits at least."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
