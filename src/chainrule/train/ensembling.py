"""Ensembles: several networks trained for one task, what their average gains over one of them, and what it costs."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chainrule import losses, metrics, optim
from chainrule.data import Balanced, Prepared, Resampled, Samples
from chainrule.errors import ConfigError, suggest
from chainrule.graph import random
from chainrule.models import Ensemble
from chainrule.nn import Module
from chainrule.train.evaluator import Evaluator, as_samples
from chainrule.train.events import EpochEnded, Event, Message
from chainrule.train.files import make_folder, read_tensors, write_lines, write_tensors
from chainrule.train.run import Run
from chainrule.train.snapshot import latest_snapshot
from chainrule.train.trainer import Trainer

__all__ = ["ENSEMBLES", "EnsembleRun", "fit_ensemble"]

ENSEMBLES = ("seeds", "bagging", "snapshot")
"""Ways in which the members of an ensemble come to differ."""


@dataclass
class EnsembleRun:
    """An ensemble with what it gains and what it costs.

    Attributes:
        model: the `models.Ensemble`.
        kind: in `ENSEMBLES`.
        run: all trainings as one: the history is the mean over members, seconds and steps are their sums.
        member_scores: loss and metrics of each member on the rows of `scored_on`.
        scores: of the ensemble, on the same rows.
        scored_on: "test", "validation" or "training": the first of them that there is.
    """

    model: Ensemble
    kind: str
    run: Run
    member_scores: list[dict[str, float]]
    scores: dict[str, float]
    scored_on: str

    def mean(self, name: str) -> float:
        """A score's mean over the members."""
        return statistics.fmean(scores[name] for scores in self.member_scores)

    def spread(self, name: str) -> float:
        """A score's standard deviation over the members; 0 for a single one."""
        values = [scores[name] for scores in self.member_scores]
        return statistics.stdev(values) if len(values) > 1 else 0.0

    def gain(self, name: str) -> float:
        """What the ensemble's score has above the mean of its members'."""
        return self.scores[name] - self.mean(name)

    @property
    def parameters(self) -> int:
        """Numbers in the whole ensemble."""
        return sum(p.size for p in self.model.parameters())

    def summary(self) -> dict[str, Any]:
        """All of it but the weights, as JSON can hold it."""
        return {
            "kind": self.kind,
            "members": len(self.member_scores),
            "scored_on": self.scored_on,
            "member_scores": self.member_scores,
            "mean": {name: self.mean(name) for name in self.scores},
            "spread": {name: self.spread(name) for name in self.scores},
            "scores": self.scores,
            "seconds": self.run.seconds,
            "parameters": self.parameters,
        }

    def __str__(self) -> str:
        """A table: every score of the mean member and of the ensemble, and the cost."""
        count = len(self.member_scores)
        lines = [f"{self.scored_on:<28} {'mean member':>20} {f'ensemble of {count}':>16}"]
        for name, value in self.scores.items():
            lines.append(f"{name:<28} {self.mean(name):>10.4f} ± {self.spread(name):<7.4f} {value:>16.4f}")
        lines.append(f"{'parameters':<28} {self.parameters // count:>20,} {self.parameters:>16,}")
        return "\n".join(lines)


def fit_ensemble(
    make: Callable[[], Trainer],
    train: Any,
    validation: Any = None,
    test: Any = None,
    *,
    members: int = 5,
    kind: str = "seeds",
    seed: int = 0,
    epochs: int = 20,
    out: str | Path | None = None,
    resume: bool = False,
    **options: Any,
) -> EnsembleRun:
    """Trains several networks for one task and averages them.

    "seeds" trains each from other initial weights and in another order (deep ensembles). "bagging" also draws for each
    its own bootstrap sample of the training rows. "snapshot" trains one network, whose learning rate falls along a
    cosine to 0 and starts again for every member: as many members for the price of one training.

    Arguments:
        make: builds a Trainer with a new model, such as `lambda: cr.Trainer(make_model(), …)`. It is called for each
            member, after the default stream was seeded with the member's number.
        train, validation: as for `Trainer.fit`; test: rows to score members and ensemble on, which else is done on
            validation or, at last, training rows. What `data.prepare` makes brings all three.
        members, kind: how many, and how they differ: "seeds", "bagging" or "snapshot".
        seed: member k has the seed `seed · members + k`, so that ensembles of other seeds have other members.
        epochs: of each member; of the one training altogether for snapshots, whose rate begins at the optimizer's `lr`.
        out: a folder; members write into `members/1`, `members/2`, … as `Trainer.fit` does.
        resume: go on in that folder: members that are done are not trained again, the one under way goes on.
        options: for `Trainer.fit`: batch_size, patience (not with snapshots), …

    Ctrl-C ends the training; the members that were finished make the ensemble. So do those that did not diverge.

    Raises:
        ConfigError: for a kind that does not exist, or fewer epochs than snapshots; else as `Trainer.fit`.

    Source: Lakshminarayanan, Pritzel & Blundell, "Simple and Scalable Predictive Uncertainty Estimation using Deep
    Ensembles" (2017); Breiman, "Bagging Predictors" (1996); Huang et al., "Snapshot Ensembles: Train 1, Get M for Free"
    (2017), section 3.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> from chainrule import losses, metrics, nn, optim, train
        >>> def make():
        ...     model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))
        ...     rule = optim.Adam(model.parameters(), lr=0.03)
        ...     return cr.Trainer(model, losses.CrossEntropy(), rule, metrics=[metrics.Accuracy()], progress=False)
        >>> x = np.random.default_rng(0).normal(size=(64, 2)).astype(np.float32)
        >>> result = train.fit_ensemble(make, (x, (x[:, 0] * x[:, 1] > 0).astype(np.int32)), members=3, epochs=4)
        >>> len(result.model.members), sorted(result.scores)
        (3, ['accuracy', 'expected_calibration_error', 'loss'])
    """
    if kind not in ENSEMBLES:
        raise ConfigError(
            f"There is no kind of ensemble {kind!r}.{suggest(kind, ENSEMBLES)}", fix=f"one of {', '.join(ENSEMBLES)}"
        )
    if members < 1:
        raise ConfigError(f"An ensemble has at least one member, got {members}.")
    if isinstance(train, Prepared):
        train, validation, test = train.train, validation or train.validation, test or train.test
    train = as_samples(train, "training")
    parts = {"test": test, "validation": validation, "training": train}
    scored_on = next(name for name, part in parts.items() if part is not None)
    folder = None if out is None else Path(out)
    fit = _snapshots if kind == "snapshot" else _apart
    trained, run = fit(make, train, validation, members, kind, seed, epochs, folder, resume, options)
    ensemble = Ensemble([trainer.model for trainer in trained], _task(trained[0], train)).eval()
    scored = as_samples(parts[scored_on], scored_on)
    scores = [_score(trainer, trainer.model, scored) for trainer in trained]
    return EnsembleRun(ensemble, kind, run, scores, _score(trained[0], ensemble, scored), scored_on)


def _apart(
    make: Callable[[], Trainer], train: Samples, validation: Any, members: int, kind: str, seed: int, epochs: int,
    folder: Path | None, resume: bool, options: dict[str, Any],
) -> tuple[list[Trainer], Run]:  # fmt: skip
    """Members trained one after the other, each from its own seed."""
    trained, runs = [], []
    for number in range(members):
        own = seed * members + number
        place = None if folder is None else folder / "members" / str(number + 1)
        trainer = _seeded(make, own)
        trainer.tell(Message(f"member {number + 1} of {members}"))
        run = trainer.fit(
            _bag(train, own) if kind == "bagging" else train, validation, epochs=epochs, out=place,
            resume=resume and place is not None and latest_snapshot(place / "checkpoints") is not None, **options,
        )  # fmt: skip
        trained.append(trainer)
        runs.append(run)
        if run.status == "interrupted":
            break
    done = [i for i, run in enumerate(runs) if run.status in ("finished", "stopped")] or [0]
    left_out = len(runs) - len(done)
    if left_out:
        why = "interrupted" if runs[-1].status == "interrupted" else "diverged"
        trained[0].tell(Message(f"{left_out} of {len(runs)} members left out: {why}."))
    run = _together([runs[i] for i in done], runs[-1].status, folder)
    return [trained[i] for i in done], run


def _bag(train: Samples, seed: int) -> Samples:
    """A bootstrap sample, balanced as the samples are."""
    return train.over(_bag(train.samples, seed)) if isinstance(train, Balanced) else Resampled(train, seed=seed)


def _together(runs: Sequence[Run], last: str, folder: Path | None) -> Run:
    """The runs of members as one, written down as such."""
    history = []
    for epoch in range(1, max(len(run.history) for run in runs) + 1):
        records = [run.history[epoch - 1] for run in runs if len(run.history) >= epoch]
        record = {**records[0], "seconds": sum(r["seconds"] for r in records)}
        for part in ("train", "validation"):
            if part in record:
                record[part] = {name: statistics.fmean(r[part][name] for r in records) for name in record[part]}
        history.append(record)
    if folder is not None:
        write_lines(folder / "metrics.jsonl", history)
    status = "interrupted" if last == "interrupted" else runs[0].status
    epochs, steps, seconds = (sum(getattr(run, name) for run in runs) for name in ("epochs", "steps", "seconds"))
    return Run(history, status, 0, epochs, steps, seconds, folder)


def _snapshots(
    make: Callable[[], Trainer], train: Samples, validation: Any, members: int, kind: str, seed: int, epochs: int,
    folder: Path | None, resume: bool, options: dict[str, Any],
) -> tuple[list[Trainer], Run]:  # fmt: skip
    """One training whose learning rate starts again for each member, which is what it has learned by the end of it."""
    each = epochs // members
    if each < 1:
        raise ConfigError(
            f"{members} snapshots need at least {members} epochs, got {epochs}.", fix="more epochs, or fewer members"
        )
    trainer = _seeded(make, seed)
    size = min(options.get("batch_size", 32) or len(train), len(train))
    steps = each * -(-len(train) // size)
    trainer.schedule = optim.Cosine(float(trainer.optimizer.lr), steps, restarts=True)
    states: dict[int, dict[str, np.ndarray]] = {}
    places = [None if folder is None else folder / "members" / str(k + 1) / "model.safetensors" for k in range(members)]
    if resume:
        states = {k: read_tensors(path)[0] for k, path in enumerate(places) if path is not None and path.exists()}

    def keep(event: Event) -> None:
        if isinstance(event, EpochEnded) and event.epoch % each == 0:
            number = event.epoch // each
            states[number - 1] = trainer.model.state_dict()
            path = places[number - 1]
            if path is not None:
                make_folder(path.parent)
                write_tensors(path, states[number - 1])
            trainer.tell(Message(f"member {number} of {members}"))

    trainer.callbacks.append(keep)
    options = {name: value for name, value in options.items() if name != "patience"}
    going_on = resume and folder is not None and latest_snapshot(folder / "checkpoints") is not None
    run = trainer.fit(train, validation, epochs=each * members, out=folder, resume=going_on, **options)
    found = [states[k] for k in range(run.epochs // each) if k in states] or [trainer.model.state_dict()]
    trained = [_seeded(make, seed) for _ in found]
    for member, state in zip(trained, found, strict=True):
        member.model.load_state_dict(state)
    return trained, run


def _seeded(make: Callable[[], Trainer], seed: int) -> Trainer:
    random.seed(seed)
    trainer = make()
    trainer.seed = seed
    return trainer


def _task(trainer: Trainer, samples: Samples) -> str:
    """What the outputs are. Labels of two classes may be told by one logit or by two, as the loss says."""
    if isinstance(trainer.loss, losses.BinaryCrossEntropy | losses.BinaryFocal):
        return "binary"
    return samples.task if samples.task in ("regression", "language") else "classification"


def _score(trainer: Trainer, model: Module, samples: Samples) -> dict[str, float]:
    """Loss, the trainer's metrics, and how well probabilities are calibrated."""
    chosen = list(trainer.metrics)
    calibration = metrics.ExpectedCalibrationError()
    if samples.task in ("binary", "classification") and all(m.name != calibration.name for m in chosen):
        chosen.append(calibration)
    return Evaluator(model, trainer.loss, metrics=chosen).evaluate(samples)
