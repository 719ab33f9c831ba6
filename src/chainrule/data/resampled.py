"""Samples drawn from others, some of them several times: what bagging trains its members on."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.data.balanced import Balanced
from chainrule.data.samples import Drawn, Samples
from chainrule.errors import ConfigError

__all__ = ["Resampled"]


class Resampled(Drawn):
    """Rows drawn from samples of any kind; the arrays are shared, so that nothing is copied.

    Arguments:
        samples: what is drawn from.
        rows: places in `samples.rows()`, (N,), repeated as wanted; None draws as many as there are, with replacement:
            a bootstrap sample, which holds about 63 % of them.
        seed: of that drawing.

    Source: Efron, "Bootstrap Methods: Another Look at the Jackknife" (1979); for predictors: Breiman, "Bagging
    Predictors" (1996).

    Example:
        >>> from chainrule import data
        >>> drawn = data.Resampled(data.Dataset([[0.0], [1.0], [2.0]], [0, 1, 0]), rows=[1, 1, 2])
        >>> drawn.few(3)[1].tolist()
        [1, 1, 0]
    """

    def __init__(self, samples: Samples, rows: Any = None, *, seed: int = 0) -> None:
        if isinstance(samples, Balanced):
            raise ConfigError(
                "Balanced samples are drawn anew in every epoch, and Resampled would fix one draw of other shares.",
                fix="balanced.over(Resampled(balanced.samples))",
            )
        super().__init__(samples)
        places = self.generator(seed, 0).integers(0, len(samples), len(samples)) if rows is None else np.asarray(rows)
        self._rows = samples.rows()[places]

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self) -> np.ndarray:
        """The rows that were drawn."""
        return self._rows

    def order(self, seed: int, epoch: int, shuffle: bool = True) -> np.ndarray:
        """The drawn rows in an epoch's own order."""
        return self.generator(seed, epoch).permutation(self._rows) if shuffle else self._rows

    def __repr__(self) -> str:
        return f"Resampled({len(self)} rows of {self.samples!r})"
