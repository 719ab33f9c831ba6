"""What goes wrong, as a person wants to read it: one message, where, and what to do."""

from __future__ import annotations

import sys
import traceback
from typing import TYPE_CHECKING, Any

from chainrule.cli.phrases import in_options
from chainrule.cli.screen import error_console

if TYPE_CHECKING:
    from chainrule.errors import ChainruleError

__all__ = ["show_failure", "show_interrupt", "show_unexpected", "show_warning"]


def show_failure(error: ChainruleError, debug: bool = False) -> None:
    """The message of an error that was raised on purpose, on standard error; with `debug`, after its traceback."""
    from rich.text import Text

    if debug:
        traceback.print_exception(error, file=sys.stderr)
    lines = [("error", "bold red", error.message), ("where", "dim", error.where), ("fix", "bold green", error.fix)]
    console = error_console()
    for label, style, text in lines:
        if text:
            indent = "" if label == "error" else "  "
            words = in_options(text).replace("\n", "\n" + " " * (len(indent) + len(label) + 2))
            shown = Text.assemble(indent, (f"{label}: ", style), (words, "dim" if label == "where" else ""))
            console.print(shown, soft_wrap=True)


def show_unexpected(error: BaseException, debug: bool = False) -> None:
    """An error that nobody foresaw, in one line; with `debug`, its traceback."""
    from rich.text import Text

    if debug:
        traceback.print_exception(error, file=sys.stderr)
        return
    first = str(error).strip().splitlines()[0][:200] if str(error).strip() else ""
    what = f"{type(error).__name__}: {first}" if first else type(error).__name__
    text = Text.assemble(
        ("error: ", "bold red"),
        f"chainrule came upon an error of its own ({what}); the same command with ",
        ("--debug", "bold"),
        " shows where.",
    )
    error_console().print(text, soft_wrap=True)


def show_warning(message: Warning | str, *where: Any, **more: Any) -> None:
    """A Python warning as a remark; takes what `warnings.showwarning` is called with."""
    from rich.text import Text

    error_console().print(Text.assemble(("warning: ", "yellow"), str(message)), soft_wrap=True)


def show_interrupt(debug: bool = False) -> None:
    """Ctrl-C outside of training, where there is nothing to keep."""
    if debug:
        traceback.print_exc()
    error_console().print("Interrupted.")
