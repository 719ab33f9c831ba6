"""What holds for the code being run now, not for the process: recording, and the program being traced.

Both live in context variables, so threads and coroutines do not disturb each other.
"""

from __future__ import annotations

from contextlib import ContextDecorator
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from chainrule.graph.tensor import Variable

__all__ = ["RECORDING", "SCOPE", "TRACE", "Trace", "enable_grad", "is_recording", "no_grad"]

RECORDING: ContextVar[bool] = ContextVar("chainrule_recording", default=True)

SCOPE: ContextVar[tuple[str, ...]] = ContextVar("chainrule_scope", default=())
"""The path of the layer whose forward runs now, outermost first; nodes remember it."""


class Trace(Protocol):
    """What a compilation in progress answers for: the state that the traced function reads and writes."""

    def read(self, variable: Variable) -> Any: ...
    def write(self, variable: Variable, value: Any) -> None: ...
    def read_grad(self, variable: Variable) -> Any: ...
    def write_grad(self, variable: Variable, grad: Any) -> None: ...
    def guard(self, holder: Any, attribute: str, value: Any) -> None: ...
    def refuse_new_variable(self) -> None: ...
    def used(self, op: str) -> None: ...


TRACE: ContextVar[Trace | None] = ContextVar("chainrule_trace", default=None)


class _Recording(ContextDecorator):
    """Sets whether operations are recorded, for a `with` block or a decorated function; may be nested and shared."""

    value: bool

    def __init__(self) -> None:
        self._tokens: list[Token[bool]] = []

    def __enter__(self) -> None:
        self._tokens.append(RECORDING.set(self.value))

    def __exit__(self, *exception: object) -> None:
        RECORDING.reset(self._tokens.pop())

    def _recreate_cm(self) -> _Recording:  # a decorated function gets a fresh one each call, so threads share none
        return type(self)()


class no_grad(_Recording):
    """Within it nothing is recorded: results have no node and need no gradient.

    Example:
        >>> import chainrule as cr
        >>> x = cr.tensor([1.0, 2.0], requires_grad=True)
        >>> with cr.no_grad():
        ...     y = cr.exp(x)
        >>> y.node is None
        True
    """

    value = False


class enable_grad(_Recording):
    """Within it operations are recorded again, inside a `no_grad`."""

    value = True


def is_recording() -> bool:
    """Whether operations on Tensors that require a gradient leave nodes now."""
    return RECORDING.get()
