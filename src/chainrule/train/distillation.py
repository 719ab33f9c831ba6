"""Distillation: a small network learns from a large one what it believes of every class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import losses, optim
from chainrule.data import Balanced, Prepared, Samples
from chainrule.errors import ConfigError
from chainrule.graph import Variable
from chainrule.metrics import Accuracy
from chainrule.nn import Module
from chainrule.optim import Optimizer
from chainrule.train.evaluator import as_samples
from chainrule.train.run import Run
from chainrule.train.trainer import Trainer

__all__ = ["Distilled", "distill"]


@dataclass
class Distilled:
    """A student beside its teacher.

    Attributes:
        run: the student's training; the training loss in it is that of the distillation, the rest is on labels.
        student, teacher: loss and metrics of each on the rows of `scored_on`.
        scored_on: "test", "validation" or "training": the first of them that there is.
        parameters: numbers in the student and in the teacher.
    """

    run: Run
    student: dict[str, float]
    teacher: dict[str, float]
    scored_on: str
    parameters: tuple[int, int]

    def __str__(self) -> str:
        """A table of both."""
        lines = [f"{self.scored_on:<28} {'student':>12} {'teacher':>12}"]
        lines += [f"{name:<28} {value:>12.4f} {self.teacher[name]:>12.4f}" for name, value in self.student.items()]
        lines.append(f"{'parameters':<28} {self.parameters[0]:>12,} {self.parameters[1]:>12,}")
        return "\n".join(lines)


def distill(
    student: Module,
    teacher: Module,
    train: Any,
    validation: Any = None,
    test: Any = None,
    *,
    optimizer: Optimizer,
    temperature: float = 4.0,
    alpha: float = 0.9,
    metrics: Sequence[Any] = (Accuracy(),),
    **options: Any,
) -> Distilled:
    """Trains the student on α T² · KL(teacher ‖ student, both at temperature T) + (1 − α) · cross-entropy with the
    labels.

    The teacher is asked once, before training begins, in evaluation mode: its logits are kept beside the data, so that
    a step costs what it costs without a teacher. Losses and metrics of validation and test are those on labels.

    Arguments:
        student: a network with one logit for each class; it ends with the weights of the best epoch.
        teacher: a trained network of the same outputs, an `Ensemble` for one; it stays as it is.
        train, validation, test: as for `fit_ensemble`.
        optimizer: of the student's parameters.
        temperature: T > 0; the higher, the more the small probabilities count.
        alpha: the teacher's part, from 0 to 1.
        metrics: to score both with.
        options: of the `Trainer` (schedule, callbacks, seed, progress) and of `Trainer.fit` (epochs, batch_size, …).

    Raises:
        ConfigError: for a teacher without a logit for each class, or a T or an α that cannot be; ShapeError: for a
            student with another number of classes.

    Source: Hinton, Vinyals & Dean, "Distilling the Knowledge in a Neural Network" (2015), section 2.

    Example:
        >>> import numpy as np
        >>> from chainrule import nn, optim, train
        >>> x = np.random.default_rng(0).normal(size=(32, 2)).astype(np.float32)
        >>> y = (x[:, 0] > 0).astype(np.int32)
        >>> teacher, student = nn.Linear(2, 2), nn.Linear(2, 2)
        >>> rule = optim.Adam(student.parameters(), lr=0.1)
        >>> found = train.distill(
        ...     student, teacher, (x, y), optimizer=rule, alpha=1.0, epochs=40, batch_size=8, progress=False
        ... )
        >>> bool((student(x).numpy().argmax(1) == teacher(x).numpy().argmax(1)).mean() > 0.9)
        True
    """
    if isinstance(train, Prepared):
        train, validation, test = train.train, validation or train.validation, test or train.test
    train = as_samples(train, "training")
    if isinstance(train, Balanced) and train.by == "weights":
        raise ConfigError(
            "A student learns what its teacher believes of all classes of a row, which has no weight of its own.",
            fix="data.Balanced(train, 'resample')",
        )
    fitting = {name: value for name, value in options.items() if name not in _OF_TRAINER}
    building = {name: value for name, value in options.items() if name in _OF_TRAINER}
    asked = _labelled(teacher, metrics)
    trainer = _Distiller(student, optimizer, _beliefs(asked, train), temperature, alpha, metrics, building)
    run = trainer.fit(train, validation, **fitting)
    parts = {"test": test, "validation": validation, "training": train}
    scored_on = next(name for name, part in parts.items() if part is not None)
    sizes = [sum(p.size for p in model.parameters()) for model in (student, teacher)]
    scored = parts[scored_on]
    return Distilled(run, trainer.evaluate(scored), asked.evaluate(scored), scored_on, (sizes[0], sizes[1]))


_OF_TRAINER = ("schedule", "callbacks", "seed", "progress")


class _Distiller(Trainer):
    """A Trainer whose steps follow a teacher; it evaluates on labels."""

    def __init__(
        self, model: Module, optimizer: Optimizer, beliefs: np.ndarray, temperature: float, alpha: float,
        metrics: Sequence[Any], options: dict[str, Any],
    ) -> None:  # fmt: skip
        super().__init__(model, losses.CrossEntropy(), optimizer, metrics=metrics, **options)
        self._beliefs = Variable(beliefs, name="teacher")
        self._temperature, self._alpha = temperature, alpha

    def objective(self, rows: Any, outputs: Any, target: Any) -> Any:
        return losses.distillation(
            outputs, self._beliefs[rows], target, temperature=self._temperature, alpha=self._alpha
        )


def _labelled(model: Module, metrics: Sequence[Any]) -> Trainer:
    """A Trainer that only asks and scores."""
    rule = optim.SGD(model.parameters(), lr=0.0)
    return Trainer(model, losses.CrossEntropy(), rule, metrics=metrics, progress=False)


def _beliefs(teacher: Trainer, train: Samples) -> np.ndarray:
    """The teacher's logits by row number."""
    found = None if train.task == "language" else teacher.outputs(train)
    if found is None or found.ndim != 2 or train.task == "regression":
        shape = "a text" if found is None else f"outputs of shape {found.shape} for {train.task}"
        raise ConfigError(
            f"Distillation takes a teacher with one logit for each class, got {shape}.",
            fix="models with an output for each class, two where there are two classes",
        )
    rows = train.rows()
    beliefs = np.zeros((int(rows.max()) + 1, found.shape[1]), found.dtype)
    beliefs[rows] = found
    return beliefs
