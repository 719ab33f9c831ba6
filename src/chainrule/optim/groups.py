"""Parameter groups that leave biases and normalisations out of weight decay."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chainrule.errors import ConfigError
from chainrule.graph import Variable

__all__ = ["decay_groups"]


def decay_groups(parameters: Iterable[Variable], weight_decay: float) -> list[dict[str, Any]]:
    """Two groups for an optimizer: weights, with the decay, and biases and the parameters of normalisations, without.

    Arguments:
        parameters: such as `model.parameters()`.
        weight_decay: λ of the first group.

    Example:
        >>> from chainrule import nn, optim
        >>> model = nn.Linear(3, 2)
        >>> optimizer = optim.Adam(optim.decay_groups(model.parameters(), 1e-4))
        >>> [group.options["weight_decay"] for group in optimizer.groups]
        [0.0001, 0.0]
    """
    given = list(parameters)
    if not given:
        raise ConfigError("decay_groups was given no parameters.", fix="optim.decay_groups(model.parameters(), 1e-4)")
    decayed = [p for p in given if getattr(p, "penalised", True)]
    rest = [p for p in given if not getattr(p, "penalised", True)]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]
