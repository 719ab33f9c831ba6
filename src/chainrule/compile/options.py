"""XLA's options for a program, chosen by the operations in it."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import Any

from chainrule.array import on_a_cpu
from chainrule.array.onednn import CALL

__all__ = ["can_be_kept", "options_for"]

_YNNPACK_FOR = "xla_cpu_experimental_ynn_fusion_type"
_SUMS, _PRODUCTS = "LIBRARY_FUSION_TYPE_REDUCE", "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT"
_WIDE = {"xla_cpu_prefer_vector_width": 512}
_WITHOUT, _BARRIERS, _THREADS = "xla_disable_hlo_passes", "cse_barrier_expander", "cpu-parallel-task-assigner"

_SMALL = 1 << 17
"""Numbers in an array that one thread is done with before a second one would have started."""

_FEW, _MANY = 1 << 12, 1 << 22
"""From and up to how many multiplications YNNPACK's products take less time than Eigen's."""

_UNFIT = "a product of fewer or more"

_ON_A_CPU: dict[str, dict[str, Any]] = {
    # Steps of the MLPs for XOR and MNIST, and of embeddings, take 1.03 to 1.18 times as long with YNNPACK's products,
    # one for the digits 0.93.
    _UNFIT: {_YNNPACK_FOR: _SUMS},
    # Eigen's convolutions take half the time of YNNPACK's, and its products nine tenths where factors have many rows.
    # YNNPACK's elementwise fusions write out every intermediate result, and repeat scalars and channel vectors to whole
    # images. The pass that is left out would remove barriers before fusion, which then computes the inputs of
    # convolutions several times.
    "convolve": {_YNNPACK_FOR: _SUMS, _WITHOUT: _BARRIERS},
    "attention": {_YNNPACK_FOR: _SUMS},
    # Without its barrier Φ(x) would be kept for the way back, which takes longer than computing it twice.
    "gelu": {_WITHOUT: _BARRIERS},
    # XLA's own loops, which the gates are computed by, use half of the registers' width unless told. The products of a
    # step are small, however large those after the loop are.
    "lstm": _WIDE | {_YNNPACK_FOR: f"{_PRODUCTS},{_SUMS}"},
    "gru": _WIDE | {_YNNPACK_FOR: f"{_PRODUCTS},{_SUMS}"},
    # At level 3 LLVM writes the loop over the columns out, number by number: a GCN on Cora takes 1.15 times as long, as
    # it does with YNNPACK.
    "sparse_product": {"xla_backend_optimization_level": 2, _YNNPACK_FOR: ""},
    # At level 3 LLVM writes the loop over a row out, number by number, and so few rows are on their way from memory at
    # once: 1024 rows of 64 take 135 µs instead of 18. The barriers keep a look-up apart from what is done with it.
    "embedding": {"xla_backend_optimization_level": 2, _WITHOUT: _BARRIERS},
    # Joined with what reads them, random bits would be computed number by number. Their 110 operations a pair take two
    # thirds of the time in registers of full width.
    "draw_bits": _WIDE | {_WITHOUT: _BARRIERS},
    # The pass would remove the barriers of nn.Checkpoint before XLA looks for what is computed twice the last time, and
    # then all is remembered: 167 MiB instead of 26 for eight transformer blocks.
    "recomputed": {_WITHOUT: _BARRIERS},
}
"""By operation; a program with several of these has the options of all."""


def options_for(ops: frozenset[str], rounds: bool, jaxpr: Any) -> dict[str, Any]:
    """The options for a program with these operations on the default device, those that this XLA knows.

    Arguments:
        rounds: whether products round their factors to bfloat16, for which only YNNPACK has fast ones.
        jaxpr: the program as JAX traced it.
    """
    if not on_a_cpu():
        return {}
    steps = list(_steps(jaxpr))
    product = _largest_product(steps)
    names = ops if not product or _FEW <= product < _MANY else ops | {_UNFIT}
    options: dict[str, Any] = {}
    for name, wanted in _ON_A_CPU.items():
        if name in names and _known(name):
            options |= wanted
    if rounds and _PRODUCTS not in options.get(_YNNPACK_FOR, _PRODUCTS):
        options[_YNNPACK_FOR] = f"{options[_YNNPACK_FOR]},{_PRODUCTS}".removeprefix(",")
    if _largest(steps) <= _SMALL:
        options[_WITHOUT] = f"{options[_WITHOUT]},{_THREADS}" if _WITHOUT in options else _THREADS
    return options


def _largest(steps: list[Any]) -> int:
    """How many numbers the largest array has that one of these operations computes.

    An array of which a part is replaced is not computed. XLA shares a loop out among threads by the bytes of its
    operands, and takes one that reads a few rows of a table for one that reads all; in a program of small arrays no
    loop is worth it.
    """
    computed = [step for step in steps if step.primitive.name not in ("scatter", "dynamic_update_slice")]
    return max((math.prod(y.aval.shape) for step in computed for y in step.outvars), default=0)


def _largest_product(steps: list[Any]) -> int:
    """How many multiplications the largest product has that XLA is to choose the way for."""
    products = [step for step in steps if step.primitive.name == "dot_general"]
    return max((_multiplications(step) for step in products), default=0)


def _multiplications(product: Any) -> int:
    (axes, _), _ = product.params["dimension_numbers"]
    left = product.invars[0].aval.shape
    return math.prod(product.outvars[0].aval.shape) * math.prod(left[axis] for axis in axes)


def can_be_kept(jaxpr: Any) -> bool:
    """Whether a JAX program can be written to the cache: not with calls of oneDNN."""
    return all(step.primitive.name != CALL for step in _steps(jaxpr))


def _steps(jaxpr: Any) -> Iterator[Any]:
    """The operations of a JAX program, those of programs within it among them."""
    from jax.extend import core

    for step in jaxpr.eqns:
        inner = list(core.jaxprs_in_params(step.params))
        if inner:
            for part in inner:
                yield from _steps(part)
        else:
            yield step


@functools.cache
def _known(name: str) -> bool:
    """Whether this version of XLA takes the options: they are experimental and may go."""
    import jax

    try:
        jax.jit(lambda x: x).lower(0).compile(_ON_A_CPU[name])
    except jax.errors.JaxRuntimeError:
        return False
    return True
