"""New data for a trained network: which part of them counts, and what was noteworthy about them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from chainrule.cli.phrases import in_options
from chainrule.cli.screen import error_console

if TYPE_CHECKING:
    from chainrule.data import Samples
    from chainrule.train import TrainedModel

__all__ = ["dataset_of", "note"]


def dataset_of(trained: TrainedModel, source: str, *, has_target: bool) -> Samples:
    """The data as the network takes them; what was done to them is said on standard error.

    Of a folder or file that holds a training and a test part, the test part is taken.
    """
    given: Any = source
    if os.path.isdir(source) or source.endswith(".npz"):
        from chainrule.data.sources import read

        own, apart = read(source, labelled=has_target)
        given = own if apart is None else apart
        if apart is not None:
            note(f"{source} has a training and a test part: this is about its test part")
    dataset, messages = trained.preprocessing.transform(given, has_target=has_target)
    for message in messages:
        note(message)
    return dataset


def note(message: str) -> None:
    """A remark, on standard error."""
    from rich.text import Text

    error_console().print(Text.assemble(("noted: ", "dim"), in_options(message)), soft_wrap=True)
