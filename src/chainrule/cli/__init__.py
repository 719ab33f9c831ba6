"""The cli floor: what a person types, as thin faces of the floors below.

Example:
    >>> from chainrule import cli
    >>> cli.main(["data", "no-such-file.csv"])
    2
"""

from __future__ import annotations

from chainrule.cli.program import main

__all__ = ["main"]
