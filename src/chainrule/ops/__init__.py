"""The ops floor: every operation, one record each, by family.

Their names and meanings are the Python array API standard's (2024.12), beside the few that neural networks need.
"""

# ruff: noqa: F403 - what a family offers stands in its own __all__
from __future__ import annotations

from chainrule.graph import FUNCTIONS
from chainrule.ops import (
    activations,
    arithmetic,
    attention_heads,
    bits,
    comparison,
    complex_parts,
    constants,
    convolution,
    creation,
    data_types,
    exponentials,
    fft,
    indexing,
    inspection,
    linalg,
    loops,
    network,
    normalisation,
    pooling,
    products,
    quantized,  # noqa: F401 - their records belong to the table, their functions to nn
    recomputation,  # noqa: F401
    recurrent,
    reductions,
    rounding,
    rows,
    searching,
    segments,
    sets,
    shapes,
    sorting,
    sparse,
    trigonometry,
)
from chainrule.ops.activations import *
from chainrule.ops.arithmetic import *
from chainrule.ops.attention_heads import *
from chainrule.ops.bits import *
from chainrule.ops.comparison import *
from chainrule.ops.complex_parts import *
from chainrule.ops.constants import *
from chainrule.ops.convolution import *
from chainrule.ops.creation import *
from chainrule.ops.data_types import *
from chainrule.ops.exponentials import *
from chainrule.ops.indexing import *
from chainrule.ops.inspection import *
from chainrule.ops.loops import *
from chainrule.ops.network import *
from chainrule.ops.normalisation import *
from chainrule.ops.pooling import *
from chainrule.ops.products import *
from chainrule.ops.recurrent import *
from chainrule.ops.reductions import *
from chainrule.ops.rounding import *
from chainrule.ops.rows import *
from chainrule.ops.searching import *
from chainrule.ops.segments import *
from chainrule.ops.sets import *
from chainrule.ops.shapes import *
from chainrule.ops.sorting import *
from chainrule.ops.sparse import *
from chainrule.ops.trigonometry import *

__all__ = ["fft", "linalg"]
__all__ += activations.__all__
__all__ += arithmetic.__all__
__all__ += attention_heads.__all__
__all__ += bits.__all__
__all__ += comparison.__all__
__all__ += complex_parts.__all__
__all__ += constants.__all__
__all__ += convolution.__all__
__all__ += creation.__all__
__all__ += data_types.__all__
__all__ += exponentials.__all__
__all__ += indexing.__all__
__all__ += inspection.__all__
__all__ += loops.__all__
__all__ += network.__all__
__all__ += normalisation.__all__
__all__ += pooling.__all__
__all__ += products.__all__
__all__ += recurrent.__all__
__all__ += reductions.__all__
__all__ += rounding.__all__
__all__ += rows.__all__
__all__ += searching.__all__
__all__ += segments.__all__
__all__ += sets.__all__
__all__ += sorting.__all__
__all__ += sparse.__all__
__all__ += shapes.__all__
__all__ += trigonometry.__all__

# Tensor's operators and the rules of derivatives, on lower floors, reach the operations through this table.
FUNCTIONS.update({name: globals()[name] for name in __all__ if callable(globals()[name])})
FUNCTIONS.update({f"fft.{name}": getattr(fft, name) for name in fft.__all__})
FUNCTIONS.update({f"linalg.{name}": getattr(linalg, name) for name in linalg.__all__})
