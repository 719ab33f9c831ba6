"""The models floor: whole architectures, one file each, and the table of their names."""

from chainrule.models.gat import GAT
from chainrule.models.gcn import GCN
from chainrule.models.mlp import MLP
from chainrule.models.registry import MODELS, build
from chainrule.models.sage import GraphSAGE
from chainrule.models.table import TableNetwork

__all__ = ["GAT", "GCN", "MLP", "MODELS", "GraphSAGE", "TableNetwork", "build"]
