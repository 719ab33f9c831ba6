"""`python -m benchmarks.published.boltzmann [rbm dbn] [--seeds 1] [--epochs 15]`: Boltzmann machines on MNIST.

rbm   500 hidden units by CD-1, then logistic regression on their probabilities
dbn   500, 500 and 2,000 units by CD-1, layer by layer, 5 epochs each, then fine-tuned as a perceptron

Pixels from 0 to 1 are probabilities of the visible units. Momentum 0.9 with a learning rate of 0.05 and L2 of 2e-4, in
batches of 100 (Hinton, "A Practical Guide to Training Restricted Boltzmann Machines", 2010); the supervised part is
Adam, whose learning rate falls to 0. No image is held out: nothing was chosen by the test images.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

import chainrule as cr
from benchmarks.published.outcome import Outcome, folder_of_data, write
from chainrule import data, losses, models, nn, optim

PUBLISHED = {
    "rbm": Outcome("RBM with 500 units, logistic regression", "none for this pair"),
    "dbn": Outcome(
        "DBN 500-500-2000, fine-tuned", "98.80 (Hinton & Salakhutdinov 2006, fine-tuned by backpropagation)"
    ),
}
BATCH = 100


def images(part: Any) -> tuple[np.ndarray, np.ndarray]:
    return part.inputs.reshape(len(part.inputs), -1).astype(np.float32) / 255, np.asarray(part.labels, np.int32)


def pretrain(rbm: models.RBM, v: np.ndarray, epochs: int) -> None:
    rbm.fit_visible_bias(v)
    rule = optim.Momentum(optim.decay_groups(rbm.parameters(), 2e-4), lr=0.05, momentum=0.9)
    cr.Trainer(rbm, models.ContrastiveDivergence(rbm), rule, progress=False).fit(
        (v, v), epochs=epochs, batch_size=BATCH
    )


def classify(
    model: nn.Module, train: tuple[Any, Any], test: tuple[Any, Any], epochs: int, lr: float, seed: int
) -> float:
    rule = optim.Adam(model.parameters(), lr=lr)
    steps = epochs * -(-len(train[0]) // BATCH)
    trainer = cr.Trainer(
        model, losses.CrossEntropy(), rule, schedule=lambda step: lr * (1.0 - step / steps), seed=seed, progress=False
    )
    trainer.fit(train, epochs=epochs, batch_size=BATCH)
    return float((trainer.predict(test[0]).argmax(axis=1) == test[1]).mean())


def rbm(train: tuple[Any, Any], test: tuple[Any, Any], epochs: int, seed: int) -> float:
    machine = models.RBM(784, 500)
    pretrain(machine, train[0], epochs)
    features = [machine(part[0]).numpy() for part in (train, test)]
    return classify(nn.Linear(500, 10), (features[0], train[1]), (features[1], test[1]), 20, 2e-3, seed)


def dbn(train: tuple[Any, Any], test: tuple[Any, Any], epochs: int, seed: int) -> float:
    stack = models.DBN(784, [500, 500, 2000])
    for number, machine in enumerate(stack.layers):
        assert isinstance(machine, models.RBM)
        pretrain(machine, stack.features(train[0], number).numpy(), max(epochs // 3, 1))
    return classify(stack.to_mlp(10), train, test, epochs, 1e-3, seed)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.published.boltzmann")
    parser.add_argument("names", nargs="*", choices=[*PUBLISHED, []], help="both without")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--images", type=int, default=60_000, help="fewer for a quick look, which is not written")
    options = parser.parse_args()
    source = data.load(folder_of_data() / "mnist")
    train, test = (images(part) for part in (source.train, source.test))
    train = (train[0][: options.images], train[1][: options.images])
    outcomes = [PUBLISHED[name] for name in options.names or PUBLISHED]
    for name, outcome in zip(options.names or PUBLISHED, outcomes, strict=True):
        for seed in range(options.seeds):
            cr.random.seed(seed)
            started = time.perf_counter()
            outcome.add(
                {"rbm": rbm, "dbn": dbn}[name](train, test, options.epochs, seed), time.perf_counter() - started
            )
        print(outcome.line(), flush=True)
    if options.images >= 60_000:
        write("boltzmann", outcomes)


if __name__ == "__main__":
    main()
