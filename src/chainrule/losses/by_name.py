"""Losses by their names in a configuration."""

from __future__ import annotations

import inspect
from typing import Any

from chainrule.errors import ConfigError, suggest
from chainrule.losses.base import Loss
from chainrule.losses.binary_cross_entropy import BinaryCrossEntropy
from chainrule.losses.cross_entropy import NLL, CrossEntropy
from chainrule.losses.divergence import Distillation, KLDivergence
from chainrule.losses.focal_loss import BinaryFocal, Focal
from chainrule.losses.hinges import Hinge, MultiLabelMargin, MultiMargin, SoftMargin
from chainrule.losses.likelihoods import GaussianNLL, PoissonNLL
from chainrule.losses.pairs import Contrastive, CosineEmbedding, HingeEmbedding, InfoNCE, TripletMargin
from chainrule.losses.rankings import BPR, MarginRanking
from chainrule.losses.regression import MAE, MSE, Huber, SmoothL1

__all__ = ["LOSSES", "make"]

LOSSES: dict[str, type[Loss]] = {
    kind.name: kind
    for kind in (
        *(MSE, MAE, Huber, SmoothL1, GaussianNLL, PoissonNLL),
        *(CrossEntropy, BinaryCrossEntropy, NLL, Focal, BinaryFocal, KLDivergence, Distillation),
        *(Hinge, SoftMargin, MultiMargin, MultiLabelMargin),
        *(Contrastive, CosineEmbedding, HingeEmbedding, TripletMargin, InfoNCE, BPR, MarginRanking),
    )
}


def make(name: str, **options: Any) -> Loss:
    """A loss by its name in a configuration, such as `"cross_entropy"`; `Loss.name` and `Loss.options` give back what
    made it.

    Raises:
        ConfigError: for an unknown name or option, with the nearest known ones.

    Example:
        >>> from chainrule import losses
        >>> losses.make("huber", delta=2.0)
        Huber(delta=2.0, reduction='mean')
    """
    kind = LOSSES.get(name.lower().replace("-", "_"))
    if kind is None:
        raise ConfigError(f"There is no loss {name!r}.{suggest(name, LOSSES)}", fix=f"one of {', '.join(LOSSES)}")
    accepted = list(inspect.signature(kind).parameters)
    for key in options:
        if key not in accepted:
            raise ConfigError(
                f"The loss {name!r} has no option {key!r}.{suggest(key, accepted)}", fix=f"one of {', '.join(accepted)}"
            )
    return kind(**options)
