"""Feature maps: f = W φ(x) + b with a φ that was made by hand, beside which an `MLP` learns its own."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from chainrule import nn, ops
from chainrule.array import as_dtype, float32
from chainrule.errors import ConfigError, ShapeError
from chainrule.graph import Tensor, as_tensor, wrap
from chainrule.graph.random import Stream, default_stream
from chainrule.nn.checks import positive

__all__ = ["FeatureMap", "FourierFeatures", "PolynomialFeatures", "RadialFeatures"]


class _Features(nn.Module):
    """What the maps share: `in_features`, `out_features`, and the check of the input."""

    in_features: int
    out_features: int

    def checked(self, x: Any) -> Tensor:
        x = as_tensor(x)
        if not x.shape or x.shape[-1] != self.in_features:
            raise ShapeError(
                f"{self.label()} got {x.shape}; its last axis is to be {self.in_features}.",
                fix=f"in_features={x.shape[-1] if x.shape else 1}",
            )
        return x


class PolynomialFeatures(_Features):
    """φ(x): all products of up to `degree` inputs, such as (x₁, x₂, x₁², x₁x₂, x₂²), without the constant, which is the
    b of what follows.

    Arguments:
        in_features: D.
        degree: of the highest products.
        interactions: False leaves the powers of single inputs: (x₁, x₂, x₁², x₂²).

    Shapes:
        x (…, D) → (…, out_features), of which there are (D + degree choose degree) − 1, or D · degree.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import models
        >>> models.PolynomialFeatures(2, degree=2)(cr.tensor([2.0, 3.0])).tolist()
        [2.0, 3.0, 4.0, 6.0, 9.0]
    """

    def __init__(self, in_features: int, degree: int = 2, *, interactions: bool = True) -> None:
        super().__init__()
        self.in_features = positive(in_features, "in_features")
        self.degree = positive(degree, "degree")
        self.interactions = interactions
        self._factors: list[tuple[np.ndarray, np.ndarray]] = []
        """For each degree from the second on: which products of the degree below, times which inputs."""
        below = [(i,) for i in range(in_features)]
        self.out_features = len(below)
        for power in range(2, degree + 1):
            inputs = range(in_features)
            products = (
                list(itertools.combinations_with_replacement(inputs, power))
                if interactions
                else [(i,) * power for i in inputs]
            )
            place = {product: number for number, product in enumerate(below)}
            self._factors.append((np.array([place[p[:-1]] for p in products]), np.array([p[-1] for p in products])))
            below = products
            self.out_features += len(products)

    def forward(self, x: Any) -> Tensor:
        x = self.checked(x)
        parts = [x]
        for left, right in self._factors:
            parts.append(ops.take(parts[-1], left, axis=-1) * ops.take(x, right, axis=-1))
        return ops.concat(parts, axis=-1)

    def extra_repr(self) -> str:
        return f"{self.in_features}, degree={self.degree}, interactions={self.interactions}"


class FourierFeatures(_Features):
    """φ(x) = √(2/K) cos(xΩ + u) with Ω ~ N(0, 1/width²) and u uniform on [0, 2π), drawn once and kept: φ(x)·φ(y) is
    about e^(−‖x − y‖²/(2 width²)), the Gaussian kernel, and a linear model on φ about a kernel machine.

    Arguments:
        in_features: D.
        out_features: K; the error falls as 1/√K.
        width: of the kernel, in units of the inputs.
        stream: of the draws; the default stream if None.

    Shapes:
        x (…, D) → (…, K).

    Source: Rahimi & Recht, "Random Features for Large-Scale Kernel Machines" (2007), algorithm 1.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import models
        >>> models.FourierFeatures(2, 100)(cr.zeros((5, 2))).shape
        (5, 100)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        width: float = 1.0,
        *,
        stream: Stream | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.in_features = positive(in_features, "in_features")
        self.out_features = positive(out_features, "out_features")
        self.width = _width(width)
        draws, kind = stream or default_stream(), float32 if dtype is None else as_dtype(dtype)
        self.frequencies = nn.Buffer(
            draws.normal((in_features, out_features), std=1.0 / width, dtype=kind), dtype=dtype
        )
        self.phases = nn.Buffer(draws.uniform((out_features,), 0.0, 2.0 * math.pi, dtype=kind), dtype=dtype)

    def forward(self, x: Any) -> Tensor:
        angles = ops.matmul(self.checked(x), self.frequencies) + self.phases
        return math.sqrt(2.0 / self.out_features) * ops.cos(angles)

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}, width={self.width}"


class RadialFeatures(_Features):
    """φ_k(x) = e^(−‖x − c_k‖² / (2 width²)): how near x is to each of K centres (radial basis functions).

    Arguments:
        centres: (K, D), such as some of the training samples.
        width: of the bells, in units of the inputs.
        learned: whether centres and widths are parameters, one width for each centre, that start as given: a radial
            basis function network.

    Shapes:
        x (…, D) → (…, K).

    Source: Broomhead & Lowe, "Multivariable Functional Interpolation and Adaptive Networks" (1988).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import models
        >>> features = models.RadialFeatures([[0.0, 0.0], [3.0, 4.0]], width=5.0)
        >>> [round(v, 4) for v in features(cr.tensor([0.0, 0.0])).tolist()]
        [1.0, 0.6065]
    """

    def __init__(self, centres: Any, width: float = 1.0, *, learned: bool = False, dtype: Any = None) -> None:
        super().__init__()
        kind = float32 if dtype is None else as_dtype(dtype)
        values = np.array(as_tensor(centres).numpy(), kind)
        if values.ndim != 2 or not values.size:
            raise ShapeError(f"Centres are (K, D), got {values.shape}.", fix="x_train[:50]")
        self.out_features, self.in_features = values.shape
        widths = np.full(self.out_features, _width(width), kind)
        self.learned = learned
        if learned:
            self.centres = nn.Parameter(wrap(values), dtype=kind, penalised=False)
            self.widths = nn.Parameter(wrap(widths), dtype=kind, penalised=False)
        else:
            self.centres = nn.Buffer(wrap(values), dtype=kind)
            self.widths = nn.Buffer(wrap(widths), dtype=kind)

    def forward(self, x: Any) -> Tensor:
        x = self.checked(x)
        square = ops.square(x[..., None, :] - self.centres).sum(axis=-1)
        return ops.exp(-0.5 * square / ops.square(self.widths))

    def extra_repr(self) -> str:
        return f"{self.out_features} centres of {self.in_features}, learned={self.learned}"


class FeatureMap(nn.Module):
    """f = W φ(x) + b: a linear model of features.

    Arguments:
        features: φ, a module with `out_features`.
        out_features: of f; with `squeeze` a single one gives (…) instead of (…, 1).

    Shapes:
        x (…, D) → (…, out_features).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import models
        >>> models.FeatureMap(models.PolynomialFeatures(2), 3)(cr.zeros((5, 2))).shape
        (5, 3)
    """

    def __init__(self, features: nn.Module, out_features: int, *, squeeze: bool = False, dtype: Any = None) -> None:
        super().__init__()
        width = getattr(features, "out_features", None)
        if not isinstance(width, int):
            raise ConfigError(
                f"FeatureMap needs features that say their number, and {type(features).__name__} has no out_features.",
                fix="self.out_features = ... in the module",
            )
        self.features = features
        self.linear = nn.Linear(width, out_features, dtype=dtype)
        self.squeeze = squeeze and out_features == 1

    def forward(self, x: Any) -> Tensor:
        y = self.linear(self.features(x))
        return y[..., 0] if self.squeeze else y


def _width(value: float) -> float:
    if not value > 0:
        raise ConfigError(f"A width is above 0, got {value}.")
    return float(value)
