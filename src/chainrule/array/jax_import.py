"""JAX, as chainrule brings it into a process."""

from __future__ import annotations

import functools
import os
import sys
from typing import Any

__all__ = ["import_jax"]

_OPTION = "jax_cpu_enable_async_dispatch"


@functools.cache
def import_jax() -> Any:
    """The module `jax`, imported when it is first needed.

    By default JAX hands a program to a thread of its own, which takes about 20 µs to wake up: more than a small network
    needs. Where nobody has imported JAX before, its programs are told to run in the thread that calls them; errors and
    times are then those of the call, as in PyTorch on a CPU. A process in which somebody has, or in which the
    environment variable `JAX_CPU_ENABLE_ASYNC_DISPATCH` is set, is left as it is.
    """
    ours = "jax" not in sys.modules and _OPTION.upper() not in os.environ
    import jax

    if ours:
        jax.config.update(_OPTION, False)
    return jax
