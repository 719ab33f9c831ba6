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
from chainrule.nn.adaptive_pooling import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveAvgPool3d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AdaptiveMaxPool3d,
)
from chainrule.nn.attention import KeyValueCache, MultiHeadAttention
from chainrule.nn.augmentation import RandomFlip, RandomShift
from chainrule.nn.batch_norm import BatchNorm
from chainrule.nn.checkpoint import Checkpoint
from chainrule.nn.containers import ModuleDict, ModuleList, Sequential
from chainrule.nn.convolution import Conv1d, Conv2d, Conv3d
from chainrule.nn.dropout import Dropout
from chainrule.nn.embedding import Embedding
from chainrule.nn.flatten import Flatten
from chainrule.nn.global_pooling import GlobalAvgPool, GlobalMaxPool
from chainrule.nn.graph_attention import GATConv
from chainrule.nn.graph_convolution import GCNConv
from chainrule.nn.graph_sage import SAGEConv
from chainrule.nn.group_norm import GroupNorm
from chainrule.nn.gru import GRU, GRUCell
from chainrule.nn.layer_norm import LayerNorm
from chainrule.nn.linear import Linear
from chainrule.nn.lora import LoRA, add_lora, lora_state, merge_lora
from chainrule.nn.lstm import LSTM, LSTMCell
from chainrule.nn.maxout import GLU, Maxout
from chainrule.nn.module import Module
from chainrule.nn.piecewise import Hardshrink, Hardsigmoid, Hardswish, Hardtanh, ReLU6, RReLU, Softshrink, Threshold
from chainrule.nn.pooling import AvgPool1d, AvgPool2d, AvgPool3d, MaxPool1d, MaxPool2d, MaxPool3d
from chainrule.nn.positions import LearnedPositions, RotaryPositions, SinusoidalPositions
from chainrule.nn.pruning import prune, remove_masks, sparsity
from chainrule.nn.pytorch import load_pytorch
from chainrule.nn.quantized_linear import QuantizedLinear, quantize_dynamic
from chainrule.nn.residual import Residual
from chainrule.nn.rms_norm import RMSNorm
from chainrule.nn.rnn import RNN, RNNCell
from chainrule.nn.smooth import CELU, SELU, LogSigmoid, Mish, Softmin, Softsign, Tanhshrink
from chainrule.nn.sparse_rows import SparseRows
from chainrule.nn.spiking import LeakyIntegrateAndFire, LeakyRate
from chainrule.nn.transformer import (
    TransformerDecoder,
    TransformerDecoderLayer,
    TransformerEncoder,
    TransformerEncoderLayer,
)
from chainrule.nn.transposed_convolution import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from chainrule.nn.variables import Buffer, Parameter
from chainrule.nn.watching import watch

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "GRU",
    "LSTM",
    "RNN",
    "SELU",
    "Absolute",
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "BatchNorm",
    "Buffer",
    "Checkpoint",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "Dropout",
    "Embedding",
    "Flatten",
    "GATConv",
    "GCNConv",
    "GRUCell",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "GroupNorm",
    "Hardmax",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "Heaviside",
    "Identity",
    "KeyValueCache",
    "LSTMCell",
    "LayerNorm",
    "LeakyIntegrateAndFire",
    "LeakyRate",
    "LeakyReLU",
    "LearnedPositions",
    "Linear",
    "LoRA",
    "LogSigmoid",
    "LogSoftmax",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "Maxout",
    "Mish",
    "Module",
    "ModuleDict",
    "ModuleList",
    "MultiHeadAttention",
    "PReLU",
    "Parameter",
    "QuantizedLinear",
    "RMSNorm",
    "RNNCell",
    "RReLU",
    "RandomFlip",
    "RandomShift",
    "ReLU",
    "ReLU6",
    "Residual",
    "RotaryPositions",
    "SAGEConv",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SinusoidalPositions",
    "Softmax",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "SparseRows",
    "Tanh",
    "Tanhshrink",
    "Threshold",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
    "activation",
    "add_lora",
    "load_pytorch",
    "lora_state",
    "merge_lora",
    "prune",
    "quantize_dynamic",
    "remove_masks",
    "sparsity",
    "watch",
]


def __getattr__(name: str) -> object:
    raise AttributeError(f"chainrule.nn has no layer {name!r}.{suggest(name, __all__, 1)}", name=name)
