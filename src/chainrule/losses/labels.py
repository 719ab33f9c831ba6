"""Checks of the labels of a classification."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import ops
from chainrule.errors import DtypeError, LabelError, ShapeError
from chainrule.graph import Tensor, as_tensor
from chainrule.losses.reduce import known_values

__all__ = ["as_labels", "as_signs", "check_range"]


def as_labels(loss: str, logits: Tensor, labels: Any) -> Tensor:
    """The labels as integers, one for each row of the logits.

    Raises:
        DtypeError: for labels that are not integers.
        ShapeError: for another number of labels than rows.
    """
    labels = as_tensor(labels)
    if labels.dtype.kind not in "iu":
        raise DtypeError(
            f"{loss} got labels of dtype {labels.dtype} and shape {labels.shape} for logits of shape {logits.shape}.",
            fix="integer labels, labels.astype('int32'); or, for a probability of each class, a floating target "
            "of the logits' shape",
        )
    if not logits.shape or labels.shape != logits.shape[:-1]:
        wanted = logits.shape[:-1]
        if labels.shape == (*wanted, 1):
            fix = "labels[..., 0]"
        elif labels.shape == logits.shape:
            fix = "labels.astype(logits.dtype), if they are probabilities or one-hot rows; cr.argmax(labels, "
            "axis=-1) for the indices"
        else:
            fix = f"one label for each row: labels of shape {wanted}"
        raise ShapeError(f"{loss} got logits of shape {logits.shape} and labels of shape {labels.shape}.", fix=fix)
    return labels


def check_range(loss: str, labels: Tensor, classes: int, ignore_index: int | None = None) -> None:
    """Refuses labels outside 0 … classes − 1 when their values are known; compiled, such a row makes the loss nan.

    Raises:
        LabelError: naming the first such row and its label.
    """
    values = known_values(labels)
    if values is None:
        return
    wrong = (values < 0) | (values >= classes)
    if ignore_index is not None:
        wrong &= values != ignore_index
    if not wrong.any():
        return
    row = tuple(int(i) for i in np.argwhere(wrong)[0])
    value = int(values[row])
    low, high = int(values.min()), int(values.max())
    fix = f"a model with {high + 1} outputs" if low >= 0 else "labels numbered from 0"
    if low == 1 and high == classes:
        fix = "labels numbered from 0: labels - 1"
    elif ignore_index is None and value in (-1, -100):
        fix = f"ignore_index={value}, if such rows are to be left out"
    raise LabelError(
        f"{loss} got the label {value} in row {row[0] if len(row) == 1 else row}; with {classes} classes labels "
        f"are 0 to {classes - 1} "
        f"({int(wrong.sum())} of {values.size} are outside).",
        fix=fix,
    )


def as_signs(loss: str, target: Any, prediction: Tensor) -> Tensor:
    """A target of two values as −1 and 1 in the prediction's dtype: −1 and 1, 0 and 1, or truth values.

    Raises:
        LabelError: for another value, naming the first such place; inside a compiled function it counts by its sign.
    """
    target = as_tensor(target)
    values = known_values(target)
    if values is not None and values.dtype != bool:
        wrong = (values != -1) & (values != 0) & (values != 1)
        if wrong.any():
            row = tuple(int(i) for i in np.argwhere(wrong)[0])
            raise LabelError(
                f"{loss} got the target {values[row]:g} in row {row[0] if len(row) == 1 else row}; it is −1 or 1 "
                "(or 0 or 1, or a truth value).",
                fix="target == positive_class",
            )
    signs = ops.where(target if target.dtype.kind == "b" else target > 0, 1.0, -1.0)
    return ops.astype(signs, prediction.dtype)
