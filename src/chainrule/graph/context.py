"""What holds for the code being run now, not for the process: recording, and the program being traced.

Both live in context variables, so threads and coroutines do not disturb each other.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from chainrule.errors import ConfigError

if TYPE_CHECKING:
    from chainrule.graph.tensor import Variable

__all__ = ["RECORDING", "SCOPE", "TRACE", "Trace", "enable_grad", "is_recording", "no_grad"]

RECORDING: ContextVar[bool] = ContextVar("chainrule_recording", default=True)

QUIET: ContextVar[bool] = ContextVar("chainrule_quiet", default=False)
"""Whether NumPy's floating-point warnings are off already, as in a backward pass; turning them off takes 1 µs."""

SCOPE: ContextVar[tuple[str, ...]] = ContextVar("chainrule_scope", default=())
"""The path of the layer whose forward runs now, outermost first; nodes remember it."""


class Trace(Protocol):
    """What a compilation in progress answers for: the state that the traced function reads and writes."""

    def read(self, variable: Variable) -> Any: ...
    def write(self, variable: Variable, value: Any) -> None: ...
    def read_grad(self, variable: Variable) -> Any: ...
    def write_grad(self, variable: Variable, grad: Any) -> None: ...
    def leaf_grad(self, tensor: Any) -> None: ...
    def guard(self, holder: Any, attribute: str, value: Any) -> None: ...
    def refuse_new_variable(self) -> None: ...
    def used(self, op: str) -> None: ...


TRACE: ContextVar[Trace | None] = ContextVar("chainrule_trace", default=None)


_OUTSIDE: ContextVar[tuple[bool, ...]] = ContextVar("chainrule_recording_outside", default=())
"""What RECORDING was outside of the blocks being run, outermost first."""

F = TypeVar("F", bound=Callable[..., Any])


class _Recording:
    """Sets whether operations are recorded, for a `with` block or a decorated function.

    One object may be nested and shared by threads and coroutines: what was outside is kept in a context variable.
    """

    value: bool

    def __enter__(self) -> None:
        _OUTSIDE.set((*_OUTSIDE.get(), RECORDING.get()))
        RECORDING.set(self.value)

    def __exit__(self, *exception: object) -> None:
        *outer, before = _OUTSIDE.get()
        _OUTSIDE.set(tuple(outer))
        RECORDING.set(before)

    def __call__(self, function: F) -> F:
        """The function, run within such a block; a coroutine function while it runs, not while it is called."""
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise ConfigError(
                f"{type(self).__name__} cannot decorate the generator {function.__qualname__}: "
                "its body runs in pieces, between which the caller would be affected.",
                fix=f"with cr.{type(self).__name__}(): inside of it, around what computes",
            )

        @functools.wraps(function)
        async def awaited(*args: Any, **options: Any) -> Any:
            with self:
                return await function(*args, **options)

        @functools.wraps(function)
        def called(*args: Any, **options: Any) -> Any:
            with self:
                return function(*args, **options)

        return cast(F, awaited if inspect.iscoroutinefunction(function) else called)


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
