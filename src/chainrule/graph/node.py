"""Node: one executed operation in the computation graph."""

from __future__ import annotations

import itertools
import sys
import weakref
from types import CodeType
from typing import TYPE_CHECKING, Any

from chainrule.graph.context import SCOPE

if TYPE_CHECKING:
    from chainrule.graph.op import Op
    from chainrule.graph.tensor import Tensor

__all__ = ["Node", "source_of_caller"]

_order = itertools.count()
_PACKAGE = "chainrule"
_INSIDE: dict[str, bool] = {}
"""Whether a module's name is one of chainrule's; every recorded operation asks for those of a few frames."""


def _calling_code(depth: int = 2) -> tuple[CodeType, int] | None:
    """The innermost frame outside the package, as code and instruction; the line is worked out only when asked for.

    The search begins at a depth within the package, as the frames it passes over are what it costs.
    """
    frame = sys._getframe(depth)
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        inside = _INSIDE.get(name)
        if inside is None:
            inside = _INSIDE[name] = name == _PACKAGE or name.startswith(_PACKAGE + ".")
        if not inside:
            return frame.f_code, frame.f_lasti
        frame = frame.f_back
    return None


def _describe(place: tuple[CodeType, int] | None) -> str:
    if place is None:
        return "unknown"
    code, instruction = place
    line = code.co_firstlineno
    for start, end, number in code.co_lines():
        if number is not None and start <= instruction < end:
            line = number
            break
    file = code.co_filename.replace("\\", "/").rsplit("/", 1)[-1]
    return f"{file}:{line}" if code.co_name == "<module>" else f"{file}:{line} in {code.co_name}"


def source_of_caller() -> str:
    """The line outside of chainrule that led here, such as `"model.py:12 in forward"`."""
    return _describe(_calling_code())


class Node:
    """One executed operation: what went in, what came out, and how a gradient goes back.

    Attributes:
        op: the operation's record.
        inputs: what it was called with: Tensors, and Python scalars or None where those were given.
        attributes: its keyword arguments, defaults filled in.
        saved: what the forward kept for the backward rule beyond inputs and output, or None.
        needs: for each input, whether a gradient is to reach it.
        order: a number that grows with creation; an input's node always has a smaller one.
    """

    __slots__ = (
        "_arrays",
        "_output",
        "_place",
        "_results",
        "_scope",
        "attributes",
        "inputs",
        "needs",
        "op",
        "order",
        "saved",
    )

    def __init__(
        self,
        op: Op,
        inputs: tuple[Any, ...],
        arrays: list[Any],
        attributes: dict[str, Any],
        needs: tuple[bool, ...],
        results: tuple[Any, ...],
        saved: Any,
    ) -> None:
        self.op = op
        self.inputs = inputs
        self.attributes = attributes
        self.needs = needs
        self.saved = saved
        self.order = next(_order)
        self._arrays: list[Any] | None = arrays
        self._results: tuple[Any, ...] | None = results
        self._output: tuple[weakref.ref[Tensor], ...] = ()
        self._place = _calling_code(3)  # beyond this, Op._record and Op.__call__
        self._scope = SCOPE.get()

    @property
    def output(self) -> Any:
        """The Tensor it made (a tuple for an operation with several), held weakly: None once nobody else keeps it."""
        tensors = tuple(ref() for ref in self._output)
        return tensors[0] if len(tensors) == 1 else tensors

    @property
    def backward(self) -> Any:
        """The backward rule: `rule(node, g)` gives the gradient of each input from g, the gradient of the output."""
        return self.op.backward

    @property
    def source(self) -> str:
        """The user's line that made it, such as `"model.py:12 in forward"`."""
        return _describe(self._place)

    @property
    def scope(self) -> str:
        """The path of the layer it was made in, such as `"encoder.0.attention"`; empty outside of layers."""
        return ".".join(self._scope)

    @property
    def freed(self) -> bool:
        """Whether a backward pass has released the values that the rule needs."""
        return self._arrays is None

    def free(self) -> None:
        """Releases the values kept for the backward rule.

        The inputs that a gradient stops at stay as they are; the others keep shape, dtype and node to be looked at, and
        let go of their values, so that a loss that is kept does not keep all activations of its step.
        """
        self._arrays = self._results = self.saved = None
        self.inputs = tuple([x._released() if hasattr(x, "_released") else x for x in self.inputs])

    def __repr__(self) -> str:
        shapes = ", ".join(str(getattr(x, "shape", x)) for x in self.inputs)
        return f"Node({self.op.name}: {shapes} at {self.source})"
