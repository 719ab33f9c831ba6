"""Every error class: what arrived, what was expected, where, and how to fix it.

All of them derive from `ChainruleError`, and each also from the built-in exception that Python habits expect (a wrong
shape is a `ValueError`, a wrong dtype a `TypeError`), so both `except cr.errors.ShapeError` and `except ValueError`
work.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = [
    "ChainruleError",
    "CheckpointError",
    "CompileError",
    "ConfigError",
    "DataError",
    "DtypeError",
    "GradcheckError",
    "GradientError",
    "LabelError",
    "LeakedTracerError",
    "NonFiniteError",
    "OpError",
    "OutOfBoundsError",
    "RunError",
    "ShapeError",
    "TracedValueError",
    "suggest",
]


class ChainruleError(Exception):
    """The root of all errors that chainrule raises on purpose.

    Arguments:
        message: what arrived and what was expected.
        where: the place it concerns: a source line, a file and row, a layer's path in the model.
        fix: what to do about it, as an instruction or corrected code.
    """

    def __init__(self, message: str, *, where: str | None = None, fix: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        lines = [self.message]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.fix:
            lines.append(f"  fix: {self.fix}")
        return "\n".join(lines)


class ShapeError(ChainruleError, ValueError):
    """Shapes that do not fit, or that would broadcast to something nobody meant.

    Fails: `losses.mse(prediction, target)` with shapes (32, 1) and (32,), which would broadcast to (32, 32).
    Fixed: `losses.mse(prediction[:, 0], target)`.
    """


class OutOfBoundsError(ShapeError, IndexError):
    """An index or an axis outside of what there is; an IndexError too, as Python habits expect.

    Fails: `cr.sum(x, axis=2)` of a matrix.
    Fixed: `cr.sum(x, axis=-1)`.
    """


class DtypeError(ChainruleError, TypeError):
    """A dtype the operation has no meaning for, such as a gradient of integers.

    Fails: `cr.tensor([1, 2], requires_grad=True)`.
    Fixed: `cr.tensor([1.0, 2.0], requires_grad=True)`.
    """


class LabelError(ChainruleError, ValueError):
    """Labels or ids outside their range.

    Fails: `losses.cross_entropy(logits, labels)` with 10 logits and a label 10.
    Fixed: labels numbered from 0 to 9.
    """


class NonFiniteError(ChainruleError, ArithmeticError):
    """NaN or infinity where only finite numbers make sense."""


class OpError(ChainruleError, TypeError):
    """An operation that is ill defined or has no backward rule where one is needed.

    Raised when the operation is recorded, not later in `backward`.
    """


class GradientError(ChainruleError, RuntimeError):
    """`backward` or `grad` asked for something the graph cannot give.

    Fails: calling `loss.backward()` twice on the same graph.
    Fixed: `loss.backward(retain_graph=True)` the first time.
    """


class GradcheckError(ChainruleError, AssertionError):
    """A backward rule disagrees with finite differences; the message names the entry and by how much."""


class CompileError(ChainruleError, RuntimeError):
    """A function cannot become one XLA program as it is written."""


class TracedValueError(CompileError, TypeError):
    """Python asked for the value of a Tensor that has none yet, because it is being compiled.

    Fails: `if loss > 3: ...` inside a compiled function.
    Fixed: `cr.where(loss > 3, a, b)`, or the branch outside the compiled function.
    """


class LeakedTracerError(CompileError):
    """A Tensor made while compiling was kept and used after the compilation had ended.

    Fails: `self.last = hidden` inside a compiled function, `self.last + 1` outside.
    Fixed: return the value from the compiled function, or keep it in an `nn.Buffer` with `assign`.
    """


class DataError(ChainruleError, ValueError):
    """A file or table that cannot be used as it is; names the file, row and column."""


class ConfigError(ChainruleError, ValueError):
    """An option that does not exist, or a value it cannot take."""


class CheckpointError(ChainruleError, ValueError):
    """A weights file or checkpoint that is damaged, hostile, or belongs to another model."""


class RunError(ChainruleError, RuntimeError):
    """A run folder that cannot be written, read or resumed."""


def suggest(name: str, known: Iterable[object], limit: int = 3, likeness: float = 0.5) -> str:
    """The nearest of the known names, as the end of a sentence: `' Did you mean "age"?'`, or an empty string.

    Arguments:
        name: what was given.
        known: what there is.
        limit: how many to name at most.
        likeness: from 0 to 1, how alike they must be: more where what there is may be anything.
    """
    import difflib

    near = difflib.get_close_matches(name, [str(k) for k in known], n=limit, cutoff=likeness)
    return f" Did you mean {' or '.join(repr(n) for n in near)}?" if near else ""
