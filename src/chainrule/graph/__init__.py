"""The graph floor: Tensors, the nodes between them, and the chain rule over both."""

from chainrule.graph import random
from chainrule.graph.backward import gradients, nodes_of
from chainrule.graph.comparison import GradientComparison, GradientMethod, compare_gradients
from chainrule.graph.context import RECORDING, SCOPE, TRACE, Trace, enable_grad, is_recording, no_grad
from chainrule.graph.draw import Drawing, draw, draw_layers
from chainrule.graph.gradcheck import GradcheckReport, gradcheck
from chainrule.graph.node import Node, source_of_caller
from chainrule.graph.op import OPS, Op, Rule, Sample, op, per_input
from chainrule.graph.registry import FUNCTIONS
from chainrule.graph.sparse import RowSparse
from chainrule.graph.tensor import Tensor, Variable, as_tensor, changed, changes, tensor, wrap
from chainrule.graph.transforms import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp

__all__ = [
    "FUNCTIONS",
    "OPS",
    "RECORDING",
    "SCOPE",
    "TRACE",
    "Drawing",
    "GradcheckReport",
    "GradientComparison",
    "GradientMethod",
    "Node",
    "Op",
    "RowSparse",
    "Rule",
    "Sample",
    "Tensor",
    "Trace",
    "Variable",
    "as_tensor",
    "changed",
    "changes",
    "compare_gradients",
    "draw",
    "draw_layers",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradients",
    "hessian",
    "hvp",
    "is_recording",
    "jacobian",
    "jvp",
    "no_grad",
    "nodes_of",
    "op",
    "per_input",
    "random",
    "source_of_caller",
    "tensor",
    "value_and_grad",
    "vjp",
    "wrap",
]
