"""The models floor: whole architectures, one file each, and the table of their names."""

from chainrule.models.gat import GAT
from chainrule.models.gcn import GCN
from chainrule.models.generation import choose_token, generate
from chainrule.models.mlp import MLP
from chainrule.models.registry import MODELS, build
from chainrule.models.sage import GraphSAGE
from chainrule.models.table import TableNetwork
from chainrule.models.transformer_classifier import TransformerClassifier
from chainrule.models.transformer_language_model import TransformerLanguageModel

__all__ = [
    "GAT",
    "GCN",
    "MLP",
    "MODELS",
    "GraphSAGE",
    "TableNetwork",
    "TransformerClassifier",
    "TransformerLanguageModel",
    "build",
    "choose_token",
    "generate",
]
