"""Learning-rate schedules."""

from chainrule.optim.schedules.base import Schedule, Warmup
from chainrule.optim.schedules.combined import InTurn, Product
from chainrule.optim.schedules.cyclic import Cyclic
from chainrule.optim.schedules.decays import Constant, Cosine, Exponential, InverseTime, Linear, Polynomial, Step
from chainrule.optim.schedules.one_cycle import OneCycle
from chainrule.optim.schedules.plateau import ReduceOnPlateau

__all__ = [
    "Constant",
    "Cosine",
    "Cyclic",
    "Exponential",
    "InTurn",
    "InverseTime",
    "Linear",
    "OneCycle",
    "Polynomial",
    "Product",
    "ReduceOnPlateau",
    "Schedule",
    "Step",
    "Warmup",
]
