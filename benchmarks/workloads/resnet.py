"""ResNet-20 on images of 32 × 32, batch norm in training mode: forward, backward and SGD with momentum."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.loops import torch_model, training
from benchmarks.workload import Given, Workload, he

RATE, MOMENTUM = 0.01, 0.9
STEPS, BATCH = 4, 64
WIDTHS, BLOCKS = (16, 32, 64), 3


def given() -> Given:
    rng = np.random.default_rng(0)
    weights: dict[str, np.ndarray] = {}

    def convolution(place: str, norm: str, before: int, after: int) -> None:
        weights[f"{place}.weight"] = he(rng, 3, 3, before, after)
        weights[f"{norm}.weight"] = np.ones(after, np.float32)
        weights[f"{norm}.bias"] = np.zeros(after, np.float32)

    convolution("conv1", "bn1", 3, 16)
    before = 16
    for stage, width in enumerate(WIDTHS, start=1):
        for block in range(BLOCKS):
            for i in (1, 2):
                place = f"layer{stage}.{block}"
                convolution(f"{place}.conv{i}", f"{place}.bn{i}", before, width)
                before = width
    weights |= {"fc.weight": he(rng, 64, 10), "fc.bias": np.zeros(10, np.float32)}
    x = rng.normal(size=(STEPS, BATCH, 32, 32, 3)).astype(np.float32)
    return Given(weights, (x, rng.integers(0, 10, (STEPS, BATCH), dtype=np.int32)))


def chainrule(given: Given) -> Any:
    from chainrule import losses, models, optim

    model = models.ResNet(20, (32, 32, 3), 10)
    model.load_state_dict(given.weights, strict=False)  # running statistics are as they were made
    return model, losses.cross_entropy, optim.Momentum(model.parameters(), lr=RATE, momentum=MOMENTUM)


def pytorch(given: Given) -> Any:
    import torch
    from torch import nn
    from torch.nn.functional import cross_entropy, pad, relu

    class Block(nn.Module):
        def __init__(self, before: int, after: int) -> None:
            super().__init__()
            self.stride = 1 if before == after else 2
            self.conv1 = nn.Conv2d(before, after, 3, stride=self.stride, padding=1, bias=False)
            self.bn1 = nn.BatchNorm2d(after)
            self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
            self.bn2 = nn.BatchNorm2d(after)

        def forward(self, x):
            y = self.bn2(self.conv2(relu(self.bn1(self.conv1(x)))))
            if self.stride == 2:  # every second place, filled up with zero channels
                x = pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, x.shape[1]))
            return relu(y + x)

    class ResNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16)
            self.layer1 = nn.Sequential(Block(16, 16), Block(16, 16), Block(16, 16))
            self.layer2 = nn.Sequential(Block(16, 32), Block(32, 32), Block(32, 32))
            self.layer3 = nn.Sequential(Block(32, 64), Block(64, 64), Block(64, 64))
            self.fc = nn.Linear(64, 10)

        def forward(self, x):
            x = self.layer3(self.layer2(self.layer1(relu(self.bn1(self.conv1(x))))))
            return self.fc(x.mean((2, 3)))

    model = torch_model(ResNet(), given.weights)
    return model, cross_entropy, torch.optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM, fused=True)


def jax(given: Given) -> Any:
    """The state also holds the running statistics."""
    import jax
    import optax
    from jax import numpy as jnp

    def normalised(x, p, name, running, momentum=0.1):
        mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
        n = x.size / x.shape[-1]
        before = running[name]
        now = (
            (1 - momentum) * before[0] + momentum * mean,
            (1 - momentum) * before[1] + momentum * variance * n / (n - 1),
        )
        y = (x - mean) * jax.lax.rsqrt(variance + 1e-5) * p[f"{name}.weight"] + p[f"{name}.bias"]
        return y, {**running, name: now}

    def convolution(x, weight, stride=1):
        return jax.lax.conv_general_dilated(
            x, weight, (stride, stride), [(1, 1), (1, 1)], dimension_numbers=("NHWC", "HWIO", "NHWC")
        )

    def model(p, running, x):
        x, running = normalised(convolution(x, p["conv1.weight"]), p, "bn1", running)
        x = jax.nn.relu(x)
        for stage, width in enumerate(WIDTHS, start=1):
            for block in range(BLOCKS):
                place = f"layer{stage}.{block}"
                stride = 1 if width == x.shape[-1] else 2
                y, running = normalised(convolution(x, p[f"{place}.conv1.weight"], stride), p, f"{place}.bn1", running)
                y, running = normalised(
                    convolution(jax.nn.relu(y), p[f"{place}.conv2.weight"]), p, f"{place}.bn2", running
                )
                if stride == 2:
                    x = jnp.pad(x[:, ::2, ::2], ((0, 0), (0, 0), (0, 0), (0, x.shape[-1])))
                x = jax.nn.relu(y + x)
        return x.mean((1, 2)) @ p["fc.weight"] + p["fc.bias"], running

    rule = optax.sgd(RATE, MOMENTUM)

    def loss_of(p, running, x, target):
        logits, running = model(p, running, x)
        return optax.softmax_cross_entropy_with_integer_labels(logits, target).mean(), running

    def step(state, batch):
        p, running, memory = state
        (cost, running), slope = jax.value_and_grad(loss_of, has_aux=True)(p, running, *batch)
        change, memory = rule.update(slope, memory, p)
        return (optax.apply_updates(p, change), running, memory), cost

    parameters = {name: jnp.array(value) for name, value in given.weights.items()}
    running = {
        name.removesuffix(".bias"): [jnp.zeros_like(value), jnp.ones_like(value)]
        for name, value in parameters.items()
        if "bn" in name and name.endswith(".bias")
    }
    return step, (parameters, running, rule.init(parameters))


WORKLOADS = {
    "resnet": Workload(
        "ResNet-20, 32×32×3, batch 64, SGD with momentum",
        given,
        training(chainrule, pytorch, jax, images=True, scan=False),
        asked={"PyTorch": 1.0, "JAX": 2.5},
        left_out={"JAX, scan": "XLA on a CPU runs convolutions inside loops 30 times slower: several seconds a step"},
    )
}
