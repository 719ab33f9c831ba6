"""Update rules and schedules by their names in a configuration."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chainrule.errors import ConfigError, suggest
from chainrule.optim.adafactor import Adafactor
from chainrule.optim.adagrad import AdaDelta, AdaGrad
from chainrule.optim.adam import Adam, AdamW
from chainrule.optim.adamax import Adamax
from chainrule.optim.asgd import ASGD
from chainrule.optim.lion import Lion
from chainrule.optim.momentum import Momentum, Nesterov
from chainrule.optim.muon import Muon
from chainrule.optim.nadam import NAdam
from chainrule.optim.optimizer import Optimizer
from chainrule.optim.radam import RAdam
from chainrule.optim.rmsprop import RMSProp
from chainrule.optim.rprop import Rprop
from chainrule.optim.schedules import (
    Constant,
    Cosine,
    Cyclic,
    Exponential,
    InverseTime,
    Linear,
    OneCycle,
    Polynomial,
    ReduceOnPlateau,
    Schedule,
    Step,
)
from chainrule.optim.sgd import SGD

__all__ = ["OPTIMIZERS", "SCHEDULES", "make", "make_schedule"]

OPTIMIZERS: dict[str, type[Optimizer]] = {
    rule.name: rule
    for rule in (
        *(SGD, Momentum, Nesterov, AdaGrad, RMSProp, Adam, AdamW, AdaDelta, Lion),
        *(Adamax, NAdam, RAdam, Adafactor, Muon, Rprop, ASGD),
    )
}

SCHEDULES: dict[str, type[Schedule]] = {
    kind.name: kind
    for kind in (
        *(Constant, Linear, Step, Exponential, InverseTime, Polynomial, Cosine),
        *(Cyclic, OneCycle, ReduceOnPlateau),
    )
}


def make(name: str, parameters: Iterable[Any], **options: Any) -> Optimizer:
    """An update rule by its name in a configuration, such as `"adam"`.

    Raises:
        ConfigError: for an unknown name or option, with the nearest known ones.

    Example:
        >>> from chainrule import nn, optim
        >>> optim.make("momentum", nn.Linear(2, 1).parameters(), lr=0.1).name
        'momentum'
    """
    return _made(OPTIMIZERS, "update rule", name, (parameters,), options)


def make_schedule(name: str, lr: float, **options: Any) -> Schedule:
    """A schedule by its name in a configuration, such as `"cosine"`.

    Raises:
        ConfigError: for an unknown name or option, with the nearest known ones.

    Example:
        >>> from chainrule import optim
        >>> optim.make_schedule("cosine", 0.1, steps=100)(100)
        0.0
    """
    return _made(SCHEDULES, "schedule", name, (lr,), options)


def _made(known: dict[str, Any], kind: str, name: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
    found = known.get(name.lower().replace("-", "_"))
    if found is None:
        raise ConfigError(f"There is no {kind} {name!r}.{suggest(name, known)}", fix=f"one of {', '.join(known)}")
    import inspect

    accepted = list(inspect.signature(found).parameters)[1:]
    for key in options:
        if key not in accepted:
            raise ConfigError(
                f"The {kind} {name!r} has no option {key!r}.{suggest(key, accepted)}",
                fix=f"one of {', '.join(accepted)}",
            )
    return found(*arguments, **options)
