"""Where values go on an axis: the range shown, the ticks, and the place of a value along it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from chainrule.report import words


@dataclass(frozen=True)
class Scale:
    """An axis from `low` to `high`; `place` gives 0..1 along it.

    Example:
        >>> Scale(0.0, 10.0).place(2.5), Scale(1.0, 100.0, log=True).place(10.0)
        (0.25, 0.5)
    """

    low: float
    high: float
    log: bool = False
    share: bool = False

    def place(self, value: float) -> float:
        """Where the value lies, 0 at `low` and 1 at `high`; what lies outside is put on the border."""
        if self.log:
            if value <= 0:
                return 0.0
            # differences of logarithms, as the quotient of a very large and a very small number overflows
            low, high = math.log10(self.low), math.log10(self.high)
            return min(max((math.log10(value) - low) / (high - low), 0.0), 1.0)
        return min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)

    def ticks(self, most: int = 6) -> list[tuple[float, str]]:
        """Round values to label, at most about `most` of them, each as (value, label)."""
        return _log_ticks(self, most) if self.log else _linear_ticks(self, most)


def span(values: Iterable[float], *, log: bool | None = False, share: bool = False) -> Scale:
    """The scale that shows all values with a little air.

    Arguments:
        values: finite numbers; zeros and negative ones cannot be shown on a logarithmic axis and do not count there.
        log: True or False, or None to choose: logarithmic when positive values spread over more than a factor of 30.
        share: values are shares of one, shown in per cent; the axis stays within 0 and 1.

    Example:
        >>> span([0.0, 1.0]).low < 0, span([1e-3, 1.0], log=None).log
        (True, True)
    """
    numbers = [min(max(v, -1e300), 1e300) for v in values]  # beyond it, differences would be infinite
    positive = [max(v, 1e-300) for v in numbers if v > 0]
    if log is None:
        log = len(positive) == len(numbers) and bool(positive) and max(positive) > 30 * min(positive)
    if log:
        low, high = (min(positive), max(positive)) if positive else (0.1, 1.0)
        # never less than a decade, or noise looks like a story
        decades = math.log10(high) - math.log10(low)
        widen = 10 ** (max(0.0, 1 - decades) / 2 + 0.04 * decades)
        return Scale(max(low / widen, 1e-307), min(high * widen, 1e308), log=True)
    low, high = (min(numbers), max(numbers)) if numbers else (0.0, 1.0)
    if high == low:
        pad = abs(low) * 0.1 or 0.5
    else:
        pad = (high - low) * 0.06
    low, high = low - pad, high + pad
    if share:
        low, high = max(low, 0.0), min(high, 1.0)
        if low >= high:
            low, high = 0.0, 1.0
    return Scale(low, high, share=share)


def _linear_ticks(scale: Scale, most: int) -> list[tuple[float, str]]:
    rough = (scale.high - scale.low) / most
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(m * size for m in (1, 2, 5, 10) if m * size >= rough * 0.999)
    first = math.ceil(scale.low / step - 1e-9)
    last = math.floor(scale.high / step + 1e-9)
    shown = step * 100 if scale.share else step
    decimals = max(-math.floor(math.log10(shown) + 1e-9), 0)
    ticks: list[tuple[float, str]] = []
    for index in range(first, last + 1):
        value = index * step
        if scale.share:
            label = words.percent(value, decimals)
        elif value and (decimals > 4 or abs(value) >= 1e6):
            label = _narrow(value)
        else:
            label = words.minus(f"{value:,.{decimals if value else 0}f}")
        ticks.append((value, label))
    return ticks


def _log_ticks(scale: Scale, most: int) -> list[tuple[float, str]]:
    first, last = math.ceil(math.log10(scale.low) - 1e-9), math.floor(math.log10(scale.high) + 1e-9)
    if last - first >= 2:
        stride = max(1, math.ceil((last - first + 1) / most))
        return [(10.0**e, _decade(e)) for e in range(first, last + 1, stride)]
    decades = range(first - 1, last + 1)
    candidates = [(m * 10.0**e, m) for e in decades for m in (1, 2, 5)]
    inside = [(v, m) for v, m in candidates if scale.low * 0.999 <= v <= scale.high * 1.001]
    if len(inside) > most:
        inside = [(v, m) for v, m in inside if m != 2]
    return [(v, _narrow(v) if v < 1e-3 or v >= 1e5 else words.number(v, 2)) for v, _ in inside]


def _narrow(value: float) -> str:
    """`5×10⁻⁴`, without the spaces that an axis has no room for."""
    mantissa, exponent = f"{value:.2e}".split("e")
    return words.minus(f"{float(mantissa):g}×{words.power(int(exponent))}")


def _decade(exponent: int) -> str:
    return words.number(10.0**exponent) if -2 <= exponent <= 4 else words.power(exponent)
