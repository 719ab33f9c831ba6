"""The same training step by chainrule, PyTorch and JAX, each at its best.

A peer is a function of (weights, x, y) that gives a round: all steps, from its present state, returning the last loss.
Each runs in a process of its own, so that no library's threads wait beside another's.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.workloads import RATE

Round = Callable[[], float]
Arrays = list[np.ndarray]


def _chainrule(weights: Arrays) -> Callable:
    from chainrule import losses, nn, optim

    layers: list[nn.Module] = []
    for w in weights[::2]:
        layers += [nn.Linear(*w.shape), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    for parameter, w in zip(model.parameters(), weights, strict=True):
        parameter.assign(w)
    optimizer = optim.Adam(model.parameters(), lr=RATE)

    def step(images, labels):
        loss = losses.cross_entropy(model(images), labels)
        optimizer.minimize(loss)
        return loss

    return step


def chainrule_scan(weights: Arrays, x: np.ndarray, y: np.ndarray) -> Round:
    """Many steps in one program, as `Trainer` runs them: the data are Variables, the steps choose their rows."""
    import chainrule as cr

    step, images, labels = _chainrule(weights), cr.Variable(x), cr.Variable(y)
    chosen = cr.compile(lambda i: step(cr.take(images, i, axis=0), cr.take(labels, i, axis=0)))
    numbers = np.arange(len(x))
    return lambda: float(chosen.scan(numbers).numpy()[-1])


def chainrule_steps(weights: Arrays, x: np.ndarray, y: np.ndarray) -> Round:
    """One call of the program for every step."""
    import chainrule as cr

    step = cr.compile(_chainrule(weights))
    return lambda: float([step(a, b) for a, b in zip(x, y, strict=True)][-1])


def chainrule_eager(weights: Arrays, x: np.ndarray, y: np.ndarray) -> Round:
    """On NumPy, with every node recorded."""
    step = _chainrule(weights)
    return lambda: float([step(a, b) for a, b in zip(x, y, strict=True)][-1])


def _torch(weights: Arrays) -> Callable:
    import torch

    torch.set_num_threads(2)
    layers: list[torch.nn.Module] = []
    for w in weights[::2]:
        layers += [torch.nn.Linear(*w.shape), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    with torch.no_grad():
        for parameter, w in zip(model.parameters(), weights, strict=True):
            parameter.copy_(torch.from_numpy(w.T.copy()))
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, fused=True)

    def step(images, labels):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    return step


def _torch_loop(step: Callable, x: np.ndarray, y: np.ndarray) -> Round:
    import torch

    xs, ys = torch.from_numpy(x), torch.from_numpy(y)
    return lambda: float([step(a, b).detach() for a, b in zip(xs, ys, strict=True)][-1])


def torch_eager(weights: Arrays, x: np.ndarray, y: np.ndarray) -> Round:
    """Eager, with the fused Adam."""
    return _torch_loop(_torch(weights), x, y)


def torch_compiled(weights: Arrays, x: np.ndarray, y: np.ndarray) -> Round:
    """The whole step through torch.compile."""
    import torch

    return _torch_loop(torch.compile(_torch(weights)), x, y)


def _jax(weights: Arrays) -> tuple[Callable, tuple]:
    import jax
    import jax.numpy as jnp
    import optax

    rule = optax.adam(RATE)

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

    parameters = [jnp.array(w) for w in weights]
    return step, (parameters, rule.init(parameters))


def jax_steps(weights: Arrays, x: np.ndarray, y: np.ndarray) -> Round:
    """Optax and jit, one call for every step, state donated."""
    import jax

    step, state = _jax(weights)
    compiled, held = jax.jit(step, donate_argnums=0), [state]

    def go() -> float:
        loss = None
        for batch in zip(x, y, strict=True):
            held[0], loss = compiled(held[0], batch)
        return float(loss)

    return go


def jax_scan(weights: Arrays, x: np.ndarray, y: np.ndarray) -> Round:
    """Optax and a hand-written scan over the steps."""
    import jax
    import jax.numpy as jnp

    step, state = _jax(weights)
    compiled = jax.jit(lambda state, x, y: jax.lax.scan(step, state, (x, y)), donate_argnums=0)
    xs, ys, held = jnp.asarray(x), jnp.asarray(y), [state]

    def go() -> float:
        held[0], losses = compiled(held[0], xs, ys)
        return float(losses[-1])

    return go


PEERS: dict[str, Callable[[Arrays, np.ndarray, np.ndarray], Round]] = {
    "chainrule": chainrule_scan,
    "chainrule, a call a step": chainrule_steps,
    "chainrule eager (NumPy)": chainrule_eager,
    "PyTorch eager, fused Adam": torch_eager,
    "torch.compile": torch_compiled,
    "JAX + Optax, jit": jax_steps,
    "JAX + Optax, scan": jax_scan,
}
