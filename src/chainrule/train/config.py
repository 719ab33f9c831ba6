"""Config: every choice of a run in one typed place, read from and written to TOML."""

from __future__ import annotations

import dataclasses
import tomllib
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chainrule.errors import ConfigError, suggest
from chainrule.train.files import write_atomic

__all__ = ["Config", "DataConfig", "ModelConfig", "OptimizerConfig", "ScheduleConfig", "TrainerConfig"]


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
    """

    source: str = ""
    target: str | None = None
    test: str | None = None
    task: str | None = None
    validation: float = 0.15
    test_fraction: float = 0.15
    seed: int = 0


@dataclass
class ModelConfig:
    """Which network.

    Attributes:
        name: a name in `chainrule.models`; `auto` chooses by the kind of data.
        hidden: units of each hidden layer; None chooses by the size of the data.
        activation: relu, gelu, silu, tanh, sigmoid, elu, leaky_relu, softplus.
        dropout: share of hidden units dropped while training; None chooses by the size of the data.
        batch_norm: whether hidden layers are batch-normalised.
    """

    name: str = "auto"
    hidden: list[int] | None = None
    activation: str = "relu"
    dropout: float | None = None
    batch_norm: bool = False


@dataclass
class OptimizerConfig:
    """Which update rule.

    Attributes:
        name: adamw, adam, sgd, momentum, nesterov, rmsprop, adagrad, adadelta, lion.
        lr: the (highest) learning rate; None takes the rule's usual one.
        weight_decay: strength of the decoupled decay (adamw) or of the L2 penalty (others).
        clip_norm: the largest norm of the whole gradient; None does not clip.
    """

    name: str = "adamw"
    lr: float | None = None
    weight_decay: float | None = None
    clip_norm: float | None = None


@dataclass
class ScheduleConfig:
    """How the learning rate changes: `one-cycle`, `cosine`, `constant`, `linear`, or `step`."""

    name: str = "one-cycle"


@dataclass
class TrainerConfig:
    """How long and in which portions.

    Attributes:
        epochs: at most; None chooses by the number of rows.
        batch_size: samples in one update, 0 for all of them; None chooses by the number of rows.
        patience: epochs without a lower validation loss before stopping early; 0 never stops early.
        seed: of initial weights, dropout and the order of samples.
        checkpoint_every: snapshot also after this many steps.
    """

    epochs: int | None = None
    batch_size: int | None = None
    patience: int = 10
    seed: int = 0
    checkpoint_every: int | None = None


@dataclass
class Config:
    """All choices of a run. `environment` notes versions and the command, and is not read back."""

    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    environment: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, path: str | Path) -> Config:
        """A config from a TOML file.

        Raises:
            ConfigError: for a file that is missing or no TOML, a section or option that does not exist, or a value of a wrong type.
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
                raise ConfigError(f"There is no section [{section}] in a config.{suggest(section, known)}", where=str(path), fix=f"one of {known}")
            if not isinstance(options, dict):
                raise ConfigError(f"[{section}] must be a table of options.", where=str(path))
            for name, value in options.items():
                config.set(f"{section}.{name}", value, where=str(path))
        return config

    def set(self, option: str, value: Any, where: str | None = None) -> None:
        """Sets one option, given as `section.name`, after checking its name and type."""
        section, _, name = option.partition(".")
        holder = getattr(self, section)
        types_of = typing.get_type_hints(type(holder))
        if name not in types_of:
            raise ConfigError(f"There is no option {option}.{suggest(name, types_of)}", where=where, fix=f"[{section}] has {list(types_of)}")
        setattr(holder, name, _checked(option, value, types_of[name], where))

    def write(self, path: Path) -> None:
        """Writes the config as TOML; options left to chance (None) are left out."""
        import tomli_w

        tables = {}
        for section, options in dataclasses.asdict(self).items():
            tables[section] = {name: value for name, value in options.items() if value is not None}
        write_atomic(path, tomli_w.dumps(tables).encode())


def _checked(option: str, value: Any, wanted: Any, where: str | None) -> Any:
    allowed = typing.get_args(wanted) if isinstance(wanted, types.UnionType) else (wanted,)
    for kind in allowed:
        origin = typing.get_origin(kind) or kind
        if kind is types.NoneType:
            if value is None:
                return None
        elif origin is float and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        elif origin is list and isinstance(value, list) and all(isinstance(v, int) and not isinstance(v, bool) for v in value):
            return value
        elif origin in (int, str, bool) and type(value) is origin:
            return value
    names = " or ".join(getattr(k, "__name__", str(k)) for k in allowed if k is not types.NoneType)
    raise ConfigError(f"{option} must be {names}, got {value!r}.", where=where)
