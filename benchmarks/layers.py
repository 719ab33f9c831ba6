"""`python -m benchmarks.layers [TEXT…]`: every kind of layer, forward and backward, beside PyTorch's."""

from __future__ import annotations

import argparse
import ast
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.kept import keep
from benchmarks.machine import cores, describe

_TEXT = """\
Times one layer after the other in both libraries, in turns: forward, and back to input and parameters, compiled by
chainrule and eagerly by PyTorch, with channels last in memory or first, whichever takes PyTorch less.

python -m benchmarks.layers                all (some minutes)
python -m benchmarks.layers Conv LSTM      those whose names contain one of these
python -m benchmarks.layers --write        also into benchmarks/layers.json, which the documentation shows
"""
FILE = Path(__file__).with_name("layers.json")
ROUNDS, REST = 7, 0.2
"""Seconds between turns: threads of either library spin for a while after their last work."""

IMAGES, SMALL, ROWS, SERIES = (64, 32, 32, 32), (64, 28, 28, 32), (64, 128, 256), (32, 64, 128)
LAYERS = {
    "Conv2d(32, 32, 3, padding=1)": IMAGES,
    "Conv2d(32, 64, 3, stride=2, padding=1)": IMAGES,
    "Conv2d(32, 32, 3, dilation=2, padding=2)": IMAGES,
    "Conv2d(32, 64, 1)": IMAGES,
    "Conv2d(32, 64, 1, stride=2)": IMAGES,
    "Conv2d(32, 32, 3, padding=1, groups=4)": IMAGES,
    "Conv2d(32, 32, 3, padding=1, groups=32)": IMAGES,
    "Conv2d(32, 32, 3, stride=2, padding=1, groups=32)": IMAGES,
    "Conv2d(1, 32, 5, padding=2)": (64, 28, 28, 1),
    "Conv2d(3, 32, 7, stride=2, padding=3)": (16, 96, 96, 3),
    "Conv2d(256, 256, 3, padding=1)": (16, 8, 8, 256),
    "Conv1d(64, 64, 3, padding=1)": (64, 256, 64),
    "Conv1d(64, 64, 5, padding=2, groups=64)": (32, 512, 64),
    "Conv3d(16, 32, 3, padding=1)": (8, 16, 16, 16, 16),
    "ConvTranspose2d(32, 16, 4, stride=2, padding=1)": (64, 16, 16, 32),
    "ConvTranspose1d(64, 32, 4, stride=2, padding=1)": (32, 128, 64),
    "ConvTranspose3d(32, 16, 4, stride=2, padding=1)": (4, 8, 8, 8, 32),
    "MaxPool2d(2)": SMALL,
    "MaxPool2d(3, stride=2, padding=1)": SMALL,
    "AvgPool2d(2)": SMALL,
    "AdaptiveAvgPool2d(7)": SMALL,
    "AdaptiveMaxPool2d(5)": SMALL,
    "BatchNorm(32)": IMAGES,
    "GroupNorm(8, 32)": IMAGES,
    "LayerNorm(256)": ROWS,
    "RMSNorm(256)": ROWS,
    **{f"{name}()": ROWS for name in ("ReLU", "ELU", "GELU", "SiLU", "Mish", "Tanh", "Sigmoid", "Softplus", "GLU")},
    "Softmax(-1)": ROWS,
    "Dropout(0.1)": ROWS,
    "Linear(256, 256)": ROWS,
    "Linear(1000, 10)": (8192, 1000),
    "LSTM(128, 128)": SERIES,
    "LSTM(128, 128, bidirectional=True)": SERIES,
    "GRU(128, 128)": SERIES,
    "RNN(128, 128)": SERIES,
    "TransformerEncoderLayer(128, 4, 512)": (16, 128, 128),
}
"""Each layer as both libraries write it, and its input as chainrule has it, channels last."""
_BY_TORCH = {
    "BatchNorm(": "BatchNorm2d(",
    "128, 128": "128, 128, batch_first=True",
    "4, 512": "4, 512, dropout=0.0, batch_first=True",
}


def made(nn: Any, layer: str) -> Any:
    """The layer of a library."""
    call: Any = ast.parse(layer, mode="eval").body
    options = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    return getattr(nn, call.func.id)(*map(ast.literal_eval, call.args), **options)


def _first(y: Any) -> Any:
    """What a layer gives, without its last states."""
    return y[0] if isinstance(y, tuple) else y


def _slope(shape: Any) -> np.ndarray:
    """What arrives from the loss."""
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


def chainrule(layer: str, x: np.ndarray) -> Callable[[], Any]:
    import chainrule as cr
    from chainrule import nn

    model = made(nn, layer)
    given = nn.Parameter(x)
    inputs = [given, *model.parameters()]
    slope = cr.Variable(_slope(_first(model(given)).shape))

    @cr.compile
    def step() -> Any:
        (_first(model(given)) * slope).sum().backward()
        slopes = [v.grad for v in inputs]
        for v in inputs:
            v.grad = None
        return slopes

    return step


def pytorch(layer: str, x: np.ndarray, channels_last: bool) -> Callable[[], Any]:
    import torch
    from torch import nn

    torch.set_num_threads(cores())
    for own, theirs in _BY_TORCH.items():
        layer = layer.replace(own, theirs)
    model = made(nn, layer)
    given = torch.from_numpy(x)
    if x.ndim > 3 or "1d" in layer:
        given = given.movedim(-1, 1)
        given = given if channels_last else given.contiguous()
        if channels_last and x.ndim == 4:
            model = model.to(memory_format=torch.channels_last)
    given.requires_grad_()
    inputs = [given, *model.parameters()]
    y = _first(model(given))
    slope = torch.empty_like(y).copy_(torch.from_numpy(_slope(y.shape)))

    def step() -> Any:
        return torch.autograd.grad(_first(model(given)), inputs, slope)

    return step


def measure(layer: str) -> dict[str, Any]:
    """Milliseconds in both libraries, and the median of the ratios."""
    x = np.random.default_rng(0).standard_normal(LAYERS[layer]).astype(np.float32)
    ways = {
        "chainrule": chainrule(layer, x),
        "channels last": pytorch(layer, x, True),
        "first": pytorch(layer, x, False),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, go in ways.items():
            time.sleep(REST)
            for _ in range(3):
                go()
            started = time.perf_counter()
            for _ in range(3):
                go()
            times[name].append((time.perf_counter() - started) / 3e-3)
    medians = {name: statistics.median(found) for name, found in times.items()}
    best = min("channels last", "first", key=lambda name: medians[name])
    ratio = statistics.median(b / a for a, b in zip(times["chainrule"], times[best], strict=True))
    return {
        "input": list(LAYERS[layer]),
        "chainrule": float(f"{medians['chainrule']:.3g}"),
        "pytorch": float(f"{medians[best]:.3g}"),
        "ratio": round(ratio, 2),
        "machine": describe(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.layers", description=_TEXT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("texts", nargs="*", metavar="TEXT", help="a part of a layer's name, as above; all without")
    parser.add_argument("--write", action="store_true", help="keep the numbers")
    options = parser.parse_args()
    chosen = [layer for layer in LAYERS if not options.texts or any(text in layer for text in options.texts)]
    if not chosen:
        parser.error(f"no layer has {' or '.join(options.texts)} in its name; there are {', '.join(LAYERS)}")
    for layer in chosen:
        entry = measure(layer)
        own, theirs = (f"{entry[library]:8.3g} ms" for library in ("chainrule", "pytorch"))
        print(f"{layer:50s} chainrule {own}, PyTorch {theirs}: {entry['ratio']:.2f}", flush=True)
        if options.write:
            keep(FILE, {layer: entry}, LAYERS)


if __name__ == "__main__":
    main()
