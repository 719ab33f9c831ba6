"""The init floor: first values of parameters, each a function of the shape."""

from chainrule.errors import suggest
from chainrule.init.constants import constant, ones, zeros
from chainrule.init.draws import (
    gain,
    he_normal,
    he_uniform,
    linear,
    normal,
    orthogonal,
    truncated_normal,
    uniform,
    xavier_normal,
    xavier_uniform,
)
from chainrule.init.fans import fans
from chainrule.init.kernels import convolution
from chainrule.init.layer_sequential import lsuv

__all__ = [
    "constant",
    "convolution",
    "fans",
    "gain",
    "he_normal",
    "he_uniform",
    "linear",
    "lsuv",
    "normal",
    "ones",
    "orthogonal",
    "truncated_normal",
    "uniform",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]


def __getattr__(name: str) -> object:
    raise AttributeError(f"chainrule.init has no initialiser {name!r}.{suggest(name, __all__, 1)}", name=name)
