"""Averages of a model's weights over training, which predict better than the last ones."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.array import is_floating
from chainrule.compile import Followed
from chainrule.errors import CheckpointError, ConfigError
from chainrule.graph import TRACE, Variable, no_grad, wrap

__all__ = ["EMA"]


class EMA(Followed):
    """w̄ ← w̄ + α(w − w̄) after every step: an average of the weights in which older ones count less and less.

    α is 1 − d, and w̄ starts at the first weights; with `corrected` it is (1 − d)/(1 − dᵗ), so that the first weights
    count for nothing (as Adam corrects its moments). With d = 1 all weights count alike, α = 1/t: stochastic weight
    averaging.

    Arguments:
        model: whose parameters are averaged.
        decay: d, from 0 to 1; about 1/(1 − d) steps count.
        corrected: whether the start is left out; always so with d = 1.
        buffers: whether floating buffers (running statistics of a batch normalisation) are averaged too. Otherwise they
            stay the model's, which are those of the latest weights: after averaging evenly, go through the training
            data once in training mode under `applied`.

    Attributes:
        count: how many updates there were, an int64 Variable.

    `update` may be called inside of a compiled step, where it costs one pass over the weights.

    Differs from PyTorch's AveragedModel: it holds weights, not a copy of the model; there the first update copies.

    Source: Polyak & Juditsky, "Acceleration of Stochastic Approximation by Averaging" (1992); Tarvainen & Valpola,
    "Mean Teachers are Better Role Models" (2017), equation 1; Izmailov et al., "Averaging Weights Leads to Wider Optima
    and Better Generalization" (2018), algorithm 1.

    Example:
        >>> from chainrule import nn, optim
        >>> model = nn.Linear(1, 1, bias=False)
        >>> average = optim.EMA(model, decay=1.0)
        >>> for value in (1.0, 2.0, 6.0):
        ...     model.weight.assign([[value]])
        ...     average.update()
        >>> with average.applied():
        ...     print(model.weight.tolist())
        [[3.0]]
        >>> model.weight.tolist()
        [[6.0]]
    """

    def __init__(self, model: Any, decay: float = 0.999, *, corrected: bool = False, buffers: bool = False) -> None:
        if not isinstance(decay, int | float) or not 0.0 <= decay <= 1.0:
            raise ConfigError(f"The decay of an average lies between 0 and 1, got {decay!r}.")
        self.decay = float(decay)
        self.corrected = corrected or decay == 1.0
        named = dict(model.named_parameters())
        if buffers:
            named |= {path: b for path, b in model.named_buffers() if is_floating(b.dtype)}
        if not named:
            raise ConfigError(f"{type(model).__name__} has no parameters to average.")
        self._sources: dict[str, Variable] = named
        self._averages = {
            path: Variable(v.detach(), name=f"average of {path}", dtype=v.dtype) for path, v in named.items()
        }
        self.count = Variable(np.int64(0), name="count of averages")

    def update(self) -> None:
        """Takes in the weights as they are now; to call after every step of the optimizer."""
        trace = TRACE.get()
        if trace is not None:
            self._tell_settings(trace)
        with no_grad():
            self.count.assign(self.count + 1)
            share: Any = 1.0 - self.decay
            if self.corrected:
                t = ops.astype(self.count, "float64")
                share = 1.0 / t if self.decay == 1.0 else share / (1.0 - self.decay**t)
            for path, source in self._sources.items():
                average = self._averages[path]
                part = share if isinstance(share, float) else ops.astype(share, average.dtype)
                average.assign(average + part * (source - average))

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Within it the model has the averages for weights; afterwards its own again."""
        held = {path: source.detach() for path, source in self._sources.items()}
        try:
            self._give(self._sources, self._averages)
            yield
        finally:
            self._give(self._sources, held)

    def copy_to(self, model: Any) -> None:
        """Gives the averages to a model of the same paths and shapes; it may be the one that is averaged.

        Raises:
            CheckpointError: when a path is missing there.
        """
        own = dict(model.named_parameters()) | dict(model.named_buffers())
        missing = [path for path in self._averages if path not in own]
        if missing:
            raise CheckpointError(
                f"{type(model).__name__} has no {', '.join(missing)}.", fix="a model built as the one that is averaged"
            )
        self._give(own, self._averages)

    @staticmethod
    def _give(to: Mapping[str, Variable], values: Mapping[str, Any]) -> None:
        for path, value in values.items():
            to[path].assign(value.detach())

    def named_variables(self) -> Iterator[tuple[str, Variable]]:
        """All state: the count, and each average under its path in the model."""
        yield "count", self.count
        yield from self._averages.items()

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of all state by name."""
        return {name: np.array(variable.numpy()) for name, variable in self.named_variables()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes over a `state_dict`; nothing is changed when anything does not fit.

        Raises:
            CheckpointError: naming what is missing, unexpected, or of another shape.
        """
        own = dict(self.named_variables())
        wrong = [f"missing: {name}" for name in own if name not in state]
        wrong += [f"unexpected: {name}" for name in state if name not in own]
        wrong += [
            f"wrong shape: {name} is {own[name].shape} here and {np.shape(state[name])} in the state"
            for name in own
            if name in state and np.shape(state[name]) != own[name].shape
        ]
        if wrong:
            raise CheckpointError(
                "The state does not fit this EMA:\n  " + "\n  ".join(wrong),
                fix="the same model and options as when it was saved",
            )
        for name, variable in own.items():
            variable.assign(wrap(np.array(state[name], dtype=variable.dtype)))

    def __repr__(self) -> str:
        return f"EMA({len(self._averages)} weights, decay={self.decay}, corrected={self.corrected})"
