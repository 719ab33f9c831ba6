"""What is measured, by name: each module holds one kind of work, written once for every library."""

from __future__ import annotations

from benchmarks.workloads import cnn, embeddings, gcn, gpt, inference, lstm, mlp, resnet
from benchmarks.workloads.workload import Workload

WORKLOADS: dict[str, Workload] = {
    **mlp.WORKLOADS,
    **cnn.WORKLOADS,
    **resnet.WORKLOADS,
    **gpt.WORKLOADS,
    **lstm.WORKLOADS,
    **embeddings.WORKLOADS,
    **gcn.WORKLOADS,
    **inference.WORKLOADS,
}
