"""Update rules: 50 steps of a small network, with another batch and (half-way) another learning rate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import losses, nn, optim
from reference.cases import Arrays, Case

STEPS = 50


def _short(x: np.ndarray) -> np.ndarray:
    """Numbers of few digits, which take little room in the table."""
    return np.round(x * 32.0) / 32.0


def _draw(rng: np.random.Generator) -> Arrays:
    return {
        "x": _short(rng.normal(size=(STEPS, 8, 4))),
        "t": _short(rng.normal(size=(STEPS, 8, 2))),
        "w1": rng.normal(0, 0.7, (4, 5)),
        "b1": rng.normal(0, 0.1, (5,)),
        "w2": rng.normal(0, 0.7, (5, 2)),
    }


def _case(
    name: str,
    ours: Callable[[list[Any]], optim.Optimizer],
    theirs: Callable[[Any, list[Any]], Any],
    *,
    clip: float | None = None,
) -> Case:
    def run_ours(inputs: Arrays, wrap: Callable[[Any], Any]) -> Arrays:
        parameters = [nn.Parameter(inputs[key], dtype="float64") for key in ("w1", "b1", "w2")]
        w1, b1, w2 = parameters
        optimizer = ours(parameters)

        def step(x: Any, t: Any) -> Any:
            return optimizer.minimize(losses.mse(cr.tanh(x @ w1 + b1) @ w2, t))

        run = wrap(step)
        seen = []
        for i in range(STEPS):
            if i == STEPS // 2:
                optimizer.lr = float(optimizer.lr) * 0.5
            seen.append(float(run(cr.asarray(inputs["x"][i]), cr.asarray(inputs["t"][i]))))
        return {
            "loss": np.array(seen),
            **{key: p.numpy() for key, p in zip(("w1", "b1", "w2"), parameters, strict=True)},
        }

    def run_theirs(inputs: Arrays) -> Arrays:
        import torch

        parameters = [torch.tensor(inputs[key], requires_grad=True) for key in ("w1", "b1", "w2")]
        w1, b1, w2 = parameters
        optimizer = theirs(torch.optim, parameters)
        seen = []
        for i in range(STEPS):
            if i == STEPS // 2:
                half = optimizer.param_groups[0]["lr"] * 0.5
                for group in optimizer.param_groups:
                    group["lr"] = half
            x, t = torch.tensor(inputs["x"][i]), torch.tensor(inputs["t"][i])
            loss = torch.nn.functional.mse_loss(torch.tanh(x @ w1 + b1) @ w2, t)
            optimizer.zero_grad()
            loss.backward()
            if clip is not None:
                torch.nn.utils.clip_grad_norm_(parameters, clip)
            optimizer.step()
            seen.append(loss.item())
        return {
            "loss": np.array(seen),
            **{key: p.detach().numpy() for key, p in zip(("w1", "b1", "w2"), parameters, strict=True)},
        }

    return Case(f"optimizer/{name}", _draw, run_ours, run_theirs)


def _draw_ids(rng: np.random.Generator) -> Arrays:
    return {
        "ids": rng.integers(0, 12, (STEPS, 6)),
        "t": _short(rng.normal(size=(STEPS, 6, 3))),
        "table": rng.normal(size=(12, 3)),
    }


def _sparse_case(
    name: str,
    ours: Callable[[list[Any]], optim.Optimizer],
    theirs: Callable[[Any, list[Any]], Any],
    *,
    sparse: bool = True,
) -> Case:
    """Embeddings, of which every batch touches some rows, repeated ones among them."""

    def run_ours(inputs: Arrays, wrap: Callable[[Any], Any]) -> Arrays:
        layer = nn.Embedding(12, 3, dtype="float64")
        layer.load_state_dict({"weight": inputs["table"]})
        optimizer = ours([layer.weight])

        def step(ids: Any, t: Any) -> Any:
            return optimizer.minimize(losses.mse(layer(ids), t))

        run = wrap(step)
        for ids, t in zip(inputs["ids"], inputs["t"], strict=True):
            run(cr.asarray(ids), cr.asarray(t))
        return {"table": layer.weight.numpy()}

    def run_theirs(inputs: Arrays) -> Arrays:
        import torch

        table = torch.tensor(inputs["table"], requires_grad=True)
        optimizer = theirs(torch.optim, [table])
        for ids, t in zip(inputs["ids"], inputs["t"], strict=True):
            y = torch.nn.functional.embedding(torch.tensor(ids), table, sparse=sparse)
            loss = torch.nn.functional.mse_loss(y, torch.tensor(t))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return {"table": table.detach().numpy()}

    return Case(f"optimizer/rows_{name}", _draw_ids, run_ours, run_theirs)


def _groups(p: list[Any]) -> list[dict[str, Any]]:
    return [{"params": [p[0], p[2]], "weight_decay": 0.1}, {"params": [p[1]], "weight_decay": 0.0}]


TORCH: dict[str, Any] = {"dialect": "pytorch"}

CASES = [
    _case("sgd", lambda p: optim.SGD(p, 0.1), lambda o, p: o.SGD(p, 0.1)),
    _case("sgd_decay", lambda p: optim.SGD(p, 0.1, weight_decay=0.02), lambda o, p: o.SGD(p, 0.1, weight_decay=0.02)),
    _case("sgd_groups", lambda p: optim.SGD(_groups(p), 0.1), lambda o, p: o.SGD(_groups(p), 0.1)),
    _case("sgd_clip_norm", lambda p: optim.SGD(p, 0.1, clip_norm=0.3, **TORCH), lambda o, p: o.SGD(p, 0.1), clip=0.3),
    _case("momentum", lambda p: optim.Momentum(p, 0.05, 0.8, **TORCH), lambda o, p: o.SGD(p, 0.05, momentum=0.8)),
    _case(
        "momentum_decay",
        lambda p: optim.Momentum(p, 0.05, weight_decay=0.02, **TORCH),
        lambda o, p: o.SGD(p, 0.05, momentum=0.9, weight_decay=0.02),
    ),
    _case(
        "nesterov",
        lambda p: optim.Nesterov(p, 0.05, 0.8, **TORCH),
        lambda o, p: o.SGD(p, 0.05, momentum=0.8, nesterov=True),
    ),
    _case("adagrad", lambda p: optim.AdaGrad(p, 0.1), lambda o, p: o.Adagrad(p, 0.1)),
    _case("rmsprop", lambda p: optim.RMSProp(p, **TORCH), lambda o, p: o.RMSprop(p)),
    _case(
        "rmsprop_decay",
        lambda p: optim.RMSProp(p, 0.02, 0.95, weight_decay=0.02, **TORCH),
        lambda o, p: o.RMSprop(p, 0.02, alpha=0.95, weight_decay=0.02),
    ),
    _case("adam", lambda p: optim.Adam(p, 0.01), lambda o, p: o.Adam(p, 0.01)),
    _case(
        "adam_decay",
        lambda p: optim.Adam(p, 0.01, (0.8, 0.95), 1e-6, weight_decay=0.02),
        lambda o, p: o.Adam(p, 0.01, (0.8, 0.95), 1e-6, weight_decay=0.02),
    ),
    _case(
        "adam_clip_norm", lambda p: optim.Adam(p, 0.01, clip_norm=0.2, **TORCH), lambda o, p: o.Adam(p, 0.01), clip=0.2
    ),
    _case(
        "adamw",
        lambda p: optim.AdamW(p, 0.01, weight_decay=0.1, **TORCH),
        lambda o, p: o.AdamW(p, 0.01, weight_decay=0.1),
    ),
    _case("adamw_defaults", lambda p: optim.AdamW(p, **TORCH), lambda o, p: o.AdamW(p)),
    _case("adadelta", lambda p: optim.AdaDelta(p, **TORCH), lambda o, p: o.Adadelta(p)),
    _case("adam_amsgrad", lambda p: optim.Adam(p, 0.02, amsgrad=True), lambda o, p: o.Adam(p, 0.02, amsgrad=True)),
    _case("adamax", lambda p: optim.Adamax(p, 0.02, **TORCH), lambda o, p: o.Adamax(p, 0.02)),
    _case("nadam", lambda p: optim.NAdam(p, 0.02), lambda o, p: o.NAdam(p, 0.02)),
    _case("radam", lambda p: optim.RAdam(p, 0.02, **TORCH), lambda o, p: o.RAdam(p, 0.02)),
    _case(
        "adafactor",
        lambda p: optim.Adafactor(p, 0.05, weight_decay=0.1, **TORCH),
        lambda o, p: o.Adafactor(p, 0.05, weight_decay=0.1),
    ),
    _case(
        "rmsprop_centered",
        lambda p: optim.RMSProp(p, 0.01, epsilon=1e-2, momentum=0.8, centered=True, **TORCH),
        lambda o, p: o.RMSprop(p, 0.01, eps=1e-2, momentum=0.8, centered=True),
    ),
    _case(
        "rprop",
        lambda p: optim.Rprop(p, 0.01, step_sizes=(1e-6, 0.02)),
        lambda o, p: o.Rprop(p, 0.01, step_sizes=(1e-6, 0.02)),
    ),
    _sparse_case("sgd", lambda p: optim.SGD(p, 0.5), lambda o, p: o.SGD(p, 0.5)),
    _sparse_case("adagrad", lambda p: optim.AdaGrad(p, 0.5), lambda o, p: o.Adagrad(p, 0.5)),
    # SparseAdam adds ε before the correction of the bias.
    _sparse_case(
        "adam_lazy", lambda p: optim.Adam(p, 0.05, epsilon=1e-8, dialect="keras"), lambda o, p: o.SparseAdam(p, 0.05)
    ),
    _sparse_case("adam_dense", lambda p: optim.Adam(p, 0.05, lazy=False), lambda o, p: o.Adam(p, 0.05), sparse=False),
]
