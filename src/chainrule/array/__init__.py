"""The array floor: NumPy and JAX behind one array namespace, dtypes, and counter-based random bits.

Nothing above this floor asks which of the two it is running on: an op's forward is written once against the namespace
it is handed.
"""

from chainrule.array.aligned import own_copy
from chainrule.array.dtypes import (
    as_dtype,
    bfloat16,
    bool_,
    complex64,
    complex128,
    default_dtypes,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    is_floating,
    promote,
    uint8,
    uint16,
    uint32,
    uint64,
)
from chainrule.array.jax_import import import_jax
from chainrule.array.mixed_precision import PRECISIONS, as_precision, current_precision, precision
from chainrule.array.namespace import Array, Namespace
from chainrule.array.namespaces import resolve, to_numpy
from chainrule.array.on_jax import jax_namespace, on_a_cpu
from chainrule.array.on_numpy import numpy_namespace
from chainrule.array.threefry import random_bits

__all__ = [
    "PRECISIONS",
    "Array",
    "Namespace",
    "as_dtype",
    "as_precision",
    "bfloat16",
    "bool_",
    "complex64",
    "complex128",
    "current_precision",
    "default_dtypes",
    "float32",
    "float64",
    "import_jax",
    "int8",
    "int16",
    "int32",
    "int64",
    "is_floating",
    "jax_namespace",
    "numpy_namespace",
    "on_a_cpu",
    "own_copy",
    "precision",
    "promote",
    "random_bits",
    "resolve",
    "to_numpy",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
]
