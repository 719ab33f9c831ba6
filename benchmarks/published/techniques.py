"""`python -m benchmarks.published.techniques [NAME …] [--seeds 5]`: what techniques gain over the network alone.

distillation  Fashion-MNIST, the first 10,000 of its training images. Teacher: five networks 784-512-256-10 with dropout
              0.3, averaged; student: 784-32-10, with it (T = 4, α = 0.9) and alone, from the same initial weights, in
              the same order, for the same 30 epochs
ensemble      Fashion-MNIST, all 60,000. Five networks 784-256-128-10 from five seeds, 12 epochs each
bagging       the same, each on a bootstrap sample
snapshot      the same network, 60 epochs with five restarts; the cost of one ensemble of seeds, and of 12 epochs with
              five restarts, which cost as much as one member

Scored on the 10,000 test images once, with the weights of the last epoch; nothing was chosen by them. AdamW with a
decoupled decay of 0.05, a one-cycle schedule, batches of 128. Calibration error: 15 bins of equal width.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence

import chainrule as cr
from benchmarks.published.outcome import Outcome, folder_of_data, write
from chainrule import data, losses, metrics, models, nn, optim, train

BATCH, RATE = 128, 2e-3


def mlp(hidden: Sequence[int], dropout: float = 0.0) -> nn.Module:
    return models.MLP((28, 28, 1), hidden, 10, dropout=dropout)


def make(build: Callable[[], nn.Module], rows: int, epochs: int) -> Callable[[], cr.Trainer]:
    """Trainers of new networks, for so many epochs of so many rows."""

    def trainer() -> cr.Trainer:
        model = build()
        scores = [metrics.Accuracy(), metrics.ExpectedCalibrationError()]
        return cr.Trainer(
            model, losses.CrossEntropy(), rule(model), metrics=scores, schedule=schedule(rows, epochs), progress=False
        )

    return trainer


def rule(model: nn.Module) -> optim.Optimizer:
    return optim.AdamW(optim.decay_groups(model.parameters(), 0.05), lr=RATE, dialect="pytorch")


def schedule(rows: int, epochs: int) -> optim.Schedule:
    return optim.OneCycle(RATE, epochs * -(-rows // BATCH), rise=0.2, dialect="pytorch")


def distillation(images: data.Dataset, test: data.Dataset, seed: int, outcomes: dict[str, Outcome]) -> None:
    images = images[:10_000]
    started = time.perf_counter()
    teacher = train.fit_ensemble(
        make(lambda: mlp([512, 256], 0.3), len(images), 20), images, test=test, seed=seed, epochs=20, batch_size=BATCH
    )
    outcomes["teacher"].add(teacher.scores["accuracy"], time.perf_counter() - started)
    for name in ("student alone", "student with a teacher"):
        started = time.perf_counter()
        cr.random.seed(seed)
        student = mlp([32])
        if name == "student alone":
            trainer = cr.Trainer(
                student, losses.CrossEntropy(), rule(student), metrics=[metrics.Accuracy()],
                schedule=schedule(len(images), 30), seed=seed, progress=False,
            )  # fmt: skip
            trainer.fit(images, epochs=30, batch_size=BATCH)
            accuracy = trainer.evaluate(test)["accuracy"]
        else:
            found = train.distill(
                student, teacher.model, images, test=test, optimizer=rule(student), temperature=4.0, alpha=0.9,
                schedule=schedule(len(images), 30), seed=seed, progress=False, epochs=30, batch_size=BATCH,
            )  # fmt: skip
            accuracy = found.student["accuracy"]
        outcomes[name].add(accuracy, time.perf_counter() - started)


def ensemble(
    images: data.Dataset, test: data.Dataset, seed: int, outcomes: dict[str, Outcome], kind: str, epochs: int = 12
) -> None:
    found = train.fit_ensemble(
        make(lambda: mlp([256, 128], 0.2), len(images), epochs), images, test=test, kind=kind, seed=seed,
        epochs=epochs, batch_size=BATCH,
    )  # fmt: skip
    seconds = found.run.seconds
    for name, score in (("accuracy", "accuracy"), ("calibration error", "expected_calibration_error")):
        outcomes[f"mean member, {name}"].add(found.mean(score), seconds / len(found.member_scores))
        outcomes[f"together, {name}"].add(found.scores[score], seconds)


Plan = tuple[Callable[[data.Dataset, data.Dataset, int, dict[str, Outcome]], None], str, tuple[str, ...]]

_TWO = ("mean member, accuracy", "together, accuracy", "mean member, calibration error", "together, calibration error")
PLANS: dict[str, Plan] = {
    "distillation": (distillation, "Distillation", ("teacher", "student alone", "student with a teacher")),
    "ensemble": (lambda *given: ensemble(*given, kind="seeds"), "Ensemble of 5 seeds", _TWO),
    "bagging": (lambda *given: ensemble(*given, kind="bagging"), "Ensemble of 5 bags", _TWO),
    "snapshot": (lambda *given: ensemble(*given, kind="snapshot", epochs=60), "5 snapshots of 60 epochs", _TWO),
    "snapshot-12": (lambda *given: ensemble(*given, kind="snapshot", epochs=12), "5 snapshots of 12 epochs", _TWO),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.published.techniques")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PLANS)}; all without")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rows", type=int, help="learn from so many images only, for a quick look: not written")
    options = parser.parse_args()
    unknown = set(options.names) - set(PLANS)
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(PLANS)}")
    prepared = data.prepare(folder_of_data() / "fashion-mnist", validation=0.0)
    images, test = prepared.train, prepared.test
    assert isinstance(images, data.Dataset) and isinstance(test, data.Dataset)
    images = images if options.rows is None else images[: options.rows]
    for name in options.names or PLANS:
        run, title, parts = PLANS[name]
        outcomes = {part: Outcome(f"{title}: {part}", "", "%") for part in parts}
        for seed in range(options.seeds):
            run(images, test, seed, outcomes)
        for outcome in outcomes.values():
            print(outcome.line(), flush=True)
        if options.rows is None:
            write("techniques", list(outcomes.values()))


if __name__ == "__main__":
    main()
