"""Every loss that PyTorch has too, over options, shapes and numbers drawn at random: values and gradients by all inputs
in float64, relative error at most 1e-6.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule import losses
from reference.cases import Arrays, assert_same

Draw = Callable[[Any], Any]
Made = tuple[Arrays, Callable[..., Any], Callable[..., Any]]
"""The inputs that get gradients, and the loss of them in chainrule and (f being torch.nn.functional) in PyTorch."""

REDUCTIONS = st.sampled_from(["mean", "sum", "none"])
SHAPES = st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple)
WIDTHS = st.floats(0.1, 3.0)


def _torch(x: Any) -> Any:
    import torch

    return None if x is None else torch.tensor(x)


def _numbers(ours: Any, theirs: str, **options: tuple[str, Any]) -> Callable[..., Made]:
    """A loss of numbers against numbers; an option is our name = (PyTorch's name, what it is drawn from)."""

    def make(rng: np.random.Generator, draw: Draw) -> Made:
        shape, reduction = draw(SHAPES), draw(REDUCTIONS)
        chosen = {name: draw(values) for name, (_, values) in options.items()}
        renamed = {options[name][0]: value for name, value in chosen.items()}
        return (
            {"x": rng.normal(0, 2, shape), "t": rng.normal(0, 2, shape)},
            lambda x, t: ours(x, t, reduction=reduction, **chosen),
            lambda f, x, t: getattr(f, theirs)(x, t, reduction=reduction, **renamed),
        )

    return make


def _classes(rng: np.random.Generator, draw: Draw) -> tuple[tuple[int, ...], int, Any, dict[str, Any], dict[str, Any]]:
    """Shape of the rows, classes, labels, and the options that losses of classes share, ours and PyTorch's."""
    shape, classes = draw(SHAPES), draw(st.integers(2, 5))
    labels = rng.integers(0, classes, shape)
    weights = draw(st.sampled_from([None, rng.uniform(0.2, 2.0, classes)]))
    reduction = draw(REDUCTIONS)
    ours: dict[str, Any] = {
        "class_weights": weights if weights is None else cr.asarray(weights),
        "reduction": reduction,
    }
    return shape, classes, labels, ours, {"weight": _torch(weights), "reduction": reduction}


def _ignored(rng: np.random.Generator, draw: Draw, labels: Any, ours: Any, theirs: Any) -> None:
    if draw(st.booleans()):
        labels[rng.random(labels.shape) < 0.3] = -7
        labels.reshape(-1)[0] = 0  # the mean over no row at all is another thing
        ours["ignore_index"] = theirs["ignore_index"] = -7


def _cross_entropy(rng: np.random.Generator, draw: Draw) -> Made:
    shape, classes, labels, ours, theirs = _classes(rng, draw)
    _ignored(rng, draw, labels, ours, theirs)
    ours["label_smoothing"] = theirs["label_smoothing"] = draw(st.sampled_from([0.0, 0.1, 0.7]))
    return (
        {"x": rng.normal(0, 3, (*shape, classes))},
        lambda x: losses.cross_entropy(x, labels, **ours),
        lambda f, x: f.cross_entropy(x.movedim(-1, 1) if shape else x, _torch(labels), **theirs),
    )


def _soft_cross_entropy(rng: np.random.Generator, draw: Draw) -> Made:
    shape, classes, _, ours, theirs = _classes(rng, draw)
    ours["label_smoothing"] = theirs["label_smoothing"] = draw(st.sampled_from([0.0, 0.1, 0.7]))
    if ours["reduction"] == "mean":  # PyTorch's mean is over the batch axis alone
        shape = shape[:1]
    return (
        {"x": rng.normal(0, 3, (*shape, classes)), "t": rng.dirichlet(np.ones(classes), shape)},
        lambda x, t: losses.cross_entropy(x, t, **ours),
        lambda f, x, t: f.cross_entropy(x.movedim(-1, 1), t.movedim(-1, 1), **theirs),
    )


def _nll(rng: np.random.Generator, draw: Draw) -> Made:
    shape, classes, labels, ours, theirs = _classes(rng, draw)
    _ignored(rng, draw, labels, ours, theirs)
    return (
        {"x": np.log(rng.dirichlet(np.ones(classes), shape))},
        lambda x: losses.nll(x, labels, **ours),
        lambda f, x: f.nll_loss(x.movedim(-1, 1).contiguous(), _torch(labels), **theirs),
    )


def _multi_margin(rng: np.random.Generator, draw: Draw) -> Made:
    _, classes, labels, ours, theirs = _classes(rng, draw)
    labels = labels.reshape(-1)  # PyTorch takes (N, C) alone
    p, margin = draw(st.sampled_from([1, 2])), draw(WIDTHS)
    return (
        {"x": rng.normal(0, 2, (labels.size, classes))},
        lambda x: losses.multi_margin(x, labels, p=p, margin=margin, **ours),
        lambda f, x: f.multi_margin_loss(x, _torch(labels), p=p, margin=margin, **theirs),
    )


def _multi_label_margin(rng: np.random.Generator, draw: Draw) -> Made:
    rows, classes, reduction = draw(st.integers(1, 5)), draw(st.integers(1, 5)), draw(REDUCTIONS)
    on = rng.random((rows, classes)) < 0.5
    listed = np.full((rows, classes), -1)
    for row, classes_on in zip(listed, on, strict=True):
        places = np.flatnonzero(classes_on)
        row[: places.size] = places
    return (
        {"x": rng.normal(0, 2, (rows, classes))},
        lambda x: losses.multi_label_margin(x, on, reduction=reduction),
        lambda f, x: f.multilabel_margin_loss(x, _torch(listed), reduction=reduction),
    )


def _binary(rng: np.random.Generator, draw: Draw) -> Made:
    shape, reduction = draw(SHAPES), draw(REDUCTIONS)
    weight = draw(st.one_of(st.none(), WIDTHS))
    return (
        {"x": rng.normal(0, 4, shape), "t": rng.random(shape)},
        lambda x, t: losses.binary_cross_entropy(x, t, positive_weight=weight, reduction=reduction),
        lambda f, x, t: f.binary_cross_entropy_with_logits(
            x, t, pos_weight=None if weight is None else x.new_tensor(weight), reduction=reduction
        ),
    )


def _kl(rng: np.random.Generator, draw: Draw) -> Made:
    shape, classes, log_target = draw(SHAPES), draw(st.integers(2, 5)), draw(st.booleans())
    reduction = draw(st.sampled_from(["mean", "sum"]))
    rows = int(np.prod(shape))
    t = rng.dirichlet(np.ones(classes), rows)
    return (
        {"x": np.log(rng.dirichlet(np.ones(classes), rows)), "t": np.log(t) if log_target else t},
        lambda x, t: losses.kl_divergence(x, t, log_target=log_target, reduction=reduction),
        lambda f, x, t: f.kl_div(x, t, log_target=log_target, reduction="batchmean" if reduction == "mean" else "sum"),
    )


def _signs(rng: np.random.Generator, shape: Any, draw: Draw) -> tuple[Any, Any]:
    """A target of signs as PyTorch takes it, and in one of the forms that we take."""
    signs = rng.choice([-1, 1], shape)
    return _torch(signs.astype(float)), draw(st.sampled_from([signs, signs > 0, (signs > 0).astype(int)]))


def _soft_margin(rng: np.random.Generator, draw: Draw) -> Made:
    shape, reduction = draw(SHAPES), draw(REDUCTIONS)
    theirs, ours = _signs(rng, shape, draw)
    return (
        {"x": rng.normal(0, 3, shape)},
        lambda x: losses.soft_margin(x, ours, reduction=reduction),
        lambda f, x: f.soft_margin_loss(x, theirs, reduction=reduction),
    )


def _hinge_embedding(rng: np.random.Generator, draw: Draw) -> Made:
    shape, reduction, margin = draw(SHAPES), draw(REDUCTIONS), draw(WIDTHS)
    theirs, ours = _signs(rng, shape, draw)
    return (
        {"x": np.abs(rng.normal(0, 2, shape))},
        lambda x: losses.hinge_embedding(x, ours, margin=margin, reduction=reduction),
        lambda f, x: f.hinge_embedding_loss(x, theirs, margin=margin, reduction=reduction),
    )


def _cosine_embedding(rng: np.random.Generator, draw: Draw) -> Made:
    rows, features = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    reduction, margin = draw(REDUCTIONS), draw(st.floats(-0.9, 0.9))
    theirs, ours = _signs(rng, (rows,), draw)
    return (
        {"a": rng.normal(size=(rows, features)), "b": rng.normal(size=(rows, features))},
        lambda a, b: losses.cosine_embedding(a, b, ours, margin=margin, reduction=reduction),
        lambda f, a, b: f.cosine_embedding_loss(a, b, theirs, margin=margin, reduction=reduction),
    )


def _margin_ranking(rng: np.random.Generator, draw: Draw) -> Made:
    shape, reduction, margin = draw(SHAPES), draw(REDUCTIONS), draw(WIDTHS)
    theirs, ours = _signs(rng, shape, draw)
    return (
        {"a": rng.normal(size=shape), "b": rng.normal(size=shape)},
        lambda a, b: losses.margin_ranking(a, b, ours, margin=margin, reduction=reduction),
        lambda f, a, b: f.margin_ranking_loss(a, b, theirs, margin=margin, reduction=reduction),
    )


def _triplet(rng: np.random.Generator, draw: Draw) -> Made:
    shape, features = draw(SHAPES), draw(st.integers(1, 4))
    options = {"margin": draw(WIDTHS), "p": draw(st.sampled_from([1.0, 2.0, 3.0])), "swap": draw(st.booleans())}
    options["reduction"] = draw(REDUCTIONS)
    return (
        {name: rng.normal(size=(*shape, features)) for name in ("a", "p", "n")},
        lambda a, p, n: losses.triplet_margin(a, p, n, **options),
        lambda f, a, p, n: f.triplet_margin_loss(a, p, n, **options),
    )


def _gaussian(rng: np.random.Generator, draw: Draw) -> Made:
    shape, reduction, full = draw(SHAPES), draw(REDUCTIONS), draw(st.booleans())
    epsilon = draw(st.sampled_from([1e-6, 0.3]))  # the second is larger than some variances
    return (
        {"m": rng.normal(size=shape), "t": rng.normal(size=shape), "v": rng.uniform(0.05, 2.0, shape)},
        lambda m, t, v: losses.gaussian_nll(m, t, v, full=full, epsilon=epsilon, reduction=reduction),
        lambda f, m, t, v: f.gaussian_nll_loss(m, t, v, full=full, eps=epsilon, reduction=reduction),
    )


def _poisson(rng: np.random.Generator, draw: Draw) -> Made:
    shape, reduction, full, log = draw(SHAPES), draw(REDUCTIONS), draw(st.booleans()), draw(st.booleans())
    counts = rng.poisson(2.0, shape).astype(float)
    return (
        {"x": rng.normal(size=shape) if log else rng.uniform(0.1, 5.0, shape)},
        lambda x: losses.poisson_nll(x, cr.asarray(counts), log_input=log, full=full, reduction=reduction),
        lambda f, x: f.poisson_nll_loss(x, _torch(counts), log_input=log, full=full, reduction=reduction),
    )


LOSSES: dict[str, Callable[[np.random.Generator, Draw], Made]] = {
    "mse": _numbers(losses.mse, "mse_loss"),
    "mae": _numbers(losses.mae, "l1_loss"),
    "huber": _numbers(losses.huber, "huber_loss", delta=("delta", WIDTHS)),
    "smooth_l1": _numbers(losses.smooth_l1, "smooth_l1_loss", beta=("beta", WIDTHS)),
    "gaussian_nll": _gaussian,
    "poisson_nll": _poisson,
    "cross_entropy": _cross_entropy,
    "soft_cross_entropy": _soft_cross_entropy,
    "nll": _nll,
    "binary_cross_entropy": _binary,
    "kl_divergence": _kl,
    "soft_margin": _soft_margin,
    "multi_margin": _multi_margin,
    "multi_label_margin": _multi_label_margin,
    "hinge_embedding": _hinge_embedding,
    "cosine_embedding": _cosine_embedding,
    "margin_ranking": _margin_ranking,
    "triplet_margin": _triplet,
}


@pytest.mark.torch
@pytest.mark.parametrize("name", LOSSES)
@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), data=st.data())
def test_values_and_gradients(name: str, seed: int, data: Any) -> None:
    import torch

    rng = np.random.default_rng(seed)
    inputs, ours, theirs = LOSSES[name](rng, data.draw)
    mine = [cr.tensor(x, dtype="float64", requires_grad=True) for x in inputs.values()]
    other = [torch.tensor(x, requires_grad=True) for x in inputs.values()]
    loss, expected = ours(*mine), theirs(torch.nn.functional, *other)
    g = rng.normal(size=loss.shape)
    found = cr.graph.gradients([loss], [cr.asarray(g)], wanted=mine)
    wanted = torch.autograd.grad(expected, other, torch.tensor(g).reshape(expected.shape))
    answers = {"loss": loss.numpy()} | {k: np.asarray(d) for k, (_, d) in zip(inputs, found, strict=True)}
    references = {"loss": expected.detach().numpy()} | {k: d.numpy() for k, d in zip(inputs, wanted, strict=True)}
    assert_same(answers, references, least=1e-12)
