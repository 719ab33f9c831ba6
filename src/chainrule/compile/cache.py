"""The persistent compilation cache: programs compiled once are loaded from disk the next time."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["cache_folder", "no_cache", "persistent_cache"]

_lock = threading.RLock()


def cache_folder() -> Path:
    """Where compiled programs are kept: in `$CHAINRULE_CACHE`, or in `chainrule` in the user's cache folder.

    Each number of cores has a folder, as XLA cuts a program's loops into so many parts and JAX does not tell programs
    apart by it.
    """
    chosen = os.environ.get("CHAINRULE_CACHE")
    if chosen:
        return Path(chosen) / _cores()
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", str(Path.home())))
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")))
    return base / "chainrule" / "xla" / _cores()


def _cores() -> str:
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return f"cores-{count}"


@contextlib.contextmanager
def persistent_cache() -> Iterator[None]:
    """While it is open JAX keeps its compiled programs in our folder; afterwards its settings are as they were.

    A cache that the user has set up is used instead. Where the folder cannot be written, compiling goes on without a
    cache.
    """
    import jax

    with _lock:
        folder = cache_folder()
        settings: Any = jax.config  # which does not say what it has
        if settings.jax_compilation_cache_dir is not None or not _usable(folder):
            yield
            return
        with _settings(
            jax_compilation_cache_dir=str(folder),
            jax_persistent_cache_min_compile_time_secs=0.0,
            jax_persistent_cache_min_entry_size_bytes=-1,
        ):
            yield


@contextlib.contextmanager
def no_cache() -> Iterator[None]:
    """While it is open JAX keeps no compiled programs, for those that cannot be kept."""
    with _lock, _settings(jax_compilation_cache_dir=None):
        yield


@contextlib.contextmanager
def _settings(**values: Any) -> Iterator[None]:
    import jax
    from jax.experimental.compilation_cache import compilation_cache

    before = {name: getattr(jax.config, name) for name in values}
    try:
        for name, value in values.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()
        yield
    finally:
        for name, value in before.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()


def _usable(folder: Path) -> bool:
    if os.environ.get("CHAINRULE_CACHE") == "off":
        return False
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)
