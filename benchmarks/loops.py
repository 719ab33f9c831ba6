"""How each library runs training steps, at its best: the loops that the workloads share.

A workload says per library what is trained: for chainrule and PyTorch a model, a loss and an optimizer, for JAX a step
(state, batch) → (state, loss) and the first state. The target is the last of the batches.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from shutil import which
from typing import Any

import numpy as np

from benchmarks.machine import cores
from benchmarks.workload import Given, Round

Peer = Callable[[Given], Round]


def training(
    chainrule: Callable[[Given], Any],
    pytorch: Callable[[Given], Any],
    jax: Callable[[Given], Any],
    *,
    images: bool = False,
    scan: bool = True,
    every_way: bool = False,
) -> dict[str, Peer]:
    """The usual peers of a training step.

    Arguments:
        images: whether PyTorch also runs with channels last in memory.
        scan: whether JAX also runs many steps in one program.
        every_way: whether chainrule also runs a call a step and eagerly.
    """
    peers: dict[str, Peer] = {"chainrule": lambda given: as_trainer(given, *chainrule(given))}
    if every_way:
        peers["chainrule, a call a step"] = lambda given: in_turn(given, *chainrule(given), compiled=True)
        peers["chainrule, eager (NumPy)"] = lambda given: in_turn(given, *chainrule(given), compiled=False)
    peers["PyTorch, eager"] = lambda given: torch_steps(given, *pytorch(given))
    if images:
        peers["PyTorch, eager, channels last"] = lambda given: torch_steps(given, *pytorch(given), channels_last=True)
    compiled = "torch.compile, CUDA graphs" if device() == "cuda" else "torch.compile"
    peers[f"PyTorch, {compiled}"] = lambda given: torch_steps(
        given, *pytorch(given), compiled=True, channels_last=images
    )
    peers["JAX, a call a step"] = lambda given: jax_steps(given, *jax(given))
    if scan:
        peers["JAX, scan"] = lambda given: jax_scan(given, *jax(given))
    return peers


def with_tinygrad(peers: dict[str, Peer], network: Callable[[Given], Any]) -> dict[str, Peer]:
    """The peers, and tinygrad's where it runs."""
    own: dict[str, Peer] = {"tinygrad, TinyJit": lambda given: tinygrad_steps(given, *network(given))}
    return peers if no_tinygrad() else peers | own


def no_tinygrad() -> dict[str, str]:
    """Why tinygrad is left out, where it is."""
    if find_spec("tinygrad") is None:
        return {"tinygrad": "it is not installed"}
    if device() == "cuda":
        return {"tinygrad": "it was compared on processors only"}
    return {} if which("clang") else {"tinygrad": "its kernels are compiled by clang, which is not installed"}


def in_bf16(chainrule: Callable[[Given], Any], pytorch: Callable[[Given], Any]) -> dict[str, Peer]:
    """The peers of a step whose products round their factors to bfloat16: chainrule's own in float32, and PyTorch's."""
    return {
        "chainrule": lambda given: as_trainer(given, *chainrule(given), precision="bf16"),
        "chainrule, float32": lambda given: as_trainer(given, *chainrule(given)),
        "PyTorch, bf16, eager": lambda given: torch_steps(given, *pytorch(given), bf16=True),
        "PyTorch, bf16, torch.compile": lambda given: torch_steps(given, *pytorch(given), bf16=True, compiled=True),
    }


def device() -> str:
    """Where everything runs: "cpu" or "cuda"."""
    return os.environ.get("BENCHMARK_DEVICE", "cpu")


# -- chainrule


def as_trainer(given: Given, model: Any, loss: Any, optimizer: Any, *, precision: str = "float32") -> Round:
    """As `Trainer` runs it: the data are Variables of which each step takes its rows; many steps in one program, or one
    call a step where the model has operations that are slow in loops.
    """
    import chainrule as cr
    from chainrule.train.work import work_of

    data = [cr.Variable(x.reshape(-1, *x.shape[2:])) for x in given.batches]

    def loss_of(rows: Any) -> Any:
        *inputs, target = [x[rows] for x in data]
        return loss(model(*inputs), target)

    @cr.compile
    @cr.precision(precision)
    def step(rows: Any) -> Any:
        cost = loss_of(rows)
        optimizer.minimize(cost)
        return cost

    rows = np.arange(len(data[-1])).reshape(given.steps, -1)
    model.eval()
    work = work_of(loss_of(rows[0, :4]), 4)
    model.train()
    if work.in_one_call and work.steps_together(rows.shape[1], len(rows)) > 1:
        return lambda: float(step.scan(rows).numpy()[-1])
    return lambda: [float(step(chosen)) for chosen in rows][-1]


def in_turn(given: Given, model: Any, loss: Any, optimizer: Any, *, compiled: bool) -> Round:
    """A call for every step, with its batch: compiled, or eagerly on NumPy with every node recorded."""
    import chainrule as cr

    def step(*batch: Any) -> Any:
        *inputs, target = batch
        cost = loss(model(*inputs), target)
        optimizer.minimize(cost)
        return cost

    called = cr.compile(step) if compiled else step
    return lambda: float([called(*batch) for batch in zip(*given.batches, strict=True)][-1])


# -- PyTorch


def torch_steps(
    given: Given,
    model: Any,
    loss: Any,
    optimizer: Any,
    *,
    channels_last: bool = False,
    compiled: bool = False,
    bf16: bool = False,
) -> Round:
    """A call for every step, eager or the whole step through torch.compile, with images channels first or last in
    memory, in float32 or as autocast has it in bfloat16.
    """
    import torch

    layout = torch.channels_last if channels_last else torch.contiguous_format
    model.to(memory_format=layout)
    batches = [for_torch(x, channels_last) for x in given.batches]

    def cost_of(*batch: Any) -> Any:
        *inputs, target = batch
        return loss(model(*inputs), target)

    def rounded(*batch: Any) -> Any:
        with torch.autocast(device(), torch.bfloat16):
            return cost_of(*batch)

    def step(*batch: Any) -> Any:
        optimizer.zero_grad()
        cost = (rounded if bf16 else cost_of)(*batch)
        cost.backward()
        optimizer.step()
        return cost

    called: Any = step
    if compiled:
        called = torch.compile(step, mode="reduce-overhead" if device() == "cuda" else None)
    return lambda: float([called(*batch).detach() for batch in zip(*batches, strict=True)][-1])


def for_torch(x: np.ndarray, channels_last: bool = False) -> Any:
    """Batches (steps, batch, …) for PyTorch: integers as it wants them, images with the channels before the pixels."""
    import torch

    y = torch.from_numpy(x.astype(np.int64) if x.dtype.kind == "i" else x)
    if y.ndim == 5:
        y = y.permute(0, 1, 4, 2, 3)
        y = y if channels_last else y.contiguous()
    return y.to(device())


def torch_model(model: Any, weights: dict[str, np.ndarray]) -> Any:
    """The model, on the device, with the weights of these names, which it has in other layouts."""
    import torch

    torch.set_num_threads(cores())
    if device() == "cuda":  # JAX multiplies in TF32 there unless told otherwise, so PyTorch may as well
        torch.set_float32_matmul_precision("high")
    own = model.state_dict()
    with torch.no_grad():
        for name, value in weights.items():
            own[name].copy_(torch.from_numpy(np.ascontiguousarray(transposed(value))))
    return model.to(device())


def transposed(value: np.ndarray) -> np.ndarray:
    """PyTorch's layout: (out, in), (out, in, height, width)."""
    if value.ndim == 4:
        return value.transpose(3, 2, 0, 1)
    return value.T if value.ndim == 2 else value


# -- tinygrad


def tinygrad_steps(given: Given, model: Any, optimizer: Any) -> Round:
    """A call for every step, which is captured once and replayed."""
    from tinygrad import Context, Tensor, TinyJit

    batches = [[Tensor(x).realize() for x in batch] for batch in zip(*given.batches, strict=True)]

    @TinyJit
    def step(x: Any, target: Any) -> Any:
        optimizer.zero_grad()
        cost = model(x).sparse_categorical_crossentropy(target).backward()
        return cost.realize(*optimizer.schedule_step())

    def go() -> float:
        with Context(TRAINING=1):
            return [step(*batch) for batch in batches][-1].item()

    return go


def tinygrad_parameters(given: Given) -> list[Any]:
    """The weights in their order, kernels as (out, in, height, width)."""
    from tinygrad import Tensor

    values = [transposed(value) if value.ndim == 4 else value for value in given.weights.values()]
    return [Tensor(np.ascontiguousarray(value)).realize() for value in values]


# -- JAX


def descent(model: Any, loss: Any, rule: Any, parameters: Any) -> tuple[Callable[[Any, Any], Any], Any]:
    """The step (state, batch) → (state, loss) of an Optax rule, and the first state."""
    import jax
    import optax

    def step(state: Any, batch: Any) -> Any:
        parameters, memory = state
        *inputs, target = batch
        cost, slope = jax.value_and_grad(lambda p: loss(model(p, *inputs), target))(parameters)
        change, memory = rule.update(slope, memory, parameters)
        return (optax.apply_updates(parameters, change), memory), cost

    placed = jax.tree.map(jax.numpy.array, parameters)
    return step, (placed, rule.init(placed))


def jax_steps(given: Given, step: Any, state: Any) -> Round:
    """A jitted call for every step, with the state donated."""
    import jax

    called = jax.jit(step, donate_argnums=0)
    batches = list(zip(*[list(map(jax.numpy.asarray, x)) for x in given.batches], strict=True))

    def go() -> float:
        nonlocal state
        cost: Any = None
        for batch in batches:
            state, cost = called(state, batch)
        return float(cost)

    return go


def jax_scan(given: Given, step: Any, state: Any) -> Round:
    """A hand-written scan over the steps, with the state donated."""
    import jax

    called = jax.jit(lambda state, batches: jax.lax.scan(step, state, batches), donate_argnums=0)
    batches = tuple(map(jax.numpy.asarray, given.batches))

    def go() -> float:
        nonlocal state
        state, costs = called(state, batches)
        return float(costs[-1])

    return go
