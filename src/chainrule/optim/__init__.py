"""The optim floor: update rules and learning-rate schedules."""

from chainrule.errors import suggest
from chainrule.optim.accumulator import Accumulator
from chainrule.optim.adafactor import Adafactor
from chainrule.optim.adagrad import AdaDelta, AdaGrad
from chainrule.optim.adam import Adam, AdamW
from chainrule.optim.adamax import Adamax
from chainrule.optim.asgd import ASGD
from chainrule.optim.by_name import OPTIMIZERS, SCHEDULES, make, make_schedule
from chainrule.optim.clipping import clip_grad_norm
from chainrule.optim.ema import EMA
from chainrule.optim.groups import decay_groups
from chainrule.optim.lion import Lion
from chainrule.optim.momentum import Momentum, Nesterov
from chainrule.optim.muon import Muon
from chainrule.optim.nadam import NAdam
from chainrule.optim.optimizer import Group, Optimizer
from chainrule.optim.radam import RAdam
from chainrule.optim.rmsprop import RMSProp
from chainrule.optim.rprop import Rprop
from chainrule.optim.schedules import (
    Constant,
    Cosine,
    Cyclic,
    Exponential,
    InTurn,
    InverseTime,
    Linear,
    OneCycle,
    Polynomial,
    Product,
    ReduceOnPlateau,
    Schedule,
    Step,
    Warmup,
)
from chainrule.optim.sgd import SGD

__all__ = [
    "ASGD",
    "EMA",
    "OPTIMIZERS",
    "SCHEDULES",
    "SGD",
    "Accumulator",
    "AdaDelta",
    "AdaGrad",
    "Adafactor",
    "Adam",
    "AdamW",
    "Adamax",
    "Constant",
    "Cosine",
    "Cyclic",
    "Exponential",
    "Group",
    "InTurn",
    "InverseTime",
    "Linear",
    "Lion",
    "Momentum",
    "Muon",
    "NAdam",
    "Nesterov",
    "OneCycle",
    "Optimizer",
    "Polynomial",
    "Product",
    "RAdam",
    "RMSProp",
    "ReduceOnPlateau",
    "Rprop",
    "Schedule",
    "Step",
    "Warmup",
    "clip_grad_norm",
    "decay_groups",
    "make",
    "make_schedule",
]


def __getattr__(name: str) -> object:
    raise AttributeError(
        f"chainrule.optim has no update rule or schedule {name!r}.{suggest(name, __all__, 1)}", name=name
    )
