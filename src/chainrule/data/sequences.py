"""Sequences of several lengths as arrays: filled up to the longest, with the length of each beside them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.data.archives import array_part
from chainrule.data.parts import ArrayPart, SequencePart
from chainrule.data.shapes import as_array
from chainrule.errors import DataError, DtypeError, NonFiniteError, ShapeError

__all__ = ["of_one_length", "sequence_part"]


def sequence_part(x: Any, lengths: Any, y: Any, name: str, classes: list[str] | None = None) -> SequencePart:
    """Sequences, checked: numbers, finite up to the end of each, one target for each.

    Arguments:
        x: (N, T, C); or (N, T) for a single number at each step. What stands behind the end of a sequence does not
            count, whatever it is.
        lengths: (N,) whole numbers from 1 to T.
        y: (N,) targets, or None.

    Raises:
        ShapeError: x of other axes, or lengths of another count. DataError: a length that cannot be.
        NonFiniteError: a step that is no number.
    """
    inputs = as_array(x, f"the inputs of {name}")
    if inputs.ndim == 2:
        inputs = inputs[..., None]
    if inputs.ndim != 3:
        raise ShapeError(
            f"the inputs of {name} have shape {inputs.shape}, and beside lengths they are expected to be sequences: "
            "(N, T, C)",
            fix="reshape each step to one row of numbers, or leave the lengths out",
        )
    if inputs.dtype.kind not in "biuf":
        raise DtypeError(
            f"the inputs of {name} hold values of type {inputs.dtype}, expected numbers", fix="x.astype('float32')"
        )
    ends = _lengths(lengths, len(inputs), inputs.shape[1], name)
    inputs = inputs[:, : max(ends.max(initial=1), 1)].astype(np.float64)
    inputs[np.arange(inputs.shape[1]) >= ends[:, None]] = 0.0
    gone = np.argwhere(~np.isfinite(inputs))
    if len(gone):
        row, step, channel = gone[0]
        raise NonFiniteError(
            f"step {step} of sequence {row} (counting from 0) of {name} is not finite: {inputs[row, step, channel]}"
            + (f" ({len(gone):,} such values)" if len(gone) > 1 else ""),
            where=f"{name}, row {row}, at ({step}, {channel})",
            fix="fill the values, or end the sequence before them: only what stands behind its length may be missing",
        )
    part = array_part(inputs, y, name, classes)
    return SequencePart(**vars(part), lengths=ends)


def of_one_length(part: ArrayPart) -> SequencePart:
    """Arrays without lengths as sequences, each of which is there to its end."""
    lengths = np.full(len(part.inputs), part.inputs.shape[1] if part.inputs.ndim > 1 else 1)
    return replace(
        sequence_part(part.inputs, lengths, part.labels, part.name, part.classes), messages=list(part.messages)
    )


def _lengths(values: Any, count: int, longest: int, name: str) -> np.ndarray:
    """The lengths as int32 (N,)."""
    lengths = as_array(values, f"the lengths of {name}")
    if lengths.ndim == 2 and lengths.shape[1] == 1:
        lengths = lengths[:, 0]
    if lengths.shape != (count,):
        raise ShapeError(
            f"the lengths of {name} have shape {lengths.shape} for {count:,} sequences, expected ({count},)",
            fix="one length for each sequence: how many of its steps count",
        )
    if lengths.dtype.kind not in "iuf":
        raise DtypeError(
            f"the lengths of {name} hold values of type {lengths.dtype}, expected whole numbers",
            fix="lengths.astype(int)",
        )
    wrong = np.flatnonzero(~((lengths >= 1) & (lengths <= longest) & (lengths == np.floor(lengths))))
    if wrong.size:
        raise DataError(
            f"the length of sequence {wrong[0]} (counting from 0) is {lengths[wrong[0]]}, expected a whole number from "
            f"1 to {longest}" + (f" ({wrong.size:,} such lengths)" if wrong.size > 1 else ""),
            where=f"{name}, row {wrong[0]} of the lengths",
            fix="remove empty sequences, and give x as many steps as the longest has",
        )
    return lengths.astype(np.int32)
