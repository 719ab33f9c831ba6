"""A small convolutional network on images like MNIST's: forward, backward and Adam."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.loops import descent, no_tinygrad, tinygrad_parameters, torch_model, training, with_tinygrad
from benchmarks.workload import Given, Workload, he

RATE = 1e-3
STEPS, BATCH = 10, 64


def given() -> Given:
    rng = np.random.default_rng(0)
    weights: dict[str, np.ndarray] = {}
    for place, shape in {0: (3, 3, 1, 32), 3: (3, 3, 32, 64), 7: (3136, 128), 9: (128, 10)}.items():
        weights |= {f"{place}.weight": he(rng, *shape), f"{place}.bias": np.zeros(shape[-1], np.float32)}
    x = rng.normal(size=(STEPS, BATCH, 28, 28, 1)).astype(np.float32)
    return Given(weights, (x, rng.integers(0, 10, (STEPS, BATCH), dtype=np.int32)))


def chainrule(given: Given) -> Any:
    from chainrule import losses, nn, optim

    model = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(3136, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip
    model.load_state_dict(given.weights)
    return model, losses.cross_entropy, optim.Adam(model.parameters(), lr=RATE)


def pytorch(given: Given) -> Any:
    import torch
    from torch import nn

    model = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(3136, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip
    # Flatten gives (C, H, W) here and (H, W, C) in the others, so the rows of the weight stand in another order.
    dense = given.weights["7.weight"].reshape(7, 7, 64, 128).transpose(2, 0, 1, 3).reshape(3136, 128)
    torch_model(model, {**given.weights, "7.weight": dense})
    return model, nn.functional.cross_entropy, torch.optim.Adam(model.parameters(), lr=RATE, fused=True)


def jax(given: Given) -> Any:
    import jax
    import optax

    def convolution(x, weight, bias):
        return bias + jax.lax.conv_general_dilated(
            x, weight, (1, 1), [(1, 1), (1, 1)], dimension_numbers=("NHWC", "HWIO", "NHWC")
        )

    def max_pool(x):
        return jax.lax.reduce_window(x, -jax.numpy.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")

    def model(p, x):
        x = max_pool(jax.nn.relu(convolution(x, p["0.weight"], p["0.bias"])))
        x = max_pool(jax.nn.relu(convolution(x, p["3.weight"], p["3.bias"])))
        x = jax.nn.relu(x.reshape(len(x), -1) @ p["7.weight"] + p["7.bias"])
        return x @ p["9.weight"] + p["9.bias"]

    def loss(logits, target):
        return optax.softmax_cross_entropy_with_integer_labels(logits, target).mean()

    return descent(model, loss, optax.adam(RATE), given.weights)


def tinygrad(given: Given) -> Any:
    from tinygrad import nn

    values = tinygrad_parameters(given)
    w1, b1, w2, b2, w3, b3, w4, b4 = values

    def model(x):
        x = x.permute(0, 3, 1, 2).conv2d(w1, b1, padding=1).relu().max_pool2d(2)
        x = x.conv2d(w2, b2, padding=1).relu().max_pool2d(2).permute(0, 2, 3, 1)  # channels last, as the others flatten
        return (x.flatten(1) @ w3 + b3).relu() @ w4 + b4

    return model, nn.optim.Adam(values, lr=RATE)


WORKLOADS = {
    "cnn": Workload(
        "CNN 28×28×1, 3×3 convolutions of 32 and 64 filters, max pools, 3136-128-10, batch 64",
        given,
        with_tinygrad(training(chainrule, pytorch, jax, images=True), tinygrad),
        asked={"PyTorch": 1.3, "JAX": 2.5},
        left_out=no_tinygrad(),
    )
}
