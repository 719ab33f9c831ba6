"""The nodes of a graph as samples."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from chainrule import data
from chainrule.errors import DataError, LabelError, ShapeError


def archive(folder: Path, name: str = "friends.npz", *, masks: bool = True, **changed: object) -> Path:
    """Three rings of 10 people, a group each."""
    nodes = np.arange(30)
    arrays: dict[str, object] = {
        "features": np.eye(3, dtype=np.float32)[nodes // 10] * 2 + 1,
        "label": nodes // 10,
        "edge": np.stack([nodes, nodes // 10 * 10 + (nodes + 1) % 10], axis=1),
    }
    if masks:
        arrays |= {f"{part}_mask": nodes % 3 == i for i, part in enumerate(("train", "val", "test"))}
    np.savez(folder / name, **(arrays | changed))  # type: ignore[arg-type]
    return folder / name


def test_the_masks_are_the_parts(tmp_path: Path) -> None:
    prepared = data.prepare(archive(tmp_path))
    parts = [prepared.train, prepared.validation, prepared.test]
    assert [part.rows().tolist() for part in parts if part is not None] == [list(range(i, 30, 3)) for i in range(3)]
    (features, edges, nodes), target = prepared.train.few(4)
    assert (features.shape, edges.shape, nodes.tolist()) == ((30, 3), (60, 2), [0, 3, 6, 9])
    assert target.tolist() == [0, 0, 0, 0]
    np.testing.assert_allclose(features.sum(axis=1), 1.0, rtol=1e-6)
    assert prepared.preprocessing.input_description == {"kind": "graph", "features": 3, "outputs": 3}


def test_without_masks_nodes_are_split_in_proportion(tmp_path: Path) -> None:
    prepared = data.prepare(archive(tmp_path, masks=False), validation=0.2, test_fraction=0.2)
    parts = [prepared.train, prepared.validation, prepared.test]
    rows = [part.rows() for part in parts if part is not None]
    assert sorted(np.concatenate(rows).tolist()) == list(range(30))
    assert [np.bincount(r // 10).tolist() for r in rows] == [[6, 6, 6], [2, 2, 2], [2, 2, 2]]


def test_another_graph_to_predict_and_to_score(tmp_path: Path) -> None:
    fitted = data.prepare(archive(tmp_path)).preprocessing
    fitted = data.Preprocessing.from_dict(json.loads(json.dumps(fitted.to_dict())))
    everyone, _ = fitted.transform(archive(tmp_path, "others.npz"), has_target=False)
    assert len(everyone) == 30
    assert everyone.few(2)[1] is None
    tested, messages = fitted.transform(tmp_path / "others.npz", has_target=True)
    assert len(tested) == 10
    assert messages == ["others.npz: its 10 test nodes are taken"]


def test_what_is_refused(tmp_path: Path) -> None:
    fitted = data.prepare(archive(tmp_path)).preprocessing
    with pytest.raises(ShapeError, match="has 5 features at each node, and the training graph had 3"):
        fitted.transform(archive(tmp_path, "wide.npz", features=np.ones((30, 5))))
    with pytest.raises(LabelError, match=r"label 3 of more\.npz is none of the 3 classes"):
        fitted.transform(archive(tmp_path, "more.npz", label=np.arange(30) // 8))
    with pytest.raises(LabelError, match=r"edge 7 → 30 of far\.npz leads outside"):
        data.prepare(archive(tmp_path, "far.npz", edge=np.array([[0, 1], [7, 30]])))
    with pytest.raises(LabelError, match=r"all nodes of one\.npz have the label 0"):
        data.prepare(archive(tmp_path, "one.npz", label=np.zeros(30, int)))
    with pytest.raises(DataError, match="is no graph"):
        fitted.transform(([[1.0]], [0]))
