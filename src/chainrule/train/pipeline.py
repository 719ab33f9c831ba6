"""From data to a trained, saved, tested model: what `chainrule train` does, as functions.

A run's folder holds all that is needed to go on, to score and to predict; `TrainedModel.load` opens it again.
"""

from __future__ import annotations

import platform
import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from chainrule import losses, metrics, models, optim
from chainrule.data import Balanced, Dataset, Prepared, Preprocessing, Samples, TextPreprocessing, prepare
from chainrule.errors import RunError
from chainrule.graph import Drawing, draw, draw_layers, random
from chainrule.nn import Module
from chainrule.train.choices import complete
from chainrule.train.config import Config
from chainrule.train.courses import make_course
from chainrule.train.ensembling import EnsembleRun, fit_ensemble
from chainrule.train.evaluator import Evaluator
from chainrule.train.events import Callback, DataPrepared, NetworkBuilt
from chainrule.train.files import make_folder, read_tensors, write_atomic, write_json
from chainrule.train.run import Run
from chainrule.train.sampling import Sampler
from chainrule.train.trainer import Trainer
from chainrule.train.weights import load_weights, save_weights

__all__ = ["TrainedModel", "build_model", "build_trainer", "draw_network", "prepare_data", "train", "training_rows"]

_LINE = re.compile(r" at \S+:\d+( in \S+)?$")
_LISTED = 2000  # predictions of a regression kept for the report

_LOSSES = {
    "binary": losses.BinaryCrossEntropy,
    "classification": losses.CrossEntropy,
    "regression": losses.MSE,
    "language": losses.CrossEntropy,
}


@dataclass
class TrainedModel:
    """A model with all that belongs to it: how its inputs are prepared, what its outputs mean, and the run it came
    from.

    Attributes:
        model, loss, preprocessing, config: the parts.
        run: the training it came from.
        data: the prepared data, right after training; None when loaded.
        scores: on the test set, or None where there was none.
        ensemble: what averaging several networks gained and cost, right after training; None for a single one.

    Example:
        >>> from chainrule import train
        >>> trained = train.train(train.Config(), source="xor", progress=False)
        >>> trained.config.model.name
        'mlp'
    """

    model: Module
    loss: Any
    preprocessing: Preprocessing
    config: Config
    run: Run
    data: Prepared | None = None
    scores: dict[str, float] | None = None
    ensemble: EnsembleRun | None = None
    _evaluator: Evaluator | None = None

    @classmethod
    def load(cls, path: str | Path) -> TrainedModel:
        """The model of a run's folder, with its best weights.

        Raises:
            RunError: when the folder is none of a run, or has no weights yet.
            CheckpointError: when the weights are damaged or belong to another model.
        """
        folder = Path(path)
        if not (folder / "config.toml").exists():
            raise RunError(
                f"{folder} is not the folder of a run: it has no config.toml.",
                fix="give the folder that `chainrule train` printed",
            )
        config = Config.read(folder / "config.toml")
        preprocessing = Preprocessing.load(folder / "preprocessing.json")
        weights = folder / "model.safetensors"
        if not weights.exists():
            raise RunError(
                f"{folder} has no weights yet: the run did not get to its end.",
                fix=f"chainrule train --resume {folder}",
            )
        members = 0
        if config.ensemble.members is not None:  # as many as were finished
            members = len({name.split(".")[1] for name in read_tensors(weights)[0] if name.startswith("members.")})
        model = build_model(config, preprocessing, members)
        load_weights(model, weights)
        model.eval()
        return cls(model, _LOSSES[preprocessing.task](), preprocessing, config, Run.read(folder))

    @property
    def evaluator(self) -> Evaluator:
        """What the model answers, and its scores."""
        if self._evaluator is None:
            self._evaluator = Evaluator(self.model, self.loss, metrics=_metrics(self.config, self.preprocessing.task))
        return self._evaluator

    def evaluate(self, dataset: Samples) -> dict[str, float]:
        """Loss and the task's metrics; those of a regression in the target's own unit."""
        return self.evaluator.evaluate(dataset)

    def predict(self, dataset: Samples) -> np.ndarray:
        """Probabilities (N,) or (N, C), or numbers in the target's own unit (N,)."""
        prediction = self.evaluator.predict(dataset)
        return dataset.restore(prediction) if dataset.task == "regression" else prediction


def train(
    config: Config,
    *,
    source: Any = None,
    out: str | Path | None = None,
    resume: bool = False,
    callbacks: Sequence[Callback] = (),
    progress: bool = True,
) -> TrainedModel:
    """Reads the data, builds the network, trains it, scores it on the test set, and writes the run's folder.

    Arguments:
        config: every choice; what is None is chosen by the data, and noted in the run's config.
        source: the data as an object (a DataFrame, arrays), instead of `config.data.source`.
        out: the run's folder; None writes nothing.
        resume: go on from the newest snapshot in `out`.
        callbacks: called with every event: the data understood, the network built, and all of the training.
        progress: whether to show progress.

    Raises:
        DataError, ConfigError, RunError: for what does not fit; the message says what to change.
    """
    config.check()
    prepared = prepare_data(config, source)
    for callback in callbacks:
        callback(DataPrepared(prepared))
    folder = None if out is None else Path(out)
    if folder is not None and resume:
        _check_unchanged(folder, prepared)
    complete(config, prepared)
    rows = training_rows(config, prepared)
    random.seed(config.trainer.seed)
    trainer = build_trainer(config, prepared, callbacks=callbacks, progress=progress)
    example, _ = prepared.train.few(2)
    for callback in callbacks:
        callback(NetworkBuilt(trainer.model, example))
    if folder is not None and not resume:
        make_folder(folder)
        config.environment = _environment()
        config.write(folder / "config.toml")
        write_json(folder / "preprocessing.json", prepared.preprocessing.to_dict())
        write_atomic(folder / "graph.svg", draw_network(trainer.model, example).svg.encode())
    options = config.trainer
    fit: dict[str, Any] = {
        "epochs": options.epochs if options.epochs is not None else 1, "batch_size": options.batch_size or None,
        "patience": options.patience or None, "out": folder, "resume": resume,
        "checkpoint_every": options.checkpoint_every,
    }  # fmt: skip
    if config.ensemble.members is None:
        if isinstance(prepared.preprocessing, TextPreprocessing):
            trainer.callbacks.append(Sampler(trainer, prepared.preprocessing, folder, seed=options.seed))
        run = trainer.fit(rows, prepared.validation, **fit)
        parts = (trainer.model, trainer.loss, prepared.preprocessing, config, run, prepared)
        trained = TrainedModel(*parts, _evaluator=trainer)
        if prepared.test is not None and run.status != "interrupted":  # who interrupts a run does not want to wait
            trained.scores = trainer.evaluate(prepared.test)
    else:
        trained = _train_ensemble(config, prepared, rows, callbacks, progress, fit)
    if folder is not None:
        write_json(folder / "summary.json", _summary(trained, prepared))
    return trained


def training_rows(config: Config, prepared: Prepared) -> Samples:
    """What is trained on: the training rows as they are, or every class the same."""
    return prepared.train if config.trainer.balance is None else Balanced(prepared.train, config.trainer.balance)


def build_trainer(
    config: Config, prepared: Prepared, *, callbacks: Sequence[Callback] = (), progress: bool = True
) -> Trainer:
    """The Trainer of a complete config, with a new network."""
    task = prepared.preprocessing.task
    model = build_model(config, prepared.preprocessing)
    penalty = losses.ElasticNet(l1=config.optimizer.l1) if config.optimizer.l1 else None
    return Trainer(
        model, _LOSSES[task](), _optimizer(config, model),
        metrics=_metrics(config, task), schedule=_schedule(config, len(prepared.train)), callbacks=callbacks,
        accumulate=config.trainer.accumulate, penalty=penalty, precision=config.trainer.precision,
        seed=config.trainer.seed, progress=progress,
    )  # fmt: skip


def _train_ensemble(
    config: Config, prepared: Prepared, rows: Samples, callbacks: Sequence[Callback], progress: bool,
    fit: dict[str, Any],
) -> TrainedModel:  # fmt: skip
    assert config.ensemble.members is not None and config.ensemble.kind is not None

    def make() -> Trainer:
        return build_trainer(config, prepared, callbacks=callbacks, progress=progress)

    result = fit_ensemble(
        make, rows, prepared.validation, prepared.test, members=config.ensemble.members,
        kind=config.ensemble.kind, seed=config.trainer.seed, **fit,
    )  # fmt: skip
    task, folder = prepared.preprocessing.task, result.run.path
    if folder is not None:
        save_weights(result.model, folder / "model.safetensors")
    scores = result.scores if result.scored_on == "test" else None
    parts = (result.model, _LOSSES[task](), prepared.preprocessing, config, result.run, prepared, scores, result)
    return TrainedModel(*parts)


def _metrics(config: Config, task: str) -> list[metrics.Metric]:
    """The scores of a task; where every class counts the same in training, it does in the first of them."""
    scores = metrics.for_task(task)
    if config.trainer.balance is None:
        return scores
    first = metrics.BalancedAccuracy()
    return [first, *(score for score in scores if score.name != first.name)]


def _check_unchanged(folder: Path, prepared: Prepared) -> None:
    """Refuses to go on with other data than those that a run began with."""
    if Preprocessing.load(folder / "preprocessing.json").to_dict() != prepared.preprocessing.to_dict():
        raise RunError(
            f"The data {prepared.summary['source']} are not what they were when the run in {folder} began.",
            fix="bring back the data as they were, or train a new run",
        )


def prepare_data(config: Config, source: Any = None) -> Prepared:
    """The data of a config, read, split and transformed; the same config gives the same data.

    Arguments:
        config: whose section `data` says how.
        source: the data as an object, instead of `config.data.source`.
    """
    options = config.data
    return prepare(
        _place(options.source, config) if source is None else source,
        target=options.target,
        test=_place(options.test, config),
        task=options.task,
        validation=options.validation,
        test_fraction=options.test_fraction,
        seed=options.seed,
        types=options.types or None,
        header=options.header,
        separator=options.separator,
        encoding=options.encoding,
        missing=options.missing,
        unit=options.unit,
        context=options.context,
        sequence=options.sequence,
        time=options.time,
    )


def _place(path: str | None, config: Config) -> str | None:
    """A path as it was given, or from the folder that the run was started in, when it is only there."""
    started_in = config.environment.get("folder")
    if path and started_in and not Path(path).exists() and (Path(started_in) / path).exists():
        return str(Path(started_in) / path)
    return path


def build_model(config: Config, preprocessing: Preprocessing, members: int = 0) -> Module:
    """The network of a complete config, for data prepared like this; its weights are drawn from the current stream.

    With members, an ensemble of as many.
    """
    if members:
        networks = [build_model(config, preprocessing) for _ in range(members)]
        return models.Ensemble(networks, preprocessing.task)
    options = {name: value for name, value in vars(config.model).items() if name != "name" and value is not None}
    return models.build(config.model.name, preprocessing.input_description, **options)


def _optimizer(config: Config, model: Module) -> optim.Optimizer:
    options = config.optimizer
    assert options.lr is not None and options.weight_decay is not None
    # Decoupled decay in PyTorch's measure, times the learning rate, is what people know strengths of.
    chosen: dict[str, Any] = {"dialect": "pytorch"} if options.name in ("adamw", "lion") else {}
    if options.momentum is not None:
        chosen["momentum"] = options.momentum
    groups = optim.decay_groups(model.parameters(), options.weight_decay)
    return optim.make(options.name, groups, lr=options.lr, clip_norm=options.clip_norm, **chosen)


def _schedule(config: Config, rows: int) -> optim.Schedule:
    lr, epochs = config.optimizer.lr, config.trainer.epochs
    assert lr is not None and epochs is not None
    size = min(config.trainer.batch_size or rows, rows)
    total = epochs * -(-rows // size)
    return make_course(lr=lr, steps=total, **vars(config.schedule))


def _environment() -> dict[str, Any]:
    return {
        "chainrule": version("chainrule"),
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "jax": version("jax"),
        "platform": platform.platform(),
        "folder": str(Path.cwd()),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]) if sys.argv and sys.argv[0] else "",
    }


def draw_network(
    model: Module, inputs: Sequence[Any], *, depth: int | None = None, title: str = "The network"
) -> Drawing:
    """A network that was built by name, drawn: layer by layer, or by operations with `depth` levels of layers opened.

    Source lines are left out: the line that asked for a training wrote none of its layers.
    """
    model.eval()
    y = model(*inputs)
    kinds = {path: type(module).__name__ for path, module in model.named_modules()}
    layers = depth is None
    drawing = draw_layers(y, title=title, kinds=kinds) if layers else draw(y, depth=depth, title=title, kinds=kinds)
    for box in drawing.picture.boxes:
        box.source = ""
        box.note = [_LINE.sub("", line) for line in box.note if not line.startswith("at ")]
    return drawing


def _summary(trained: TrainedModel, prepared: Prepared) -> dict[str, Any]:
    run, task = trained.run, trained.preprocessing.task
    summary: dict[str, Any] = {
        "status": run.status,
        "best_epoch": run.best_epoch,
        "epochs": run.epochs,
        "steps": run.steps,
        "seconds": run.seconds,
        "parameters": sum(p.size for p in trained.model.parameters()),
        "task": task,
        "data": prepared.summary,
        "reproduce": trained.config.environment.get("command", ""),
    }
    if prepared.validation is not None and run.status != "interrupted":
        summary["validation"] = trained.evaluate(prepared.validation)
    if trained.scores is not None:
        summary["test"] = trained.scores
    if trained.ensemble is not None:
        summary["ensemble"] = trained.ensemble.summary()
    if trained.scores is not None and isinstance(prepared.test, Dataset) and prepared.test.target is not None:
        prediction = trained.predict(prepared.test)
        if task == "regression":
            target = prepared.test.restore(prepared.test.target)
            summary["test_predictions"] = {"target": target[:_LISTED], "prediction": prediction[:_LISTED]}
        else:
            summary["test_predictions"] = {
                "confusion": metrics.confusion_matrix(prediction, prepared.test.target),
                "classes": prepared.test.classes,
            }
    return summary
