"""Layers: outputs, gradients by the input and by every parameter, and the state they leave behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import nn
from reference.cases import Arrays, Case

F8 = "float64"


def _case(
    name: str,
    make: Callable[[], nn.Module],
    theirs: Callable[..., Any],
    shape: tuple[int, ...] = (5, 4),
    *,
    ids: int = 0,
    steps: int = 1,
    evaluate: bool = False,
) -> Case:
    """`theirs(torch, f, x, p)` computes the layer with functions of PyTorch on our layout; p holds parameters and
    buffers, buffers updated in place."""

    def draw(rng: np.random.Generator) -> Arrays:
        layer = make()
        made: Arrays = {"x": rng.integers(0, ids, shape) if ids else rng.normal(0.3, 1.5, (steps, *shape))}
        for path, p in layer.named_parameters():
            made[f"p.{path}"] = rng.normal(size=p.shape)
        for path, b in layer.named_buffers():
            made[f"b.{path}"] = rng.uniform(0.5, 1.5, b.shape)
        x = made["x"] if ids else made["x"][0]
        with cr.no_grad():
            y = make()(cr.asarray(x))
        made["g"] = rng.normal(size=y.shape)
        return made

    def ours(inputs: Arrays, wrap: Callable[[Any], Any]) -> Arrays:
        layer = make()
        layer.load_state_dict({key[2:]: value for key, value in inputs.items() if key[:2] in ("p.", "b.")})
        if evaluate:
            layer.eval()

        def run(x: Any, g: Any) -> tuple[Any, Any]:
            if not ids:
                x = x * 1.0
                x.requires_grad = True
            y = layer(x)
            wanted = [*layer.parameters(), *([] if ids else [x])]
            found = cr.graph.gradients([y], [g], wanted=wanted) if y.requires_grad else [(w, None) for w in wanted]
            return y, [
                cr.zeros_like(w) if d is None else d.dense() if isinstance(d, cr.graph.RowSparse) else d
                for w, d in found
            ]

        step = wrap(run)
        y: Any = None
        grads: Any = None
        for x in [inputs["x"]] if ids else inputs["x"]:
            y, grads = step(cr.asarray(x), cr.asarray(inputs["g"]))
        names = [f"d.{path}" for path, _ in layer.named_parameters()] + ([] if ids else ["dx"])
        answers = {"y": y.numpy(), **{name: d.numpy() for name, d in zip(names, grads, strict=True)}}
        return answers | {f"b.{path}": b.numpy() for path, b in layer.named_buffers()}

    def reference(inputs: Arrays) -> Arrays:
        import torch

        p = {
            key[2:]: torch.tensor(value, requires_grad=key[0] == "p")
            for key, value in inputs.items()
            if key[:2] in ("p.", "b.")
        }
        leaves = {key: value for key, value in p.items() if value.requires_grad}
        y: Any = None
        x: Any = None
        for batch in [inputs["x"]] if ids else inputs["x"]:
            x = torch.tensor(batch, requires_grad=not ids)
            y = theirs(torch, torch.nn.functional, x, p)
        wanted = [*leaves.values(), *([] if ids else [x])]
        found = (
            torch.autograd.grad(y, wanted, torch.tensor(inputs["g"]), allow_unused=True)
            if y.requires_grad
            else [None] * len(wanted)
        )
        grads = [torch.zeros_like(w) if d is None else d for w, d in zip(wanted, found, strict=True)]
        names = [f"d.{key}" for key in leaves] + ([] if ids else ["dx"])
        answers = {"y": y.detach().numpy(), **{name: d.numpy() for name, d in zip(names, grads, strict=True)}}
        return answers | {f"b.{key}": value.numpy() for key, value in p.items() if key not in leaves}

    return Case(f"layer/{name}", draw, ours, reference)


def _batch_norm(training: bool) -> Any:
    def theirs(torch: Any, f: Any, x: Any, p: Any) -> Any:
        channels_first = torch.movedim(x, -1, 1)
        y = f.batch_norm(
            channels_first, p["running_mean"], p["running_var"], p["weight"], p["bias"], training, 0.2, 1e-3
        )
        return torch.movedim(y, 1, -1)

    return theirs


def _plain_batch_norm(torch: Any, f: Any, x: Any, p: Any) -> Any:
    return f.batch_norm(x, p["running_mean"], p["running_var"], None, None, True, 0.1, 1e-5)


def _mlp(torch: Any, f: Any, x: Any, p: Any) -> Any:
    hidden = f.relu(x @ p["0.weight"] + p["0.bias"])
    inner = f.silu(hidden @ p["2.inner.0.weight"])
    hidden = hidden @ p["2.shortcut.weight"] + p["2.shortcut.bias"] + inner
    return torch.flatten(hidden, 1) @ p["4.weight"] + p["4.bias"]


def _make_mlp() -> nn.Module:
    return nn.Sequential(
        nn.Linear(4, 6, dtype=F8),
        nn.ReLU(),
        nn.Residual(nn.Linear(6, 5, bias=False, dtype=F8), nn.SiLU(), shortcut=nn.Linear(6, 5, dtype=F8)),
        nn.Flatten(),
        nn.Linear(15, 2, dtype=F8),
    )


_ACTIVATIONS: dict[str, tuple[Callable[[], nn.Module], Callable[..., Any]]] = {
    "identity": (nn.Identity, lambda torch, f, x, p: x * 1.0),
    "sigmoid": (nn.Sigmoid, lambda torch, f, x, p: torch.sigmoid(x)),
    "tanh": (nn.Tanh, lambda torch, f, x, p: torch.tanh(x)),
    "relu": (nn.ReLU, lambda torch, f, x, p: f.relu(x)),
    "leaky_relu": (lambda: nn.LeakyReLU(0.07), lambda torch, f, x, p: f.leaky_relu(x, 0.07)),
    "absolute": (nn.Absolute, lambda torch, f, x, p: torch.abs(x)),
    "prelu": (lambda: nn.PReLU(dtype=F8), lambda torch, f, x, p: f.prelu(x, p["weight"])),
    "prelu_channels": (lambda: nn.PReLU(4, dtype=F8), lambda torch, f, x, p: f.prelu(x, p["weight"])),
    "elu": (lambda: nn.ELU(1.3), lambda torch, f, x, p: f.elu(x, 1.3)),
    "gelu": (nn.GELU, lambda torch, f, x, p: f.gelu(x)),
    "gelu_tanh": (lambda: nn.GELU("tanh"), lambda torch, f, x, p: f.gelu(x, approximate="tanh")),
    "silu": (nn.SiLU, lambda torch, f, x, p: f.silu(x)),
    "softplus": (lambda: nn.Softplus(1.7), lambda torch, f, x, p: f.softplus(x, 1.7, threshold=50.0)),
    "heaviside": (nn.Heaviside, lambda torch, f, x, p: torch.heaviside(x, torch.ones((), dtype=x.dtype)).detach()),
    "hardmax": (nn.Hardmax, lambda torch, f, x, p: f.one_hot(x.argmax(-1), x.shape[-1]).to(x.dtype)),
    "softmax": (lambda: nn.Softmax(temperature=0.7), lambda torch, f, x, p: f.softmax(x / 0.7, -1)),
    "softmax_axis": (lambda: nn.Softmax(0), lambda torch, f, x, p: f.softmax(x, 0)),
    "log_softmax": (nn.LogSoftmax, lambda torch, f, x, p: f.log_softmax(x, -1)),
}

CASES = [
    _case("linear", lambda: nn.Linear(4, 3, dtype=F8), lambda torch, f, x, p: f.linear(x, p["weight"].T, p["bias"])),
    _case(
        "linear_without_bias",
        lambda: nn.Linear(4, 3, bias=False, dtype=F8),
        lambda torch, f, x, p: f.linear(x, p["weight"].T),
        (2, 3, 4),
    ),
    *(_case(name, make, theirs) for name, (make, theirs) in _ACTIVATIONS.items()),
    _case("batch_norm", lambda: nn.BatchNorm(4, 1e-3, 0.2, dtype=F8), _batch_norm(True), (6, 4), steps=3),
    _case("batch_norm_images", lambda: nn.BatchNorm(2, 1e-3, 0.2, dtype=F8), _batch_norm(True), (3, 4, 5, 2), steps=2),
    _case("batch_norm_sequences", lambda: nn.BatchNorm(2, 1e-3, 0.2, dtype=F8), _batch_norm(True), (3, 4, 2)),
    _case("batch_norm_plain", lambda: nn.BatchNorm(4, affine=False, dtype=F8), _plain_batch_norm, (6, 4)),
    _case(
        "batch_norm_eval", lambda: nn.BatchNorm(2, 1e-3, 0.2, dtype=F8), _batch_norm(False), (3, 4, 5, 2), evaluate=True
    ),
    _case(
        "layer_norm",
        lambda: nn.LayerNorm(4, dtype=F8),
        lambda torch, f, x, p: f.layer_norm(x, (4,), p["weight"], p["bias"]),
        (2, 3, 4),
    ),
    _case(
        "layer_norm_two_axes",
        lambda: nn.LayerNorm((3, 4), 1e-3, dtype=F8),
        lambda torch, f, x, p: f.layer_norm(x, (3, 4), p["weight"], p["bias"], 1e-3),
        (2, 3, 4),
    ),
    _case(
        "embedding",
        lambda: nn.Embedding(7, 3, dtype=F8),
        lambda torch, f, x, p: f.embedding(x, p["weight"]),
        (4, 3),
        ids=7,
    ),
    _case(
        "embedding_padding",
        lambda: nn.Embedding(4, 3, padding_idx=1, dtype=F8),
        lambda torch, f, x, p: f.embedding(x, p["weight"], padding_idx=1),
        (6, 3),
        ids=4,
    ),
    _case("mlp_residual", _make_mlp, _mlp, (5, 3, 4)),
]
