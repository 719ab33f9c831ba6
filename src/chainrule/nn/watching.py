"""Watching layers: a function that is told what every layer was given and what it answered."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, TypeAlias

__all__ = ["WATCHERS", "Watcher", "watch"]

Watcher: TypeAlias = Callable[[str, Any, tuple[Any, ...], Any], object]
"""`watcher(path, module, inputs, outputs)`."""

WATCHERS: ContextVar[tuple[Watcher, ...]] = ContextVar("chainrule_watchers", default=())


@contextlib.contextmanager
def watch(watcher: Watcher) -> Iterator[None]:
    """While it is open, the watcher is called after the forward of every module: `watcher(path, module, inputs,
    outputs)`.

    It also works inside a compiled function, where what it computes of the outputs becomes part of the program.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
        >>> seen = []
        >>> with nn.watch(lambda path, module, inputs, outputs: seen.append((path, outputs.shape))):
        ...     y = model(cr.tensor([[1.0, 2.0]]))
        >>> seen
        [('0', (1, 3)), ('1', (1, 3)), ('', (1, 3))]
    """
    token = WATCHERS.set((*WATCHERS.get(), watcher))
    try:
        yield
    finally:
        WATCHERS.reset(token)
