"""Bias and variance: how much of an error is what a method cannot say, and how much is the luck of its rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.errors import ConfigError, ShapeError, suggest

__all__ = ["BiasVariance", "bias_variance"]

_LOSSES = ("squared", "zero-one")


@dataclass
class BiasVariance:
    """An error in its parts, each the mean over the test rows.

    squared: bias is (mean prediction − truth)², and in expectation error = bias + variance + noise. zero-one: bias is
    the share of rows where the main prediction, the most frequent one, is wrong, and without noise
    error = bias + net variance. Both hold exactly where no truth was given.

    Attributes:
        error: the mean loss against the test target, over all trainings.
        bias: without a known truth it holds the noise, too. An estimate; it may come out slightly below 0.
        variance: squared: of the predictions; zero-one: the share of predictions that differ from the main one.
        noise: of the target around the truth; 0 where the truth is not known.
        net_variance: what variance adds to the error: for squared all of it. A vote that is wrong by majority may be
            right by luck, so for zero-one it is less, or even below 0.
        main: (N,) the mean or the most frequent prediction of each test row.
    """

    error: float
    bias: float
    variance: float
    noise: float
    net_variance: float
    main: np.ndarray

    def __str__(self) -> str:
        return (
            f"error {self.error:.4g} = bias {self.bias:.4g} + variance {self.net_variance:.4g} + noise {self.noise:.4g}"
        )


def bias_variance(
    fit: Callable[[Any, Any], Callable[[Any], Any]],
    train: tuple[Any, Any] | Callable[[np.random.Generator], tuple[Any, Any]],
    test: tuple[Any, Any],
    *,
    resamples: int = 20,
    size: int | None = None,
    truth: Any = None,
    loss: str = "squared",
    seed: int = 0,
) -> BiasVariance:
    """Trains the same method on many training sets and splits its error into bias, variance and noise.

    squared, for a row with truth t and predictions f₁ … f_R of mean f̄: variance Σ (f_r − f̄)² / (R − 1); bias
    (f̄ − t)² − variance / R, where the last term takes off what is chance in f̄. zero-one, with main prediction m the
    mode of f₁ … f_R: bias [m ≠ t], variance the share of f_r ≠ m; where m = t variance adds to the error, where m ≠ t
    it takes off the share of f_r = t.

    Arguments:
        fit: trains on (x, y) and returns a function from x to predictions, such as `trainer.predict`: (N,) numbers or
            labels; (N, C) probabilities, or for zero-one (N,) floating ones, become labels.
        train: arrays (x, y), from which training sets are drawn; or a function `draw(rng) -> (x, y)` that makes a new
            one, for data of known origin.
        test: (x, y), rows to measure on that no training sees.
        resamples: R, how many trainings, at least 2.
        size: rows of each training set, drawn without replacement; None draws a bootstrap sample, whose repeated rows
            make the method look a little worse and more variable than it is.
        truth: (N,) what the test target would be without noise: the expectation, or the most probable label.
        loss: "squared" or "zero-one".
        seed: of the drawing.

    Raises:
        ConfigError: for a loss that does not exist, a size or a number of resamples that cannot be; ShapeError: for
            predictions of another shape than the target.

    Source: Geman, Bienenstock & Doursat, "Neural Networks and the Bias/Variance Dilemma" (1992); zero-one: Domingos, "A
    Unified Bias-Variance Decomposition" (2000).

    Example:
        >>> import numpy as np
        >>> from chainrule import train
        >>> x = np.linspace(-1, 1, 40)
        >>> draw = lambda rng: (x, np.sin(3 * x) + 0.3 * rng.normal(size=40))
        >>> def polynomial(degree):
        ...     return lambda x, y: np.polynomial.Polynomial.fit(x, y, degree)
        >>> for degree in (1, 12):
        ...     found = train.bias_variance(polynomial(degree), draw, (x, np.sin(3 * x)), resamples=200)
        ...     print(f"degree {degree}: bias {found.bias:.2f}, variance {found.variance:.2f}")
        degree 1: bias 0.18, variance 0.00
        degree 12: bias 0.00, variance 0.03
    """
    if loss not in _LOSSES:
        raise ConfigError(f"There is no loss {loss!r} to decompose.{suggest(loss, _LOSSES)}", fix="squared or zero-one")
    if resamples < 2:
        raise ConfigError(f"Variance shows from 2 trainings up, got resamples={resamples}.")
    rng = np.random.default_rng(seed)
    draw = train if callable(train) else _drawn(np.asarray(train[0]), np.asarray(train[1]), size)
    x, y = test[0], np.asarray(test[1])
    known = y if truth is None else np.asarray(truth)
    predictions: list[np.ndarray] = []
    for _ in range(resamples):
        found = np.asarray(fit(*draw(rng))(x))
        found = _labels(found) if loss == "zero-one" else found.astype(np.float64)
        if found.shape != y.shape or known.shape != y.shape:
            raise ShapeError(
                f"The test target has the shape {y.shape}, a prediction {found.shape} and the truth {known.shape}.",
                fix="one number or label for each test row",
            )
        predictions.append(found)
    decompose = _squared if loss == "squared" else _zero_one
    return decompose(np.stack(predictions), y, known)


def _drawn(x: np.ndarray, y: np.ndarray, size: int | None) -> Callable[[np.random.Generator], tuple[Any, Any]]:
    if size is not None and not 1 <= size <= len(x):
        raise ConfigError(f"A training set has from 1 to all {len(x)} rows, got size={size}.")

    def draw(rng: np.random.Generator) -> tuple[Any, Any]:
        rows = rng.integers(0, len(x), len(x)) if size is None else rng.permutation(len(x))[:size]
        return x[rows], y[rows]

    return draw


def _labels(prediction: np.ndarray) -> np.ndarray:
    if prediction.ndim == 2:
        return prediction.argmax(axis=1)
    return (prediction >= 0.5).astype(np.int64) if prediction.dtype.kind == "f" else prediction


def _squared(f: np.ndarray, y: np.ndarray, truth: np.ndarray) -> BiasVariance:
    mean, variance = f.mean(axis=0), f.var(axis=0, ddof=1)
    bias = (mean - truth) ** 2 - variance / len(f)
    error, noise = ((f - y) ** 2).mean(), ((y - truth) ** 2).mean()
    return BiasVariance(
        float(error), float(bias.mean()), float(variance.mean()), float(noise), float(variance.mean()), mean
    )


def _zero_one(f: np.ndarray, y: np.ndarray, truth: np.ndarray) -> BiasVariance:
    labels = np.unique(f)
    main = labels[(f == labels[:, None, None]).sum(axis=1).argmax(axis=0)]
    wrong, differs = main != truth, (f != main).mean(axis=0)
    net = np.where(wrong, -(f == truth).mean(axis=0), differs)
    return BiasVariance(
        float((f != y).mean()), float(wrong.mean()), float(differs.mean()), float((y != truth).mean()),
        float(net.mean()), main,
    )  # fmt: skip
