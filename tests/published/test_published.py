"""Models as their papers say, with the recipes of `benchmarks/published`: they reach what docs/results.md says."""

from __future__ import annotations

import importlib
import json
import statistics
from pathlib import Path
from typing import Any

import pytest

from chainrule import data

ROOT = Path(__file__).parents[2]


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The modules of `benchmarks/published`, by name."""
    monkeypatch.syspath_prepend(str(ROOT))
    return lambda name: importlib.import_module(f"benchmarks.published.{name}")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "least"), [("mnist-mlp", 0.984), ("mnist-lenet", 0.9905), ("fashion-mlp", 0.883), ("fashion-cnn", 0.916)]
)
@pytest.mark.usefixtures("real_data")
def test_images(published: Any, name: str, least: float) -> None:
    images = published("images")
    assert least <= images.train(images.PLANS[name], 0, None, False) < 1.0


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "least"), [("gcn", 0.81), ("gat", 0.815)])
def test_cora(published: Any, real_data: Path, kind: str, least: float) -> None:
    graph = data.load_graph(real_data / "graph" / "cora.npz")
    scores = [published("cora").train(kind, graph, seed) for seed in range(3)]
    assert least <= statistics.fmean(scores) < 0.87


@pytest.mark.slow
@pytest.mark.usefixtures("real_data")
def test_tiny_shakespeare(published: Any) -> None:
    text = published("text")
    text.language_models(["transformer"], 1)
    assert 1.4 < text.OUTCOMES["transformer"].scores[0] <= 1.88


def test_the_page_shows_what_was_measured(published: Any) -> None:
    table = published("__main__").table()
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    results = [json.loads(path.read_text()) for path in (ROOT / "benchmarks" / "published").glob("*.json")]
    assert sum(len(found) for found in results) == sum(line.startswith("| ") for line in table) - 2
    for line in table:
        assert line in page, "python -m benchmarks.published --write"
