"""First values by chance: plain distributions, and those whose width follows from the size of the layer.

Each takes a shape, a `dtype` (float32 unless said otherwise) and a `stream`; without one it draws from the default
stream, which `cr.random.seed` starts again.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.array import as_dtype, float32
from chainrule.errors import ConfigError, ShapeError, suggest
from chainrule.graph import Tensor, wrap
from chainrule.graph.random import Stream, default_stream
from chainrule.init.fans import fans

__all__ = [
    "gain",
    "he_normal",
    "he_uniform",
    "linear",
    "normal",
    "orthogonal",
    "truncated_normal",
    "uniform",
    "xavier_normal",
    "xavier_uniform",
]


def uniform(
    shape: tuple[int, ...], low: float = 0.0, high: float = 1.0, *, dtype: Any = None, stream: Stream | None = None
) -> Tensor:
    """Numbers from the uniform distribution on [low, high).

    Example:
        >>> from chainrule import init
        >>> init.uniform((2, 3), -0.1, 0.1).shape
        (2, 3)
    """
    return (stream or default_stream()).uniform(shape, low, high, float32 if dtype is None else dtype)


def normal(
    shape: tuple[int, ...], mean: float = 0.0, std: float = 1.0, *, dtype: Any = None, stream: Stream | None = None
) -> Tensor:
    """Numbers from the normal distribution with this mean and standard deviation.

    Example:
        >>> from chainrule import init
        >>> init.normal((2, 3), std=0.02).shape
        (2, 3)
    """
    return (stream or default_stream()).normal(shape, mean, std, float32 if dtype is None else dtype)


def truncated_normal(
    shape: tuple[int, ...],
    mean: float = 0.0,
    std: float = 1.0,
    low: float | None = None,
    high: float | None = None,
    *,
    dtype: Any = None,
    stream: Stream | None = None,
) -> Tensor:
    """Numbers from the normal distribution, drawn again as long as they lie outside [low, high].

    Arguments:
        shape, mean, std: as for `normal`; the spread of what is left is smaller than std (0.88 times for two standard
            deviations).
        low, high: two standard deviations from the mean unless said otherwise, as in Keras (PyTorch: −2 and 2).

    Raises:
        ConfigError: when less than 1 % of the distribution lies between them.

    Example:
        >>> from chainrule import init
        >>> bool((abs(init.truncated_normal((100,), std=0.02)) <= 0.04).all())
        True
    """
    if not std > 0:
        raise ConfigError(f"truncated_normal needs std > 0, got {std}.", fix="init.constant")
    low = mean - 2.0 * std if low is None else float(low)
    high = mean + 2.0 * std if high is None else float(high)
    below, above = (0.5 * math.erfc((mean - end) / (std * math.sqrt(2.0))) for end in (low, high))
    if not above - below >= 0.01:
        raise ConfigError(
            f"Between {low:g} and {high:g} lies hardly anything of the normal distribution of mean {mean:g} and "
            f"standard deviation {std:g}.",
            fix="init.uniform",
        )
    made = np.array(normal(shape, mean, std, dtype=dtype, stream=stream).numpy())
    outside = (made < low) | (made > high)
    while outside.any():
        again = normal((int(outside.sum()),), mean, std, dtype=dtype, stream=stream).numpy()
        made[outside] = again
        outside[outside] = (again < low) | (again > high)
    return wrap(made)


def gain(activation: str, negative_slope: float = 0.01) -> float:
    """By what to multiply a width, so that activations keep their size through layers with this activation: the `gain`
    of the Xavier initialisers and of `orthogonal`.

    1 for "identity", "linear" and "sigmoid", 5/3 for "tanh", √2 for "relu", √(2 / (1 + a²)) for "leaky_relu" with the
    negative slope a, 3/4 for "selu"; as PyTorch's calculate_gain. Those of ReLU and leaky ReLU follow from He et al.
    (2015), the others are found by trial.

    Raises:
        ConfigError: for another activation, for which `lsuv` finds it out.

    Example:
        >>> from chainrule import init
        >>> round(init.gain("relu") ** 2, 4)
        2.0
    """
    known = {
        "identity": 1.0,
        "linear": 1.0,
        "sigmoid": 1.0,
        "tanh": 5.0 / 3.0,
        "relu": math.sqrt(2.0),
        "leaky_relu": math.sqrt(2.0 / (1.0 + negative_slope**2)),
        "selu": 0.75,
    }
    if activation not in known:
        raise ConfigError(
            f"There is no gain for {activation!r}.{suggest(activation, known)}",
            fix=f"one of {', '.join(known)}; or init.lsuv, which looks",
        )
    return known[activation]


def xavier_uniform(
    shape: tuple[int, ...], gain: float = 1.0, *, dtype: Any = None, stream: Stream | None = None
) -> Tensor:
    """Uniform in ±gain·√(6 / (fan_in + fan_out)): activations and gradients keep their variance through linear or tanh
    layers.

    Arguments:
        shape: (…, in, out).
        gain: of the activation that follows, see `gain`.

    Source: Glorot & Bengio, "Understanding the Difficulty of Training Deep Feedforward Neural Networks" (2010),
    equation 16.

    Example:
        >>> from chainrule import init
        >>> bool((abs(init.xavier_uniform((3, 3))) <= 1.0).all())
        True
    """
    bound = gain * math.sqrt(6.0 / sum(fans(shape)))
    return uniform(shape, -bound, bound, dtype=dtype, stream=stream)


def xavier_normal(
    shape: tuple[int, ...], gain: float = 1.0, *, dtype: Any = None, stream: Stream | None = None
) -> Tensor:
    """Normal with the variance gain²·2 / (fan_in + fan_out).

    Arguments and source: as `xavier_uniform`, equation 12.

    Example:
        >>> from chainrule import init
        >>> init.xavier_normal((3, 2)).shape
        (3, 2)
    """
    return normal(shape, 0.0, gain * math.sqrt(2.0 / sum(fans(shape))), dtype=dtype, stream=stream)


def _he_std(shape: tuple[int, ...], negative_slope: float, fan: str) -> float:
    if fan not in ("in", "out"):
        raise ConfigError(f"The fan is 'in' (keep the variance going forward) or 'out' (going back), got {fan!r}.")
    return math.sqrt(2.0 / ((1.0 + negative_slope**2) * fans(shape)[fan == "out"]))


def he_normal(
    shape: tuple[int, ...],
    negative_slope: float = 0.0,
    *,
    fan: str = "in",
    dtype: Any = None,
    stream: Stream | None = None,
) -> Tensor:
    """Normal with the variance 2 / ((1 + a²)·fan_in): activations keep their variance through layers of ReLU (a = 0) or
    leaky ReLU.

    Arguments:
        shape: (…, in, out).
        negative_slope: a, of the activation that follows.
        fan: "in" keeps the variance going forward, "out" going back.

    Differs from Keras: the tails are not cut off (`truncated_normal`). PyTorch calls it `kaiming_normal_`.

    Source: He et al., "Delving Deep into Rectifiers" (2015), equations 10, 14 and 15.

    Example:
        >>> from chainrule import init
        >>> init.he_normal((3, 2)).shape
        (3, 2)
    """
    return normal(shape, 0.0, _he_std(shape, negative_slope, fan), dtype=dtype, stream=stream)


def he_uniform(
    shape: tuple[int, ...],
    negative_slope: float = 0.0,
    *,
    fan: str = "in",
    dtype: Any = None,
    stream: Stream | None = None,
) -> Tensor:
    """Uniform in ±√(6 / ((1 + a²)·fan_in)), with the same variance as `he_normal`, whose arguments and source it
    shares.

    Example:
        >>> from chainrule import init
        >>> bool((abs(init.he_uniform((6, 2))) <= 1.0).all())
        True
    """
    bound = math.sqrt(3.0) * _he_std(shape, negative_slope, fan)
    return uniform(shape, -bound, bound, dtype=dtype, stream=stream)


def orthogonal(shape: tuple[int, ...], gain: float = 1.0, *, dtype: Any = None, stream: Stream | None = None) -> Tensor:
    """A random matrix whose columns (or rows, where there are fewer) are orthogonal and of length gain: no direction
    shrinks or grows.

    Arguments:
        shape: (…, in, out); all axes but the last count as rows.

    Source: Saxe, McClelland & Ganguli, "Exact Solutions to the Nonlinear Dynamics of Learning in Deep Linear Neural
    Networks" (2014); drawn evenly as in Mezzadri, "How to Generate Random Matrices from the Classical Compact Groups"
    (2007).

    Example:
        >>> import numpy as np
        >>> from chainrule import init
        >>> w = init.orthogonal((4, 3)).numpy()
        >>> bool(np.allclose(w.T @ w, np.eye(3), atol=1e-5))
        True
    """
    if len(shape) < 2:
        raise ShapeError(f"orthogonal needs at least two axes, got {tuple(shape)}.")
    wanted = float32 if dtype is None else as_dtype(dtype)
    rows, columns = math.prod(shape[:-1]), shape[-1]
    tall = (max(rows, columns), min(rows, columns))
    q, r = np.linalg.qr(normal(tall, dtype="float64", stream=stream).numpy())
    q = q * np.where(np.diag(r) < 0, -1.0, 1.0)  # without this the draws favour some directions
    matrix = q if rows >= columns else q.T
    return wrap((gain * matrix).reshape(shape).astype(wanted))


def linear(
    in_features: int, out_features: int, *, dialect: str = "paper", dtype: Any = None, stream: Stream | None = None
) -> tuple[Tensor, Tensor]:
    """The first weight (in, out) and bias (out,) of a linear layer in a dialect: see `nn.Linear`.

    Raises:
        ConfigError: for an unknown dialect.

    Example:
        >>> from chainrule import init
        >>> weight, bias = init.linear(64, 10, dialect="pytorch")
        >>> weight.shape, bias.shape
        ((64, 10), (10,))
    """
    shape = (in_features, out_features)
    zero = wrap(np.zeros(out_features, float32 if dtype is None else as_dtype(dtype)))
    if dialect == "paper":
        return he_normal(shape, dtype=dtype, stream=stream), zero
    if dialect == "keras":
        return xavier_uniform(shape, dtype=dtype, stream=stream), zero
    if dialect == "pytorch":
        bound = 1.0 / math.sqrt(in_features)
        weight = uniform(shape, -bound, bound, dtype=dtype, stream=stream)
        return weight, uniform((out_features,), -bound, bound, dtype=dtype, stream=stream)
    known = ("paper", "pytorch", "keras")
    raise ConfigError(f"There is no dialect {dialect!r}.{suggest(dialect, known)}", fix=f"one of {', '.join(known)}")
