"""The memory that a program needs between its inputs and its results, in pieces that the C library keeps."""

from __future__ import annotations

import functools
import math
import re
from typing import Any

from chainrule.array import on_a_cpu

__all__ = ["CALLS", "pieces"]

CALLS = 3
"""At which call a program is compiled once more, as it is called often."""

_PIECE = 30_000_000
_OPTION = "xla_multiheap_size_constraint_per_heap"
_ARRAYS = re.compile(r"\b([a-z]\w*)\[([\d,]+)\]")
_BITS = re.compile(r"\d+")


def pieces(compiled: Any) -> dict[str, Any]:
    """XLA's option by which this program would take its memory in pieces; none where that would gain nothing.

    Otherwise it takes all in one, at every call. Beyond 32 MiB glibc asks the system for it and gives it back, and the
    system fills every page with zeros as it is touched: a third of the time of a step of a transformer. Smaller pieces
    glibc keeps. Such a program cannot be stored in the cache of compiled programs, so the first calls are of the plain
    one.
    """
    analysis = compiled.memory_analysis() if on_a_cpu() else None
    if analysis is None or analysis.temp_size_in_bytes <= _PIECE or _largest(compiled.as_text()) > _PIECE:
        return {}
    return {_OPTION: _PIECE} if _known() else {}


def _largest(program: str) -> int:
    """The bytes of the largest array in a program's text."""
    found = {match.groups() for match in _ARRAYS.finditer(program)}
    return max((_bytes(kind) * math.prod(map(int, shape.split(","))) for kind, shape in found), default=0)


def _bytes(kind: str) -> int:
    bits = _BITS.search(kind)  # "f32", "bf16", "s8"; "pred" has none
    return max(int(bits.group()) // 8, 1) if bits else 1


@functools.cache
def _known() -> bool:
    """Whether this version of XLA takes the option."""
    import jax

    try:
        options: dict[str, Any] = {_OPTION: _PIECE}
        jax.jit(lambda x: x).lower(0).compile(options)
    except jax.errors.JaxRuntimeError:
        return False
    return True
