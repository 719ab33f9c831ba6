"""Recurrent layers: outputs, last states and all gradients, of padded sequences read in both directions too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import nn
from reference.cases import Arrays, Case


def _case(kind: str, name: str, layers: int, both: bool, lengths: list[int] | None, **options: Any) -> Case:
    """One layer with two inputs and three units on three sequences of at most four steps."""
    states = 2 if kind == "LSTM" else 1
    rows = layers * (2 if both else 1)
    sizes: dict[str, Any] = {"num_layers": layers, "bidirectional": both, **options}

    def make() -> Any:
        return getattr(nn, kind)(2, 3, dtype="float64", **sizes)

    def draw(rng: np.random.Generator) -> Arrays:
        made: Arrays = {"x": rng.normal(size=(3, 4, 2)), "g": rng.normal(size=(3, 4, 6 if both else 3))}
        for i in range(states):
            made |= {f"state{i}": rng.normal(size=(rows, 3, 3)), f"g{i}": rng.normal(size=(rows, 3, 3))}
        return made | {f"p.{path}": rng.normal(size=p.shape) for path, p in make().named_parameters()}

    def ours(inputs: Arrays, wrap: Callable[[Any], Any]) -> Arrays:
        layer = make()
        layer.load_state_dict({key[2:]: value for key, value in inputs.items() if key.startswith("p.")})
        names = ["x", *(f"state{i}" for i in range(states))]

        def run(given: dict[str, Any]) -> Any:
            leaves = [given[name] * 1.0 for name in names]
            for leaf in leaves:
                leaf.requires_grad = True
            state = tuple(leaves[1:]) if states == 2 else leaves[1]
            y, last = layer(leaves[0], state, None if lengths is None else np.asarray(lengths))
            results = [y, *(last if states == 2 else [last])]
            seeds = [given["g"], *(given[f"g{i}"] for i in range(states))]
            wanted = [*leaves, *layer.parameters()]
            return results, [g for _, g in cr.graph.gradients(results, seeds, wanted=wanted)]

        tensors = {key: cr.asarray(value) for key, value in inputs.items() if not key.startswith("p.")}
        results, found = wrap(run)(tensors)
        answers = dict(zip(["y", *(f"last{i}" for i in range(states))], results, strict=True))
        paths = [f"d.{name}" for name in (*names, *(path for path, _ in layer.named_parameters()))]
        return {key: t.numpy() for key, t in (answers | dict(zip(paths, found, strict=True))).items()}

    def theirs(inputs: Arrays) -> Arrays:
        import torch
        from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

        layer = getattr(torch.nn, kind)(2, 3, batch_first=True, dtype=torch.float64, **sizes)
        with torch.no_grad():
            for path, p in layer.named_parameters():
                p.copy_(torch.tensor(inputs[f"p.{path}"].T))
        names = ["x", *(f"state{i}" for i in range(states))]
        leaves = [torch.tensor(inputs[name], requires_grad=True) for name in names]
        state = tuple(leaves[1:]) if states == 2 else leaves[1]
        if lengths is None:
            y, last = layer(leaves[0], state)
        else:
            packed = pack_padded_sequence(leaves[0], torch.tensor(lengths), batch_first=True, enforce_sorted=False)
            y, last = layer(packed, state)
            y, _ = pad_packed_sequence(y, batch_first=True, total_length=4)
        results = [y, *(last if states == 2 else [last])]
        seeds = [torch.tensor(inputs[key]) for key in ("g", *(f"g{i}" for i in range(states)))]
        torch.autograd.backward(results, seeds)
        answers = {f"d.{name}": leaf.grad for name, leaf in zip(names, leaves, strict=True)}
        answers |= {f"d.{path}": p.grad.T if p.ndim == 2 else p.grad for path, p in layer.named_parameters()}
        answers |= dict(zip(["y", *(f"last{i}" for i in range(states))], results, strict=True))
        return {key: value.detach().numpy() for key, value in answers.items()}

    return Case(f"recurrent/{name}", draw, ours, theirs)


CASES = [
    _case("RNN", "rnn", 1, False, None),
    _case("RNN", "rnn_relu_both_ways", 1, True, [2, 4, 1], nonlinearity="relu"),
    _case("LSTM", "lstm", 2, False, None),
    _case("LSTM", "lstm_both_ways", 2, True, [4, 1, 3]),
    _case("GRU", "gru", 2, False, None, bias=False),
    _case("GRU", "gru_both_ways", 2, True, [3, 4, 1]),
]
