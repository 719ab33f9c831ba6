"""A function as one from float64 vectors to float64 vectors, with differences and gradients of it.

This is the ground that `gradcheck` stands on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from chainrule.array import is_floating
from chainrule.errors import GradcheckError
from chainrule.graph.backward import gradients
from chainrule.graph.context import enable_grad, no_grad
from chainrule.graph.sparse import RowSparse
from chainrule.graph.tensor import Tensor, Variable, wrap

__all__ = ["Differentiable", "floating_outputs", "in_float64"]


def floating_outputs(result: Any) -> list[Tensor]:
    """The floating Tensors in whatever a function returned: one, a tuple, a list, a dict, nested."""
    if isinstance(result, Tensor):
        return [result] if is_floating(result.dtype) else []
    if isinstance(result, dict):
        return [y for part in result.values() for y in floating_outputs(part)]
    if isinstance(result, tuple | list):
        return [y for part in result for y in floating_outputs(part)]
    return []


@contextmanager
def in_float64(variables: Sequence[Variable]) -> Iterator[None]:
    """Within it the Variables hold their values in float64; afterwards exactly what they held before."""
    held = [v._value for v in variables]
    try:
        for v in variables:
            v._value = np.array(v.numpy(), np.float64)
        yield
    finally:
        for v, value in zip(variables, held, strict=True):
            v._value = value


class Differentiable:
    """A function of leaves, each a Tensor made afresh or a Variable; its values and gradients are flat float64 vectors.

    Arguments:
        run: from the leaves to the outputs; the flag says whether the result must be differentiable.
        start: the float64 value of each leaf.
        variables: for each leaf the Variable that it is, or None for a Tensor.
        names: how messages call the leaves.
    """

    def __init__(
        self,
        run: Callable[[list[Tensor], bool], list[Tensor]],
        start: list[np.ndarray],
        variables: list[Variable | None],
        names: list[str],
    ) -> None:
        self.run = run
        self.start = start
        self.variables = variables
        self.names = names
        self.sizes = [a.size for a in start]
        self.offsets = np.concatenate([[0], np.cumsum(self.sizes)]).astype(int)
        self.forward_passes = 0
        self.backward_passes = 0

    def leaves(self, values: np.ndarray, marked: bool) -> list[Tensor]:
        """The leaves with these values; a Variable is itself, with its value replaced."""
        made: list[Tensor] = []
        for i, (start, variable) in enumerate(zip(self.start, self.variables, strict=True)):
            value = values[self.offsets[i] : self.offsets[i + 1]].reshape(start.shape)
            if variable is None:
                made.append(wrap(value, requires_grad=marked))
            else:
                variable._value = value
                made.append(variable)
        return made

    @property
    def vector(self) -> np.ndarray:
        """The starting values of all leaves, one after the other."""
        return np.concatenate([a.ravel() for a in self.start]) if self.start else np.zeros(0)

    def value(self, values: np.ndarray) -> np.ndarray:
        """The outputs, one after the other."""
        self.forward_passes += 1
        with no_grad():
            outputs = self.run(self.leaves(values, False), False)
        return _flat(outputs)

    def record(self) -> tuple[list[Tensor], list[Tensor]]:
        """Leaves and outputs at the start, with the graph between them."""
        self.forward_passes += 1
        with enable_grad():
            leaves = self.leaves(self.vector, True)
            return leaves, self.run(leaves, True)

    def pullback(self, leaves: list[Tensor], outputs: list[Tensor], cotangent: np.ndarray) -> np.ndarray:
        """The gradient of cotangent · outputs by all leaves, by backpropagation."""
        self.backward_passes += 1
        chosen, seeds, position = [], [], 0
        for y in outputs:
            seed = cotangent[position : position + y.size].reshape(y.shape)
            position += y.size
            if y.requires_grad and seed.any():
                chosen.append(y)
                seeds.append(seed)
        if not chosen:
            return np.zeros(self.offsets[-1])
        pairs = gradients(chosen, seeds, wanted=leaves, retain_graph=True)
        parts = [np.zeros(x.size) if g is None else np.asarray(dense(g).numpy(), np.float64).ravel() for x, g in pairs]
        return np.concatenate(parts)

    def difference(
        self, at: np.ndarray, entries: np.ndarray, signs: np.ndarray, step: float
    ) -> tuple[np.ndarray, np.ndarray, float]:
        """Central difference of the outputs when all given entries move together.

        Returns:
            The change of the outputs divided by the width; how far each entry moved divided by it; the width.
        """
        reach = step * np.maximum(1.0, np.abs(at[entries])) * signs
        up, down = at.copy(), at.copy()
        up[entries] += reach
        down[entries] -= reach
        moved = up[entries] - down[entries]  # what the rounding of the sums left of 2·reach
        width = float(np.mean(np.abs(moved)))
        return (self.value(up) - self.value(down)) / width, moved / width, width

    def place(self, entry: int) -> tuple[int, tuple[int, ...]]:
        """Which leaf an entry of the long vector belongs to, and its index there."""
        return place(self.start, entry)

    def gradient_function(self, seeds: list[np.ndarray]) -> Differentiable:
        """The gradient, as a function of the leaves and of the outputs' own gradients, which start at the seeds."""
        count = len(self.start)

        def run(leaves: list[Tensor], recorded: bool) -> list[Tensor]:
            xs, us = leaves[:count], leaves[count:]
            with enable_grad():
                for x in xs:
                    if not isinstance(x, Variable):
                        x.requires_grad = True
                outputs = self.run(xs, True)
            chosen = [(y, u) for y, u in zip(outputs, us, strict=True) if y.requires_grad]
            if not chosen:
                return [wrap(np.zeros(x.shape)) for x in xs]
            pairs = gradients([y for y, _ in chosen], [u for _, u in chosen], wanted=xs, create_graph=recorded)
            return [wrap(np.zeros(x.shape)) if g is None else dense(g) for x, g in pairs]

        names = [*self.names, *(f"the gradient of output {i}" for i in range(len(seeds)))]
        return Differentiable(run, [*self.start, *seeds], [*self.variables, *([None] * len(seeds))], names)


def dense(g: Tensor | RowSparse) -> Tensor:
    """A gradient as a Tensor."""
    return g.dense() if isinstance(g, RowSparse) else g


def place(arrays: Sequence[Any], entry: int) -> tuple[int, tuple[int, ...]]:
    """Which array an entry of all of them laid end to end belongs to, and its index there."""
    for i, array in enumerate(arrays):
        if entry < array.size:
            return i, tuple(int(k) for k in np.unravel_index(entry, array.shape))
        entry -= array.size
    raise IndexError(entry)


def _flat(outputs: list[Tensor]) -> np.ndarray:
    for y in outputs:
        if y.dtype != np.float64:
            raise GradcheckError(
                f"The function was given float64 and returned {y.dtype}: inside, digits get lost that matter here.",
                fix="remove the astype that narrows, or list the Variables it uses in wrt=, to make them float64 too",
            )
    return np.concatenate([np.asarray(y.numpy()).ravel() for y in outputs]) if outputs else np.zeros(0)
