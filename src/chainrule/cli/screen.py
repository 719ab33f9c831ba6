"""Consoles and the few ways in which commands put numbers and tables on them."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["console", "duration", "error_console", "grid", "number", "share", "table"]

_WIDTH = 110  # of tables in a file or a pipe


def console() -> Console:
    """Standard output as it is now: with colours in a terminal, plain elsewhere."""
    return _console(stderr=False)


def error_console() -> Console:
    """Standard error as it is now."""
    return _console(stderr=True)


def _console(stderr: bool) -> Console:
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _WIDTH
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, width=width)


def table(*columns: str, right: str = "") -> Table:
    """A table without lines.

    Arguments:
        columns: the headings.
        right: those headings, separated by blanks, whose columns are numbers.
    """
    from rich.table import Table

    made = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for column in columns:
        number_like = column in right.split()
        made.add_column(column, justify="right" if number_like else "left", no_wrap=number_like)
    return made


def grid() -> Table:
    """Two columns, the first dim, for a name and what is to be said of it."""
    from rich.table import Table

    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(style="dim", no_wrap=True)
    made.add_column()
    return made


def duration(seconds: float) -> str:
    """A span of time.

    Example:
        >>> duration(0.0123), duration(2.34), duration(75), duration(7330)
        ('12 ms', '2.3 s', '1 min 15 s', '2 h 2 min')
    """
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def share(value: float) -> str:
    """A share in percent, as precise as it is worth.

    Example:
        >>> share(0.97777), share(1.0), share(float("nan"))
        ('97.8 %', '100.0 %', 'nan')
    """
    return f"{100 * value:.1f} %" if math.isfinite(value) else str(value)


def number(value: Any) -> str:
    """A score in a table.

    Example:
        >>> number(0.123456), number(1234.5678), number(None)
        ('0.1235', '1,235', '-')
    """
    if value is None:
        return "-"
    value = float(value)
    if not math.isfinite(value):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
