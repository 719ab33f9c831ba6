"""The models floor: whole architectures, one file each, and the table of their names."""

from chainrule.models.mlp import MLP, activation_layer
from chainrule.models.table import TableNetwork
from chainrule.models.registry import MODELS, build

__all__ = ["MLP", "MODELS", "TableNetwork", "activation_layer", "build"]
