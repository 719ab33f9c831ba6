"""Numbers and names as a person writes them."""

from __future__ import annotations

import math

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

_NAMES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "auc": "ROC AUC",
    "roc_auc": "ROC AUC",
    "pr_auc": "PR AUC",
    "average_precision": "average precision",
    "f1": "F1",
    "r2": "R²",
    "mae": "mean absolute error",
    "mse": "mean squared error",
    "rmse": "root mean squared error",
    "loss": "loss",
    "brier": "Brier score",
    "f1_macro": "F1, averaged over classes",
    "precision_macro": "precision, averaged over classes",
    "recall_macro": "recall, averaged over classes",
}
_SHARES = ("accuracy", "precision", "recall", "precision_macro", "recall_macro")


def number(value: float | None, digits: int = 4) -> str:
    """A number to `digits` significant digits: thousands separated, very small and very large ones as powers of ten.

    Example:
        >>> number(12345), number(0.12345), number(0.0000123), number(None)
        ('12,345', '0.1235', '1.23 × 10⁻⁵', '–')
    """
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    size = abs(value)
    if size < 1e-3 or size >= 1e9:
        mantissa, exponent = f"{value:.{max(digits - 2, 0)}e}".split("e")
        if "." in mantissa:
            mantissa = mantissa.rstrip("0").rstrip(".")
        return minus(f"{mantissa} × {power(int(exponent))}")
    if float(value).is_integer():
        return minus(f"{int(value):,}")
    decimals = max(digits - 1 - math.floor(math.log10(size)), 0)
    text = f"{value:,.{decimals}f}"
    return minus(text.rstrip("0").rstrip(".") if "." in text else text)


def power(exponent: int) -> str:
    """A power of ten: `10⁻³`."""
    return "10" + str(exponent).translate(_SUPERSCRIPT)


def minus(text: str) -> str:
    """Hyphens before numbers as real minus signs."""
    return text.replace("-", "−")


def percent(share: float | None, digits: int = 1) -> str:
    """A share between 0 and 1 in per cent: `97.8 %`, the two parted by a narrow space that does not break."""
    if share is None or not math.isfinite(share):
        return "–"
    return minus(f"{100 * share:.{digits}f}") + "\u202f%"


def duration(seconds: float | None) -> str:
    """Seconds in the units a person would use.

    Example:
        >>> duration(3.14), duration(134), duration(7500)
        ('3.1 s', '2 min 14 s', '2 h 5 min')
    """
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return "–"
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def count(n: int, singular: str, plural: str | None = None) -> str:
    """`1 epoch`, `20 epochs`, `1,234 examples`."""
    return f"{n:,} {singular if n == 1 else plural or singular + 's'}"


def metric(name: str) -> str:
    """A metric's name in words; a name we do not know keeps its own words."""
    return _NAMES.get(name.lower(), name.replace("_", " "))


def is_share(name: str) -> bool:
    """Whether a metric is shown in per cent."""
    return name.lower().endswith(_SHARES) and name.lower() != "average_precision"


def value(name: str, amount: float | None) -> str:
    """A metric's value as it is shown: in per cent for shares."""
    return percent(amount, 2 if amount is not None and amount > 0.99 else 1) if is_share(name) else number(amount)


def listing(items: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1] if items else ""
