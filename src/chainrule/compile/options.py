"""XLA's options for a program, chosen by the operations in it."""

from __future__ import annotations

import functools
from typing import Any

from chainrule.array import on_a_cpu

__all__ = ["options_for"]

_YNNPACK_FOR = "xla_cpu_experimental_ynn_fusion_type"
_SUMS, _PRODUCTS = "LIBRARY_FUSION_TYPE_REDUCE", "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT"
_WIDE = {"xla_cpu_prefer_vector_width": 512}

_ON_A_CPU: dict[str, dict[str, Any]] = {
    # Eigen's convolutions take half the time of YNNPACK's, and its products nine tenths where factors have many rows.
    # YNNPACK's elementwise fusions write out every intermediate result, and repeat scalars and channel vectors to whole
    # images. The pass that is left out would remove barriers before fusion, which then computes the inputs of
    # convolutions several times.
    "convolve": {_YNNPACK_FOR: _SUMS, "xla_disable_hlo_passes": "cse_barrier_expander"},
    "attention": {_YNNPACK_FOR: _SUMS},
    # XLA's own loops, which the gates are computed by, use half of the registers' width unless told.
    "lstm": _WIDE,
    "gru": _WIDE,
    # At level 3 LLVM writes the loop over the columns out, number by number: a GCN on Cora takes 1.15 times as long.
    "sparse_product": {"xla_backend_optimization_level": 2},
    "embedding": {"xla_backend_optimization_level": 2, "xla_disable_hlo_passes": "cse_barrier_expander"},
    # The pass would remove the barriers of nn.Checkpoint before XLA looks for what is computed twice the last time, and
    # then all is remembered: 167 MiB instead of 26 for eight transformer blocks.
    "recomputed": {"xla_disable_hlo_passes": "cse_barrier_expander"},
}
"""By operation; a program with several of these has the options of all."""


def options_for(ops: frozenset[str], rounds: bool = False) -> dict[str, Any]:
    """The options for a program with these operations on the default device, those that this XLA knows.

    Arguments:
        rounds: whether products round their factors to bfloat16, for which only YNNPACK has fast ones.
    """
    if not on_a_cpu():
        return {}
    options: dict[str, Any] = {}
    for name, wanted in _ON_A_CPU.items():
        if name in ops and _known(name):
            options |= wanted
    if rounds and _YNNPACK_FOR in options:
        options[_YNNPACK_FOR] += f",{_PRODUCTS}"
    return options


@functools.cache
def _known(name: str) -> bool:
    """Whether this version of XLA takes the options: they are experimental and may go."""
    import jax

    try:
        jax.jit(lambda x: x).lower(0).compile(_ON_A_CPU[name])
    except jax.errors.JaxRuntimeError:
        return False
    return True
