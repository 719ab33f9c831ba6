"""The words of the floors below, which speak to a Python program, in those of the command line."""

from __future__ import annotations

import re
from collections.abc import Callable

__all__ = ["in_options"]

_NAMES = (
    "target|task|test|validation|test_fraction|seed|separator|encoding|sequence|time|epochs|patience|batch_size|"
    "clip_norm"
)

_RULES: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r"types=\{'([^']*)': '([^']*)'\} or '(\w+)'", r"--type '\1=\2' or '\1=\3'"),
    (r"types=\{'([^']*)': '([^']*)'\}", r"--type '\1=\2'"),
    (r"one of \['([^\]]*)'\]", lambda m: "one of " + m[1].replace("', '", ", ")),
    (r"missing=\[…\]", "--missing"),
    (r"\bheader=False\b", "--no-header"),
    (r"\bheader=True\b", "--header"),
    (rf"\b({_NAMES})='([^']*)'", lambda m: f"--{_dashed(m[1])} {m[2]}"),
    (rf"\b({_NAMES})=([\w.]+)", lambda m: f"--{_dashed(m[1])} {m[2]}"),
)


def in_options(text: str) -> str:
    """A sentence with `name='value'` written as `--name value`.

    Example:
        >>> in_options("target: column 'fare', the last one; target='…' takes another")
        "target: column 'fare', the last one; --target … takes another"
        >>> in_options("types={'zip code': 'category'} keeps it")
        "--type 'zip code=category' keeps it"
    """
    for pattern, replacement in _RULES:
        text = re.sub(pattern, replacement, text)
    return text


def _dashed(name: str) -> str:
    return name.replace("_", "-")
