"""The Fourier transform extension of the array API standard: `cr.fft`.

Values only: spectra are complex, and derivatives here are of real functions of real numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.array import as_dtype, float32
from chainrule.errors import ConfigError
from chainrule.graph import FUNCTIONS, Tensor, as_tensor, op, wrap

__all__ = [
    "fft",
    "fftfreq",
    "fftn",
    "fftshift",
    "hfft",
    "ifft",
    "ifftn",
    "ifftshift",
    "ihfft",
    "irfft",
    "irfftn",
    "rfft",
    "rfftfreq",
    "rfftn",
]


def _complex(rng: np.random.Generator) -> list[Any]:
    x = rng.normal(size=(3, 4)) + 1j * rng.normal(size=(3, 4))
    return [((x,), {}), ((x,), {"norm": "ortho"})]


def _real(rng: np.random.Generator) -> list[Any]:
    x = rng.normal(size=(3, 4))
    return [((x,), {}), ((x,), {"norm": "forward"})]


def _options(axis: int, n: int | None, norm: str) -> dict[str, Any]:
    if norm not in ("backward", "ortho", "forward"):
        raise ConfigError(f"The norm of a Fourier transform is 'backward', 'ortho' or 'forward', not {norm!r}.")
    return {"n": n, "axis": axis, "norm": norm}


def _several(axes: Any, s: Any, norm: str) -> dict[str, Any]:
    if axes is None and s is not None:
        axes = tuple(range(-len(s), 0))
    return {"s": s, "axes": axes, "norm": _options(0, None, norm)["norm"]}


@op(samples=_complex)
def fft(xp: Any, x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Any:
    """The discrete Fourier transform Σₖ x[k]·e^(-2πi·jk/n) along an axis."""
    return xp.fft.fft(x, **_options(axis, n, norm))


@op(samples=_complex)
def ifft(xp: Any, x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Any:
    """The inverse of `fft`: Σₖ x[k]·e^(2πi·jk/n) / n."""
    return xp.fft.ifft(x, **_options(axis, n, norm))


@op(samples=_real)
def rfft(xp: Any, x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Any:
    """`fft` of real numbers: the n/2 + 1 coefficients that the others mirror."""
    return xp.fft.rfft(x, **_options(axis, n, norm))


@op(samples=_complex)
def irfft(xp: Any, x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Any:
    """The inverse of `rfft`, real."""
    return xp.fft.irfft(x, **_options(axis, n, norm))


@op(samples=_complex)
def hfft(xp: Any, x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Any:
    """`fft` of a signal that mirrors itself as a complex conjugate, real."""
    return xp.fft.hfft(x, **_options(axis, n, norm))


@op(samples=_real)
def ihfft(xp: Any, x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Any:
    """The inverse of `hfft`."""
    return xp.fft.ihfft(x, **_options(axis, n, norm))


@op(samples=_complex)
def fftn(
    xp: Any, x: Any, /, *, s: tuple[int, ...] | None = None, axes: tuple[int, ...] | None = None, norm: str = "backward"
) -> Any:
    """`fft` over several axes, all unless named."""
    return xp.fft.fftn(x, **_several(axes, s, norm))


@op(samples=_complex)
def ifftn(
    xp: Any, x: Any, /, *, s: tuple[int, ...] | None = None, axes: tuple[int, ...] | None = None, norm: str = "backward"
) -> Any:
    """`ifft` over several axes, all unless named."""
    return xp.fft.ifftn(x, **_several(axes, s, norm))


@op(samples=_real)
def rfftn(
    xp: Any, x: Any, /, *, s: tuple[int, ...] | None = None, axes: tuple[int, ...] | None = None, norm: str = "backward"
) -> Any:
    """`rfft` over the last of several axes, `fft` over the others."""
    return xp.fft.rfftn(x, **_several(axes, s, norm))


@op(samples=_complex)
def irfftn(
    xp: Any, x: Any, /, *, s: tuple[int, ...] | None = None, axes: tuple[int, ...] | None = None, norm: str = "backward"
) -> Any:
    """The inverse of `rfftn`, real."""
    return xp.fft.irfftn(x, **_several(axes, s, norm))


def fftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Tensor:
    """The frequencies of the coefficients of `fft` of n samples at distance d: 0, 1, … and then the negative ones, over
    d·n.
    """
    if device not in (None, "cpu"):
        raise ConfigError(f"Eager Tensors live on the 'cpu', not {device!r}.")
    return wrap(np.fft.fftfreq(n, d).astype(float32 if dtype is None else as_dtype(dtype)))


def rfftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Tensor:
    """The frequencies of the coefficients of `rfft` of n samples at distance d: 0, 1, … n/2, over d·n."""
    if device not in (None, "cpu"):
        raise ConfigError(f"Eager Tensors live on the 'cpu', not {device!r}.")
    return wrap(np.fft.rfftfreq(n, d).astype(float32 if dtype is None else as_dtype(dtype)))


def _shifted(x: Any, axes: Any, half: Any) -> Tensor:
    x = as_tensor(x)
    axes = tuple(range(x.ndim)) if axes is None else (axes,) if isinstance(axes, int) else tuple(axes)
    return FUNCTIONS["roll"](x, tuple(half(x.shape[a]) for a in axes), axis=axes)


def fftshift(x: Any, /, *, axes: int | tuple[int, ...] | None = None) -> Tensor:
    """The frequency 0 moved to the middle of the axes."""
    return _shifted(x, axes, lambda n: n // 2)


def ifftshift(x: Any, /, *, axes: int | tuple[int, ...] | None = None) -> Tensor:
    """The inverse of `fftshift`."""
    return _shifted(x, axes, lambda n: -(n // 2))
