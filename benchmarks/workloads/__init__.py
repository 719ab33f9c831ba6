"""What is measured, by name: each module holds one kind of work, written once for every library."""

from __future__ import annotations

from benchmarks.workload import Workload
from benchmarks.workloads import bf16, cnn, embeddings, gcn, gpt, inference, lstm, mlp, resnet, trainer

WORKLOADS: dict[str, Workload] = {
    **mlp.WORKLOADS,
    **cnn.WORKLOADS,
    **resnet.WORKLOADS,
    **gpt.WORKLOADS,
    **lstm.WORKLOADS,
    **embeddings.WORKLOADS,
    **gcn.WORKLOADS,
    **inference.WORKLOADS,
    **bf16.WORKLOADS,
    **trainer.WORKLOADS,
}
