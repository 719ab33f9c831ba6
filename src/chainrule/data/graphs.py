"""Graphs: nodes with features and labels, and the edges between them."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.data.archives import read_arrays
from chainrule.data.files import MAX_BYTES
from chainrule.data.finite import check_finite
from chainrule.errors import DataError, DtypeError, LabelError, ShapeError, suggest

__all__ = ["Graph", "is_graph", "load_graph"]

_PARTS = ("train", "validation", "test")


class Graph:
    """Nodes with features, labels and parts to learn from and to test on, and edges between them; checked, and in the
    form that the layers of graph networks take.

    Arguments:
        features: (nodes, F) numbers, one row for each node; float32 afterwards.
        edges: (E, 2) integers, source and target of each.
        labels: (nodes,) classes 0 … C − 1, or None.
        train, validation, test: (nodes,) truth values: which nodes are of that part; no node is of two.
        directed: whether edges lead one way. Without it every edge is also there in the other direction.
        self_loops: whether edges from a node to itself stay; layers add loops of their own.
        name: what the graph is called in messages.

    Attributes:
        edges: (E, 2), int32, each pair once, ordered by target and then by source.
        features, labels, train, validation, test: as given, as arrays.
        classes: C, 0 without labels.

    Raises:
        ShapeError: rows that do not fit. LabelError: an edge to a node that does not exist, naming its row; a label
        below 0. DataError: a node of two parts. NonFiniteError: nan or infinity among the features.

    Example:
        >>> from chainrule import data
        >>> graph = data.Graph([[1.0], [2.0], [4.0]], [[0, 1], [1, 0], [1, 2]], labels=[0, 1, 1])
        >>> graph
        Graph(3 nodes of 1 feature and 2 classes, 4 edges)
        >>> graph.edges.tolist()
        [[1, 0], [0, 1], [2, 1], [1, 2]]
    """

    def __init__(
        self,
        features: Any,
        edges: Any,
        labels: Any = None,
        *,
        train: Any = None,
        validation: Any = None,
        test: Any = None,
        directed: bool = False,
        self_loops: bool = False,
        name: str = "the graph",
    ) -> None:
        self.name = name
        self.messages: list[str] = []  # as the other parts of a source have them
        self.features = _features(features, name)
        self.edges = _edges(edges, len(self.features), directed, self_loops, name)
        self.labels = None if labels is None else _labels(labels, len(self.features), name)
        self.classes = 0 if self.labels is None else int(self.labels.max(initial=-1)) + 1
        self.train, self.validation, self.test = (
            None if mask is None else _mask(mask, part, len(self.features), name)
            for part, mask in zip(_PARTS, (train, validation, test), strict=True)
        )
        parts = [(part, mask) for part in _PARTS if (mask := getattr(self, part)) is not None]
        for i, (part, mask) in enumerate(parts):
            for other, theirs in parts[:i]:
                if (mask & theirs).any():
                    node = int(np.argmax(mask & theirs))
                    raise DataError(
                        f"{int((mask & theirs).sum())} nodes of {name} are of two parts, {other} and {part}",
                        where=f"node {node} is the first",
                        fix="each node in one part: what was learned from says nothing when it is tested on",
                    )

    def __len__(self) -> int:
        return len(self.features)

    def nodes(self, part: str) -> np.ndarray:
        """The numbers of the nodes of a part ("train", "validation" or "test"), int32."""
        mask = getattr(self, part) if part in _PARTS else None
        if mask is None:
            raise DataError(f"{self.name} has no part {part!r}.{suggest(part, _PARTS)}", fix=f"one of {_PARTS}")
        return np.flatnonzero(mask).astype(np.int32)

    def scaled_rows(self) -> np.ndarray:
        """The features with each row divided by the sum of its absolute values: words become shares of words. Rows of
        zeros stay.
        """
        total = np.abs(self.features).sum(axis=1, keepdims=True)
        return self.features / np.where(total == 0, np.float32(1), total)

    def __repr__(self) -> str:
        n, width = self.features.shape
        classes = f" and {self.classes} classes" if self.classes else ""
        return f"Graph({n} nodes of {width} feature{'s' * (width != 1)}{classes}, {len(self.edges)} edges)"


def load_graph(path: str | os.PathLike[str]) -> Graph:
    """An undirected graph from a NumPy archive (`.npz`).

    Arguments:
        path: of an archive with the keys
            `edge` (E, 2), each pair in one direction or in both;
            `label` (nodes,);
            `features` (nodes, F), or for features that are mostly 0 `feature_row`, `feature_col` (both (entries,)) and
            `num_features`, with `feature_value` where the entries are not all 1;
            `train_mask`, `val_mask`, `test_mask` (nodes,), of which none has to be there.

    Raises:
        DataError: a file that is damaged or holds other keys; and what `Graph` raises.
    """
    place = Path(path)
    arrays = read_arrays(place)
    for key in ("edge", "label"):
        _wanted(arrays, key, place.name)
    return Graph(
        _dense_features(arrays, place.name),
        arrays["edge"],
        arrays["label"],
        train=arrays.get("train_mask"),
        validation=arrays.get("val_mask"),
        test=arrays.get("test_mask"),
        name=place.name,
    )


def is_graph(path: Path) -> bool:
    """Whether an archive has edges in it."""
    try:
        with zipfile.ZipFile(path) as archive:
            return "edge.npy" in archive.namelist()
    except (zipfile.BadZipFile, OSError):  # which the reader will say
        return False


def _wanted(arrays: Mapping[str, np.ndarray], key: str, name: str) -> np.ndarray:
    if key in arrays:
        return arrays[key]
    held = ", ".join(f"{k} {v.shape}" for k, v in arrays.items()) or "nothing"
    raise DataError(
        f"{name} has no array {key!r}; it holds {held[:300]}",
        where=name,
        fix=f"numpy.savez(path, {key}=…).{suggest(key, arrays)}",
    )


def _dense_features(arrays: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """The table of features; where only those that are not 0 are listed, with zeros around them."""
    if "features" in arrays:
        return arrays["features"]
    rows, columns, width = (_wanted(arrays, key, name) for key in ("feature_row", "feature_col", "num_features"))
    values = arrays.get("feature_value", np.ones(rows.shape, np.float32))
    if rows.ndim != 1 or rows.shape != columns.shape or rows.shape != values.shape:
        raise ShapeError(
            f"{name} lists features by rows {rows.shape}, columns {columns.shape} and values {values.shape}",
            fix="three arrays of one shape, (entries,)",
        )
    if width.size != 1 or width.dtype.kind not in "iu" or int(width.reshape(())) < 1:
        raise DataError(f"num_features of {name} is {width.tolist()!r:.40}, expected a whole number of at least 1")
    nodes, count = arrays["label"].shape[0] if arrays["label"].ndim else 0, int(width.reshape(()))
    if nodes * count * 4 > MAX_BYTES:
        raise DataError(f"{name} has {nodes:,} nodes of {count:,} features, more than is read at once")
    for key, numbers, limit in (("feature_row", rows, nodes), ("feature_col", columns, count)):
        if numbers.dtype.kind not in "iu":
            raise DtypeError(f"{key} of {name} holds values of type {numbers.dtype}, expected integers")
        outside = (numbers < 0) | (numbers >= limit)
        if outside.any():
            entry = int(np.argmax(outside))
            raise DataError(
                f"{key} of {name} is {int(numbers[entry])}, expected 0 to {limit - 1}", where=f"entry {entry}"
            )
    table = np.zeros((nodes, count), np.float32)
    table[rows, columns] = values
    return table


def _features(features: Any, name: str) -> np.ndarray:
    array = np.asarray(features)
    if array.dtype.kind not in "biuf":
        raise DtypeError(f"the features of {name} are of type {array.dtype}, expected numbers")
    if array.ndim != 2 or not array.shape[1]:
        raise ShapeError(
            f"the features of {name} have shape {array.shape}, expected (nodes, features)",
            fix="numpy.eye(nodes) where a node has none but its identity",
        )
    check_finite(array, f"the features of {name}")
    return array.astype(np.float32)


def _edges(edges: Any, nodes: int, directed: bool, self_loops: bool, name: str) -> np.ndarray:
    array = np.asarray(edges)
    if not array.size:
        return np.zeros((0, 2), np.int32)
    if array.ndim != 2 or array.shape[1] != 2:
        raise ShapeError(
            f"the edges of {name} have shape {array.shape}, expected (E, 2): source and target of each",
            fix="edges.T" if array.ndim == 2 and array.shape[0] == 2 else "one row for each edge",
        )
    if array.dtype.kind not in "iu":
        raise DtypeError(f"the edges of {name} are of type {array.dtype}, expected integers")
    outside = ((array < 0) | (array >= nodes)).any(axis=1)
    if outside.any():
        row = int(np.argmax(outside))
        raise LabelError(
            f"the edge {int(array[row, 0])} → {int(array[row, 1])} of {name} leads outside: its nodes are 0 to "
            f"{nodes - 1}",
            where=f"row {row} of the edges",
            fix="nodes numbered from 0, and a row of features for each",
        )
    array = array.astype(np.int64)
    if not directed:
        array = np.concatenate([array, array[:, ::-1]])
    if not self_loops:
        array = array[array[:, 0] != array[:, 1]]
    once = np.unique(array[:, 1] * nodes + array[:, 0])  # by target, since messages are added up there
    return np.stack([once % nodes, once // nodes], axis=1).astype(np.int32)


def _labels(labels: Any, nodes: int, name: str) -> np.ndarray:
    array = np.asarray(labels)
    if array.dtype.kind not in "iu":
        raise DtypeError(f"the labels of {name} are of type {array.dtype}, expected integers")
    if array.shape != (nodes,):
        raise ShapeError(f"{name} has {nodes} nodes and labels of shape {array.shape}, expected ({nodes},)")
    if (array < 0).any():
        node = int(np.argmin(array))
        raise LabelError(f"label {int(array[node])} of {name} is below 0", where=f"node {node}")
    return array.astype(np.int32)


def _mask(mask: Any, part: str, nodes: int, name: str) -> np.ndarray:
    array = np.asarray(mask)
    if array.dtype != bool:
        raise DtypeError(
            f"the {part} mask of {name} is of type {array.dtype}, expected truth values",
            fix="numpy.isin(numpy.arange(nodes), chosen) for numbers of nodes; mask.astype(bool) for 0 and 1",
        )
    if array.shape != (nodes,):
        raise ShapeError(f"{name} has {nodes} nodes and a {part} mask of shape {array.shape}, expected ({nodes},)")
    return array
