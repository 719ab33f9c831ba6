"""A whole training by `Trainer`, as `chainrule train` has it, against a loop over the same steps."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.workload import Given, Round, Workload
from benchmarks.workloads import cnn, mlp

Network = Callable[[Given], Any]


def given(batches: tuple[int, ...], shape: tuple[int, ...], start: Callable[[], Given], epochs: int) -> Given:
    """The weights of a workload, and as many images as an epoch has."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(*batches, *shape)).astype(np.float32)
    return Given(start().weights, (x, rng.integers(0, 10, batches, dtype=np.int32)), epochs)


def dataset(given: Given) -> Any:
    from chainrule import data

    return data.Dataset(*[x.reshape(-1, *x.shape[2:]) for x in given.batches])


def trainer(network: Network, given: Given, *, shown: bool) -> Round:
    """`Trainer.fit` with the accuracy of each epoch; `shown`: with its progress, and all that a run's folder keeps."""
    import chainrule as cr
    from chainrule import losses, metrics

    model, _, optimizer = network(given)
    samples, batch = dataset(given), given.batches[0].shape[1]
    made = cr.Trainer(model, losses.CrossEntropy(), optimizer, metrics=[metrics.Accuracy()], progress=shown)

    def go() -> float:
        with tempfile.TemporaryDirectory() as folder:
            run = made.fit(samples, epochs=given.epochs, batch_size=batch, out=Path(folder) if shown else None)
        return run.history[-1]["train"]["loss"]

    return go


def by_hand(network: Network, given: Given) -> Round:
    """The same steps in the same order and the same programs, and nothing but their losses."""
    import chainrule as cr
    from chainrule.train.work import work_of

    model, loss, optimizer = network(given)
    samples, (steps, batch) = dataset(given), given.batches[1].shape
    data = [cr.Variable(x) for x in samples.arrays]

    def loss_of(rows: Any) -> Any:
        inputs, target = samples.select(data, rows)
        return loss(model(*inputs), target)

    @cr.compile
    def step(rows: Any) -> Any:
        return optimizer.minimize(loss_of(rows))

    model.eval()
    work = work_of(loss_of(np.arange(4)), 4)
    count = work.steps_together(batch, steps)
    model.train()

    def epoch(number: int) -> float:
        rows = samples.order(0, number).reshape(steps, batch)
        if not work.in_one_call:
            return float(np.mean([float(step(chosen)) for chosen in rows]))
        return float(np.concatenate([step.scan(rows[i : i + count]).numpy() for i in range(0, steps, count)]).mean())

    def go() -> float:
        for variable, x in zip(data, samples.arrays, strict=True):
            variable.assign(x)
        return [epoch(number) for number in range(given.epochs)][-1]

    return go


def peers(network: Network) -> dict[str, Callable[[Given], Round]]:
    return {
        "chainrule": partial(trainer, network, shown=True),
        "chainrule, without folder and progress": partial(trainer, network, shown=False),
        "chainrule, a loop by hand": partial(by_hand, network),
    }


_NOTES = (
    "Of the difference, some 30 ms are the same however long a run is: a first look whether all fits, the bar's first "
    "line, the last snapshot and the weights, on disk for certain. A look into the layers, 4 ms for the MLP and 16 for "
    "the CNN, follows every epoch until looks have taken 0.05 s, and then as often as they take a four-hundredth. All "
    "take turns in one process, whose memory is told: two processes of one way differ by some hundredths."
)

WORKLOADS = {
    "trainer-mnist": Workload(
        "Trainer with accuracy, progress and a run's folder: MNIST MLP 784-256-128-10, 40 epochs of 468 batches of 128",
        partial(given, (468, 128), (784,), mlp.WORKLOADS["mnist"].given, 40),
        peers(mlp.chainrule),
        asked={"chainrule": 0.99},
        together=True,
        notes=_NOTES,
    ),
    "trainer-cnn": Workload(
        "Trainer with accuracy, progress and a run's folder: CNN 28×28×1, 4 epochs of 320 batches of 64",
        partial(given, (320, 64), (28, 28, 1), cnn.given, 4),
        peers(cnn.chainrule),
        asked={"chainrule": 0.99},
        together=True,
        notes=_NOTES,
    ),
}
