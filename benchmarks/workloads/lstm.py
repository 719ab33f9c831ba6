"""An LSTM over sequences of vectors, with a class at every step: forward, backward and Adam."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.loops import descent, torch_model, training
from benchmarks.workload import Given, Workload

RATE = 1e-3
STEPS, BATCH, LENGTH = 20, 32, 64
WIDTH, CLASSES = 128, 65


def given() -> Given:
    rng = np.random.default_rng(0)
    limit = WIDTH**-0.5
    shapes = {
        "lstm.weight_ih_l0": (WIDTH, 4 * WIDTH), "lstm.weight_hh_l0": (WIDTH, 4 * WIDTH),
        "lstm.bias_ih_l0": (4 * WIDTH,), "lstm.bias_hh_l0": (4 * WIDTH,),
        "head.weight": (WIDTH, CLASSES), "head.bias": (CLASSES,),
    }  # fmt: skip
    weights = {name: rng.uniform(-limit, limit, shape).astype(np.float32) for name, shape in shapes.items()}
    x = rng.normal(size=(STEPS, BATCH, LENGTH, WIDTH)).astype(np.float32)
    return Given(weights, (x, rng.integers(0, CLASSES, (STEPS, BATCH, LENGTH), dtype=np.int32)))


def chainrule(given: Given) -> Any:
    from chainrule import losses, nn, optim

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.head = nn.LSTM(WIDTH, WIDTH), nn.Linear(WIDTH, CLASSES)

        def forward(self, x):
            return self.head(self.lstm(x)[0])

    model = Model()
    model.load_state_dict(given.weights)
    return model, losses.cross_entropy, optim.Adam(model.parameters(), lr=RATE)


def pytorch(given: Given) -> Any:
    import torch
    from torch import nn

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.head = nn.LSTM(WIDTH, WIDTH, batch_first=True), nn.Linear(WIDTH, CLASSES)

        def forward(self, x):
            return self.head(self.lstm(x)[0])

    def loss(logits, target):
        return nn.functional.cross_entropy(logits.flatten(0, 1), target.flatten())

    model = torch_model(Model(), given.weights)
    return model, loss, torch.optim.Adam(model.parameters(), lr=RATE, fused=True)


def jax(given: Given) -> Any:
    import jax
    import optax
    from jax import numpy as jnp

    def model(p, x):
        def cell(state, z):
            h, c = state
            i, f, g, o = jnp.split(z + h @ p["lstm.weight_hh_l0"], 4, axis=-1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        z = x @ p["lstm.weight_ih_l0"] + p["lstm.bias_ih_l0"] + p["lstm.bias_hh_l0"]  # of all steps at once
        zeros = jnp.zeros((len(x), WIDTH))
        _, h = jax.lax.scan(cell, (zeros, zeros), z.swapaxes(0, 1))
        return h.swapaxes(0, 1) @ p["head.weight"] + p["head.bias"]

    def loss(logits, target):
        return optax.softmax_cross_entropy_with_integer_labels(logits, target).mean()

    return descent(model, loss, optax.adam(RATE), given.weights)


WORKLOADS = {
    "lstm": Workload(
        "LSTM of 128 units, inputs of 128, 64 steps, a linear layer to 65 classes at each, batch 32",
        given,
        training(chainrule, pytorch, jax),
        asked={"PyTorch": 1.3, "JAX": 1.5},
    )
}
