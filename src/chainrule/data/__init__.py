"""Data of any kind, read, understood, split and turned into arrays; every decision is said in words.

Example:
    >>> from chainrule import data
    >>> table = {"age": [22, 38, 26, 35] * 10, "sex": ["m", "f", "f", "m"] * 10, "survived": [0, 1, 1, 0] * 10}
    >>> prepared = data.prepare(table, types={"sex": "category"})
    >>> prepared.train
    Dataset(28 rows, inputs float32 (28, 1), int32 (28, 1), binary target int32 (28,) of 2 classes)
    >>> prepared.messages[0]
    "target: column 'survived', by its name; target='…' takes another"
"""

from __future__ import annotations

from chainrule.data.array_preprocessing import ArrayPreprocessing
from chainrule.data.balanced import Balanced
from chainrule.data.bundled_sets import bundled, bundled_names
from chainrule.data.dataset import Dataset
from chainrule.data.graph_samples import GraphPreprocessing, GraphSamples
from chainrule.data.graphs import Graph, load_graph
from chainrule.data.idx import read_idx
from chainrule.data.preparing import Prepared, prepare
from chainrule.data.preprocessing import Preprocessing
from chainrule.data.resampled import Resampled
from chainrule.data.samples import Samples
from chainrule.data.sequence_preprocessing import SequencePreprocessing
from chainrule.data.sources import Reading, Source, load
from chainrule.data.splitting import split_rows
from chainrule.data.table_preprocessing import TablePreprocessing
from chainrule.data.text import TextPreprocessing, TextSamples

__all__ = [
    "ArrayPreprocessing",
    "Balanced",
    "Dataset",
    "Graph",
    "GraphPreprocessing",
    "GraphSamples",
    "Prepared",
    "Preprocessing",
    "Reading",
    "Resampled",
    "Samples",
    "SequencePreprocessing",
    "Source",
    "TablePreprocessing",
    "TextPreprocessing",
    "TextSamples",
    "bundled",
    "bundled_names",
    "load",
    "load_graph",
    "prepare",
    "read_idx",
    "split_rows",
]
