"""Probabilities of a small network, from a NumPy array to a NumPy array, one call after the other."""

from __future__ import annotations

import warnings
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from benchmarks.loops import device, torch_model
from benchmarks.machine import cores
from benchmarks.workload import Given, Round, Workload, he

SIZES, CALLS = (64, 128, 64, 10), 100


def given(batch: int) -> Given:
    rng = np.random.default_rng(0)
    weights: dict[str, np.ndarray] = {}
    for place, n, m in zip((0, 2, 4), SIZES, SIZES[1:], strict=False):
        weights |= {f"{place}.weight": he(rng, n, m), f"{place}.bias": rng.normal(size=m).astype(np.float32)}
    return Given(weights, (rng.normal(size=(CALLS, batch, 64)).astype(np.float32),))


def calls(given: Given, predict: Any) -> Round:
    """All calls; gives the mean square of the last probabilities."""
    batches = list(given.batches[0])

    def go() -> float:
        y = np.zeros(())
        for x in batches:
            y = predict(x)
        assert type(y) is np.ndarray
        return float((y * y).mean())

    return go


def chainrule(given: Given) -> Round:
    import chainrule as cr
    from chainrule import nn

    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10), nn.Softmax())
    model.load_state_dict(given.weights)
    model.eval()
    compiled = cr.compile(model)
    return calls(given, lambda x: compiled(x).numpy())


def _torch(given: Given) -> Any:
    from torch import nn

    model = nn.Sequential(
        nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10), nn.Softmax(-1)
    )
    return torch_model(model, given.weights).eval()


def pytorch(given: Given, *, compiled: bool = False, scripted: bool = False) -> Round:
    import torch

    model = _torch(given)
    mode = "reduce-overhead" if device() == "cuda" else None
    called: Any = torch.compile(model, mode=mode) if compiled else model
    if scripted:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # it goes, but is the fastest of the three for one row
            called = torch.jit.freeze(torch.jit.trace(model, torch.from_numpy(given.batches[0][0]).to(device())))

    def predict(x: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return called(torch.from_numpy(x).to(device())).cpu().numpy()

    return calls(given, predict)


def jax(given: Given, *, inline: bool = False) -> Round:
    import jax

    if inline:  # as chainrule has it, for the whole process
        jax.config.update("jax_cpu_enable_async_dispatch", False)
    values = [jax.numpy.asarray(value) for value in given.weights.values()]

    @jax.jit
    def model(x):
        x = jax.nn.relu(x @ values[0] + values[1])
        x = jax.nn.relu(x @ values[2] + values[3])
        return jax.nn.softmax(x @ values[4] + values[5])

    return calls(given, lambda x: np.asarray(model(x)))


def onnx_runtime(given: Given) -> Round:
    onnx, onnxruntime = import_module("onnx"), import_module("onnxruntime")
    helper, numbers = onnx.helper, onnx.TensorProto.FLOAT
    nodes, x = [], "x"
    for place in (0, 2, 4):
        nodes.append(helper.make_node("Gemm", [x, f"{place}.weight", f"{place}.bias"], [f"{place}"]))
        x = f"{place}"
        if place < 4:
            nodes.append(helper.make_node("Relu", [x], [f"{place + 1}"]))
            x = f"{place + 1}"
    nodes.append(helper.make_node("Softmax", [x], ["y"], axis=-1))
    graph = helper.make_graph(
        nodes, "mlp",
        [helper.make_tensor_value_info("x", numbers, ["batch", 64])],
        [helper.make_tensor_value_info("y", numbers, ["batch", 10])],
        [onnx.numpy_helper.from_array(value, name) for name, value in given.weights.items()],
    )  # fmt: skip
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = cores()
    session = onnxruntime.InferenceSession(made.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return calls(given, lambda x: session.run(None, {"x": x})[0])


def scikit_learn(given: Given) -> Round:
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier(SIZES[1:-1])
    model.partial_fit(np.zeros((10, 64), np.float32), np.arange(10), classes=np.arange(10))  # which makes its arrays
    values = list(given.weights.values())
    model.coefs_, model.intercepts_ = values[::2], values[1::2]
    return calls(given, model.predict_proba)


PEERS = {
    "chainrule": chainrule,
    "PyTorch, eager": pytorch,
    "PyTorch, torch.compile": partial(pytorch, compiled=True),
    "PyTorch, TorchScript": partial(pytorch, scripted=True),
    "JAX, jit": jax,
    "JAX, jit, in the calling thread": partial(jax, inline=True),
    "scikit-learn": scikit_learn,
}
LEFT_OUT = {}
if find_spec("onnxruntime") and find_spec("onnx"):
    PEERS["ONNX Runtime"] = onnx_runtime
else:
    LEFT_OUT["ONNX Runtime"] = "onnxruntime and onnx are not installed"

WORKLOADS = {
    f"predict-{batch}": Workload(
        f"inference, MLP 64-128-64-10 with softmax, batch {batch}, from a NumPy array to a NumPy array",
        partial(given, batch),
        PEERS,
        asked={"PyTorch": 1.5, "JAX": 1.0},
        unit="µs a call",
        left_out=LEFT_OUT,
    )
    for batch in (1, 32, 1024)
}
