"""Checkpoint: a part of a model whose inside is computed again in the backward pass, to save memory."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import copy_context
from typing import Any

import numpy as np

from chainrule.errors import ConfigError
from chainrule.graph import Tensor, wrap
from chainrule.nn.module import Module
from chainrule.nn.watching import WATCHERS
from chainrule.ops.recomputation import recompute

__all__ = ["Checkpoint"]


class Checkpoint(Module):
    """y = module(x), remembering only x: what the backward pass needs from inside the module is computed again then.

    A chain of n layers keeps n results for its backward pass. Cut into √n parts of √n layers, each in a Checkpoint, it
    keeps the √n inputs of the parts and, of one part at a time, √n results: memory O(√n), for one more forward pass.
    Compiled on two cores, 64 layers of 256 units in 8 parts took 31 MiB instead of 192 and no more time; eight
    transformer blocks (128 wide, 8 × 128 tokens), each in one, took 26 MiB instead of 167 and 1.4 times as long.

    Values and gradients are those of the module alone. The second time random streams give the same numbers (dropout
    has the same mask), modes are those of the forward, and what layers note for themselves (running statistics) is left
    as it is. In `cr.compile` a barrier keeps XLA from remembering after all.

    Parameters keep the paths that they have without it, so files of weights fit with and without.

    Arguments:
        module: called with whatever this one is called with: Tensors, also in tuples, lists and dictionaries, and other
            values as they are.

    Raises:
        ConfigError: for what is not a module.
        OpError: in the forward, when the module calls `backward` itself.

    Where nothing is recorded (`cr.no_grad()`, prediction) it is the module. Where the backward pass is itself recorded,
    for higher derivatives, everything is remembered from then on.

    Differs from PyTorch: a module, not a function to call modules by (`torch.utils.checkpoint.checkpoint`); random
    states need not be saved, since they are part of the module's state.

    Source: Chen et al., "Training Deep Nets with Sublinear Memory Cost" (2016), section 4.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> block = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Dropout(0.5))
        >>> model = nn.Sequential(nn.Checkpoint(block), nn.Linear(4, 1))
        >>> model(cr.ones((2, 4))).sum().backward()
        >>> sorted(name for name, p in model.named_parameters() if p.grad is not None)
        ['0.0.bias', '0.0.weight', '1.bias', '1.weight']
    """

    module: Any  # Module, whose own attributes are asked of it

    def __init__(self, module: Module) -> None:
        super().__init__()
        if not isinstance(module, Module):
            raise ConfigError(f"Checkpoint holds a module, got {module!r}.", fix="nn.Checkpoint(nn.Sequential(…))")
        self.module = module
        self.training = module.training

    def forward(self, *inputs: Any, **options: Any) -> Any:
        tensors: list[Tensor] = []
        given = _emptied((inputs, options), tensors)
        modes = [(m, m._training) for m in self.module.modules()]
        context = copy_context()
        context.run(WATCHERS.set, ())  # who watches layers has seen them the first time
        answer: Any = None

        def part(tensors: list[Any]) -> list[Any]:
            nonlocal answer
            args, named = _filled(given, iter(tensors))
            with _modes(modes):
                result = self.module(*args, **named)
            made: list[Any] = []
            answer = _emptied(result, made)
            return made

        outputs = recompute(part, tensors, context=context)
        return _filled(answer, iter(outputs))

    def _below(self, name: str) -> str:
        return ""

    def _place(self, name: str) -> str:
        return ""

    def from_pytorch(self, entries: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return self.module.from_pytorch(entries)


@contextlib.contextmanager
def _modes(modes: list[tuple[Module, bool]]) -> Iterator[None]:
    """The modules in these modes; nothing to do unless they have changed since the forward."""
    changed = [(m, m._training) for m, mode in modes if m._training is not mode]
    try:
        for m, mode in changed:
            m.training = not mode
        yield
    finally:
        for m, mode in changed:
            m.training = mode


_PLACE = wrap(np.zeros(()))
"""Stands in a nested value where a Tensor belongs, so that the Tensor itself is not kept."""


def _emptied(value: Any, tensors: list[Tensor]) -> Any:
    """The nested value without its Tensors, which are appended to the list."""
    return _replaced(value, lambda x: tensors.append(x) or _PLACE)


def _filled(value: Any, tensors: Iterator[Tensor]) -> Any:
    return _replaced(value, lambda _: next(tensors))


def _replaced(value: Any, replace: Callable[[Tensor], Any]) -> Any:
    """The nested value with something else for each Tensor."""
    if isinstance(value, Tensor):
        return replace(value)
    if isinstance(value, list | tuple):
        items = [_replaced(v, replace) for v in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if isinstance(value, dict):
        return {key: _replaced(v, replace) for key, v in value.items()}
    return value
