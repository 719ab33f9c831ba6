"""chainrule: deep learning that shows its work."""

from chainrule import errors, ops
from chainrule.graph import *
