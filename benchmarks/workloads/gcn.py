"""A graph convolutional network on Cora, all nodes at once: forward, backward and Adam make an epoch.

No dropout, so that all compute the same. Â = D^-½ (A + I) D^-½ is given to PyTorch and JAX; chainrule's layer
makes it of the edges.
"""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.loops import as_trainer, descent, device, jax_scan, jax_steps, torch_model, torch_steps
from benchmarks.workload import Given, Workload

RATE, STEPS, HIDDEN = 0.01, 20, 16


def graph() -> Any:
    from chainrule import data

    return data.load_graph(Path(os.environ["CHAINRULE_DATA"]) / "graph" / "cora.npz")


def given() -> Given:
    rng, cora = np.random.default_rng(0), graph()
    weights: dict[str, np.ndarray] = {}
    for layer, shape in enumerate([(cora.features.shape[1], HIDDEN), (HIDDEN, cora.classes)]):
        limit = np.sqrt(6 / sum(shape))
        weights[f"layers.{layer}.lin.weight"] = rng.uniform(-limit, limit, shape).astype(np.float32)
        weights[f"layers.{layer}.bias"] = np.zeros(shape[1], np.float32)
    known = np.tile(cora.nodes("train"), (STEPS, 1))
    return Given(weights, (known, cora.labels[known]))


def adjacency() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Source, target and value of each entry of Â."""
    cora = graph()
    loops = np.arange(len(cora), dtype=np.int32)
    source, target = (np.concatenate([end, loops]) for end in cora.edges.T)
    degree = np.bincount(target).astype(np.float32)
    return source, target, 1 / np.sqrt(degree[source] * degree[target])


def chainrule(given: Given) -> Any:
    from chainrule import losses, models, nn, optim

    cora = graph()
    features, edges = nn.SparseRows(cora.scaled_rows()), cora.edges
    network = models.GCN(cora.features.shape[1], [HIDDEN], cora.classes, dropout=0.0)
    network.load_state_dict(given.weights, strict=False)  # streams of dropout are as they were made

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, nodes):
            return self.network(features, edges, nodes)

    return Model(), losses.cross_entropy, optim.Adam(network.parameters(), lr=RATE)


def pytorch(given: Given, *, kind: str, sparse_features: bool) -> Any:
    """Matrices in the form `kind`, "csr" or "coo"; the features sparse or dense."""
    import torch
    from torch import nn

    cora = graph()
    source, target, values = adjacency()

    def matrix(rows: np.ndarray, columns: np.ndarray, values: np.ndarray, shape: tuple[int, int]) -> Any:
        places = torch.from_numpy(np.stack([rows, columns]).astype(np.int64))
        made = torch.sparse_coo_tensor(places, torch.from_numpy(values), shape, check_invariants=True).coalesce()
        return (made.to_sparse_csr() if kind == "csr" else made).to(device())

    scaled = cora.scaled_rows()
    rows, columns = np.nonzero(scaled)
    x = matrix(rows, columns, scaled[rows, columns], scaled.shape) if sparse_features else torch.from_numpy(scaled)
    x, a = x.to(device()), matrix(target, source, values, (len(cora), len(cora)))

    class Convolution(nn.Module):
        def __init__(self, before: int, after: int) -> None:
            super().__init__()
            self.lin, self.bias = nn.Linear(before, after, bias=False), nn.Parameter(torch.zeros(after))

        def forward(self, x):
            return a @ (x @ self.lin.weight.T) + self.bias

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            widths = [scaled.shape[1], HIDDEN, cora.classes]
            self.layers = nn.ModuleList(Convolution(n, m) for n, m in pairwise(widths))

        def forward(self, nodes):
            return self.layers[1](torch.relu(self.layers[0](x)))[nodes]

    model = torch_model(Model(), given.weights)
    return model, nn.functional.cross_entropy, torch.optim.Adam(model.parameters(), lr=RATE, fused=True)


def jax(given: Given, *, kind: str = "segments") -> Any:
    """With dense features and sums over the edges, or with matrices in JAX's sparse form, "bcoo"."""
    import jax
    import optax
    from jax import numpy as jnp
    from jax.experimental import sparse

    cora = graph()
    source, target, values = (jnp.asarray(part) for part in adjacency())
    x: Any = jnp.asarray(cora.scaled_rows())
    if kind == "bcoo":
        x = sparse.BCOO.fromdense(x)
        a = sparse.BCOO((values, jnp.stack([target, source], 1)), shape=(len(cora), len(cora)))

    def spread(h):
        if kind == "bcoo":
            return a @ h
        return jax.ops.segment_sum(values[:, None] * h[source], target, len(cora))

    def model(p, nodes):
        h = jax.nn.relu(spread(x @ p["layers.0.lin.weight"]) + p["layers.0.bias"])
        return (spread(h @ p["layers.1.lin.weight"]) + p["layers.1.bias"])[nodes]

    def loss(logits, target):
        return optax.softmax_cross_entropy_with_integer_labels(logits, target).mean()

    return descent(model, loss, optax.adam(RATE), given.weights)


def _torch_peer(kind: str, sparse_features: bool) -> Any:
    return lambda given: torch_steps(given, *pytorch(given, kind=kind, sparse_features=sparse_features))


WORKLOADS = {
    "gcn": Workload(
        "GCN 1433-16-7 on Cora, all nodes at once",
        given,
        {
            "chainrule": lambda given: as_trainer(given, *chainrule(given)),
            "PyTorch, CSR": _torch_peer("csr", sparse_features=True),
            "PyTorch, CSR, dense features": _torch_peer("csr", sparse_features=False),
            "PyTorch, COO": _torch_peer("coo", sparse_features=True),
            "PyTorch, COO, dense features": _torch_peer("coo", sparse_features=False),
            "JAX, a call an epoch": lambda given: jax_steps(given, *jax(given)),
            "JAX, scan": lambda given: jax_scan(given, *jax(given)),
            "JAX, scan, BCOO": lambda given: jax_scan(given, *jax(given, kind="bcoo")),
        },
        asked={"PyTorch": 1.5, "JAX": 1.0},
        unit="µs an epoch",
        needs="CHAINRULE_DATA",
        notes="Features are nn.SparseRows in chainrule. PyTorch's and JAX's Â = D^-½ (A + I) D^-½ is made beforehand; "
        "chainrule's layer makes it of the edges.",
    )
}
