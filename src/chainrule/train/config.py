"""Config: every choice of a run in one typed place, read from and written to TOML."""

from __future__ import annotations

import dataclasses
import tomllib
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chainrule import nn
from chainrule.array import PRECISIONS
from chainrule.data.balanced import BALANCES
from chainrule.data.dataset import TASKS
from chainrule.data.text import UNITS
from chainrule.errors import ConfigError, suggest
from chainrule.models import MODELS
from chainrule.optim import OPTIMIZERS
from chainrule.train.courses import COURSES, course_options
from chainrule.train.ensembling import ENSEMBLES
from chainrule.train.files import write_atomic

__all__ = [
    "Config",
    "DataConfig",
    "EnsembleConfig",
    "ModelConfig",
    "OptimizerConfig",
    "ScheduleConfig",
    "TrainerConfig",
]


@dataclass
class DataConfig:
    """Where the data come from and how they are split.

    Attributes:
        source: a bundled name, a file, or a folder.
        target: the column to predict; None lets the reader choose, and say so.
        test: a test file apart; None splits one off, unless the source brings its own.
        task: `binary`, `classification` or `regression`; None infers it from the target.
        validation, test_fraction: shares of the training rows and of all rows.
        seed: of the split.
        types: for single columns of a table: number, category, boolean, date or a date's format, drop.
        unit: of a text: characters or bytes; None lets the reader choose.
        context: how many of these the network sees at once.
        sequence: of a table with a row for each step, the column that says which rows make a sequence.
        time: the column that orders the steps of each sequence; None takes them as they come.
        header, separator, encoding, missing: how text tables are read; see `data.prepare`.
    """

    source: str = ""
    target: str | None = None
    test: str | None = None
    task: str | None = None
    validation: float = 0.15
    test_fraction: float = 0.15
    seed: int = 0
    types: dict[str, str] = field(default_factory=dict)
    unit: str | None = None
    context: int = 64
    sequence: str | None = None
    time: str | None = None
    header: bool | None = None
    separator: str | None = None
    encoding: str | None = None
    missing: list[str] = field(default_factory=list)


@dataclass
class ModelConfig:
    """Which network.

    Attributes:
        name: a name in `chainrule.models.MODELS`; `auto` chooses by the kind of data. Of the options below, each model
            has some (`MODELS[name].options`), and those that are None are chosen by the size of the data.
        hidden: units of each hidden layer.
        activation: relu, gelu, silu, tanh, sigmoid, elu, leaky_relu, softplus, …
        dropout: share of hidden units dropped while training.
        batch_norm: whether hidden layers are batch-normalised.
        width: channels, or units of each layer.
        layers: how many.
        heads: of the attention.
        augment: random changes of images in training: flip, shift.
    """

    name: str = "auto"
    hidden: list[int] | None = None
    activation: str | None = None
    dropout: float | None = None
    batch_norm: bool | None = None
    width: int | None = None
    layers: int | None = None
    heads: int | None = None
    augment: list[str] | None = None


@dataclass
class OptimizerConfig:
    """Which update rule.

    Attributes:
        name: adamw, adam, sgd, momentum, nesterov, rmsprop, adagrad, adadelta, lion, …; `auto` is adam for graphs and
            adamw for everything else.
        lr: the (highest) learning rate; None takes the rule's usual one.
        momentum: share of the last step that the next one keeps, for the rules that have it; None takes the usual one.
        weight_decay: strength of the decoupled decay (adamw) or of the L2 penalty (others).
        l1: strength of an L1 penalty, which makes weights that are not needed exactly 0; beside the L2 penalty of
            `weight_decay` it is an elastic net.
        clip_norm: the largest norm of the whole gradient; None does not clip.
    """

    name: str = "auto"
    lr: float | None = None
    momentum: float | None = None
    weight_decay: float | None = None
    l1: float | None = None
    clip_norm: float | None = None


@dataclass
class ScheduleConfig:
    """How the learning rate changes over the run.

    Attributes:
        name: `one-cycle` (up to the highest rate and down again, along cosines), `cosine` or `linear` (down from it),
            `step` (down by drops) or `constant`. Of the numbers below each has some, and those that are None are the
            usual ones (`train.COURSES[name].options`).
        warmup: share of the steps in which the rate rises: from 0, of one-cycle from its first rate. The others' course
            has the steps after it.
        start_factor, end_factor: the first rate of one-cycle, and the last of a course that falls, as shares of the
            highest.
        milestones: where the rate drops: shares of the steps, of those after the warm-up.
        drop_factor: what each drop multiplies it by.

    Differs from PyTorch: OneCycleLR's pct_start is `warmup`, its div_factor 1 / start_factor, its final_div_factor
    start_factor / end_factor; CosineAnnealingLR's eta_min is end_factor · lr; MultiStepLR's gamma is `drop_factor`, and
    its milestones are counted in epochs.
    """

    name: str = "one-cycle"
    warmup: float | None = None
    start_factor: float | None = None
    end_factor: float | None = None
    milestones: list[float] | None = None
    drop_factor: float | None = None


@dataclass
class TrainerConfig:
    """How long and in which portions.

    Attributes:
        epochs: at most; None chooses by the number of rows.
        batch_size: samples in one update, 0 for all of them; None chooses by the number of rows.
        accumulate: into how many micro-batches a batch is cut, to save memory; the update is the same.
        precision: "float32", or "bf16" to multiply in bfloat16 while training.
        patience: epochs without a lower validation loss before stopping early, 0 never stops early; None is 10, and 50
            for graphs, where an epoch is a single step.
        balance: `resample` or `weights` to let every class count the same, however few rows it has (`data.Balanced`,
            which tells what becomes of the probabilities); None leaves the classes as they are.
        seed: of initial weights, dropout and the order of samples.
        checkpoint_every: snapshot also after this many steps.
    """

    epochs: int | None = None
    batch_size: int | None = None
    accumulate: int = 1
    precision: str = "float32"
    patience: int | None = None
    balance: str | None = None
    seed: int = 0
    checkpoint_every: int | None = None


@dataclass
class EnsembleConfig:
    """Whether several networks are trained and averaged (`fit_ensemble`).

    Attributes:
        members: how many; None is a single network, without any averaging.
        kind: `seeds`, `bagging` or `snapshot`, whose schedule is a cosine for each member; None is seeds.
    """

    members: int | None = None
    kind: str | None = None


@dataclass
class Config:
    """All choices of a run. `environment` notes versions, the command and the folder it was started in.

    Example:
        >>> from chainrule.train import Config
        >>> config = Config()
        >>> config.set("optimizer.name", "nestrov")
        Traceback (most recent call last):
        ...
        chainrule.errors.ConfigError: There is no optimizer 'nestrov'. Did you mean 'nesterov'?
          fix: one of auto, sgd, ...
    """

    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    ensemble: EnsembleConfig = field(default_factory=EnsembleConfig)
    environment: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, path: str | Path) -> Config:
        """A config from a TOML file.

        Raises:
            ConfigError: for a file that is missing or no TOML, a section or option that does not exist, or a value of a
                wrong type.
        """
        path = Path(path)
        try:
            tables = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"The config {path} cannot be read: {error.strerror}.") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"The config {path} is not TOML: {error}.") from error
        config = cls()
        for section, options in tables.items():
            if section == "environment":
                config.environment = dict(options)
                continue
            known = [f.name for f in dataclasses.fields(cls) if f.name != "environment"]
            if section not in known:
                raise ConfigError(
                    f"There is no section [{section}] in a config.{suggest(section, known)}",
                    where=str(path),
                    fix=f"one of {known}",
                )
            if not isinstance(options, dict):
                raise ConfigError(f"[{section}] must be a table of options.", where=str(path))
            for name, value in options.items():
                config.set(f"{section}.{name}", value, where=str(path))
        return config

    def check(self) -> None:
        """Refuses values that are of a wrong type, out of range or no known name, however they came in.

        Raises:
            ConfigError: for the first of them.
        """
        for section in dataclasses.fields(self):
            if section.name != "environment":
                for name, value in vars(getattr(self, section.name)).items():
                    self.set(f"{section.name}.{name}", value)
        course_options(**vars(self.schedule))

    def set(self, option: str, value: Any, where: str | None = None) -> None:
        """Sets one option, given as `section.name`, after checking its name and its value."""
        section, _, name = option.partition(".")
        holder = getattr(self, section)
        types_of = typing.get_type_hints(type(holder))
        if name not in types_of:
            raise ConfigError(
                f"There is no option {option}.{suggest(name, types_of)}",
                where=where,
                fix=f"[{section}] has {list(types_of)}",
            )
        setattr(holder, name, _checked(option, value, types_of[name], where))

    def write(self, path: Path) -> None:
        """Writes the config as TOML; options left to chance (None) are left out."""
        import tomli_w

        tables = {}
        for section, options in dataclasses.asdict(self).items():
            chosen = {name: value for name, value in options.items() if value is not None}
            if chosen:
                tables[section] = chosen
        write_atomic(path, tomli_w.dumps(tables).encode())


_RANGES: dict[str, tuple[float, float, str]] = {
    "data.validation": (0.0, 0.9, "from 0 to 0.9"),
    "data.test_fraction": (0.0, 0.9, "from 0 to 0.9"),
    "data.seed": (0, 2**63, "0 or more"),
    "data.context": (1, 10**6, "1 or more"),
    "model.width": (1, 10**6, "1 or more"),
    "model.layers": (1, 10**4, "1 or more"),
    "model.heads": (1, 10**4, "1 or more"),
    "model.dropout": (0.0, 0.99, "from 0 to 0.99"),
    "optimizer.lr": (1e-12, 1e6, "above 0"),
    "optimizer.momentum": (0.0, 0.9999, "from 0 to 0.9999"),
    "optimizer.weight_decay": (0.0, 1e6, "0 or more"),
    "optimizer.l1": (0.0, 1e6, "0 or more"),
    "optimizer.clip_norm": (1e-12, 1e30, "above 0"),
    "schedule.warmup": (0.0, 1.0, "from 0 to 1"),
    "schedule.start_factor": (1e-9, 1.0, "above 0 and at most 1"),
    "schedule.end_factor": (0.0, 1.0, "from 0 to 1"),
    "schedule.milestones": (0.0, 1.0, "shares from 0 to 1"),
    "schedule.drop_factor": (0.0, 1.0, "from 0 to 1"),
    "trainer.epochs": (1, 10**9, "1 or more"),
    "trainer.batch_size": (0, 10**9, "1 or more, or 0 for all samples at once"),
    "trainer.accumulate": (1, 10**6, "1 or more"),
    "trainer.patience": (0, 10**9, "0 or more"),
    "trainer.seed": (0, 2**63, "0 or more"),
    "ensemble.members": (1, 10**4, "1 or more"),
    "trainer.checkpoint_every": (1, 10**9, "1 or more"),
}

_NAMES: dict[str, tuple[str, tuple[str, ...]]] = {
    "data.task": ("task", TASKS),
    "data.unit": ("unit", UNITS),
    "model.name": ("model", ("auto", *MODELS)),
    "optimizer.name": ("optimizer", ("auto", *OPTIMIZERS)),
    "schedule.name": ("schedule", tuple(COURSES)),
    "trainer.precision": ("precision", PRECISIONS),
    "trainer.balance": ("way to balance classes", BALANCES),
    "ensemble.kind": ("kind of ensemble", ENSEMBLES),
}


def _checked(option: str, value: Any, wanted: Any, where: str | None) -> Any:
    allowed = typing.get_args(wanted) if isinstance(wanted, types.UnionType) else (wanted,)
    for kind in allowed:
        if kind is types.NoneType:
            if value is None:
                return None
        elif _is(value, kind):
            found = float(value) if kind is float else value
            low, high, words = _RANGES.get(option, (None, None, ""))
            numbers = found if isinstance(found, list) else [found]
            if low is not None and high is not None and not all(low <= number <= high for number in numbers):
                raise ConfigError(f"{option} must be {words}, got {value!r}.", where=where)
            _check_name(option, value, where)
            return found
    names = " or ".join(getattr(k, "__name__", str(k)) for k in allowed if k is not types.NoneType)
    raise ConfigError(f"{option} must be {names}, got {value!r}.", where=where)


def _check_name(option: str, value: Any, where: str | None) -> None:
    """Refuses a name that nothing has, before any data are read."""
    if option == "model.activation":
        try:
            nn.activation(value)
        except ConfigError as error:
            error.where = where
            raise
    what, known = _NAMES.get(option, ("", ()))
    if known and value not in known:
        raise ConfigError(
            f"There is no {what} {value!r}.{suggest(value, known)}", where=where, fix=f"one of {', '.join(known)}"
        )


def _is(value: Any, kind: Any) -> bool:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is list:
        return isinstance(value, list) and all(_is(v, inner[0]) for v in value)
    if origin is dict:
        return isinstance(value, dict) and all(_is(k, inner[0]) and _is(v, inner[1]) for k, v in value.items())
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is kind
