"""The models floor: whole architectures, one file each, and the table of their names."""

from chainrule.models.mlp import MLP
from chainrule.models.registry import MODELS, build
from chainrule.models.table import TableNetwork

__all__ = ["MLP", "MODELS", "TableNetwork", "build"]
