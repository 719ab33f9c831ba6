"""Models by name, built to fit a description of the data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule.errors import ConfigError, suggest
from chainrule.models.mlp import MLP
from chainrule.models.table import TableNetwork
from chainrule.nn import Module

__all__ = ["MODELS", "build"]


def _mlp(description: dict[str, Any], **options: Any) -> Module:
    outputs, squeeze = description["outputs"], description["outputs"] == 1
    if description["kind"] == "table":
        if not description["categories"]:
            return MLP(description["numeric"], options.pop("hidden"), outputs, squeeze=squeeze, **options)
        return TableNetwork(
            description["numeric"],
            description["categories"],
            options.pop("hidden"),
            outputs,
            squeeze=squeeze,
            **options,
        )
    return MLP(tuple(description["shape"]), options.pop("hidden"), outputs, squeeze=squeeze, **options)


def _linear(description: dict[str, Any], **options: Any) -> Module:
    return _mlp(description, **{**options, "hidden": []})


MODELS: dict[str, Callable[..., Module]] = {"mlp": _mlp, "linear": _linear}
"""Builders by name: `builder(description, hidden=…, activation=…, dropout=…, batch_norm=…)`."""


def build(name: str, description: dict[str, Any], **options: Any) -> Module:
    """The model of this name for data of this description.

    Arguments:
        name: in `MODELS`.
        description: `Preprocessing.input_description`: kind of input, its sizes, and the number of outputs.
        options: hidden, activation, dropout, batch_norm.

    Raises:
        ConfigError: for a name that does not exist; it suggests the nearest.
    """
    if name not in MODELS:
        raise ConfigError(f"There is no model {name!r}.{suggest(name, MODELS)}", fix=f"one of {list(MODELS)}")
    return MODELS[name](description, **options)
