"""Loss: what the classes of the objectives have in common."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import ConfigError
from chainrule.graph import Tensor
from chainrule.losses.reduce import REDUCTIONS

__all__ = ["Loss"]


class Loss:
    """An objective with its options, called as `loss(outputs, target)`.

    Attributes:
        name: how it is called in configurations and reports.
        options: the arguments that made it, to write into a configuration.
    """

    name: str = "loss"

    def __init__(self, *, reduction: str = "mean", **options: Any) -> None:
        if reduction not in REDUCTIONS:
            raise ConfigError(f"A reduction is one of {', '.join(REDUCTIONS)}, got {reduction!r}.")
        self.options: dict[str, Any] = {**options, "reduction": reduction}

    def __call__(self, outputs: Any, target: Any, *, weights: Any = None) -> Tensor:
        """The loss of a batch.

        Arguments:
            outputs: what the model made.
            target: what it should have made.
            weights: how much each row counts, such as 0 for the padding of a ragged batch; the mean is over their sum.
        """
        raise NotImplementedError

    def several(self, outputs: Any, *names: str) -> tuple[Any, ...]:
        """The outputs as the tuple that a loss of several of them needs."""
        if not isinstance(outputs, tuple | list) or len(outputs) != len(names):
            got = f"{len(outputs)} of them" if isinstance(outputs, tuple | list) else f"a {type(outputs).__name__}"
            raise ConfigError(
                f"{type(self).__name__} takes {len(names)} outputs and got {got}.", fix=f"loss(({', '.join(names)}), …)"
            )
        return tuple(outputs)

    def predict(self, outputs: np.ndarray) -> np.ndarray:
        """What the outputs of a model trained with this loss mean: probabilities, or the numbers themselves."""
        return outputs

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.options.items())})"
