"""Graphs: what is checked of them, and the reader of archives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.data import Graph, load_graph
from chainrule.errors import ChainruleError, DataError, DtypeError, LabelError, NonFiniteError, ShapeError

FEATURES = np.eye(4, 3)
EDGES = np.array([[0, 1], [2, 1], [1, 2], [3, 3], [0, 1]])


def mask(*nodes: int) -> np.ndarray:
    return np.isin(np.arange(4), nodes)


def archive(path: Path, **changes: Any) -> Path:
    """A file of the right shape with some arrays changed, or left out where they are None."""
    arrays: dict[str, Any] = {
        "feature_row": np.array([0, 1, 3]),
        "feature_col": np.array([2, 0, 1]),
        "num_features": np.array(3),
        "label": np.array([0, 1, 1, 2]),
        "edge": EDGES,
        "train_mask": mask(0),
        "val_mask": mask(1),
        "test_mask": mask(2, 3),
    }
    arrays |= changes
    np.savez(path / "graph.npz", **{key: value for key, value in arrays.items() if value is not None})
    return path / "graph.npz"


def test_edges_go_both_ways_once_and_without_loops() -> None:
    assert Graph(FEATURES, EDGES).edges.tolist() == [[1, 0], [0, 1], [2, 1], [1, 2]]
    assert Graph(FEATURES, EDGES, directed=True).edges.tolist() == [[0, 1], [2, 1], [1, 2]]
    assert Graph(FEATURES, EDGES, self_loops=True).edges.tolist()[-1] == [3, 3]
    assert Graph(FEATURES, []).edges.shape == (0, 2)


def test_parts_and_features() -> None:
    graph = Graph(FEATURES * 4, EDGES, [0, 1, 1, 2], train=mask(0, 2), test=mask(1))
    assert (len(graph), graph.classes, graph.nodes("train").tolist()) == (4, 3, [0, 2])
    assert graph.features.dtype == np.float32 and graph.nodes("test").dtype == np.int32
    assert graph.scaled_rows().sum(axis=1).tolist() == [1.0, 1.0, 1.0, 0.0]
    with pytest.raises(DataError, match="no part 'validation'"):
        graph.nodes("validation")
    with pytest.raises(DataError, match="Did you mean 'train'"):
        graph.nodes("trian")


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"edges": [[0, 1], [1, 4]]}, LabelError, r"edge 1 → 4 .*nodes are 0 to 3\n  where: row 1"),
        ({"edges": [[0, -1]]}, LabelError, "0 → -1"),
        ({"edges": [[0, 1, 2], [1, 0, 2]]}, ShapeError, r"edges\.T"),
        ({"edges": [[0.0, 1.0]]}, DtypeError, "integers"),
        ({"features": np.ones(4)}, ShapeError, r"expected \(nodes, features\)"),
        ({"features": [["a"]]}, DtypeError, "expected numbers"),
        ({"features": np.full((4, 1), np.nan)}, NonFiniteError, "nan"),
        ({"labels": [0, 1]}, ShapeError, "4 nodes and labels"),
        ({"labels": [0, 1, -1, 0]}, LabelError, "node 2"),
        ({"labels": [0.5, 1, 1, 0]}, DtypeError, "integers"),
        ({"train": [True]}, ShapeError, "train mask"),
        ({"train": [0, 1, 0, 1]}, DtypeError, "truth values"),
        ({"train": mask(0, 1), "test": mask(1, 2)}, DataError, r"two parts, train and test\n  where: node 1"),
    ],
)
def test_what_does_not_fit_is_an_error(changes: dict[str, Any], error: type[ChainruleError], words: str) -> None:
    arguments = {"features": FEATURES, "edges": EDGES, **changes}
    with pytest.raises(error, match=words):
        Graph(arguments.pop("features"), arguments.pop("edges"), **arguments)


def test_a_file(tmp_path: Path) -> None:
    graph = load_graph(archive(tmp_path))
    assert graph.features.tolist() == [[0, 0, 1], [1, 0, 0], [0, 0, 0], [0, 1, 0]]
    assert (graph.labels.tolist(), graph.nodes("test").tolist()) == ([0, 1, 1, 2], [2, 3])
    weighted = load_graph(archive(tmp_path, feature_value=np.array([0.5, 2.0, 3.0])))
    assert weighted.features[1, 0] == 2.0
    dense = load_graph(archive(tmp_path, features=FEATURES, feature_row=None, val_mask=None))
    assert dense.validation is None and dense.features.tolist() == FEATURES.tolist()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"edge": None}, "no array 'edge'; it holds feature_row"),
        ({"label": None}, "no array 'label'"),
        ({"edge": None, "edges": EDGES}, "Did you mean 'edges'"),
        ({"num_features": None}, "no array 'num_features'"),
        ({"num_features": np.array([3, 4])}, "num_features"),
        ({"num_features": np.array(10**12)}, "more than is read at once"),
        ({"feature_col": np.array([2, 0, 3])}, r"feature_col of graph.npz is 3, expected 0 to 2\n  where: entry 2"),
        ({"feature_row": np.array([-1, 0, 3])}, "feature_row of graph.npz is -1"),
        ({"feature_row": np.array([0, 1])}, "of one shape"),
        ({"feature_row": np.array([0.0, 1, 3])}, "expected integers"),
        ({"edge": np.array([[0, 9]])}, "0 → 9 of graph.npz"),
        ({"val_mask": mask(0)}, "two parts, train and validation"),
        ({"test_mask": np.ones(3, bool)}, "test mask"),
        ({"label": np.array(["a"], object)}, "pickled"),
        ({"label": np.array(3)}, "feature_row"),
    ],
)
def test_a_bad_file(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises((DataError, ShapeError, DtypeError, LabelError), match=words):
        load_graph(archive(tmp_path, **changes))


def test_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file"):
        load_graph(tmp_path / "missing.npz")
    (tmp_path / "text.npz").write_text("words")
    with pytest.raises(DataError, match="no readable NumPy archive"):
        load_graph(tmp_path / "text.npz")


def test_cora(real_data: Path) -> None:
    graph = load_graph(real_data / "graph" / "cora.npz")
    assert (graph.features.shape, len(graph.edges), graph.classes) == ((2708, 1433), 10556, 7)
    assert [len(graph.nodes(part)) for part in ("train", "validation", "test")] == [140, 500, 1000]
