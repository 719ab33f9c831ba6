"""Writing the page: one file that holds all it needs and asks the network for nothing."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import secrets
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from chainrule.errors import RunError
from chainrule.report import curves, dataset, drawing, layers, predictions, reading, settings, verdict, words

if TYPE_CHECKING:
    from jinja2 import Environment


def write(run_folder: str | Path) -> Path:
    """Write `report.html` into a run folder and return its path.

    The page shows whatever the folder holds: the headline, loss and score curves, the test part's predictions, gradient
    and activation scale per layer, the network, the data, the settings and how to get the same run again. A piece that
    is missing becomes one sentence. The page is one file, loads nothing, and is replaced in one move, so that a reader
    never meets half of it.

    Arguments:
        run_folder: the folder that training wrote, finished or not.

    Returns:
        The path of the page.

    Raises:
        RunError: there is no such folder, it may not be read, or the page cannot be written into it.

    Example:
        >>> import tempfile
        >>> write(tempfile.mkdtemp()).name
        'report.html'
    """
    run = reading.read(run_folder)
    page = render(run)
    target = run.folder / "report.html"
    try:
        _replace(target, page)
    except OSError as error:
        raise RunError(
            f"The report cannot be written: {error.strerror or error}.",
            where=str(target),
            fix="make room on the disk, or give yourself the right to write into the run folder",
        ) from error
    return target


def render(run: reading.Run) -> str:
    """The page as text."""
    script = _asset("page.js")
    network = drawing.sanitise(run.graph) if run.graph else ""
    return (
        _environment()
        .get_template("report.html.jinja")
        .render(
            run=run,
            verdict=verdict.judge(run),
            curves=curves.curves(run),
            predictions=predictions.predictions(run),
            layers=layers.layers(run),
            drawing=network,
            drawing_width=drawing.width(network),
            data=dataset.describe(run),
            settings=settings.settings(run.config, skip=("environment",)),
            environment=settings.environment(run),
            command=settings.command(run),
            next_commands=settings.next_commands(run),
            missing=run.missing,
            style=_asset("page.css"),
            script=script,
            # only this very script may run, whatever a file of the run might smuggle in
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
    )


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("chainrule.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = words.percent
    environment.filters["number"] = words.number
    return environment


def _asset(name: str) -> str:
    return resources.files("chainrule.report").joinpath("templates", name).read_text("utf-8")


def _replace(target: Path, text: str) -> None:
    """Write beside the target, then move over it: after a kill there is the old page or the new one, never a part."""
    beside = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}")
    try:
        with beside.open("x", encoding="utf-8", errors="replace", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            beside.unlink()
        raise
