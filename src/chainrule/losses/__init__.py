"""The losses floor: what is minimised. Each objective is a function and a class; the class knows what the outputs mean (`predict`)."""

from chainrule.losses.base import Loss
from chainrule.losses.binary_cross_entropy import BinaryCrossEntropy, binary_cross_entropy
from chainrule.losses.cross_entropy import NLL, CrossEntropy, cross_entropy, nll
from chainrule.losses.regression import MAE, MSE, Huber, huber, mae, mse

__all__ = [
    "MAE",
    "MSE",
    "NLL",
    "BinaryCrossEntropy",
    "CrossEntropy",
    "Huber",
    "Loss",
    "binary_cross_entropy",
    "cross_entropy",
    "huber",
    "mae",
    "mse",
    "nll",
]
