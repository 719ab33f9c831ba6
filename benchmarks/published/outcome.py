"""What a module of results prints, and the file that it leaves beside itself."""

from __future__ import annotations

import json
import os
import statistics
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.machine import describe


@dataclass
class Outcome:
    """One model: what it scored, seed by seed, and what others published for it."""

    name: str
    published: str
    unit: str = "%"
    scores: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def add(self, score: float, seconds: float) -> None:
        self.scores.append(score)
        self.seconds.append(seconds)

    def line(self) -> str:
        factor, digits = (100, 2) if self.unit == "%" else (1, 4)
        text = f"{factor * statistics.fmean(self.scores):.{digits}f}"
        if len(self.scores) > 1:
            text += f" ± {factor * statistics.stdev(self.scores):.{digits}f}"
        published = f"; published: {self.published}" if self.published else ""
        seconds = statistics.median(self.seconds)
        return f"{self.name:<48} {text} {self.unit}  ({len(self.scores)} runs, {seconds:.1f} s each{published})"


def folder_of_data() -> Path:
    """The folder that CHAINRULE_DATA names."""
    folder = os.environ.get("CHAINRULE_DATA")
    if not folder:
        raise SystemExit("set CHAINRULE_DATA to the folder that holds mnist/, graph/, ...")
    return Path(folder)


def write(module: str, outcomes: list[Outcome]) -> None:
    """All numbers into `<module>.json`; models that were not run this time keep theirs."""
    path = Path(__file__).with_name(f"{module}.json")
    known = json.loads(path.read_text()) if path.exists() else {}
    known |= {o.name: {**asdict(o), "machine": describe()} for o in outcomes}
    path.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n")
