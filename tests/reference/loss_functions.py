"""Losses: values, and gradients by the prediction (and by soft targets)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import losses
from reference.cases import Arrays, Case


def _case(
    name: str, draw: Callable[[np.random.Generator], Arrays], ours: Callable[..., Any], theirs: Callable[..., Any]
) -> Case:
    """`ours(inputs as Tensors)` and `theirs(f, inputs as torch tensors)` give the loss of inputs["x"] against
    inputs["t"]."""

    def run_ours(inputs: Arrays, wrap: Callable[[Any], Any]) -> Arrays:
        def run(given: dict[str, Any]) -> Any:
            x = given["x"] * 1.0
            x.requires_grad = True
            loss = ours({**given, "x": x})
            return loss, cr.graph.gradients([loss], [cr.ones_like(loss.detach())], wanted=[x])[0][1]

        loss, dx = wrap(run)({key: cr.asarray(value) for key, value in inputs.items()})
        return {"loss": loss.numpy(), "dx": np.asarray(dx)}

    def run_theirs(inputs: Arrays) -> Arrays:
        import torch

        given = {key: torch.tensor(value) for key, value in inputs.items()}
        given["x"].requires_grad_(True)
        loss = theirs(torch.nn.functional, given)
        (dx,) = torch.autograd.grad(loss.sum(), given["x"])
        return {"loss": loss.detach().numpy(), "dx": dx.numpy()}

    return Case(f"loss/{name}", draw, run_ours, run_theirs)


def _numbers(shape: tuple[int, ...]) -> Callable[[np.random.Generator], Arrays]:
    return lambda rng: {"x": rng.normal(0, 2, shape), "t": rng.normal(0, 2, shape)}


def _classes(rng: np.random.Generator) -> Arrays:
    return {"x": rng.normal(0, 3, (9, 4)), "t": rng.integers(0, 4, 9), "w": rng.uniform(0.2, 2.0, 4)}


def _tokens(rng: np.random.Generator) -> Arrays:
    labels = rng.integers(0, 4, (3, 5))
    labels[rng.random((3, 5)) < 0.4] = -100
    labels[0, 0] = 2
    return {"x": rng.normal(0, 3, (3, 5, 4)), "t": labels, "w": rng.uniform(0.2, 2.0, 4)}


def _soft(rng: np.random.Generator) -> Arrays:
    return {"x": rng.normal(0, 3, (6, 4)), "t": rng.dirichlet(np.ones(4), 6), "w": rng.uniform(0.2, 2.0, 4)}


def _binary(rng: np.random.Generator) -> Arrays:
    return {"x": rng.normal(0, 4, (8,)), "t": rng.random(8)}


def _log_p(rng: np.random.Generator) -> Arrays:
    return {"x": np.log(rng.dirichlet(np.ones(4), 7)), "t": rng.integers(0, 4, 7), "w": rng.uniform(0.2, 2.0, 4)}


def _signed(rng: np.random.Generator) -> Arrays:
    return {"x": rng.normal(0, 2, 8), "t": rng.choice([-1.0, 1.0], 8)}


def _pairs(rng: np.random.Generator) -> Arrays:
    x, w, v = rng.normal(size=(3, 6, 4))
    return {"x": x, "w": w, "v": v, "t": rng.choice([-1.0, 1.0], 6)}


def _last(f: Any, given: Any, **options: Any) -> Any:
    """PyTorch's cross-entropy with the classes on its axis 1."""
    return f.cross_entropy(given["x"].movedim(-1, 1), given["t"], **options)


CASES = [
    *(
        _case(
            f"mse_{r}",
            _numbers((5, 3)),
            lambda g, r=r: losses.mse(g["x"], g["t"], reduction=r),
            lambda f, g, r=r: f.mse_loss(g["x"], g["t"], reduction=r),
        )
        for r in ("mean", "sum", "none")
    ),
    _case("mae", _numbers((7,)), lambda g: losses.mae(g["x"], g["t"]), lambda f, g: f.l1_loss(g["x"], g["t"])),
    _case(
        "huber",
        _numbers((7, 2)),
        lambda g: losses.huber(g["x"], g["t"], delta=1.5),
        lambda f, g: f.huber_loss(g["x"], g["t"], delta=1.5),
    ),
    *(
        _case(
            f"cross_entropy_{r}",
            _classes,
            lambda g, r=r: losses.cross_entropy(g["x"], g["t"], reduction=r),
            lambda f, g, r=r: _last(f, g, reduction=r),
        )
        for r in ("mean", "sum", "none")
    ),
    _case(
        "cross_entropy_weights",
        _classes,
        lambda g: losses.cross_entropy(g["x"], g["t"], class_weights=g["w"]),
        lambda f, g: _last(f, g, weight=g["w"]),
    ),
    _case(
        "cross_entropy_smoothing",
        _classes,
        lambda g: losses.cross_entropy(g["x"], g["t"], label_smoothing=0.2),
        lambda f, g: _last(f, g, label_smoothing=0.2),
    ),
    *(
        _case(
            f"cross_entropy_everything_{r}",
            _tokens,
            lambda g, r=r: losses.cross_entropy(
                g["x"], g["t"], class_weights=g["w"], label_smoothing=0.1, ignore_index=-100, reduction=r
            ),
            lambda f, g, r=r: _last(f, g, weight=g["w"], label_smoothing=0.1, ignore_index=-100, reduction=r),
        )
        for r in ("mean", "sum", "none")
    ),
    _case(
        "cross_entropy_ignore",
        _tokens,
        lambda g: losses.cross_entropy(g["x"], g["t"], ignore_index=-100),
        lambda f, g: _last(f, g, ignore_index=-100),
    ),
    _case("cross_entropy_soft", _soft, lambda g: losses.cross_entropy(g["x"], g["t"]), lambda f, g: _last(f, g)),
    _case(
        "cross_entropy_soft_everything",
        _soft,
        lambda g: losses.cross_entropy(g["x"], g["t"], class_weights=g["w"], label_smoothing=0.1),
        lambda f, g: _last(f, g, weight=g["w"], label_smoothing=0.1),
    ),
    _case(
        "binary_cross_entropy",
        _binary,
        lambda g: losses.binary_cross_entropy(g["x"], g["t"]),
        lambda f, g: f.binary_cross_entropy_with_logits(g["x"], g["t"]),
    ),
    _case(
        "binary_cross_entropy_positive_weight",
        _binary,
        lambda g: losses.binary_cross_entropy(g["x"], g["t"], positive_weight=3.0, reduction="none"),
        lambda f, g: f.binary_cross_entropy_with_logits(
            g["x"], g["t"], pos_weight=g["x"].new_tensor(3.0), reduction="none"
        ),
    ),
    _case(
        "nll",
        _log_p,
        lambda g: losses.nll(g["x"], g["t"], class_weights=g["w"]),
        lambda f, g: f.nll_loss(g["x"], g["t"], weight=g["w"]),
    ),
    _case(
        "nll_ignore",
        _log_p,
        lambda g: losses.nll(g["x"], g["t"], ignore_index=2, reduction="sum"),
        lambda f, g: f.nll_loss(g["x"], g["t"], ignore_index=2, reduction="sum"),
    ),
    _case(
        "smooth_l1",
        _numbers((7, 2)),
        lambda g: losses.smooth_l1(g["x"], g["t"], beta=0.7),
        lambda f, g: f.smooth_l1_loss(g["x"], g["t"], beta=0.7),
    ),
    _case(
        "gaussian_nll",
        lambda rng: {**_numbers((7, 2))(rng), "w": rng.uniform(0.1, 2.0, (7, 2))},
        lambda g: losses.gaussian_nll(g["x"], g["t"], g["w"], full=True),
        lambda f, g: f.gaussian_nll_loss(g["x"], g["t"], g["w"], full=True),
    ),
    _case(
        "poisson_nll",
        lambda rng: {"x": rng.normal(size=9), "t": rng.poisson(2.0, 9).astype(float)},
        lambda g: losses.poisson_nll(g["x"], g["t"], full=True),
        lambda f, g: f.poisson_nll_loss(g["x"], g["t"], full=True),
    ),
    _case(
        "kl_divergence",
        lambda rng: {"x": np.log(rng.dirichlet(np.ones(4), 6)), "t": rng.dirichlet(np.ones(4), 6)},
        lambda g: losses.kl_divergence(g["x"], g["t"]),
        lambda f, g: f.kl_div(g["x"], g["t"], reduction="batchmean"),
    ),
    _case(
        "soft_margin",
        _signed,
        lambda g: losses.soft_margin(g["x"], g["t"]),
        lambda f, g: f.soft_margin_loss(g["x"], g["t"]),
    ),
    _case(
        "hinge_embedding",
        _signed,
        lambda g: losses.hinge_embedding(g["x"], g["t"], margin=0.5),
        lambda f, g: f.hinge_embedding_loss(g["x"], g["t"], margin=0.5),
    ),
    _case(
        "margin_ranking",
        lambda rng: {**_signed(rng), "w": rng.normal(size=8)},
        lambda g: losses.margin_ranking(g["x"], g["w"], g["t"], margin=0.5),
        lambda f, g: f.margin_ranking_loss(g["x"], g["w"], g["t"], margin=0.5),
    ),
    _case(
        "multi_margin",
        _classes,
        lambda g: losses.multi_margin(g["x"], g["t"], p=2, class_weights=g["w"]),
        lambda f, g: f.multi_margin_loss(g["x"], g["t"], p=2, weight=g["w"]),
    ),
    _case(
        "cosine_embedding",
        _pairs,
        lambda g: losses.cosine_embedding(g["x"], g["w"], g["t"], margin=0.2),
        lambda f, g: f.cosine_embedding_loss(g["x"], g["w"], g["t"], margin=0.2),
    ),
    _case(
        "triplet_margin",
        _pairs,
        lambda g: losses.triplet_margin(g["x"], g["w"], g["v"], swap=True),
        lambda f, g: f.triplet_margin_loss(g["x"], g["w"], g["v"], swap=True),
    ),
]
