"""main: one command, its exit code, and what goes wrong as one message."""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from chainrule.cli.failures import show_failure, show_interrupt, show_unexpected, show_warning
from chainrule.errors import ChainruleError, ConfigError, RunError, suggest

__all__ = ["main"]

_WRONG_INPUT = 2
_UNEXPECTED = 1
_INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code.

    0: done. 2: something given cannot be used; one message on standard error says what, where, and how to fix it.
    130: Ctrl-C. 1: an error of chainrule's own, or a check that failed.

    Arguments:
        arguments: the words after the program's name; those of the process by default.

    Example:
        >>> main(["--version"])
        chainrule ...
        0
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if arguments is None:
        for stream in (sys.stdout, sys.stderr):  # a sign that the terminal lacks must not end a training
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    try:
        with warnings.catch_warnings():
            warnings.showwarning = show_warning  # in this process alone, while the command runs
            code = _run(words)
        sys.stdout.flush()
    except KeyboardInterrupt:
        show_interrupt(debug)
        if arguments is None and "jax" in sys.modules:
            # XLA may be at work still, and crashes when Python ends under it
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(_INTERRUPTED)
        return _INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe has gone, `| head` for one: nobody wants to hear more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _UNEXPECTED
    except ChainruleError as error:
        show_failure(error, debug)
        return _WRONG_INPUT
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        show_failure(RunError(f"{place}{error.strerror or error}."), debug)
        return _WRONG_INPUT
    except Exception as error:  # noqa: BLE001 - the program's outermost edge: whatever comes becomes one line
        show_unexpected(error, debug)
        return _UNEXPECTED
    return code if isinstance(code, int) else 0


def _run(words: list[str]) -> Any:
    from typer import Exit
    from typer.exceptions import TyperException

    from chainrule.cli.application import command

    whole = command()
    try:  # not through its main(), which would take Ctrl-C for a code of its own and say nothing
        with whole.make_context("chainrule", words or ["--help"]) as context:
            return whole.invoke(context)
    except Exit as end:
        return end.exit_code
    except TyperException as error:
        raise _usage(error) from None


def _usage(error: Any) -> ChainruleError:
    """A wrong option or command in our words: the nearest names, and where to read on."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "chainrule"
    fix = f"{path} --help shows what there is, with an example"
    given = getattr(error, "option_name", None)
    if given is not None and hasattr(error, "possibilities"):
        known = [name for parameter in context.command.params for name in parameter.opts] if context else []
        return ConfigError(f"{path} has no option {given}.{suggest(given, known, limit=1)}", fix=fix)
    message = error.format_message().strip()
    return ConfigError(message if message.endswith((".", "?")) else message + ".", fix=fix)
