"""The optim floor: update rules and learning-rate schedules."""

from chainrule.optim.adam import Adam, AdamW
from chainrule.optim.clipping import clip_grad_norm
from chainrule.optim.optimizer import Group, Optimizer
from chainrule.optim.sgd import SGD

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Group",
    "Optimizer",
    "clip_grad_norm",
]
