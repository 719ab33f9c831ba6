"""The public functions of the ops floor by name, so that Tensor's operators reach them without importing upwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["FUNCTIONS"]

FUNCTIONS: dict[str, Callable[..., Any]] = {}
