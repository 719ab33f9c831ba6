"""Evaluator: what a model answers, and how good the answers are."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.compile import compile
from chainrule.data import Dataset, Samples
from chainrule.errors import ConfigError, ShapeError
from chainrule.graph import as_tensor
from chainrule.nn import Module

__all__ = ["Evaluator", "as_samples"]

_BATCH = 512


class Evaluator:
    """A model's outputs, predictions and scores, in evaluation mode, compiled once for batches of one size.

    Arguments:
        model: any `nn.Module`; it is called with the samples' inputs.
        loss: an objective with `loss(outputs, target)` and `predict(outputs)`, such as `losses.CrossEntropy()`.
        metrics: scores of `chainrule.metrics`.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> from chainrule import losses, metrics, nn, train
        >>> judge = train.Evaluator(nn.Identity(), losses.CrossEntropy(), metrics=[metrics.Accuracy()])
        >>> judge.evaluate((np.array([[2.0, 0.0], [0.0, 1.0]]), np.array([0, 0])))["accuracy"]
        0.5
    """

    def __init__(self, model: Module, loss: Any, *, metrics: Sequence[Any] = ()) -> None:
        self.model = model
        self.loss = loss
        self.metrics = list(metrics)
        self._forward = compile(self._one_forward)

    def _one_forward(self, *inputs: Any) -> Any:
        return self.model(*inputs)

    def outputs(self, inputs: Any) -> np.ndarray:
        """The model's raw outputs (logits, say) for many samples, in evaluation mode.

        Arguments:
            inputs: an array, a tuple of arrays with a common leading axis, or `data.Samples`.
        """
        return np.concatenate([outputs for outputs, _ in self._evaluated(_inputs(inputs))])

    def _evaluated(self, samples: Samples) -> Iterator[tuple[np.ndarray, Any]]:
        """Outputs and target of all samples in order, in batches of one size: the last one is filled up, and cut."""
        rows = samples.rows()
        was_training = self.model.training
        self.model.eval()
        try:
            for start in range(0, max(len(rows), 1), _BATCH):
                batch = rows[start : start + _BATCH]
                filled = np.resize(batch, _BATCH) if len(batch) else batch
                inputs, target = samples.select(samples.arrays, filled)
                outputs = self._forward(*inputs).numpy()
                yield outputs[: len(batch)], None if target is None else target[: len(batch)]
        finally:
            if was_training:
                self.model.train()

    def predict(self, inputs: Any) -> np.ndarray:
        """Probabilities (classification) or values (regression) for many samples, in evaluation mode."""
        return self.loss.predict(self.outputs(inputs))

    def evaluate(self, dataset: Any, *, class_weights: Any = None) -> dict[str, float]:
        """Loss and metrics on a dataset, in evaluation mode; the metrics of a regression are in the target's own
        unit, and a language model has its perplexity e^loss.

        Arguments:
            dataset: `data.Samples`, or a pair of arrays (inputs, target).
            class_weights: (C,): how much rows of each class count in the loss, a mean over the sum of their weights.
        """
        samples = as_samples(dataset, "evaluation")
        if len(samples) == 0:
            raise ShapeError("There is no sample to evaluate on.")
        if samples.task == "language":  # whose outputs are too many to keep
            losses, counts = [], []
            for outputs, target in self._evaluated(samples):
                losses.append(float(self.loss(as_tensor(outputs), as_tensor(target))))
                counts.append(len(outputs))
            loss = float(np.average(losses, weights=counts))
            return {"loss": loss, "perplexity": math.exp(min(loss, 700.0))}
        parts = list(self._evaluated(samples))
        outputs, target = np.concatenate([o for o, _ in parts]), np.concatenate([t for _, t in parts])
        if class_weights is None:
            loss = float(self.loss(as_tensor(outputs), as_tensor(target)))
        else:
            weights = np.asarray(class_weights)[target]
            loss = float(self._weighted_loss(as_tensor(outputs), as_tensor(target), weights))
        return {"loss": loss, **(self._scores(self.loss.predict(outputs), target, samples) if self.metrics else {})}

    def _weighted_loss(self, outputs: Any, target: Any, weights: Any) -> Any:
        """The loss with a weight (N,) for each row."""
        takes = inspect.signature(self.loss).parameters
        if "weights" not in takes and not any(p.kind is p.VAR_KEYWORD for p in takes.values()):
            raise ConfigError(
                f"The loss, {_name(self.loss)}, takes no weights, by which classes are to count the same.",
                fix="let it take weights=None and, where they are given, (N,), return (weights * rows).sum() / "
                "weights.sum(), as the losses of chainrule do",
            )
        return self.loss(outputs, target, weights=weights)

    def _scores(self, prediction: np.ndarray, target: np.ndarray, dataset: Samples) -> dict[str, float]:
        """Every metric; those of a regression in the target's own unit."""
        if dataset.task == "regression":
            prediction, target = dataset.restore(prediction), dataset.restore(target)
        return {metric.name: float(metric(prediction, target)) for metric in self.metrics}


def _name(loss: Any) -> str:
    return getattr(loss, "__qualname__", type(loss).__qualname__)


def as_samples(value: Any, role: str) -> Samples:
    """Data as a training takes them: samples of any kind as they are, a pair of arrays as a Dataset."""
    if isinstance(value, Samples):
        return value
    if isinstance(value, tuple) and len(value) == 2:
        inputs, target = value
        return Dataset(inputs if isinstance(inputs, tuple) else (np.asarray(inputs),), np.asarray(target))
    raise ConfigError(
        f"The {role} data must be a data.Dataset or a pair (inputs, target), got {type(value).__name__}.",
        fix="prepared = data.prepare(frame, target='…') makes Datasets of a table: prepared.train, prepared.validation",
    )


def _inputs(value: Any) -> Samples:
    if isinstance(value, Samples):
        return value
    return _Inputs(value if isinstance(value, tuple) else (np.asarray(value),))


class _Inputs(Samples):
    """Arrays without a target, taken as they are."""

    def __init__(self, arrays: tuple[np.ndarray, ...]) -> None:
        self._arrays = arrays

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        return self._arrays

    def __len__(self) -> int:
        return len(self._arrays[0])

    def select(self, arrays: Any, rows: Any) -> tuple[tuple[Any, ...], Any]:
        return tuple(x[rows] for x in arrays), None
