"""The memory that a program needs between its inputs and its results, in pieces that the C library keeps."""

from __future__ import annotations

import ctypes
import functools
import math
import re
import sys
from typing import Any

from chainrule.array import on_a_cpu

__all__ = ["CALLS", "keep_freed_memory", "needs_much", "pieces"]

CALLS = 3
"""At which call of a program it is taken for one that is called often."""

_MUCH, _PIECE = 1 << 20, 30_000_000
_OPTION = "xla_multiheap_size_constraint_per_heap"
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT = 1 << 30
_ARRAYS = re.compile(r"\b([a-z]\w*)\[([\d,]+)\]")
_BITS = re.compile(r"\d+")


def needs_much(compiled: Any) -> bool:
    """Whether the system would have to find memory at every call, unless the C library keeps it."""
    return _needed(compiled) > _MUCH


def pieces(compiled: Any) -> dict[str, Any]:
    """XLA's option by which this program would take its memory in pieces; none where that would gain nothing.

    Otherwise it takes all in one, at every call. Beyond 32 MiB glibc asks the system for it and gives it back, and the
    system fills every page with zeros as it is touched: a third of the time of a step of a transformer. Smaller pieces
    glibc keeps. Such a program cannot be stored in the cache of compiled programs, so the first calls are of the plain
    one.
    """
    if _needed(compiled) <= _PIECE or _largest(compiled.as_text()) > _PIECE:
        return {}
    return {_OPTION: _PIECE} if _known() else {}


def _needed(compiled: Any) -> int:
    """The bytes a program takes between its inputs and its results, on a CPU."""
    analysis = compiled.memory_analysis() if on_a_cpu() else None
    return 0 if analysis is None else analysis.temp_size_in_bytes


def keep_freed_memory() -> None:
    """Has glibc keep up to 1 GiB of what is freed at the end of its heap, as the next call will ask for it again.

    By itself it gives back what is more than twice the largest piece it had to free: pieces that a program frees
    together are that soon, and so is one with what convolutions take beside it.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
        if mallopt is not None:
            mallopt(_M_MMAP_THRESHOLD, 1 << 25)  # the highest there is, to which it had come by itself
            mallopt(_M_TRIM_THRESHOLD, _KEPT)


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
