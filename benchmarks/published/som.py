"""`python -m benchmarks.published.som [--seeds 5]`: self-organising maps on the digits, beside MiniSom.

The 1,797 images of 8 × 8, from 0 to 1, on sheets of 10 × 10 units on a rectangular grid, laid into the plane of the
first two principal components, with a Gaussian neighbourhood whose radius goes from 5 to 1; 20 times through the
images, one by one (learning rate from 0.5 to 0.01) and in batches. MiniSom (`pip install minisom`) has the same sheet,
radius and rate, which it makes smaller in its own way; both errors are measured by the same code, chainrule's.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from minisom import MiniSom

import chainrule as cr
from benchmarks.published.outcome import Outcome, write
from chainrule import data, models

SIDE, EPOCHS = 10, 20


def ours(x: np.ndarray, mode: str, seed: int, last: float = 1.0) -> models.SOM:
    cr.random.seed(seed)
    som = models.SOM(SIDE, SIDE, 64)
    som.start_from(x)
    som.fit(x, EPOCHS, mode=mode, radius=(SIDE / 2, last))
    return som


def minisom(x: np.ndarray, seed: int) -> models.SOM:
    """MiniSom's weights, in a map of chainrule's to be measured."""
    peer = MiniSom(
        SIDE, SIDE, 64, sigma=SIDE / 2, learning_rate=0.5, random_seed=seed,
        decay_function="linear_decay_to_zero", sigma_decay_function="linear_decay_to_one",
    )  # fmt: skip
    peer.pca_weights_init(x)
    peer.train(x, EPOCHS * len(x), random_order=True)
    som = models.SOM(SIDE, SIDE, 64)
    som.weight.assign(peer.get_weights().reshape(-1, 64).astype(np.float32))
    return som


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.published.som")
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    x = (data.bundled("digits").inputs[0].reshape(-1, 64) / 16.0).astype(np.float32)
    ways = {
        "chainrule, online": lambda seed: ours(x, "online", seed),
        "chainrule, batch": lambda seed: ours(x, "batch", seed),
        "chainrule, batch, radius to 0.5": lambda seed: ours(x, "batch", seed, 0.5),
        "MiniSom": lambda seed: minisom(x, seed),
    }
    outcomes = []
    for name, way in ways.items():
        errors = [
            Outcome(f"{name}: quantisation error", "", ""),
            Outcome(f"{name}: topographic error", "", "%"),
        ]
        for seed in range(options.seeds):
            started = time.perf_counter()
            som = way(seed)
            seconds = time.perf_counter() - started
            errors[0].add(som.quantization_error(x), seconds)
            errors[1].add(som.topographic_error(x), seconds)
        for outcome in errors:
            print(outcome.line(), flush=True)
        outcomes += errors
    write("som", outcomes)


if __name__ == "__main__":
    main()
