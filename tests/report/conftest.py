"""Run folders made up for tests: what training writes, without training."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 90" width="640" height="90">
<style>.box { fill: #eef2f7; stroke: #5b606a }</style>
<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">
<path d="M0 0L8 4L0 8Z"/></marker></defs>
{boxes}</svg>"""

LAYERS = [("0", "Linear"), ("1", "ReLU"), ("2", "Dropout"), ("3", "Linear"), ("4", "ReLU"), ("5", "Linear")]


def drawing(names: list[str]) -> str:
    boxes = "".join(
        f'<rect class="box" x="{5 + 105 * k}" y="25" width="80" height="40" rx="6"/>'
        f'<text x="{45 + 105 * k}" y="49" text-anchor="middle" font-size="12">{name}</text>'
        f'<path d="M{85 + 105 * k} 45h20" stroke="#5b606a" marker-end="url(#arrow)"/>'
        for k, name in enumerate(names)
    )
    return SVG.replace("{boxes}", boxes)


def config(source: str, **sections: dict[str, Any]) -> str:
    tables: dict[str, dict[str, Any]] = {
        "data": {"source": source, "validation": 0.15, "seed": 0},
        "model": {"name": "mlp", "hidden": [128, 64], "activation": "relu", "dropout": 0.2},
        "loss": {"name": "cross_entropy"},
        "optimizer": {"name": "adam", "lr": 0.001, "betas": [0.9, 0.999]},
        "schedule": {"name": "cosine", "warmup": 2},
        "trainer": {"epochs": 20, "batch_size": 32, "seed": 0, "patience": 10},
        "environment": {
            "chainrule": "0.1.0",
            "python": "3.11.9",
            "numpy": "2.4.1",
            "jax": "0.10.2",
            "device": "cpu",
            "command": f"chainrule train {source} --seed 0",
        },
    }
    tables.update(sections)
    lines: list[str] = []
    for name, table in tables.items():
        lines += [f"[{name}]", *(f"{k} = {json.dumps(v)}" for k, v in table.items()), ""]
    return "\n".join(lines)


def metrics(epochs: int, score: str = "accuracy", *, overfit: bool = False, noise: float = 0.02) -> str:
    draw = random.Random(0)
    lines = []
    for epoch in range(1, epochs + 1):
        t = epoch / 20
        train = 2.2 * math.exp(-4 * t) + 0.02
        held = 2.1 * math.exp(-3.6 * t) + 0.09 + noise * draw.random() + (0.25 * max(t - 0.4, 0) if overfit else 0)
        lines.append(
            {
                "event": "epoch",
                "epoch": epoch,
                "step": 40 * epoch,
                "seconds": 0.15 * epoch,
                "learning_rate": 0.001 * min(epoch / 2, 1) * (0.5 + 0.5 * math.cos(math.pi * epoch / max(epochs, 2))),
                "samples_per_second": 12345.0 + 500 * draw.random(),
                "train": {"loss": train, score: 1 - 0.3 * train},
                "validation": {"loss": held, score: 1 - 0.32 * held},
            }
        )
    return "".join(json.dumps(line) + "\n" for line in lines)


def layers(epochs: int, kinds: list[tuple[str, str]] = LAYERS) -> str:
    draw = random.Random(1)
    lines = []
    for epoch in range(1, epochs + 1):
        for depth, (name, kind) in enumerate(kinds):
            scale = math.exp(-epoch / 9) * (1 + 0.25 * draw.random()) * 10 ** (-2.2 + 0.25 * depth)
            line: dict[str, Any] = {
                "epoch": epoch,
                "step": 40 * epoch,
                "layer": name,
                "kind": kind,
                "activation_mean": 0.1 * draw.random(),
                "activation_std": (0.8 + 0.4 * draw.random()) * 1.2**depth * (1 + epoch / 10),
                "activation_zero": 0.35 + 0.15 * draw.random() if kind == "ReLU" else 0.0,
            }
            if kind == "Linear":
                line["gradient_rms"] = {"weight": scale, "bias": scale / 4}
                line["weight_rms"] = {"weight": 0.08, "bias": 0.01}
                line["update_ratio"] = {"weight": scale * 0.4, "bias": scale * 2}
            lines.append(line)
    return "".join(json.dumps(line) + "\n" for line in lines)


def folder(path: Path, **files: str | dict[str, Any]) -> Path:
    """Write files; `metrics_jsonl="..."` becomes `metrics.jsonl`."""
    path.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (path / ".".join(name.rsplit("_", 1))).write_text(text, "utf-8", errors="replace")
    return path


def classification(path: Path) -> Path:
    draw = random.Random(2)
    size = 10
    confusion = [[0] * size for _ in range(size)]
    for true in range(size):
        for _ in range(36):
            confusion[true][true if draw.random() < 0.97 else draw.randrange(size)] += 1
    total, right = sum(map(sum, confusion)), sum(confusion[k][k] for k in range(size))
    classes = [str(k) for k in range(size)]
    return folder(
        path,
        config_toml=config("digits"),
        metrics_jsonl=metrics(20),
        layers_jsonl=layers(20),
        graph_svg=drawing([f"{kind} {name}" for name, kind in LAYERS]),
        preprocessing_json={"classes": classes},
        summary_json={
            "status": "finished",
            "best_epoch": 18,
            "epochs": 20,
            "steps": 800,
            "seconds": 3.1,
            "parameters": 17226,
            "task": "classification",
            "test": {"loss": 0.112, "accuracy": right / total},
            "validation": {"loss": 0.1, "accuracy": 0.968},
            "test_predictions": {"confusion": confusion, "classes": classes},
            "data": {
                "source": "digits",
                "kind": "image",
                "rows": {"train": 1168, "validation": 269, "test": 360},
                "classes": [{"name": c, "train": 117, "validation": 27, "test": 36} for c in classes],
                "input": {"kind": "image", "shape": [8, 8, 1], "outputs": 10},
                "messages": ["pixels scaled to 0..1", "split by class, seed 0"],
            },
            "reproduce": "chainrule train digits --seed 0",
        },
    )


def binary(path: Path) -> Path:
    number = {"name": "Age", "kind": "number", "missing": 177, "distinct": 88, "treatment": "standardised"}
    columns = [
        {**number, "lowest": 0.42, "median": 28.0, "highest": 80.0},
        {"name": "Sex", "kind": "category", "missing": 0, "distinct": 2, "treatment": "4 codes", "values": ["f", "m"]},
        {
            "name": "Name",
            "kind": "text",
            "missing": 0,
            "distinct": 891,
            "treatment": "left out: different in every row",
        },
    ]
    return folder(
        path,
        config_toml=config("/data/titanic.csv", loss={"name": "binary_cross_entropy"}),
        metrics_jsonl=metrics(24, overfit=True),
        layers_jsonl=layers(24),
        graph_svg=drawing(["Linear", "ReLU", "Linear"]),
        preprocessing_json={},
        summary_json={
            "status": "stopped",
            "best_epoch": 9,
            "epochs": 24,
            "steps": 960,
            "seconds": 74.0,
            "parameters": 1225,
            "task": "binary",
            "test": {"loss": 0.44, "accuracy": 108 / 134, "roc_auc": 0.861},
            "validation": {"loss": 0.4, "accuracy": 0.82, "roc_auc": 0.87},
            "test_predictions": {"confusion": [[72, 11], [15, 36]], "classes": ["died", "survived"]},
            "data": {
                "rows": {"train": 623, "validation": 134, "test": 134},
                "columns": columns,
                "classes": [
                    {"name": "died", "train": 384, "validation": 82, "test": 83},
                    {"name": "survived", "train": 239, "validation": 52, "test": 51},
                ],
                "input": {"kind": "table", "numeric": 7, "categories": [3, 4], "outputs": 1},
                "messages": ["column Age: 177 missing values replaced by the training median 28"],
            },
            "reproduce": "chainrule train /data/titanic.csv --target Survived --seed 0",
        },
    )


def regression(path: Path) -> Path:
    draw = random.Random(3)
    target = [draw.lognormvariate(0.6, 0.5) for _ in range(900)]
    prediction = [t + draw.gauss(0.05, 0.25 + 0.1 * t) for t in target]
    return folder(
        path,
        config_toml=config("houses.csv", loss={"name": "mse"}),
        metrics_jsonl=metrics(30, "r2"),
        layers_jsonl=layers(30, [(f"blocks.{k}.linear", "Linear") for k in range(14)]),
        graph_svg=drawing(["Linear", "GELU", "Linear"]),
        preprocessing_json={},
        summary_json={
            "status": "finished",
            "best_epoch": 30,
            "epochs": 30,
            "steps": 1200,
            "seconds": 12.4,
            "parameters": 9025,
            "task": "regression",
            "test": {"loss": 0.2, "rmse": 0.45, "mae": 0.31, "r2": 0.83},
            "validation": {"loss": 0.2, "rmse": 0.44, "mae": 0.3, "r2": 0.84},
            "test_predictions": {"target": target, "prediction": prediction},
            "data": {"rows": {"train": 4000, "validation": 900, "test": 900}, "messages": []},
            "reproduce": "chainrule train houses.csv --target value",
        },
    )


def interrupted(path: Path) -> Path:
    """Killed in the middle of writing epoch 7: no summary, a torn last line."""
    lines = metrics(7)
    return folder(
        path,
        config_toml=config("digits"),
        metrics_jsonl=lines[:-40],
        layers_jsonl=layers(6),
        graph_svg=drawing(["Linear"]),
        preprocessing_json={},
    )


def empty(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


KINDS = {
    "classification": classification,
    "binary": binary,
    "regression": regression,
    "interrupted": interrupted,
    "empty": empty,
}


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """`make_run("binary")` makes such a run folder; files given by name replace its own: `summary_json="{"`."""

    def make(kind: str, **files: str | dict[str, Any]) -> Path:
        return folder(KINDS[kind](tmp_path / kind), **files)

    return make
