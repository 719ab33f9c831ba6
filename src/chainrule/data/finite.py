"""NaN and infinity, refused where they first are."""

from __future__ import annotations

import numpy as np

from chainrule.errors import NonFiniteError

__all__ = ["check_finite"]


def check_finite(values: np.ndarray, what: str) -> None:
    """Refuse NaN and infinity, naming the first place.

    Arguments:
        values: of any shape and type, the rows along the first axis.
        what: what to call them in the message, such as `"the inputs"`.

    Raises:
        NonFiniteError: for a value that is not finite.

    Example:
        >>> check_finite(np.array([[0.0, np.nan]]), "the inputs")
        Traceback (most recent call last):
        ...
        chainrule.errors.NonFiniteError: 1 value of the inputs is not finite: nan
          where: row 0, column 1
          fix: remove the rows or fill the values; in a table (CSV, data frame) missing values are filled and marked
    """
    with np.errstate(over="ignore", invalid="ignore"):  # one pass without a temporary, in the good case
        if values.dtype.kind != "f" or np.isfinite(values.sum(dtype=np.float64)):
            return
    bad = ~np.isfinite(values)
    count = int(bad.sum())
    if not count:  # finite numbers so large that their sum is not
        return
    place = tuple(int(k) for k in np.unravel_index(int(np.argmax(bad)), values.shape))
    column = f", column {place[1]}" if values.ndim == 2 else f", at {place[1:]}" if values.ndim > 2 else ""
    found = (
        f"1 value of {what} is not finite: {values[place]}"
        if count == 1
        else f"{count:,} values of {what} are not finite, the first is {values[place]}"
    )
    raise NonFiniteError(
        found,
        where=f"row {place[0]}{column}",
        fix="remove the rows or fill the values; in a table (CSV, data frame) missing values are filled and marked",
    )
