"""`python -m benchmarks.published`: the results that the modules beside this file left, as a table for the page
docs/results.md; `--write` puts it there. Each module is run by itself: `python -m benchmarks.published.cora`, …
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGE = HERE.parent.parent / "docs" / "results.md"
MARKS = ("<!-- published -->", "<!-- end of published -->")


def row(entry: dict[str, Any]) -> str:
    """One result: the mean over its runs, how far they spread, and what others published."""
    factor, digits = (100, 2) if entry["unit"] == "%" else (1, 4)
    scores = [factor * score for score in entry["scores"]]
    spread = f" ± {statistics.stdev(scores):.{digits}f}" if len(scores) > 1 else ""
    seconds = statistics.median(entry["seconds"])
    time = f"{seconds:,.0f}" if seconds >= 10 else f"{seconds:.1f}" if seconds else ""
    return (
        f"| {entry['name']} | {statistics.fmean(scores):.{digits}f}{spread} {entry['unit']} | {len(scores)} | "
        f"{time} | {entry['published']} |"
    )


def table() -> list[str]:
    """All results, by module."""
    lines = ["| model and data | here | runs | seconds | published |", "| --- | ---: | ---: | ---: | --- |"]
    machines: list[str] = []
    for path in sorted(HERE.glob("*.json")):
        for entry in json.loads(path.read_text(encoding="utf-8")).values():
            lines.append(row(entry))
            machines.append(entry["machine"])
    return [*lines, "", *dict.fromkeys(machines)]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.published")
    parser.add_argument("--write", action="store_true", help="put the table into docs/results.md")
    options = parser.parse_args()
    lines = table()
    print("\n".join(lines))
    if options.write:
        text = PAGE.read_text(encoding="utf-8")
        before, after = text.split(MARKS[0])[0], text.split(MARKS[1])[1]
        PAGE.write_text("\n".join([f"{before}{MARKS[0]}", *lines, f"{MARKS[1]}{after}"]), encoding="utf-8")


if __name__ == "__main__":
    main()
