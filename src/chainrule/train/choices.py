"""What a config leaves open, chosen by the size and kind of the data."""

from __future__ import annotations

import numpy as np

from chainrule import models
from chainrule.data import Prepared
from chainrule.errors import ConfigError
from chainrule.train.config import Config, ModelConfig, ScheduleConfig
from chainrule.train.courses import course_options

__all__ = ["complete"]

_USUAL: dict[str, tuple[float, float]] = {  # of each update rule its usual learning rate and weight decay
    "adamw": (2e-3, 1e-2),
    "adam": (2e-3, 0.0),
    "sgd": (0.1, 0.0),
    "momentum": (0.05, 0.0),
    "nesterov": (0.05, 0.0),
    "rmsprop": (1e-3, 0.0),
    "adagrad": (1e-2, 0.0),
    "adadelta": (1.0, 0.0),
    "lion": (2e-4, 1e-2),
    "adamax": (4e-3, 0.0),
    "nadam": (2e-3, 0.0),
    "radam": (2e-3, 0.0),
    "adafactor": (1e-2, 0.0),
    "muon": (1e-2, 0.0),
    "rprop": (1e-2, 0.0),
    "asgd": (0.1, 0.0),
}

# Of sequences one that also reads longer ones than it was trained on.
_USUAL_MODEL = {"sequence": "gru", "text": "transformer", "graph": "gcn"}
# Epochs at least and at most, by the kind of data or the model of images, where 20 to 100 do not fit.
_EPOCHS = {"graph": (200, 200), "text": (3, 60), "lenet": (10, 60), "resnet": (10, 60), "plain": (10, 60)}


def complete(config: Config, prepared: Prepared) -> None:
    """Fills in the choices that were left open, by the size and kind of the data.

    Small tables get small networks and small batches; the number of epochs makes for some thousands of updates.

    Raises:
        ConfigError: for a kind of ensemble without members, or a schedule that snapshots do not have.
    """
    rows, description = len(prepared.train), prepared.preprocessing.input_description
    kind = description["kind"]
    model, optimizer, trainer = config.model, config.optimizer, config.trainer
    if model.name == "auto":
        model.name = _USUAL_MODEL.get(kind, "mlp")
    _complete_model(model, kind, rows)
    if trainer.batch_size is None:
        by_size = 128 if rows >= 20_000 else 32 if rows >= 500 else 16
        trainer.batch_size = {"graph": 0, "text": 32}.get(kind, by_size)
    if trainer.epochs is None:
        least, most = _EPOCHS.get(model.name if kind == "image" else kind, (20, 100))
        trainer.epochs = int(np.clip(3000 * (trainer.batch_size or rows) / rows, least, most))
    if trainer.patience is None:
        trainer.patience = 50 if kind == "graph" else 10
    if config.ensemble.members is None and config.ensemble.kind is not None:
        raise ConfigError("The kind of an ensemble is given and not how many members it has.", fix="--ensemble 5")
    if config.ensemble.members is not None:
        config.ensemble.kind = config.ensemble.kind or "seeds"
    if config.ensemble.kind == "snapshot":
        _check_snapshot_course(config.schedule)
        config.schedule = ScheduleConfig("cosine")
    config.schedule = ScheduleConfig(config.schedule.name, **course_options(**vars(config.schedule)))
    if optimizer.name == "auto":
        optimizer.name = "adam" if kind == "graph" else "adamw"
    lr, decay = _USUAL[optimizer.name]
    if kind == "graph" and optimizer.name == "adam":
        # The L2 of Kipf & Welling (2017, section 5.2); of 0.01, 0.02 and 0.03 the last had the lowest validation loss
        # on Cora in 200 epochs of the one-cycle schedule.
        lr, decay = 0.03, 5e-4
    # Weights without layers above them bear longer steps, and need them to get anywhere.
    longer = 10.0 if model.name == "linear" and lr < 0.01 else 1.0
    optimizer.lr = lr * longer if optimizer.lr is None else optimizer.lr
    if optimizer.weight_decay is None:
        # The fewer the rows, the stronger. Measured over 4 to 8 seeds it took diabetes from an R² of 0.37 to 0.47 and
        # iris from 91.7 to 94.8 %, and moved breast cancer, Titanic, wine and digits by less than a hundredth. Of many
        # rows 0.1 instead of 0.01 took MNIST's validation loss from 0.072 to 0.061 and Adult's from 0.306 to 0.305.
        strength = float(np.clip(300 / rows, 0.1, 1.0)) if optimizer.name == "adamw" else decay
        optimizer.weight_decay = strength / longer  # what a step takes off is the rate times the decay


def _complete_model(model: ModelConfig, kind: str, rows: int) -> None:
    """The model's own options; one that it does not have stays as it was given, for `models.build` to refuse."""
    usual = models.MODELS[model.name].options if model.name in models.MODELS else {}
    small = {"hidden": [128, 64] if rows >= 5_000 else [64, 32], "width": 128 if kind == "text" else 64, "layers": 2}
    if kind == "image" and "hidden" in usual:
        small["hidden"] = [512, 256] if rows >= 20_000 else [128, 64]
    if kind == "text" and model.name == "transformer":
        small["layers"] = 4
    for name, value in usual.items():
        if getattr(model, name) is None:
            setattr(model, name, small[name] if value is None else value)


def _check_snapshot_course(asked: ScheduleConfig) -> None:
    """Refuses a course that snapshots would not follow; the usual one may stand there without having been asked for."""
    if asked.name not in ("one-cycle", "cosine") or course_options(**vars(asked)) != course_options(asked.name):
        raise ConfigError(
            "The rate of a snapshot ensemble falls along a cosine to 0, once for each member; no other schedule fits.",
            fix="leave the schedule and its numbers out, or --ensemble-kind seeds",
        )
