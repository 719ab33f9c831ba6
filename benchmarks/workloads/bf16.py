"""Products of factors in bfloat16, against the same in float32: a wide perceptron and a transformer."""

from __future__ import annotations

from benchmarks.loops import in_bf16
from benchmarks.workload import Workload
from benchmarks.workloads import gpt, mlp

NOTES = (
    "Products round their factors to bfloat16 and add up in float32; weights and the optimizer stay float32. PyTorch's "
    "autocast keeps activations in bfloat16, too. What that does to a whole training: {}."
)

WORKLOADS = {
    "wide-bf16": Workload(
        "MLP 1024-1024-1024-10, batch 512, in bfloat16",
        mlp.WORKLOADS["wide"].given,
        in_bf16(mlp.chainrule, mlp.pytorch),
        asked={"chainrule": 1.4},
        notes=NOTES.format("bf16-mnist"),
    ),
    "gpt-bf16": Workload(
        "transformer 4 × 128, 4 heads, 128 tokens, vocabulary 65, batch 16, in bfloat16",
        gpt.given,
        in_bf16(gpt.chainrule, gpt.pytorch),
        asked={"chainrule": 1.4},
        notes=NOTES.format("bf16-shakespeare"),
    ),
}
