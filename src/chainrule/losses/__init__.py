"""The losses floor: what is minimised. Each objective is a function and a class; the class knows what the outputs mean
(`predict`).
"""

from chainrule.errors import suggest
from chainrule.losses.base import Loss
from chainrule.losses.binary_cross_entropy import BinaryCrossEntropy, binary_cross_entropy
from chainrule.losses.by_name import LOSSES, make
from chainrule.losses.cross_entropy import NLL, CrossEntropy, cross_entropy, nll
from chainrule.losses.divergence import Distillation, KLDivergence, distillation, kl_divergence
from chainrule.losses.focal_loss import BinaryFocal, Focal, binary_focal, focal
from chainrule.losses.hinges import (
    Hinge,
    MultiLabelMargin,
    MultiMargin,
    SoftMargin,
    hinge,
    multi_label_margin,
    multi_margin,
    soft_margin,
)
from chainrule.losses.likelihoods import GaussianNLL, PoissonNLL, gaussian_nll, poisson_nll
from chainrule.losses.pairs import (
    Contrastive,
    CosineEmbedding,
    HingeEmbedding,
    InfoNCE,
    TripletMargin,
    contrastive,
    cosine_embedding,
    hinge_embedding,
    info_nce,
    nt_xent,
    triplet_margin,
)
from chainrule.losses.penalties import ElasticNet, elastic_net, l1, l2, shrink
from chainrule.losses.rankings import BPR, MarginRanking, bpr, margin_ranking
from chainrule.losses.regression import MAE, MSE, Huber, SmoothL1, huber, mae, mse, smooth_l1

__all__ = [
    "BPR",
    "LOSSES",
    "MAE",
    "MSE",
    "NLL",
    "BinaryCrossEntropy",
    "BinaryFocal",
    "Contrastive",
    "CosineEmbedding",
    "CrossEntropy",
    "Distillation",
    "ElasticNet",
    "Focal",
    "GaussianNLL",
    "Hinge",
    "HingeEmbedding",
    "Huber",
    "InfoNCE",
    "KLDivergence",
    "Loss",
    "MarginRanking",
    "MultiLabelMargin",
    "MultiMargin",
    "PoissonNLL",
    "SmoothL1",
    "SoftMargin",
    "TripletMargin",
    "binary_cross_entropy",
    "binary_focal",
    "bpr",
    "contrastive",
    "cosine_embedding",
    "cross_entropy",
    "distillation",
    "elastic_net",
    "focal",
    "gaussian_nll",
    "hinge",
    "hinge_embedding",
    "huber",
    "info_nce",
    "kl_divergence",
    "l1",
    "l2",
    "mae",
    "make",
    "margin_ranking",
    "mse",
    "multi_label_margin",
    "multi_margin",
    "nll",
    "nt_xent",
    "poisson_nll",
    "shrink",
    "smooth_l1",
    "soft_margin",
    "triplet_margin",
]


def __getattr__(name: str) -> object:
    raise AttributeError(f"chainrule.losses has no loss {name!r}.{suggest(name, __all__, 1)}", name=name)
