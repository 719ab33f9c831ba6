"""Multi-layer perceptrons of four sizes: forward, backward and Adam."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.loops import descent, no_tinygrad, tinygrad_parameters, torch_model, training, with_tinygrad
from benchmarks.workload import Given, Workload, he

RATE = 1e-3


def given(sizes: tuple[int, ...], batch: int, steps: int) -> Given:
    rng = np.random.default_rng(0)
    weights: dict[str, np.ndarray] = {}
    for i, (n, m) in enumerate(pairwise(sizes)):
        weights |= {f"{2 * i}.weight": he(rng, n, m), f"{2 * i}.bias": np.zeros(m, np.float32)}
    x = rng.normal(size=(steps, batch, sizes[0])).astype(np.float32)
    return Given(weights, (x, rng.integers(0, sizes[-1], (steps, batch), dtype=np.int32)))


def chainrule(given: Given) -> Any:
    from chainrule import losses, nn, optim

    layers: list[nn.Module] = []
    for w in list(given.weights.values())[::2]:
        layers += [nn.Linear(*w.shape), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    model.load_state_dict(given.weights)
    return model, losses.cross_entropy, optim.Adam(model.parameters(), lr=RATE)


def pytorch(given: Given) -> Any:
    import torch
    from torch import nn

    layers: list[nn.Module] = []
    for w in list(given.weights.values())[::2]:
        layers += [nn.Linear(*w.shape), nn.ReLU()]
    model = torch_model(nn.Sequential(*layers[:-1]), given.weights)
    return model, nn.functional.cross_entropy, torch.optim.Adam(model.parameters(), lr=RATE, fused=True)


def jax(given: Given) -> Any:
    import jax
    import optax

    def model(parameters, x):
        *hidden, last = parameters
        for weight, bias in hidden:
            x = jax.nn.relu(x @ weight + bias)
        return x @ last[0] + last[1]

    def loss(logits, target):
        return optax.softmax_cross_entropy_with_integer_labels(logits, target).mean()

    values = list(given.weights.values())
    return descent(model, loss, optax.adam(RATE), list(zip(values[::2], values[1::2], strict=True)))


def tinygrad(given: Given) -> Any:
    from tinygrad import nn

    values = tinygrad_parameters(given)

    def model(x):
        for weight, bias in zip(values[:-2:2], values[1:-2:2], strict=True):
            x = (x @ weight + bias).relu()
        return x @ values[-2] + values[-1]

    return model, nn.optim.Adam(values, lr=RATE)


PEERS = training(chainrule, pytorch, jax, every_way=True)
WORKLOADS = {
    "xor": Workload(
        "XOR MLP 2-16-2, batch 4", partial(given, (2, 16, 2), 4, 1000), PEERS, asked={"PyTorch": 40, "JAX": 1.0}
    ),
    "digits": Workload(
        "digits MLP 64-128-64-10, batch 32", partial(given, (64, 128, 64, 10), 32, 400), PEERS,
        asked={"PyTorch": 6, "JAX": 1.0},
    ),
    "mnist": Workload(
        "MNIST MLP 784-256-128-10, batch 128", partial(given, (784, 256, 128, 10), 128, 100),
        with_tinygrad(PEERS, tinygrad), asked={"PyTorch": 2, "JAX": 1.0}, left_out=no_tinygrad(),
    ),
    "wide": Workload(
        "MLP 1024-1024-1024-10, batch 512", partial(given, (1024, 1024, 1024, 10), 512, 10), PEERS,
        asked={"PyTorch": 2.2, "JAX": 1.0},
    ),
}  # fmt: skip
