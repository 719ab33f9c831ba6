"""The nn floor: layers, and Module, which they and models are made of. Images are channels last (N, H, W, C), sequences
(N, T, C).
"""

from chainrule.errors import suggest
from chainrule.nn.activations import (
    ELU,
    GELU,
    Absolute,
    Hardmax,
    Heaviside,
    Identity,
    LeakyReLU,
    LogSoftmax,
    PReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    activation,
)
from chainrule.nn.batch_norm import BatchNorm
from chainrule.nn.containers import ModuleDict, ModuleList, Sequential
from chainrule.nn.dropout import Dropout
from chainrule.nn.embedding import Embedding
from chainrule.nn.flatten import Flatten
from chainrule.nn.graph_attention import GATConv
from chainrule.nn.graph_convolution import GCNConv
from chainrule.nn.graph_sage import SAGEConv
from chainrule.nn.layer_norm import LayerNorm
from chainrule.nn.linear import Linear
from chainrule.nn.module import Module
from chainrule.nn.pytorch import load_pytorch
from chainrule.nn.residual import Residual
from chainrule.nn.variables import Buffer, Parameter
from chainrule.nn.watching import watch

__all__ = [
    "ELU",
    "GELU",
    "Absolute",
    "BatchNorm",
    "Buffer",
    "Dropout",
    "Embedding",
    "Flatten",
    "GATConv",
    "GCNConv",
    "Hardmax",
    "Heaviside",
    "Identity",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "Module",
    "ModuleDict",
    "ModuleList",
    "PReLU",
    "Parameter",
    "ReLU",
    "Residual",
    "SAGEConv",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "activation",
    "load_pytorch",
    "watch",
]


def __getattr__(name: str) -> object:
    raise AttributeError(f"chainrule.nn has no layer {name!r}.{suggest(name, __all__, 1)}", name=name)
