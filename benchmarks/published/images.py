"""`python -m benchmarks.published.images [NAME …] [--seeds 3]`: networks on MNIST and Fashion-MNIST.

mnist-mlp       784-512-512-10, dropout 0.3 and 0.5, 40 epochs
mnist-lenet     two 5×5 convolutions of 16 and 32 filters with batch norm, 128 units with dropout 0.4, images shifted by
                up to two pixels, 10 epochs
fashion-mlp     784-256-100-10, dropout 0.2, 20 epochs
fashion-cnn     two 3×3 convolutions of 32 and 64 filters, 128 units with dropout 0.4, 12 epochs
fashion-resnet  ResNet-20, images shifted by up to two pixels and mirrored, 8 epochs
deep-plain, deep-residual
                56 layers without and with skips, the same otherwise: 2 epochs of 20,000 images

All but the last two learn from the 60,000 training images for a number of epochs fixed beforehand, and are scored once,
on the 10,000 test images, with the weights of the last epoch: AdamW with decoupled decay, a one-cycle schedule, batches
of 128.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

import chainrule as cr
from benchmarks.published.outcome import Outcome, folder_of_data, write
from chainrule import data, losses, metrics, models, nn, optim

BATCH = 128
SHAPE = (28, 28, 1)


def mlp(hidden: list[int], dropouts: list[float]) -> nn.Module:
    layers: list[nn.Module] = [nn.Flatten()]
    width = 784
    for units, dropout in zip(hidden, dropouts, strict=True):
        layers += [nn.Linear(width, units), nn.ReLU(), nn.Dropout(dropout)]
        width = units
    return nn.Sequential(*layers, nn.Linear(width, 10))


def deep(residual: bool) -> nn.Module:
    return models.ResNet(56, SHAPE, 10, residual=residual)


@dataclass
class Plan:
    """One network and how it is trained."""

    folder: str
    make: Callable[[], nn.Module]
    epochs: int
    lr: float
    decay: float
    outcome: Outcome
    rows: int = 60_000


PLANS = {
    "mnist-mlp": Plan(
        "mnist", lambda: mlp([512, 512], [0.3, 0.5]), 40, 2e-3, 0.05,
        Outcome("MLP 512-512, dropout, MNIST", "98.4 to 98.75 (Srivastava et al. 2014, table 2)"),
    ),
    "mnist-lenet": Plan(
        "mnist", lambda: nn.Sequential(
            nn.RandomShift(2), models.LeNet(SHAPE, 10, channels=(16, 32), dropout=0.4, batch_norm=True)
        ), 10, 3e-3, 0.05, Outcome("LeNet-style CNN, MNIST", "99.05 (LeCun et al. 1998, LeNet-5)"),
    ),
    "fashion-mlp": Plan(
        "fashion-mnist", lambda: mlp([256, 100], [0.2, 0.2]), 20, 2e-3, 0.05,
        Outcome("MLP 256-100, dropout, Fashion-MNIST", "88.33 (Zalando's benchmark)"),
    ),
    "fashion-cnn": Plan(
        "fashion-mnist", lambda: models.LeNet(SHAPE, 10, kernel_size=3, dropout=0.4), 12, 2e-3, 0.05,
        Outcome("CNN of two convolutions, Fashion-MNIST", "91.6 (2 conv + pooling, Zalando's benchmark)"),
    ),
    "fashion-resnet": Plan(
        "fashion-mnist", lambda: nn.Sequential(nn.RandomFlip(), nn.RandomShift(2), models.ResNet(20, SHAPE, 10)),
        8, 5e-3, 0.05, Outcome("ResNet-20, Fashion-MNIST", "93 to 95 (ResNets, Zalando's benchmark)"),
    ),
    "deep-plain": Plan(
        "fashion-mnist", lambda: deep(False), 2, 3e-3, 0.05, Outcome("56 layers, plain, 20,000 of Fashion-MNIST", ""),
        20_000,
    ),
    "deep-residual": Plan(
        "fashion-mnist", lambda: deep(True), 2, 3e-3, 0.05, Outcome("56 layers, residual, 20,000 of Fashion-MNIST", ""),
        20_000,
    ),
}  # fmt: skip


def train(plan: Plan, seed: int, rows: int | None, progress: bool) -> float:
    """The accuracy on the test images."""
    prepared = data.prepare(folder_of_data() / plan.folder, validation=0.0, seed=seed)
    images = prepared.train
    assert isinstance(images, data.Dataset)
    images = images[: min(plan.rows, rows or plan.rows)]
    cr.random.seed(seed)
    model = plan.make()
    rule = optim.AdamW(optim.decay_groups(model.parameters(), plan.decay), lr=plan.lr, dialect="pytorch")
    steps = plan.epochs * -(-len(images) // BATCH)
    schedule = optim.OneCycle(plan.lr, steps, rise=0.2, dialect="pytorch")
    trainer = cr.Trainer(model, losses.CrossEntropy(), rule, schedule=schedule, seed=seed, progress=progress)
    trainer.fit(images, epochs=plan.epochs, batch_size=BATCH)
    assert isinstance(prepared.test, data.Dataset)
    return metrics.Accuracy()(trainer.predict(prepared.test), prepared.test.target)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.published.images")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PLANS)}; all without")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", type=int, help="learn from so many images only, to try things")
    parser.add_argument("--progress", action="store_true")
    options = parser.parse_args()
    names = options.names or list(PLANS)
    for name in names:
        plan = PLANS[name]
        for seed in range(options.seeds):
            started = time.perf_counter()
            plan.outcome.add(train(plan, seed, options.rows, options.progress), time.perf_counter() - started)
            print(plan.outcome.line(), flush=True)
            if options.rows is None:
                write("images", [plan.outcome])


if __name__ == "__main__":
    main()
