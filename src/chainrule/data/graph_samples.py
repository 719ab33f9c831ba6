"""The nodes of a graph as samples, and what was fitted on a graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.data.graphs import Graph
from chainrule.data.preprocessing import Preprocessing
from chainrule.data.samples import Samples
from chainrule.data.state import State
from chainrule.data.targets import TargetPlan
from chainrule.errors import DataError, LabelError, ShapeError

__all__ = ["GraphPreprocessing", "GraphSamples"]


class GraphSamples(Samples):
    """Some nodes of a graph, each with the whole graph around it.

    Arguments:
        features, edges: of the whole graph, as `Graph` has them.
        labels: (nodes,) int32 classes, or None.
        nodes: (N,) those that are samples.
        classes: what each label stands for.

    `select` gives inputs (features, edges, nodes (N,)), as the models of graphs take them, and target (N,).

    Example:
        >>> from chainrule import data
        >>> graph = data.Graph([[1.0], [2.0], [4.0]], [[0, 1], [1, 2]], labels=[0, 1, 1])
        >>> samples = data.GraphSamples(graph.features, graph.edges, graph.labels, [0, 2], ["a", "b"])
        >>> inputs, target = samples.few(2)
        >>> [x.shape for x in inputs], target.tolist()
        ([(3, 1), (4, 2), (2,)], [0, 1])
    """

    task = "classification"

    def __init__(
        self, features: np.ndarray, edges: np.ndarray, labels: np.ndarray | None, nodes: Any, classes: list[str]
    ) -> None:
        self.features, self.edges, self.labels = features, edges, labels
        self.nodes = np.asarray(nodes, np.int32)
        self.classes = classes

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """Features, edges, and labels where there are any."""
        whole = (self.features, self.edges)
        return whole if self.labels is None else (*whole, self.labels)

    def __len__(self) -> int:
        return len(self.nodes)

    def rows(self) -> np.ndarray:
        """The nodes."""
        return self.nodes

    def order(self, seed: int, epoch: int, shuffle: bool = True) -> np.ndarray:
        """The nodes in an epoch's own order."""
        return self.generator(seed, epoch).permutation(self.nodes) if shuffle else self.nodes

    def select(self, arrays: Any, rows: Any) -> tuple[tuple[Any, ...], Any]:
        """The graph and the nodes, and the labels of these; see `Samples.select`."""
        return (arrays[0], arrays[1], rows), None if self.labels is None else arrays[2][rows]

    def __repr__(self) -> str:
        return f"GraphSamples({len(self)} of {len(self.features)} nodes, {len(self.edges)} edges)"


class GraphPreprocessing(Preprocessing):
    """Features as shares of their row, where none is below 0, and the names of the classes.

    Arguments:
        features: F, numbers at each node.
        scaled: whether each row is divided by its sum.
        target: the classes.
    """

    kind = "graph"

    def __init__(self, features: int, scaled: bool, target: TargetPlan) -> None:
        self.features, self.scaled, self.target = features, scaled, target

    @classmethod
    def fit(cls, graph: Graph) -> tuple[GraphPreprocessing, list[str]]:
        """What a graph with labels asks for, and what to say about it."""
        if graph.labels is None:
            raise DataError(f"no labels to learn from in {graph.name}", fix="an array `label`, one for each node")
        if graph.classes < 2:
            raise LabelError(f"all nodes of {graph.name} have the label 0: nothing to tell apart")
        scaled = bool((graph.features >= 0).all())
        names = tuple(str(c) for c in range(graph.classes))
        fitted = cls(graph.features.shape[1], scaled, TargetPlan("label", "classification", names))
        how = "each row divided by its sum" if scaled else "as they are"
        return fitted, [f"features: {fitted.features:,} at each node, {how}"]

    def samples(self, graph: Graph, nodes: Any, *, labelled: bool = True) -> GraphSamples:
        """These nodes of a graph, as the network takes them."""
        if graph.features.shape[1] != self.features:
            raise ShapeError(
                f"{graph.name} has {graph.features.shape[1]} features at each node, and the training graph had "
                f"{self.features}"
            )
        assert self.target is not None
        names = list(self.target.classes)
        if labelled and graph.labels is not None and graph.classes > len(names):
            node = int(np.argmax(graph.labels >= len(names)))
            raise LabelError(
                f"label {graph.labels[node]} of {graph.name} is none of the {len(names)} classes of training",
                where=f"node {node}",
            )
        features = graph.scaled_rows() if self.scaled else graph.features
        return GraphSamples(features, graph.edges, graph.labels if labelled else None, nodes, names)

    def transform(self, source: Any, *, has_target: bool | None = None) -> tuple[GraphSamples, list[str]]:
        """A graph as samples: its test nodes where it has some and the target is asked for, else all; see
        `Preprocessing.transform`.
        """
        from chainrule.data.sources import read

        graph, _ = read(source)
        if not isinstance(graph, Graph):
            raise DataError(f"{graph.name} is no graph, and the training data were one", fix="an .npz with `edge`")
        if has_target and graph.test is not None:
            nodes = graph.nodes("test")
            return self.samples(graph, nodes), [f"{graph.name}: its {len(nodes):,} test nodes are taken"]
        return self.samples(graph, np.arange(len(graph)), labelled=has_target is not False), []

    @property
    def input_description(self) -> dict[str, Any]:
        """Kind `graph`, the features at each node and the outputs."""
        return {"kind": "graph", "features": self.features, "outputs": self._outputs}

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        return {**self._state(), "features": self.features, "scaled": self.scaled}

    @classmethod
    def _restored(cls, state: State, target: TargetPlan | None) -> GraphPreprocessing:
        if target is None or target.task != "classification":
            raise state.wrong("target", "is missing or no classes")
        return cls(state.whole("features", 1), state.flag("scaled"), target)
