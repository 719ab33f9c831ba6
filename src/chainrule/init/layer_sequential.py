"""Layer-sequential unit variance: first values that follow the data through the network."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import ConfigError, NonFiniteError
from chainrule.graph.random import Stream
from chainrule.init.draws import orthogonal

__all__ = ["lsuv"]


def lsuv(
    model: Any, *inputs: Any, tolerance: float = 0.1, iterations: int = 10, stream: Stream | None = None
) -> dict[str, float]:
    """Gives every layer with a weight matrix or kernel an orthogonal first weight, and divides it by the spread of what
    the layer answers, W ← W / √Var, until that variance is 1: layer by layer, in the order in which they run.

    Unlike a width derived from the layer's size it fits any activation, skip connection and data.

    Arguments:
        model: an `nn.Module`; biases and embeddings stay as they are.
        inputs: what the model is called with: a batch of training data, a few hundred samples.
        tolerance: how near to 1 the variance is to come.
        iterations: at most, for each layer.
        stream: of the draws; the default stream if None.

    Returns:
        the variance of each layer's answers, by path.

    Raises:
        ConfigError: for a model without such layers; NonFiniteError: for a layer whose answers are all the same or not
            finite, naming it.

    Source: Mishkin & Matas, "All You Need is a Good Init" (2016), algorithm 1.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import init, nn
        >>> model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 4))
        >>> variances = init.lsuv(model, cr.random.normal((256, 8), std=3.0))
        >>> all(abs(v - 1.0) < 0.1 for v in variances.values())
        True
    """
    from chainrule.nn import Embedding, Parameter, watch  # nn is made of init
    from chainrule.nn.module import quiet_forward

    answers: dict[str, tuple[Any, Any]] = {}

    def look(path: str, module: Any, given: tuple[Any, ...], outputs: Any) -> None:
        weight = vars(module).get("weight")
        if isinstance(weight, Parameter) and weight.ndim >= 2 and not isinstance(module, Embedding):
            answers.setdefault(path, (module, outputs))

    def run() -> None:
        answers.clear()
        with watch(look):
            quiet_forward(model, inputs)

    run()
    order = list(answers)
    if not order:
        raise ConfigError(f"{type(model).__name__} has no layer with a weight matrix.")
    for path in order:
        weight = answers[path][0].weight
        weight.assign(orthogonal(weight.shape, dtype=weight.dtype, stream=stream))
    variances: dict[str, float] = {}
    for path in order:
        for remaining in reversed(range(iterations + 1)):
            run()
            layer, output = answers[path]
            variances[path] = float(np.var(output.numpy(), dtype=np.float64))
            if not 0.0 < variances[path] < float("inf"):
                raise NonFiniteError(
                    f"The answers of layer {path!r} have the variance {variances[path]:g}, which no scale makes 1.",
                    fix="inputs that differ and are finite; an activation before it that is not dead",
                )
            if abs(variances[path] - 1.0) < tolerance or not remaining:
                break
            layer.weight.assign(layer.weight.detach() / variances[path] ** 0.5)
    return variances
