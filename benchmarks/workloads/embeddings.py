"""Two large tables of vectors and a small network on top, of which a step touches a few thousand rows: forward,
backward and Adam.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.loops import as_trainer, descent, device, jax_scan, jax_steps, torch_model, torch_steps
from benchmarks.workload import Given, Workload, he

RATE = 1e-3
STEPS, BATCH = 50, 1024
USERS, ITEMS, WIDTH, HIDDEN = 100_000, 20_000, 32, 64


def given() -> Given:
    rng = np.random.default_rng(0)
    weights = {f"{name}.weight": rng.normal(size=(n, WIDTH)) for name, n in {"users": USERS, "items": ITEMS}.items()}
    weights = {name: table.astype(np.float32) for name, table in weights.items()}
    for name, shape in {"0": (2 * WIDTH, HIDDEN), "2": (HIDDEN, HIDDEN), "4": (HIDDEN, 1)}.items():
        weights |= {f"top.{name}.weight": he(rng, *shape), f"top.{name}.bias": np.zeros(shape[1], np.float32)}
    users, items = (rng.integers(0, n, (STEPS, BATCH), dtype=np.int32) for n in (USERS, ITEMS))
    return Given(weights, (users, items, rng.integers(0, 2, (STEPS, BATCH)).astype(np.float32)))


def network(users: int) -> Any:
    import chainrule as cr
    from chainrule import nn

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.users, self.items = nn.Embedding(users, WIDTH), nn.Embedding(ITEMS, WIDTH)
            self.top = nn.Sequential(
                nn.Linear(2 * WIDTH, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1)
            )

        def forward(self, users, items):
            return self.top(cr.concat([self.users(users), self.items(items)], axis=-1))[:, 0]

    return Model()


def chainrule(given: Given) -> Any:
    from chainrule import losses, optim

    model = network(USERS)
    model.load_state_dict(given.weights)
    return model, losses.binary_cross_entropy, optim.Adam(model.parameters(), lr=RATE, lazy=True)


def _torch_model(given: Given, sparse: bool) -> Any:
    import torch
    from torch import nn

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.users, self.items = (nn.Embedding(n, WIDTH, sparse=sparse) for n in (USERS, ITEMS))
            self.top = nn.Sequential(
                nn.Linear(2 * WIDTH, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1)
            )

        def forward(self, users, items):
            return self.top(torch.cat([self.users(users), self.items(items)], -1))[:, 0]

    tables = {name: w.T for name, w in given.weights.items() if "top" not in name}  # which are not turned
    return torch_model(Model(), given.weights | tables), nn.functional.binary_cross_entropy_with_logits


def pytorch(given: Given) -> Any:
    """Adam for everything: all rows of the tables at every step."""
    import torch

    model, loss = _torch_model(given, sparse=False)
    return model, loss, torch.optim.Adam(model.parameters(), lr=RATE, fused=True)


def pytorch_sparse(given: Given) -> Any:
    """SparseAdam for the rows that were looked up, Adam for the rest."""
    import torch

    class Both:
        def __init__(self, *rules: Any) -> None:
            self.rules = rules

        def zero_grad(self) -> None:
            for rule in self.rules:
                rule.zero_grad()

        def step(self) -> None:
            for rule in self.rules:
                rule.step()

    model, loss = _torch_model(given, sparse=True)
    tables = torch.optim.SparseAdam([model.users.weight, model.items.weight], lr=RATE)
    return model, loss, Both(tables, torch.optim.Adam(model.top.parameters(), lr=RATE, fused=True))


def jax(given: Given) -> Any:
    import jax
    import optax
    from jax import numpy as jnp

    def model(p, users, items):
        x = jnp.concatenate([p["users.weight"][users], p["items.weight"][items]], -1)
        x = jax.nn.relu(x @ p["top.0.weight"] + p["top.0.bias"])
        x = jax.nn.relu(x @ p["top.2.weight"] + p["top.2.bias"])
        return (x @ p["top.4.weight"] + p["top.4.bias"])[:, 0]

    def loss(logits, target):
        return optax.sigmoid_binary_cross_entropy(logits, target).mean()

    return descent(model, loss, optax.adam(RATE), given.weights)


_COMPILED = "CUDA graphs" if device() == "cuda" else "torch.compile"
WORKLOADS = {
    "embeddings": Workload(
        "tables 100,000 × 32 and 20,000 × 32, 64-64-64-1 on top, batch 1024",
        given,
        {
            "chainrule": lambda given: as_trainer(given, *chainrule(given)),
            "PyTorch, dense Adam": lambda given: torch_steps(given, *pytorch(given)),
            "PyTorch, SparseAdam for the tables": lambda given: torch_steps(given, *pytorch_sparse(given)),
            f"PyTorch, {_COMPILED}": lambda given: torch_steps(given, *pytorch(given), compiled=True),
            "JAX, a call a step": lambda given: jax_steps(given, *jax(given)),
            "JAX, scan": lambda given: jax_scan(given, *jax(given)),
        },
        asked={"PyTorch": 4, "JAX": 4},
        notes="chainrule's Adam is lazy, as PyTorch's SparseAdam is: rows that a batch does not touch rest, moments "
        "too. Dense Adam moves them on, so only the first step's loss is the same, and is what is compared.",
        same_after_a_round=False,
    )
}
