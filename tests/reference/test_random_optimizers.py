"""Every update rule that PyTorch has too, over options drawn at random: 50 steps of a small network in float64, with
another batch each step and another learning rate half-way, relative error at most 1e-6.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule import losses, nn, optim
from reference.cases import assert_same

STEPS = 50
Draw = Callable[[Any], Any]
Made = tuple[Callable[[list[Any]], optim.Optimizer], Callable[[Any, list[Any]], Any]]

RATES = st.floats(1e-3, 0.1)
DECAYS = st.sampled_from([0.0, 0.0, 0.01, 0.1])
SHARES = st.floats(0.5, 0.99)
BETAS = st.tuples(st.floats(0.0, 0.95), st.floats(0.7, 0.999))
EPSILONS = st.sampled_from([1e-10, 1e-8, 1e-4])
TORCH: dict[str, Any] = {"dialect": "pytorch"}


def _sgd(draw: Draw) -> Made:
    lr, decay, momentum, nesterov = (
        draw(RATES),
        draw(DECAYS),
        draw(st.one_of(st.just(0.0), SHARES)),
        draw(st.booleans()),
    )
    if not momentum:
        return lambda p: optim.SGD(p, lr, weight_decay=decay), lambda o, p: o.SGD(p, lr, weight_decay=decay)
    rule = optim.Nesterov if nesterov else optim.Momentum
    return (
        lambda p: rule(p, lr, momentum, weight_decay=decay, **TORCH),
        lambda o, p: o.SGD(p, lr, momentum=momentum, weight_decay=decay, nesterov=nesterov),
    )


def _adagrad(draw: Draw) -> Made:
    lr, decay, epsilon, initial = draw(RATES), draw(DECAYS), draw(EPSILONS), draw(st.floats(0.0, 1.0))
    return (
        lambda p: optim.AdaGrad(p, lr, epsilon, initial=initial, weight_decay=decay),
        lambda o, p: o.Adagrad(p, lr, eps=epsilon, initial_accumulator_value=initial, weight_decay=decay),
    )


def _adadelta(draw: Draw) -> Made:
    lr, rho, decay, epsilon = draw(st.floats(0.1, 1.0)), draw(SHARES), draw(DECAYS), draw(st.sampled_from([1e-6, 1e-3]))
    return (
        lambda p: optim.AdaDelta(p, lr, rho, epsilon, weight_decay=decay, **TORCH),
        lambda o, p: o.Adadelta(p, lr, rho=rho, eps=epsilon, weight_decay=decay),
    )


def _rmsprop(draw: Draw) -> Made:
    lr, decay, epsilon, share = draw(RATES), draw(DECAYS), draw(EPSILONS), draw(SHARES)
    momentum, centered = draw(st.one_of(st.just(0.0), SHARES)), draw(st.booleans())
    if centered:
        epsilon = 1e-2  # the variance of few gradients is next to 0, and its root magnifies any rounding
    return (
        lambda p: optim.RMSProp(
            p, lr, share, epsilon, momentum=momentum, centered=centered, weight_decay=decay, **TORCH
        ),
        lambda o, p: o.RMSprop(
            p, lr, alpha=share, eps=epsilon, momentum=momentum, centered=centered, weight_decay=decay
        ),
    )


def _like_adam(ours: Any, theirs: str, amsgrad: bool = False, **more: Any) -> Callable[[Draw], Made]:
    def make(draw: Draw) -> Made:
        lr, decay, betas, epsilon = draw(RATES), draw(DECAYS), draw(BETAS), draw(EPSILONS)
        options = {name: draw(values) for name, values in more.items()}
        if amsgrad:
            options["amsgrad"] = draw(st.booleans())
        return (
            lambda p: ours(p, lr, betas, epsilon, weight_decay=decay, **options, **TORCH),
            lambda o, p: getattr(o, theirs)(p, lr, betas, eps=epsilon, weight_decay=decay, **options),
        )

    return make


def _adafactor(draw: Draw) -> Made:
    lr, decay, power, clip = (
        draw(st.floats(1e-3, 0.1)),  # longer steps amplify rounding from one to the next
        draw(DECAYS),
        draw(st.floats(0.5, 1.0)),
        draw(st.floats(1.0, 2.0)),
    )
    epsilon, least = draw(st.sampled_from([None, 1e-4])), draw(st.sampled_from([1e-3, 0.5]))
    return (
        lambda p: optim.Adafactor(p, lr, power, epsilon, least, clip, weight_decay=decay, **TORCH),
        lambda o, p: o.Adafactor(p, lr, -power, (epsilon, least), clip, weight_decay=decay),
    )


def _rprop(draw: Draw) -> Made:
    lr, etas = draw(RATES), (draw(st.floats(0.2, 0.8)), draw(st.floats(1.1, 1.5)))
    # Larger steps saturate tanh, where the sign of a gradient is that of a rounding error.
    sizes = (draw(st.sampled_from([1e-6, 1e-3])), draw(st.sampled_from([0.01, 0.05])))
    return lambda p: optim.Rprop(p, lr, etas, sizes), lambda o, p: o.Rprop(p, lr, etas, sizes)


def _asgd(draw: Draw) -> Made:
    lr, fall, power = draw(RATES), draw(st.sampled_from([0.0, 1e-4, 0.1])), draw(st.floats(0.5, 1.0))
    start, decay = draw(st.sampled_from([1e6, 10.0, 0.0])), draw(DECAYS)
    return (
        lambda p: optim.ASGD(p, lr, fall, power, start, weight_decay=decay),
        lambda o, p: o.ASGD(p, lr, fall, power, start, weight_decay=decay),
    )


RULES: dict[str, Callable[[Draw], Made]] = {
    "sgd": _sgd,
    "adagrad": _adagrad,
    "adadelta": _adadelta,
    "rmsprop": _rmsprop,
    "adam": _like_adam(optim.Adam, "Adam", amsgrad=True),
    "adamw": _like_adam(optim.AdamW, "AdamW", amsgrad=True),
    "adamax": _like_adam(optim.Adamax, "Adamax"),
    "nadam": _like_adam(optim.NAdam, "NAdam", momentum_decay=st.floats(0.0, 0.1)),
    "radam": _like_adam(optim.RAdam, "RAdam"),
    "adafactor": _adafactor,
    "rprop": _rprop,
    "asgd": _asgd,
}


def _ours(
    make: Any, start: Any, x: Any, t: Any, turn: bool, clip: Any, cut: Any
) -> tuple[dict[str, Any], optim.Optimizer]:
    w1, b1, w2 = parameters = [nn.Parameter(value, dtype="float64") for value in start]
    optimizer = make(parameters)
    optimizer.clip_value = cut
    for i in range(STEPS):
        if turn and i == STEPS // 2:
            optimizer.lr = float(optimizer.lr) * 0.5
        loss = losses.mse(cr.tanh(cr.asarray(x[i]) @ w1 + b1) @ w2, cr.asarray(t[i]))
        optimizer.zero_grad()
        loss.backward()
        if clip is not None:
            optim.clip_grad_norm(parameters, clip, dialect="pytorch")
        optimizer.step()
    return {name: p.numpy() for name, p in zip(("w1", "b1", "w2"), parameters, strict=True)}, optimizer


def _theirs(make: Any, start: Any, x: Any, t: Any, turn: bool, clip: Any, cut: Any) -> tuple[dict[str, Any], Any]:
    import torch

    torch.set_default_dtype(torch.float64)  # or ASGD rounds its rate to float32
    try:
        w1, b1, w2 = parameters = [torch.tensor(value, requires_grad=True) for value in start]
        optimizer = make(torch.optim, parameters)
        for i in range(STEPS):
            if turn and i == STEPS // 2:
                optimizer.param_groups[0]["lr"] *= 0.5
            y = torch.tanh(torch.tensor(x[i]) @ w1 + b1) @ w2
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(y, torch.tensor(t[i])).backward()
            if clip is not None:
                torch.nn.utils.clip_grad_norm_(parameters, clip)
            if cut is not None:
                torch.nn.utils.clip_grad_value_(parameters, cut)
            optimizer.step()
        return {name: p.detach().numpy() for name, p in zip(("w1", "b1", "w2"), parameters, strict=True)}, optimizer
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.torch
@pytest.mark.parametrize("name", RULES)
@settings(deadline=None, max_examples=20)
@given(
    seed=st.integers(0, 2**32 - 1),
    turn=st.booleans(),
    clip=st.sampled_from([None, None, 0.1, 1.0]),
    cut=st.sampled_from([None, None, 0.03]),
    data=st.data(),
)
def test_trajectories(name: str, seed: int, turn: bool, clip: float | None, cut: float | None, data: Any) -> None:
    rng = np.random.default_rng(seed)
    make, other = RULES[name](data.draw)
    if name not in ("sgd", "adam", "adamw"):
        cut = None  # entries cut to one number have no variance, and other rules divide by its rounding error
    turn = turn and name != "asgd"  # whose rate follows a change one step later in PyTorch
    start = [rng.normal(0, 0.7, (4, 5)), rng.normal(0, 0.1, 5), rng.normal(0, 0.7, (5, 2))]
    x, t = rng.normal(size=(STEPS, 8, 4)), rng.normal(size=(STEPS, 8, 2))
    found, optimizer = _ours(make, start, x, t, turn, clip, cut)
    expected, reference = _theirs(other, start, x, t, turn, clip, cut)
    if isinstance(optimizer, optim.ASGD):
        averages = zip(("w1", "b1", "w2"), optimizer.averages, reference.param_groups[0]["params"], strict=True)
        for key, average, p in averages:
            found[f"average {key}"], expected[f"average {key}"] = average.numpy(), reference.state[p]["ax"].numpy()
    assert_same(found, expected, least=1e-9)


def _sparse_sgd(draw: Draw) -> Made:
    lr, decay = draw(RATES), draw(DECAYS)
    momentum = draw(st.one_of(st.just(0.0), SHARES))
    if momentum:  # the velocity of rows that a batch left out moves on in PyTorch: the dense form
        return (
            lambda p: optim.Momentum(p, lr, momentum, weight_decay=decay, lazy=False, **TORCH),
            lambda o, p: o.SGD(p, lr, momentum=momentum, weight_decay=decay),
        )
    return lambda p: optim.SGD(p, lr), lambda o, p: o.SGD(p, lr)


def _sparse_adagrad(draw: Draw) -> Made:
    lr, epsilon, initial = draw(RATES), draw(EPSILONS), draw(st.floats(0.0, 1.0))
    return (
        lambda p: optim.AdaGrad(p, lr, epsilon, initial=initial),
        lambda o, p: o.Adagrad(p, lr, eps=epsilon, initial_accumulator_value=initial),
    )


def _sparse_adam(draw: Draw) -> Made:
    lr, betas, epsilon = draw(RATES), draw(BETAS), draw(st.sampled_from([1e-8, 1e-4]))
    # SparseAdam adds ε before the correction of the bias, as Keras does.
    return (
        lambda p: optim.Adam(p, lr, betas, epsilon, dialect="keras"),
        lambda o, p: o.SparseAdam(p, lr, betas, eps=epsilon),
    )


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore:Sparse invariant checks are implicitly disabled")
@pytest.mark.parametrize("make", [_sparse_sgd, _sparse_adagrad, _sparse_adam])
@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 2**32 - 1), data=st.data())
def test_rows_of_an_embedding(make: Callable[[Draw], Made], seed: int, data: Any) -> None:
    """Batches touch some rows of a table, some of them twice, over 50 steps."""
    import torch

    own, other = make(data.draw)
    rng = np.random.default_rng(seed)
    table, ids, t = rng.normal(size=(9, 3)), rng.integers(0, 9, (STEPS, 5)), rng.normal(size=(STEPS, 5, 3))
    layer = nn.Embedding(9, 3, dtype="float64")
    layer.load_state_dict({"weight": table})
    optimizer = own([layer.weight])
    theirs = torch.tensor(table, requires_grad=True)
    reference = other(torch.optim, [theirs])
    sparse = not any(g.get("momentum") or g.get("weight_decay") for g in reference.param_groups)
    for i in range(STEPS):
        optimizer.minimize(losses.mse(layer(cr.asarray(ids[i])), cr.asarray(t[i])))
        y = torch.nn.functional.embedding(torch.tensor(ids[i]), theirs, sparse=sparse)
        reference.zero_grad()
        torch.nn.functional.mse_loss(y, torch.tensor(t[i])).backward()
        reference.step()
    assert_same({"table": layer.weight.numpy()}, {"table": theirs.detach().numpy()}, least=1e-9)


@pytest.mark.torch
@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(2, 6), columns=st.integers(2, 6), data=st.data())
def test_muon_as_far_as_half_precision_goes(seed: int, rows: int, columns: int, data: Any) -> None:
    """PyTorch iterates in bfloat16, so a single step agrees to its two or three digits."""
    import torch

    nesterov, decay = data.draw(st.booleans()), data.draw(DECAYS)
    scale = data.draw(st.sampled_from(["original", "match_rms_adamw"]))
    rng = np.random.default_rng(seed)
    w, g = rng.normal(size=(rows, columns)), rng.normal(size=(rows, columns))
    mine = nn.Parameter(w, dtype="float64")
    optim.Muon([mine], 0.5, 0.9, nesterov, scale=scale, weight_decay=decay).update([cr.asarray(g)])
    theirs = torch.tensor(w.T.copy(), requires_grad=True)
    theirs.grad = torch.tensor(g.T.copy())
    torch.optim.Muon([theirs], 0.5, momentum=0.9, nesterov=nesterov, weight_decay=decay, adjust_lr_fn=scale).step()
    np.testing.assert_allclose(mine.numpy().T, theirs.detach().numpy(), atol=0.05)
