"""XLA's options for a program, chosen by the operations in it."""

from __future__ import annotations

import functools
from typing import Any

from chainrule.array import on_a_cpu

__all__ = ["options_for"]

_ON_A_CPU: dict[str, dict[str, Any]] = {
    # Eigen's convolutions take half the time of YNNPACK's. YNNPACK's elementwise fusions write out every intermediate
    # result, and repeat scalars and channel vectors to whole images. The pass that is left out would remove barriers
    # before fusion, which then computes the inputs of convolutions several times.
    "convolve": {
        "xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_DOT,LIBRARY_FUSION_TYPE_REDUCE",
        "xla_disable_hlo_passes": "cse_barrier_expander",
    },
    # The pass would remove the barriers of nn.Checkpoint before XLA looks for what is computed twice the last time, and
    # then all is remembered: 167 MiB instead of 26 for eight transformer blocks.
    "recomputed": {"xla_disable_hlo_passes": "cse_barrier_expander"},
}
"""By operation; where a program has several of these, the first decides."""


def options_for(ops: frozenset[str]) -> dict[str, Any]:
    """The options for a program with these operations on the default device; none where this XLA does not know them."""
    if not on_a_cpu():
        return {}
    for name, options in _ON_A_CPU.items():
        if name in ops:
            return options if _known(name) else {}
    return {}


@functools.cache
def _known(name: str) -> bool:
    """Whether this version of XLA takes the options: they are experimental and may go."""
    import jax

    try:
        jax.jit(lambda x: x).lower(0).compile(_ON_A_CPU[name])
    except jax.errors.JaxRuntimeError:
        return False
    return True
