"""The affine map with weights of 8 bits, for prediction."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.graph import op

__all__ = ["quantized_linear"]


def _samples(rng: np.random.Generator) -> Any:
    weight, scale = rng.integers(-127, 128, (4, 2)).astype(np.int8), rng.random(2) + 0.1
    for shape in ((3, 4), (1, 4), (2, 3, 4), (0, 4)):
        yield (rng.normal(size=shape), weight, scale, rng.normal(size=2)), {}
    yield (rng.normal(size=(3, 4)), weight, scale, None), {}


@op(samples=_samples, quiet=True)
def quantized_linear(xp: Any, x: Any, weight: Any, scale: Any, bias: Any = None, /) -> Any:
    """x · (weight · scale) + bias with x (…, in) rounded to 8 bits row by row, weight (in, out) of int8, scale (out,).

    A row x is s·q, with s = max |x| / 127 and whole numbers q = round(x / s); Σ q·weight is exact, in int32. A row with
    a number that is not finite gives nan.
    """
    rows = xp.reshape(x, (-1, x.shape[-1]))
    step = xp.max(xp.abs(rows), axis=-1, keepdims=True) / 127
    whole = xp.clip(xp.round(rows / xp.where(step > 0, step, 1)), -127, 127)  # rounding of the least numbers may pass
    whole = xp.where(xp.isfinite(step), whole, 0).astype(np.int8)
    y = xp.int8_matmul(whole, weight).astype(x.dtype) * step * scale
    if bias is not None:
        y = y + bias
    return xp.reshape(y, (*x.shape[:-1], weight.shape[-1]))
