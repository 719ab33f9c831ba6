"""Training steps of multi-layer perceptrons: forward, backward and Adam, by chainrule, PyTorch and JAX with Optax."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Workload:
    """A network, its batch, and how many steps make a round."""

    title: str
    sizes: tuple[int, ...]
    batch: int
    steps: int


WORKLOADS = {
    "xor": Workload("XOR MLP 2-16-2, batch 4", (2, 16, 2), 4, 500),
    "digits": Workload("digits MLP 64-128-64-10, batch 32", (64, 128, 64, 10), 32, 200),
    "mnist": Workload("MNIST MLP 784-256-128-10, batch 128", (784, 256, 128, 10), 128, 50),
    "wide": Workload("MLP 1024-1024-1024-10, batch 512", (1024, 1024, 1024, 10), 512, 8),
}
_TOLERANCE = 1e-3
_RATE = 1e-3

Round = Callable[[], np.ndarray]
"""One round of a peer: all steps, from its present state; gives the losses."""


def _chainrule(weights: list[np.ndarray], x: np.ndarray, y: np.ndarray) -> dict[str, Round]:
    import chainrule as cr
    from chainrule import losses, nn, optim

    def make() -> tuple[nn.Module, Callable]:
        layers: list[nn.Module] = []
        for w in weights[::2]:
            layers += [nn.Linear(*w.shape), nn.ReLU()]
        model = nn.Sequential(*layers[:-1])
        for parameter, w in zip(model.parameters(), weights, strict=True):
            parameter.assign(w)
        optimizer = optim.Adam(model.parameters(), lr=_RATE)

        def step(images, labels):
            loss = losses.cross_entropy(model(images), labels)
            optimizer.minimize(loss)
            return loss

        return model, step

    many, single, eager = (make()[1] for _ in range(3))
    many, single = cr.compile(many), cr.compile(single)
    few = max(len(x) // 10, 1)
    return {
        "chainrule": lambda: many.scan(x, y).numpy(),
        "chainrule, a call a step": lambda: np.array([single(a, b) for a, b in zip(x, y, strict=True)][-1].numpy()),
        "chainrule eager (NumPy)": lambda: np.array(
            [float(eager(a, b)) for a, b in zip(x[:few], y[:few], strict=True)]
        ),
    }


def _torch(weights: list[np.ndarray], x: np.ndarray, y: np.ndarray) -> dict[str, Round]:
    import torch

    torch.set_num_threads(2)
    xs, ys = torch.from_numpy(x), torch.from_numpy(y)

    def make() -> Callable:
        layers: list[torch.nn.Module] = []
        for w in weights[::2]:
            layers += [torch.nn.Linear(*w.shape), torch.nn.ReLU()]
        model = torch.nn.Sequential(*layers[:-1])
        with torch.no_grad():
            for parameter, w in zip(model.parameters(), weights, strict=True):
                parameter.copy_(torch.from_numpy(w.T.copy()))
        optimizer = torch.optim.Adam(model.parameters(), lr=_RATE, fused=True)

        def step(images, labels):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            return loss

        return step

    def loop(step: Callable) -> np.ndarray:
        return np.array([step(a, b).detach() for a, b in zip(xs, ys, strict=True)])

    eager, inner = make(), make()
    compiled = torch.compile(inner)
    return {"PyTorch eager, fused Adam": lambda: loop(eager), "torch.compile": lambda: loop(compiled)}


def _jax(weights: list[np.ndarray], x: np.ndarray, y: np.ndarray) -> dict[str, Round]:
    import jax
    import jax.numpy as jnp
    import optax

    rule = optax.adam(_RATE)

    def loss_of(parameters, images, labels):
        h = images
        for i in range(0, len(parameters), 2):
            h = h @ parameters[i] + parameters[i + 1]
            if i < len(parameters) - 2:
                h = jax.nn.relu(h)
        return optax.softmax_cross_entropy_with_integer_labels(h, labels).mean()

    def step(state, batch):
        parameters, memory = state
        loss, slope = jax.value_and_grad(loss_of)(parameters, *batch)
        change, memory = rule.update(slope, memory, parameters)
        return (optax.apply_updates(parameters, change), memory), loss

    xs, ys = jnp.asarray(x), jnp.asarray(y)
    one = jax.jit(step, donate_argnums=0)
    all_ = jax.jit(lambda state, xs, ys: jax.lax.scan(step, state, (xs, ys)), donate_argnums=0)

    def fresh() -> list:
        parameters = [jnp.array(w) for w in weights]
        return [(parameters, rule.init(parameters))]

    a, b = fresh(), fresh()

    def steps() -> np.ndarray:
        losses = []
        for i in range(len(x)):
            a[0], loss = one(a[0], (x[i], y[i]))
            losses.append(loss)
        return np.array(jax.block_until_ready(losses[-1]))

    def scan() -> np.ndarray:
        b[0], losses = all_(b[0], xs, ys)
        return np.asarray(losses)

    return {"JAX + Optax, jit": steps, "JAX + Optax, scan": scan}


def run(name: str, rounds: int) -> list[str]:
    """Runs a workload and gives its section of the results."""
    work = WORKLOADS[name]
    rng = np.random.default_rng(0)
    weights: list[np.ndarray] = []
    for n, m in zip(work.sizes, work.sizes[1:], strict=False):
        weights += [(rng.normal(size=(n, m)) * np.sqrt(2 / n)).astype(np.float32), np.zeros(m, np.float32)]
    x = rng.normal(size=(work.steps, work.batch, work.sizes[0])).astype(np.float32)
    y = rng.integers(0, work.sizes[-1], (work.steps, work.batch))
    peers = {**_chainrule(weights, x, y), **_torch(weights, x, y), **_jax(weights, x, y)}

    last = {peer: float(np.atleast_1d(go())[-1]) for peer, go in peers.items() if "eager (NumPy)" not in peer}
    spread = max(last.values()) - min(last.values())
    if spread > _TOLERANCE * max(1.0, abs(last["chainrule"])):
        raise AssertionError(f"{name}: the peers do not compute the same: {last}")
    peers["chainrule eager (NumPy)"]()

    times: dict[str, list[float]] = {peer: [] for peer in peers}
    for _ in range(rounds):
        for peer, go in peers.items():
            count = max(work.steps // 10, 1) if "eager (NumPy)" in peer else work.steps
            started = time.perf_counter()
            go()
            times[peer].append((time.perf_counter() - started) / count * 1e6)

    lines = [f"## {work.title}", "", "| | µs a step | ratio to chainrule |", "| --- | ---: | ---: |"]
    for peer, measured in times.items():
        ratios = sorted(t / own for t, own in zip(measured, times["chainrule"], strict=True))
        ratio = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f}–{ratios[-1]:.2f})"
        lines.append(f"| {peer} | {statistics.median(measured):,.1f} | {ratio} |")
    eager = [t / e for t, e in zip(times["PyTorch eager, fused Adam"], times["chainrule eager (NumPy)"], strict=True)]
    lines += ["", f"Eager against eager: PyTorch's time / chainrule's on NumPy = {statistics.median(eager):.2f}.", ""]
    print("\n".join(lines), flush=True)
    return lines
