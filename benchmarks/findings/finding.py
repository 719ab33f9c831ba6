"""What a finding is: two ways of one computation, as functions to time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

FUSION, PASSES = "xla_cpu_experimental_ynn_fusion_type", "xla_disable_hlo_passes"

Go = Callable[[], Any]


@dataclass(frozen=True)
class Finding:
    """Two ways of one computation.

    Attributes:
        kind: "used" where chainrule does it the second way, "vain" where that was tried and did not help, "bound" where
            PyTorch's way is beside the best that XLA offers.
    """

    title: str
    plain: str
    other: str
    make: Callable[[], tuple[Go, Go]]
    kind: str = "used"


def normal(*shape: int) -> Any:
    import jax

    return jax.numpy.asarray(np.random.default_rng(0).normal(size=shape), dtype=np.float32)


def program(f: Callable[..., Any], *arrays: Any, options: dict[str, Any] | None = None) -> Go:
    import jax

    compiled = jax.jit(f).lower(*arrays).compile(options or {})
    return lambda: jax.block_until_ready(compiled(*arrays))


def laid_out(x: Any) -> Any:
    from jax.experimental import layout

    return layout.with_layout_constraint(x, layout.Layout(tuple(range(x.ndim))))
