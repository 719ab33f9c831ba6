"""The ops floor: every operation, one record each, by family; their names and meanings are the array API standard's (2024.12)."""

from chainrule.graph import FUNCTIONS
from chainrule.ops import creation, elementwise, indexing, network, products, reductions, shapes

_FAMILIES = (creation, elementwise, indexing, network, products, reductions, shapes)

for _family in _FAMILIES:
    _names = getattr(_family, "__all__", None) or [n for n in vars(_family) if not n.startswith("_")]
    for _name in _names:
        FUNCTIONS[_name] = getattr(_family, _name)
