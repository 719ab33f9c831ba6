"""Learning-rate schedules."""

from chainrule.optim.schedules.base import Schedule, Warmup
from chainrule.optim.schedules.decays import Constant, Cosine, Exponential, InverseTime, Polynomial, Step
from chainrule.optim.schedules.one_cycle import OneCycle
from chainrule.optim.schedules.plateau import ReduceOnPlateau

__all__ = [
    "Constant",
    "Cosine",
    "Exponential",
    "InverseTime",
    "OneCycle",
    "Polynomial",
    "ReduceOnPlateau",
    "Schedule",
    "Step",
    "Warmup",
]
