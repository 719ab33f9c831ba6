"""The self-organising map of Kohonen."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule import nn, ops
from chainrule.compile import compile
from chainrule.errors import ConfigError, NonFiniteError, ShapeError
from chainrule.graph import Tensor, as_tensor, no_grad, wrap
from chainrule.graph.random import Stream, default_stream

__all__ = ["SOM"]


class SOM(nn.Module):
    """A sheet of units, each with a vector of weights, that unfolds over the data: every sample pulls the unit that is
    nearest to it, and those near that one on the sheet.

    The winner is c = argminᵢ ‖x − mᵢ‖ and its neighbourhood hᵢ = exp(−dᵢ² / 2σ²), with dᵢ the distance of unit i from c
    on the sheet. One at a time, mᵢ ← mᵢ + η·hᵢ·(x − mᵢ); in batches, mᵢ = Σₓ hᵢ(x)·x / Σₓ hᵢ(x) over all samples. σ
    and η shrink while it learns: first the sheet finds its place, then its units.

    No gradient is in it: competition is no derivative of a cost where the winner changes, and for fixed winners the
    rule descends Σₓ Σᵢ hᵢ(x)·‖x − mᵢ‖².

    Arguments:
        rows, columns: of the sheet.
        features: numbers in a sample.
        grid: "rectangular", or "hexagonal", where odd rows are shifted by half a unit and the six neighbours of a unit
            are all at distance 1.
        stream: of the first weights and of the order of samples.

    Shapes:
        x (N, features) → the winner of each sample (N,), row · columns + column. weight (rows · columns, features);
        places (rows · columns, 2) are the units on the sheet, as (x, y).

    Source: Kohonen, "Self-Organized Formation of Topologically Correct Feature Maps" (1982); "Self-Organizing Maps"
    (3rd edition, 2001), sections 3.1, 3.6 (batch) and 3.7 (initialisation).

    Example:
        >>> import numpy as np
        >>> from chainrule import models
        >>> x = np.random.default_rng(0).random((200, 2))
        >>> som = models.SOM(5, 5, 2)
        >>> som.start_from(x)
        >>> before = som.quantization_error(x)
        >>> som.fit(x, epochs=10)
        >>> som.quantization_error(x) < before
        True
    """

    def __init__(
        self, rows: int, columns: int, features: int, *, grid: str = "rectangular", stream: Stream | None = None
    ) -> None:
        super().__init__()
        for name, value in (("rows", rows), ("columns", columns), ("features", features)):
            if value < 1:
                raise ConfigError(f"{name} is a whole number of at least 1, got {value!r}.")
        if grid not in ("rectangular", "hexagonal"):
            raise ConfigError(f"grid is {grid!r}.", fix="'rectangular' or 'hexagonal'")
        self.rows, self.columns, self.features, self.grid = rows, columns, features, grid
        self.stream = Stream(int(default_stream().integers(0, 2**32))) if stream is None else stream
        self.weight = nn.Buffer(self.stream.uniform((rows * columns, features)))
        y, x = np.divmod(np.arange(rows * columns), columns)
        if grid == "hexagonal":
            x, y = x + 0.5 * (y % 2), y * math.sqrt(0.75)
        self.places = nn.Buffer(np.stack([x, y], axis=1).astype(np.float32))

    def forward(self, x: Any) -> Tensor:
        """The number of the winner of each sample."""
        return ops.argmin(_squares(self._samples(x), self.weight), axis=1)

    # -- beginning ----------------------------------------------------------------------------------------------------

    def start_from(self, x: Any, method: str = "pca") -> None:
        """First weights from the data.

        Arguments:
            x: (N, features).
            method: "pca" lays the sheet into the plane of the first two principal components, two standard deviations
                to each side; "samples" takes samples by chance.
        """
        x = self._samples(x).numpy().astype(np.float64)
        units = self.rows * self.columns
        if method == "samples":
            chosen = self.stream.integers(0, len(x), (units,)).numpy()
            weight = x[chosen]
        elif method == "pca":
            mean = x.mean(axis=0)
            _, spread, axes = np.linalg.svd(x - mean, full_matrices=False)
            found = min(2, len(axes))
            axes = axes * np.where(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)] < 0, -1.0, 1.0)[:, None]
            spread = 2.0 * spread / math.sqrt(max(len(x) - 1, 1))
            places = self.places.numpy().astype(np.float64)
            span = np.ptp(places, axis=0)
            at = (places - places.min(axis=0)) / np.where(span == 0, 1.0, span) * 2.0 - 1.0
            at = np.where(span == 0, 0.0, at)
            # the longer side of the sheet lies along the first component
            at = at if span[0] >= span[1] else at[:, ::-1]
            weight = mean + (at[:, :found] * spread[:found]) @ axes[:found]
        else:
            raise ConfigError(f"method is {method!r}.", fix="'pca' or 'samples'")
        self.weight.assign(weight.astype(np.float32))

    # -- learning -----------------------------------------------------------------------------------------------------

    def fit(
        self,
        x: Any,
        epochs: int = 20,
        *,
        mode: str = "batch",
        radius: tuple[float, float] | None = None,
        rate: tuple[float, float] = (0.5, 0.01),
        callback: Callable[[int, SOM], Any] | None = None,
    ) -> None:
        """Learns from the samples; `start_from` before it makes it faster and the same every time.

        Arguments:
            x: (N, features).
            epochs: times that all samples are seen.
            mode: "batch" moves all units once an epoch, exactly and quickly; "online" moves them after every sample, in
                another order each epoch.
            radius: σ at the beginning and at the end, between which it shrinks by the same factor at every update; half
                the longer side of the sheet, and 0.5, unless given.
            rate: η at the beginning and at the end, in the same way, of "online".
            callback: called as callback(epoch, map) after every epoch.
        """
        samples = self._samples(x).numpy().astype(np.float32)
        if epochs < 1 or mode not in ("batch", "online"):
            raise ConfigError(f"epochs is {epochs!r} and mode {mode!r}.", fix="at least 1; 'batch' or 'online'")
        first, last = radius or (max(self.rows, self.columns) / 2.0, 0.5)
        if not (first > 0 and last > 0 and 0 < rate[0] <= 1 and 0 < rate[1] <= 1):
            raise ConfigError(f"radius is {(first, last)} and rate {rate}.", fix="radius > 0, and 0 < rate ≤ 1")
        count = len(samples)
        updates = epochs if mode == "batch" else epochs * count
        for epoch in range(epochs):
            if mode == "batch":
                self._batch(samples, wrap(_between(first, last, np.asarray(epoch), updates)))
            else:
                step = epoch * count + np.arange(count)
                self._online.scan(
                    samples[self.stream.permutation(count).numpy()],
                    wrap(_between(first, last, step, updates)),
                    wrap(_between(*rate, step, updates)),
                )
            if callback is not None:
                callback(epoch, self)

    def _neighbourhood(self, winners: Tensor, radius: Tensor) -> Tensor:
        """h of every unit for each winner: (N,) → (N, units)."""
        places = ops.take(self.places, winners, axis=0)
        return ops.exp(_squares(places, self.places) * (-0.5 / ops.square(radius)))

    @compile
    def _online(self, x: Tensor, radius: Tensor, rate: Tensor) -> None:
        with no_grad():
            apart = x - self.weight
            winner = ops.argmin(ops.square(apart).sum(axis=1))
            h = self._neighbourhood(winner[None], radius)[0]
            self.weight.assign(self.weight + (rate * h)[:, None] * apart)

    @compile
    def _batch(self, x: Tensor, radius: Tensor) -> None:
        with no_grad():
            h = self._neighbourhood(ops.argmin(_squares(x, self.weight), axis=1), radius)
            total = h.sum(axis=0)[:, None]
            # a unit so far from all winners that every h is 0 in float32 stays where it is
            mean = (h.mT @ x) / ops.where(total > 0, total, 1.0)
            self.weight.assign(ops.where(total > 0, mean, self.weight))

    # -- how good it is -----------------------------------------------------------------------------------------------

    def quantization_error(self, x: Any) -> float:
        """The mean distance of the samples from their winners."""
        x = self._samples(x)
        nearest = ops.take(self.weight, self(x), axis=0).numpy().astype(np.float64)
        return float(np.linalg.norm(x.numpy() - nearest, axis=1).mean())

    def topographic_error(self, x: Any) -> float:
        """The share of the samples whose two nearest units are no neighbours on the sheet: where it is torn.

        On the rectangular grid the eight units around one are its neighbours, on the hexagonal one six.
        """
        distances = _squares(self._samples(x), self.weight).numpy()
        if distances.shape[1] < 2:
            return 0.0
        best = np.argsort(distances, axis=1, kind="stable")[:, :2]
        return float(np.mean(~self._adjacent()[best[:, 0], best[:, 1]]))

    def u_matrix(self) -> np.ndarray:
        """The mean distance of every unit's weights from those of its neighbours, (rows, columns): valleys are
        clusters, ridges the borders between them (Ultsch & Siemon 1990).
        """
        weight = self.weight.numpy().astype(np.float64)
        apart = np.sqrt(np.maximum(_squares_in_numpy(weight, weight), 0.0))
        near = self._adjacent()
        total = near.sum(axis=1)
        return ((apart * near).sum(axis=1) / np.maximum(total, 1)).reshape(self.rows, self.columns)

    def hits(self, x: Any) -> np.ndarray:
        """How many samples each unit wins, (rows, columns)."""
        return np.bincount(self(x).numpy(), minlength=self.rows * self.columns).reshape(self.rows, self.columns)

    def _adjacent(self) -> np.ndarray:
        """Whether two units are neighbours, (units, units)."""
        places = self.places.numpy().astype(np.float64)
        apart = _squares_in_numpy(places, places)
        return (apart > 0.5) & (apart < (1.5 if self.grid == "hexagonal" else 2.5))

    def _samples(self, x: Any) -> Tensor:
        x = as_tensor(x)
        if x.ndim != 2 or x.shape[1] != self.features or not x.shape[0]:
            raise ShapeError(
                f"{self.label()} got {x.shape}, expected (N, {self.features}) with at least one sample.",
                fix="x.reshape(len(x), -1)",
            )
        if isinstance(x._data, np.ndarray) and not np.isfinite(x._data).all():
            row = int(np.argmin(np.isfinite(x._data).all(axis=1)))
            raise NonFiniteError("A sample with nan or infinity has no nearest unit.", where=f"row {row}")
        return x

    def extra_repr(self) -> str:
        return f"{self.rows}, {self.columns}, {self.features}, grid={self.grid!r}"


def _squares(x: Tensor, y: Tensor) -> Tensor:
    """‖x − y‖² of every pair of rows, (N, F) and (M, F) → (N, M), by one product; around the mean of y, so that few
    digits are lost.
    """
    middle = y.mean(axis=0)
    x, y = x - middle, y - middle
    return ops.square(x).sum(axis=1)[:, None] - 2.0 * (x @ y.mT) + ops.square(y).sum(axis=1)


def _squares_in_numpy(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.square(x[:, None] - y[None]).sum(axis=-1)


def _between(first: float, last: float, step: np.ndarray, steps: int) -> np.ndarray:
    """From the first to the last value by equal factors."""
    return (first * (last / first) ** (step / max(steps - 1, 1))).astype(np.float32)
