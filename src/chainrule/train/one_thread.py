"""NumPy in one thread, for what runs eagerly beside a training."""

from __future__ import annotations

import functools
from contextlib import AbstractContextManager
from typing import Any

__all__ = ["one_thread"]


def one_thread() -> AbstractContextManager[Any]:
    """Within it, the library that multiplies NumPy's matrices keeps to the calling thread.

    Its other threads would wait for more work for a tenth of a second after every product, running in a circle: that is
    how long the next steps of a training would have to share their processors with them.
    """
    return _libraries().limit(limits=1, user_api="blas")


@functools.cache
def _libraries() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
