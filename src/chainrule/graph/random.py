"""Random streams: the same draws eagerly and compiled, and again in a replay.

A stream is a key and a count of the draws made so far, held in a Variable; a draw is a pure function of both. Uniform
numbers, integers and coin flips are equal bit for bit on NumPy and in XLA; normal ones agree to rounding, since they
pass through logarithm and cosine.
"""

from __future__ import annotations

import hashlib
from contextvars import ContextVar
from typing import Any

import numpy as np

from chainrule.array import as_dtype, float32, random_bits
from chainrule.errors import ConfigError
from chainrule.graph.op import op
from chainrule.graph.registry import FUNCTIONS
from chainrule.graph.tensor import Tensor, Variable

__all__ = ["Stream", "bernoulli", "default_stream", "integers", "normal", "permutation", "seed", "uniform"]


def _states(**attributes: Any) -> Any:
    return lambda rng: [((rng.integers(0, 2**32, 3).astype(np.uint32),), attributes)]


@op(constant="random bits are no smooth function of their key", samples=_states(shape=(2, 5)))
def draw_bits(xp: Any, state: Any, /, *, shape: tuple[int, ...]) -> Any:
    """Uniform uint32 of the given shape from a stream's state (key, key, count)."""
    return xp.barrier(random_bits(xp, state[:2], state[2:], shape))


@op(constant="a count has no gradient", samples=_states())
def next_draw(xp: Any, state: Any, /) -> Any:
    """The stream's state after one draw."""
    return state + xp.asarray(np.array([0, 0, 1], np.uint32))


class Stream:
    """A stream of random numbers from a seed.

    Arguments:
        seed: any integer; equal seeds give equal draws on every machine.

    Example:
        >>> import chainrule as cr
        >>> a, b = cr.random.Stream(7), cr.random.Stream(7)
        >>> bool((a.uniform((3,)) == b.uniform((3,))).all())
        True
    """

    def __init__(self, seed: int = 0) -> None:
        self.state = Variable(_state(seed), name="random stream")

    def seed(self, seed: int) -> None:
        """Starts the stream again."""
        self.state.assign(_state(seed))

    def split(self, name: str) -> Stream:
        """A stream of its own for a purpose, so that draws there do not shift draws here."""
        made = Stream()
        state = self.state.numpy()
        made.state.assign(_digest(state.tobytes() + name.encode()))
        return made

    def bits(self, shape: tuple[int, ...]) -> Tensor:
        """Uniform uint32."""
        drawn = draw_bits(self.state, shape=tuple(shape))
        self.state.assign(next_draw(self.state))
        return drawn

    def uniform(self, shape: tuple[int, ...] = (), low: float = 0.0, high: float = 1.0, dtype: Any = float32) -> Tensor:
        """Numbers in [low, high), on a grid of 2⁻²⁴ of its width (2⁻³² in float64)."""
        dtype = as_dtype(dtype)
        astype = FUNCTIONS["astype"]
        if dtype.itemsize == 8:
            unit = astype(self.bits(shape), dtype) * 2.0**-32
        else:
            unit = astype(astype(self.bits(shape) >> 8, float32) * 2.0**-24, dtype)
        return unit if (low, high) == (0.0, 1.0) else low + (high - low) * unit

    def normal(self, shape: tuple[int, ...] = (), mean: float = 0.0, std: float = 1.0, dtype: Any = float32) -> Tensor:
        """Numbers from the normal distribution, by the transform of Box and Muller (1958)."""
        dtype = as_dtype(dtype)
        wide = dtype if dtype.itemsize == 8 else float32
        radius = FUNCTIONS["sqrt"](-2.0 * FUNCTIONS["log"](1.0 - self.uniform(shape, dtype=wide)))
        z = radius * FUNCTIONS["cos"]((2.0 * np.pi) * self.uniform(shape, dtype=wide))
        return FUNCTIONS["astype"](mean + std * z, dtype)

    def bernoulli(self, probability: float, shape: tuple[int, ...] = ()) -> Tensor:
        """True with the given probability."""
        if not 0.0 <= probability <= 1.0:
            raise ConfigError(f"A probability lies between 0 and 1, got {probability}.")
        return self.uniform(shape) < probability

    def integers(self, low: int, high: int, shape: tuple[int, ...] = ()) -> Tensor:
        """int64 numbers in [low, high); the bias of the reduction is below (high - low) / 2³²."""
        if high <= low or high - low > 2**32:
            raise ConfigError(f"integers(low, high) needs low < high and at most 2**32 values, got {low} and {high}.")
        wide = FUNCTIONS["astype"](self.bits(shape), np.dtype("uint64"))
        return FUNCTIONS["astype"]((wide * (high - low)) >> 32, np.dtype("int64")) + low

    def permutation(self, n: int) -> Tensor:
        """The numbers 0 … n-1 in random order, int64."""
        return FUNCTIONS["argsort"](self.bits((n,)))


def _state(seed: int) -> np.ndarray:
    return _digest(str(int(seed)).encode())


def _digest(text: bytes) -> np.ndarray:
    digest = hashlib.sha256(b"chainrule stream" + text).digest()
    return np.array([*np.frombuffer(digest[:8], "<u4"), 0], np.uint32)


_STREAM: ContextVar[Stream | None] = ContextVar("chainrule_stream", default=None)
_global: Stream | None = None


def default_stream() -> Stream:
    """The stream that layers and initialisers draw from unless they are given one."""
    global _global
    stream = _STREAM.get()
    if stream is not None:
        return stream
    if _global is None:
        _global = Stream(0)
    return _global


def seed(seed: int) -> None:
    """Starts the default stream again from this seed.

    Example:
        >>> import chainrule as cr
        >>> cr.random.seed(0)
    """
    default_stream().seed(seed)


def uniform(shape: tuple[int, ...] = (), low: float = 0.0, high: float = 1.0, dtype: Any = float32) -> Tensor:
    """`Stream.uniform` of the default stream."""
    return default_stream().uniform(shape, low, high, dtype)


def normal(shape: tuple[int, ...] = (), mean: float = 0.0, std: float = 1.0, dtype: Any = float32) -> Tensor:
    """`Stream.normal` of the default stream."""
    return default_stream().normal(shape, mean, std, dtype)


def bernoulli(probability: float, shape: tuple[int, ...] = ()) -> Tensor:
    """`Stream.bernoulli` of the default stream."""
    return default_stream().bernoulli(probability, shape)


def integers(low: int, high: int, shape: tuple[int, ...] = ()) -> Tensor:
    """`Stream.integers` of the default stream."""
    return default_stream().integers(low, high, shape)


def permutation(n: int) -> Tensor:
    """`Stream.permutation` of the default stream."""
    return default_stream().permutation(n)
