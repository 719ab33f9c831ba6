"""What is measured: networks, their batches, and how many steps make a round; the same numbers for every peer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Workload:
    """A multi-layer perceptron trained by Adam: forward, backward and update make a step.

    Attributes:
        sizes: units of each layer; batch: samples in a step; steps: in a round.
    """

    title: str
    sizes: tuple[int, ...]
    batch: int
    steps: int

    def numbers(self) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
        """Weights and biases by layer, inputs (steps, batch, features), labels (steps, batch)."""
        rng = np.random.default_rng(0)
        weights: list[np.ndarray] = []
        for n, m in zip(self.sizes, self.sizes[1:], strict=False):
            weights += [(rng.normal(size=(n, m)) * np.sqrt(2 / n)).astype(np.float32), np.zeros(m, np.float32)]
        x = rng.normal(size=(self.steps, self.batch, self.sizes[0])).astype(np.float32)
        return weights, x, rng.integers(0, self.sizes[-1], (self.steps, self.batch))


WORKLOADS = {
    "xor": Workload("XOR MLP 2-16-2, batch 4", (2, 16, 2), 4, 1000),
    "digits": Workload("digits MLP 64-128-64-10, batch 32", (64, 128, 64, 10), 32, 400),
    "mnist": Workload("MNIST MLP 784-256-128-10, batch 128", (784, 256, 128, 10), 128, 100),
    "wide": Workload("MLP 1024-1024-1024-10, batch 512", (1024, 1024, 1024, 10), 512, 10),
}
RATE = 1e-3
"""Adam's learning rate."""
