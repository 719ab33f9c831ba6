"""The ensemble: several networks for the same task, whose predictions are averaged."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from chainrule import nn, ops
from chainrule.errors import ConfigError, suggest
from chainrule.graph import Tensor

__all__ = ["Ensemble"]

_TASKS = ("classification", "binary", "regression", "language")


class Ensemble(nn.Module):
    """Networks that vote: the mean of their probabilities, as the logits of one network.

    classification: y_c = log (1/K) Σ_k softmax(z_k)_c, so that softmax(y) is the mean probability; binary:
    y = logit of (1/K) Σ_k σ(z_k); regression: y = (1/K) Σ_k z_k. All in logarithms, so that probabilities far below the
    smallest float are averaged rightly.

    The usual losses and metrics apply, it is saved and loaded as any other model, and trains, too, though members that
    were trained apart differ more and so help each other more (`train.fit_ensemble`).

    Arguments:
        members: the networks, at least one; each takes the same inputs and gives outputs of the same shape.
        task: what the outputs are: "classification" and "language" (logits (…, C)), "binary" (one logit), "regression".

    Source: Hansen & Salamon, "Neural Network Ensembles" (1990); averaged probabilities: Lakshminarayanan, Pritzel &
    Blundell, "Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles" (2017), section 2.4.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import models, nn
        >>> model = models.Ensemble([nn.Linear(4, 3) for _ in range(5)])
        >>> x = cr.ones((2, 4))
        >>> mean = sum(cr.softmax(member(x)) for member in model.members) / 5
        >>> bool(abs(cr.softmax(model(x)) - mean).max() < 1e-6)
        True
    """

    def __init__(self, members: Iterable[nn.Module], task: str = "classification") -> None:
        super().__init__()
        if task not in _TASKS:
            raise ConfigError(
                f"There is no task {task!r} for an ensemble.{suggest(task, _TASKS)}", fix=f"one of {', '.join(_TASKS)}"
            )
        self.members = nn.ModuleList(members)
        if not len(self.members):
            raise ConfigError("An ensemble has at least one member.", fix="models.Ensemble([model, other])")
        self.task = task

    def forward(self, *inputs: Any) -> Tensor:
        return self._together([member(*inputs) for member in self.members])

    def _together(self, answers: list[Tensor]) -> Tensor:
        outputs = ops.stack(answers)
        if self.task == "regression":
            return outputs.mean(axis=0)
        if self.task == "binary":
            # log σ(z) = −softplus(−z); the factor 1/K of both means cancels
            return ops.logsumexp(-ops.softplus(-outputs), axis=0) - ops.logsumexp(-ops.softplus(outputs), axis=0)
        return ops.logsumexp(ops.log_softmax(outputs), axis=0) - math.log(len(self.members))

    # -- of language models: what `generate` asks for

    @property
    def vocabulary(self) -> int:
        """Of the members."""
        return self._first.vocabulary

    @property
    def context(self) -> int | None:
        """Of the members; None where they have no longest sequence."""
        return getattr(self._first, "context", None)

    @property
    def _first(self) -> Any:
        return self.members[0]

    def start(self, batch: int) -> list[Any]:
        """A cache for each member."""
        members: Any = self.members
        return [member.start(batch) for member in members]

    def next(self, tokens: Any, caches: list[Any]) -> tuple[Tensor, list[Any]]:
        """The scores of the next token, by all members, and their new caches."""
        members: Any = self.members
        answers = [member.next(tokens, cache) for member, cache in zip(members, caches, strict=True)]
        return self._together([logits for logits, _ in answers]), [cache for _, cache in answers]

    def extra_repr(self) -> str:
        return self.task
