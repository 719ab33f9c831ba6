"""Residual: a skip connection around modules."""

from __future__ import annotations

from chainrule.errors import ShapeError
from chainrule.graph import Tensor
from chainrule.nn.containers import Sequential
from chainrule.nn.module import Module

__all__ = ["Residual"]


class Residual(Module):
    """y = x + F(x): the modules learn the difference, and the gradient passes unhindered around them.

    Arguments:
        modules: F, one after the other.
        shortcut: what x passes on its way around, where F changes the shape; nothing by default.

    Raises:
        ShapeError: when F(x) and the shortcut have different shapes; both are named.

    Source: He et al., "Deep Residual Learning for Image Recognition" (2015), equations 1 and 2.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> block = nn.Residual(nn.Linear(4, 4), nn.ReLU())
        >>> block(cr.ones((2, 4))).shape
        (2, 4)
    """

    def __init__(self, *modules: Module, shortcut: Module | None = None) -> None:
        super().__init__()
        self.inner = Sequential(*modules)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        inner = self.inner(x)
        around = x if self.shortcut is None else self.shortcut(x)
        if inner.shape != around.shape:
            raise ShapeError(
                f"{self.label()} got {x.shape}: its modules made {inner.shape} of it and the way around "
                f"{around.shape}; "
                "they are added, so they must be the same.",
                fix=f"modules that keep the shape, or Residual(..., shortcut=nn.Linear({x.shape[-1]}, "
                f"{inner.shape[-1]}))",
            )
        return around + inner
