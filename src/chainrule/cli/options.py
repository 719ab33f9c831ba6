"""From options to a run's config: a config file first, then what was typed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.errors import ConfigError

if TYPE_CHECKING:
    from chainrule.train import Config

__all__ = ["chosen", "column_types", "option_of", "units"]


def chosen(data: str | None, options: Mapping[str, Any], file: Path | None = None) -> Config:
    """The config that follows from a file and from options, which count more.

    Arguments:
        data: the source; None takes the file's.
        options: values by `section.name`; those that are None were not given. `model.hidden`, `model.augment`,
            `schedule.milestones` and `data.types` may be as typed.
        file: a TOML file.

    Raises:
        ConfigError: an option that does not exist, a value it cannot take, or no data at all.
    """
    from chainrule.train import Config

    config = Config() if file is None else Config.read(file)
    if data is not None:
        if file is not None and data != config.data.source:
            config.data.target = config.data.test = None  # they belong to the file's data
            config.data.sequence = config.data.time = None
        config.data.source = data
    if options.get("schedule.name") not in (None, config.schedule.name):
        config.schedule = type(config.schedule)()  # the file's numbers belong to its own course
    for name, value in options.items():
        if value is not None and value != []:
            config.set(name, _READERS.get(name, lambda x: x)(value), where=option_of(name))
    if not config.data.source:
        raise ConfigError("There are no data to train on.", fix="chainrule train digits, or the path of a CSV file")
    return config


def option_of(name: str) -> str:
    """What is typed to set an option of the config.

    Example:
        >>> option_of("trainer.batch_size"), option_of("model.name")
        ('--batch-size', '--model')
    """
    section, _, inner = name.partition(".")
    special = {"name": f"--{section}", "types": "--type", "members": "--ensemble", "kind": "--ensemble-kind"}
    return special.get(inner, f"--{inner.replace('_', '-')}")


def units(text: str) -> list[int]:
    """Units by layer.

    Example:
        >>> units("128, 64"), units("0")
        ([128, 64], [])
    """
    parts = _words(text)
    if not parts or not all(part.isdecimal() for part in parts):
        raise ConfigError(
            f"--hidden takes the units of each hidden layer, got {text!r}.",
            fix="--hidden 128,64, or --hidden 0 for none",
        )
    numbers = [int(part) for part in parts]
    if numbers == [0]:
        return []
    if not all(1 <= n <= 1_000_000 for n in numbers):
        raise ConfigError(f"--hidden takes from 1 to 1,000,000 units a layer, got {text!r}.", fix="--hidden 128,64")
    return numbers


def column_types(pairs: list[str]) -> dict[str, str]:
    """Kinds by column.

    Example:
        >>> column_types(["zip=category", "born=date"])
        {'zip': 'category', 'born': 'date'}
    """
    types = {}
    for pair in pairs:
        column, _, kind = pair.rpartition("=")
        if not column or not kind:
            raise ConfigError(f"--type takes a column and its kind, got {pair!r}.", fix="--type zip=category")
        types[column] = kind
    return types


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _shares(text: str) -> list[float]:
    try:
        return [float(word) for word in _words(text)]
    except ValueError:
        raise ConfigError(f"--milestones takes shares of the run, got {text!r}.", fix="--milestones 0.5,0.75") from None


_READERS = {
    "model.augment": _words, "model.hidden": units, "schedule.milestones": _shares, "data.types": column_types
}  # fmt: skip
