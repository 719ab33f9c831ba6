"""`python -m benchmarks.real_data [mnist adult titanic digits]`: `chainrule train` with nothing chosen, on real data,
beside scikit-learn on the same rows and beside published numbers.

python -m benchmarks.real_data                          all four
python -m benchmarks.real_data titanic --repeats 2      one of them, fewer repeats
python -m benchmarks.real_data --write                  also puts the tables into docs/results.md

The data lie in the folder that the environment variable CHAINRULE_DATA names: mnist/ with the IDX files, tabular/ with
adult-train.csv, adult-test.csv and titanic.csv. Each training is a process of its own, timed from its start to its end.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import describe

PAGE = Path(__file__).resolve().parent.parent / "docs" / "results.md"
FOLDS = 5


@dataclass
class Method:
    """What one way of learning scored, run by run."""

    name: str
    source: str = ""  # of a published number; measured here when empty
    accuracy: list[float] = field(default_factory=list)
    roc_auc: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def add(self, scores: dict[str, float], seconds: float) -> None:
        self.accuracy.append(scores["accuracy"])
        if "roc_auc" in scores:
            self.roc_auc.append(scores["roc_auc"])
        self.seconds.append(seconds)


@dataclass
class Section:
    """The results on one data set: what was measured here, chainrule first, and what others published."""

    title: str
    how: str
    methods: list[Method]


@dataclass
class Table:
    """A table as scikit-learn takes it: numbers with gaps, categories as text, labels 0 and 1."""

    numbers: np.ndarray
    categories: np.ndarray
    labels: np.ndarray

    def __getitem__(self, rows: Any) -> Table:
        return Table(self.numbers[rows], self.categories[rows], self.labels[rows])

    @property
    def columns(self) -> np.ndarray:
        return np.concatenate([self.numbers.astype(object), self.categories], axis=1)


# -- chainrule


class Trainings:
    """`chainrule train` in processes that share a cache of compiled programs, empty at the beginning."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    def __call__(self, source: str | Path, *, seed: int, test: Path | None = None) -> tuple[dict[str, float], float]:
        """The scores on the test rows, and the seconds from the start of the process to its end."""
        self._count += 1
        run = self._folder / f"run-{self._count}"
        command = [sys.executable, "-m", "chainrule", "train", str(source), "--seed", str(seed), "--out", str(run)]
        if test is not None:
            command += ["--test", str(test)]
        environment = {**os.environ, "CHAINRULE_CACHE": str(self._folder / "cache")}
        started = time.perf_counter()
        done = subprocess.run([*command, "--quiet"], env=environment, capture_output=True, text=True)
        seconds = time.perf_counter() - started
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return json.loads((run / "summary.json").read_text())["test"], seconds


@contextmanager
def trainings() -> Iterator[Trainings]:
    """Trainings in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        yield Trainings(Path(folder))


# -- scikit-learn


def _fit(model: Any, train: tuple[Any, Any], test: tuple[Any, Any]) -> tuple[dict[str, float], float]:
    from sklearn.metrics import accuracy_score, roc_auc_score

    started = time.perf_counter()
    model.fit(*train)
    seconds = time.perf_counter() - started
    scores = {"accuracy": float(accuracy_score(test[1], model.predict(test[0])))}
    if len(np.unique(train[1])) == 2:
        scores["roc_auc"] = float(roc_auc_score(test[1], model.predict_proba(test[0])[:, 1]))
    return scores, seconds


def _table_models(numbers: int, categories: int) -> dict[str, Callable[[int], Any]]:
    """scikit-learn's pipelines for a table: everything is fitted on the rows that are learned from."""
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler

    first, rest = list(range(numbers)), list(range(numbers, numbers + categories))

    def logistic(seed: int) -> Any:
        gaps = SimpleImputer(strategy="median", add_indicator=True)
        prepare = make_column_transformer(
            (make_pipeline(gaps, StandardScaler()), first), (OneHotEncoder(handle_unknown="ignore"), rest)
        )
        return make_pipeline(prepare, LogisticRegression(max_iter=2000))

    def boosting(seed: int) -> Any:
        codes = OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan, dtype=np.float64
        )
        prepare = make_column_transformer(("passthrough", first), (codes, rest))
        trees = HistGradientBoostingClassifier(categorical_features=rest, random_state=seed)
        return make_pipeline(prepare, FunctionTransformer(_as_numbers), trees)

    return {"scikit-learn LogisticRegression": logistic, "scikit-learn HistGradientBoosting": boosting}


def _as_numbers(x: Any) -> np.ndarray:
    return np.asarray(x, np.float64)


def _table(rows: list[dict[str, str]], target: str, numbers: Sequence[str], categories: Sequence[str]) -> Table:
    """Cells as they stand in the file; empty ones and question marks are gaps."""
    cells = [{name: text.strip() for name, text in row.items()} for row in rows]
    gap = ("", "?")
    return Table(
        np.array([[np.nan if row[c] in gap else float(row[c]) for c in numbers] for row in cells]),
        np.array([["missing" if row[c] in gap else row[c] for c in categories] for row in cells], object),
        np.array([row[target].rstrip(".") in ("1", ">50K") for row in cells], int),
    )


# -- the data sets


def mnist(folder: Path, repeats: int) -> Section:
    ours = Method("chainrule train")
    with trainings() as train:
        for seed in range(repeats):
            ours.add(*train(folder / "mnist", seed=seed))
    published = [
        Method("2 layers, 300 hidden units", "LeCun et al. 1998, IEEE 86(11), fig. 9", [0.953]),
        Method("2 layers, 800 hidden units, no distortions", "Simard et al. 2003, ICDAR", [0.984]),
        Method("3 × 1024 units, ReLU, dropout", "Srivastava et al. 2014, JMLR 15, table 2", [0.9875]),
    ]
    return Section(
        "MNIST", f"60,000 images to learn from (15 % of them to watch), 10,000 to test; {_seeds(repeats)}.",
        [ours, *published],
    )  # fmt: skip


def adult(folder: Path, repeats: int) -> Section:
    paths = [folder / "tabular" / f"adult-{part}.csv" for part in ("train", "test")]
    ours = Method("chainrule train")
    with trainings() as train:
        for seed in range(repeats):
            ours.add(*train(paths[0], seed=seed, test=paths[1]))
    names = [str(i) for i in range(15)]
    numbers = ["0", "2", "4", "10", "11", "12"]
    categories = [name for name in names[:-1] if name not in numbers]
    parts = []
    for path in paths:
        with path.open(newline="") as file:
            rows = [dict(zip(names, cells, strict=True)) for cells in csv.reader(file) if len(cells) == len(names)]
        parts.append(_table(rows, "14", numbers, categories))
    peers = []
    for name, make in _table_models(len(numbers), len(categories)).items():
        peer = Method(name)
        for seed in range(repeats if "Boosting" in name else 1):
            peer.add(*_fit(make(seed), *((part.columns, part.labels) for part in parts)))
        peers.append(peer)
    published = [
        Method("C4.5; rows with gaps left out", "data set's notes (adult.names)", [0.8446]),
        Method("NBTree; rows with gaps left out", "Kohavi 1996, KDD; adult.names", [0.8590]),
        Method("MLP, tuned", "Gorishniy et al. 2021, NeurIPS, table 2", [0.852]),
        Method("FT-Transformer, tuned", "Gorishniy et al. 2021, NeurIPS, table 2", [0.859]),
    ]
    how = (
        "CSV without header, `?` where something is missing, the test file apart: 32,561 rows to learn from (15 % of "
        f"them to watch; scikit-learn learns from all), 16,281 to test; {_seeds(repeats)}."
    )
    return Section("Adult", how, [ours, *peers, *published])


def titanic(folder: Path, repeats: int) -> Section:
    from sklearn.model_selection import StratifiedKFold

    path = folder / "tabular" / "titanic.csv"
    header, *lines = path.read_text().splitlines()
    rows = list(csv.DictReader([header, *lines]))
    numbers = ["pclass", "age", "sibsp", "parch", "fare"]
    categories = [c for c in rows[0] if c not in [*numbers, "survived", "alive"]]  # `alive` is the answer in words
    table = _table(rows, "survived", numbers, categories)
    ours = Method("chainrule train")
    models = _table_models(len(numbers), len(categories))
    peers = {name: Method(name) for name in models}
    with trainings() as train, tempfile.TemporaryDirectory() as temporary:
        parts = [Path(temporary) / "train.csv", Path(temporary) / "test.csv"]
        for seed in range(repeats):
            folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
            for chosen in folds.split(table.labels, table.labels):
                for part, numbers_of_rows in zip(parts, chosen, strict=True):
                    part.write_text("\n".join([header, *(lines[i] for i in numbers_of_rows)]) + "\n")
                ours.add(*train(parts[0], seed=seed, test=parts[1]))
                for name, make in models.items():
                    peers[name].add(
                        *_fit(make(seed), *((table[i].columns, table[i].labels) for i in chosen)),
                    )
    against = np.array(ours.accuracy) - peers["scikit-learn LogisticRegression"].accuracy
    how = (
        f"891 rows, {repeats} × {FOLDS}-fold cross-validation, each method on the same folds, all preprocessing fitted "
        "within the fold (chainrule also takes 15 % of the rows it learns from to watch). Spread is over the "
        f"{len(against)} folds. Accuracy above logistic regression, fold by fold: {_points(against)}."
    )
    return Section("Titanic", how, [ours, *peers.values()])


def digits(repeats: int) -> Section:
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier
    from sklearn.svm import SVC

    from chainrule import data

    models: dict[str, Callable[[int], Any]] = {
        "scikit-learn LogisticRegression": lambda seed: LogisticRegression(max_iter=2000),
        "scikit-learn MLPClassifier, 128 and 64 units": lambda seed: MLPClassifier(
            (128, 64), max_iter=400, random_state=seed
        ),
        "scikit-learn SVC, Gaussian kernel": lambda seed: SVC(),
    }
    ours, peers = Method("chainrule train"), {name: Method(name) for name in models}
    with trainings() as train:
        for seed in range(repeats):
            ours.add(*train("digits", seed=seed))
            prepared = data.prepare("digits", seed=seed)  # the rows of `chainrule train digits --seed …`
            learned, watched, tested = (
                (part.inputs[0].reshape(len(part), -1), np.asarray(part.target))
                for part in (prepared.train, prepared.validation, prepared.test)
                if part is not None
            )
            both = (np.concatenate([learned[0], watched[0]]), np.concatenate([learned[1], watched[1]]))
            for name, make in models.items():
                peers[name].add(*_fit(make(seed), both, tested))
    how = (
        f"1,797 images of 8 × 8, 15 % of them to watch and 15 % to test; {_seeds(repeats)}, of the split too. "
        "scikit-learn learns from the images to watch as well, and is tested on the same ones."
    )
    return Section("Digits", how, [ours, *peers.values()])


# -- words


def _seeds(number: int) -> str:
    return f"{number} seed" if number == 1 else f"{number} seeds"


def _points(values: Sequence[float]) -> str:
    """Mean and spread of shares, in percent."""
    if not len(values):
        return ""
    mean = f"{100 * statistics.fmean(values):.2f}"
    return f"{mean} ± {100 * statistics.stdev(values):.2f}" if len(values) > 1 else mean


def _seconds(values: Sequence[float]) -> str:
    if not values:
        return ""
    shown = [values[0]] if len(values) == 1 else [values[0], statistics.median(values[1:])]
    return "; ".join(f"{x:.1f}" if x >= 0.1 else f"{x:.2f}" for x in shown)


def markdown(section: Section, load: float) -> list[str]:
    """The section as lines of Markdown; `load` tells whether the machine did other work, too."""
    ranked = any(method.roc_auc for method in section.methods)
    head = ["", "accuracy, %", *(["ROC AUC, %"] if ranked else []), "seconds: first; median of others", "source"]
    lines = [section.how, "", "| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 2) + " --- |"]
    for method in section.methods:
        cells = [method.name, _points(method.accuracy), *([_points(method.roc_auc)] if ranked else [])]
        cells += [_seconds(method.seconds), method.source or "measured here"]
        lines.append("| " + " | ".join(cells) + " |")
    return [*lines, "", f"{describe()} · load average at the beginning {load:.1f}"]


def write(name: str, lines: Sequence[str]) -> None:
    """Puts the lines between the marks `<!-- name -->` and `<!-- end of name -->` of the page."""
    text = PAGE.read_text()
    marks = f"<!-- {name} -->", f"<!-- end of {name} -->"
    begin, end = text.index(marks[0]) + len(marks[0]), text.index(marks[1])
    PAGE.write_text("\n".join([text[:begin], *lines, text[end:]]))


DATA: dict[str, tuple[Callable[..., Section], int]] = {
    "mnist": (mnist, 3), "adult": (adult, 5), "titanic": (titanic, 5), "digits": (digits, 5),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.real_data", description="chainrule train with nothing chosen, on real data"
    )
    parser.add_argument("names", nargs="*", help=f"of {', '.join(DATA)}; all without")
    parser.add_argument("--repeats", type=int, help="seeds, or rounds of cross-validation (mnist 3, others 5)")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/results.md")
    parser.add_argument("--json", type=Path, help="write every number into this file")
    options = parser.parse_args()
    unknown = set(options.names) - set(DATA)
    if unknown:
        parser.error(f"no data {', '.join(sorted(unknown))}; there are {', '.join(DATA)}")
    folder = os.environ.get("CHAINRULE_DATA")
    numbers = {}
    for name in options.names or DATA:
        run, repeats = DATA[name]
        places = [] if name == "digits" else [Path(folder or "")]
        if places and not folder:
            print(f"{name}: skipped, set CHAINRULE_DATA to the folder that holds mnist/, tabular/, ...\n")
            continue
        load = os.getloadavg()[0]
        section = run(*places, options.repeats or repeats)
        lines = markdown(section, load)
        print("\n".join([f"## {section.title}", "", *lines, ""]), flush=True)
        numbers[name] = {method.name: asdict(method) for method in section.methods if not method.source}
        if options.write:
            write(name, lines)
    if options.json:
        options.json.write_text(json.dumps(numbers, indent=1))


if __name__ == "__main__":
    main()
