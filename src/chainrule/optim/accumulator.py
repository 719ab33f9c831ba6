"""Gradient accumulation: several micro-batches, one step, the same as one large batch."""

from __future__ import annotations

import warnings

import numpy as np

from chainrule import ops
from chainrule.errors import GradientError
from chainrule.graph import TRACE, RowSparse, Tensor, Variable, as_tensor, changed, gradients, no_grad, nodes_of, wrap
from chainrule.graph.tensor import is_tracer
from chainrule.optim.optimizer import Optimizer

__all__ = ["Accumulator"]


class Accumulator:
    """g = Σ n_k ∇L_k / Σ n_k over micro-batches k with n_k samples (or tokens) and mean loss L_k: exactly the gradient
    of the mean loss of all of them together, ragged ones too, at the memory of one.

    Arguments:
        optimizer: what takes the step.

    `add` and `step` may be compiled, apart or together; sums are kept in Variables, in at least float32. Clipping, if
    the optimizer does any, sees the gradient of the whole. Row-sparse gradients are added up as dense ones, so the
    whole table is updated, as with `lazy=False`.

    A batch normalisation normalises each micro-batch by itself, so that the step is not that of the large batch: `add`
    warns of it once.

    Raises:
        GradientError: by `add`, when the loss depends on none of the parameters; by `step`, when nothing was added.

    Warns:
        UserWarning: when the loss was computed with batch normalisation in training mode.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import losses, nn, optim
        >>> w = nn.Parameter([0.0])
        >>> accumulator = optim.Accumulator(optim.SGD([w], lr=1.0))
        >>> for part in ([1.0, 2.0, 3.0], [10.0]):
        ...     loss = accumulator.add(losses.mse(w * cr.ones(len(part)), part), weight=len(part))
        >>> round(float(accumulator.step()), 4), w.tolist()
        (28.5, [8.0])
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self._sums = [
            Variable(wrap(np.zeros(p.shape, p.dtype if p.dtype.itemsize >= 4 else np.float32)), name=f"{p.name}.sum")
            for p in optimizer.parameters
        ]
        self.weight = Variable(wrap(np.zeros(())), name="weight of micro-batches")
        self._loss = Variable(wrap(np.zeros(())), name="loss of micro-batches")
        self._reached = (False,) * len(self._sums)
        self._warned = False

    def add(self, loss: Tensor, weight: float | Tensor = 1.0) -> Tensor:
        """Adds the gradients of a micro-batch, weight times.

        Arguments:
            loss: the mean over the samples of the micro-batch, a single number.
            weight: how many samples (or tokens, or the sum of their weights) it is the mean of: a number or a Tensor.

        Returns:
            the loss.
        """
        parameters = self.optimizer.parameters
        wanted = [p for p in parameters if p.requires_grad]
        self._warn_of_batch_norm(loss)
        found = {id(p): g for p, g in gradients([loss], [None], wanted=wanted)}
        reached = tuple(found.get(id(p)) is not None for p in parameters)
        if not any(reached):
            raise GradientError(
                f"The loss of a micro-batch depends on none of the {len(parameters)} parameters.",
                fix="a loss that is computed from them, outside of cr.no_grad(), unfrozen",
            )
        # A parameter that no loss reaches gets no gradient of zeros, which would be another step.
        union = tuple(a or b for a, b in zip(reached, self._reached, strict=True))
        if union != self._reached:
            self._reached = union
            changed()
        share = ops.astype(as_tensor(weight), "float64")
        with no_grad():
            for p, total in zip(parameters, self._sums, strict=True):
                g = found.get(id(p))
                if g is not None:
                    dense = g.dense() if isinstance(g, RowSparse) else g
                    total.assign(total + ops.astype(share, total.dtype) * ops.astype(dense.detach(), total.dtype))
            self.weight.assign(self.weight + share)
            self._loss.assign(self._loss + share * ops.astype(loss.detach(), "float64"))
        return loss

    def step(self) -> Tensor:
        """One step of the optimizer by the mean gradient; afterwards nothing is left of the micro-batches.

        Returns:
            the mean loss of all samples, float64.
        """
        trace = TRACE.get()
        if trace is not None:
            trace.guard(self, "_reached", self._reached)
        with no_grad():
            total = self.weight.detach()
            if not is_tracer(total._data) and float(total) == 0.0:
                raise GradientError("No micro-batch was added before the step.", fix="accumulator.add(loss, len(x))")
            total = ops.where(total == 0, 1.0, total)
            mean = [
                ops.astype(s / ops.astype(total, s.dtype), p.dtype) if reached and p.requires_grad else None
                for s, p, reached in zip(self._sums, self.optimizer.parameters, self._reached, strict=True)
            ]
            loss = self._loss / total
            self.optimizer.update(mean)
            for variable in (*self._sums, self.weight, self._loss):
                variable.assign(ops.zeros_like(variable))
        return loss

    def _warn_of_batch_norm(self, loss: Tensor) -> None:
        if self._warned:
            return
        if any(node.op.name == "batch_norm" for node in nodes_of([loss])):
            self._warned = True
            warnings.warn(
                "Gradients of micro-batches are accumulated through batch normalisation, which normalises each of them "
                "by itself: the step is not that of one large batch. Layer or group normalisation would not mind.",
                UserWarning,
                stacklevel=3,
            )
