"""The losses floor: what is minimised. Each objective is a function and a class; the class knows what the outputs mean
(`predict`).
"""

from chainrule.errors import suggest
from chainrule.losses.base import Loss
from chainrule.losses.binary_cross_entropy import BinaryCrossEntropy, binary_cross_entropy
from chainrule.losses.by_name import LOSSES, make
from chainrule.losses.cross_entropy import NLL, CrossEntropy, cross_entropy, nll
from chainrule.losses.penalties import ElasticNet, elastic_net, l1, l2, shrink
from chainrule.losses.regression import MAE, MSE, Huber, huber, mae, mse

__all__ = [
    "LOSSES",
    "MAE",
    "MSE",
    "NLL",
    "BinaryCrossEntropy",
    "CrossEntropy",
    "ElasticNet",
    "Huber",
    "Loss",
    "binary_cross_entropy",
    "cross_entropy",
    "elastic_net",
    "huber",
    "l1",
    "l2",
    "mae",
    "make",
    "mse",
    "nll",
    "shrink",
]


def __getattr__(name: str) -> object:
    raise AttributeError(f"chainrule.losses has no loss {name!r}.{suggest(name, __all__, 1)}", name=name)
