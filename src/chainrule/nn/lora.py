"""LoRA: a large model taught something new through a few numbers beside its weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any, TypeVar

import numpy as np

from chainrule import init, ops
from chainrule.errors import ConfigError, suggest
from chainrule.graph import Tensor, no_grad
from chainrule.nn.checks import positive
from chainrule.nn.dropout import Dropout
from chainrule.nn.linear import Linear
from chainrule.nn.module import Module, _joined
from chainrule.nn.variables import Parameter

__all__ = ["LoRA", "add_lora", "lora_state", "merge_lora"]

M = TypeVar("M", bound=Module)


class LoRA(Module):
    """y = base(x) + (α / r) · x A B: a Linear layer that stays as it is, and beside it two thin matrices that are
    learned.

    B is 0 at first, so that nothing has changed yet; A is drawn from N(0, 1 / in).

    Arguments:
        base: the layer; it is frozen.
        rank: r, at most the smaller size of the layer's weight.
        alpha: α; r unless said otherwise, which makes the factor 1.
        dropout: of what goes into A.

    Shapes:
        x (…, in) → y (…, out). lora_a (in, r), lora_b (r, out).

    Raises:
        ConfigError: for a base that is not a Linear layer, or a rank that saves nothing.

    Source: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models" (2021), section 4.1.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> layer = nn.LoRA(nn.Linear(8, 6), rank=2)
        >>> [name for name, p in layer.named_parameters() if p.requires_grad]
        ['lora_a', 'lora_b']
    """

    def __init__(self, base: Linear, rank: int, alpha: float | None = None, dropout: float = 0.0) -> None:
        super().__init__()
        if not isinstance(base, Linear):
            raise ConfigError(
                f"LoRA goes beside a Linear layer, got {base!r}.", fix="nn.LoRA(nn.Linear(…), rank), or nn.add_lora"
            )
        smaller = min(base.in_features, base.out_features)
        if positive(rank, "rank") > smaller:
            raise ConfigError(
                f"The rank of a change of a {base.in_features} × {base.out_features} weight is at most {smaller}, "
                f"got {rank}."
            )
        self.base = base.freeze()
        self.rank = rank
        self.alpha = float(rank if alpha is None else alpha)
        dtype = base.weight.dtype
        self.lora_a = Parameter(init.normal((base.in_features, rank), std=base.in_features**-0.5, dtype=dtype))
        self.lora_b = Parameter(init.zeros((rank, base.out_features), dtype=dtype))
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        y = self.base(x)
        return y + ops.linear(ops.linear(self.dropout(x), self.lora_a), self.lora_b) * (self.alpha / self.rank)

    def merge(self) -> Linear:
        """A Linear layer with the weight W + (α / r) A B, which computes the same as this one in `eval`."""
        base = self.base
        made = Linear(base.in_features, base.out_features, base.bias is not None, dtype=base.weight.dtype)
        with no_grad():
            made.weight.assign(base.weight + (self.lora_a @ self.lora_b) * (self.alpha / self.rank))
            if made.bias is not None and base.bias is not None:
                made.bias.assign(base.bias)
        return made.train(self.training)

    def extra_repr(self) -> str:
        return f"rank={self.rank}, alpha={self.alpha}"


def add_lora(
    model: M,
    rank: int,
    *,
    targets: Sequence[str] = ("q_proj", "v_proj"),
    alpha: float | None = None,
    dropout: float = 0.0,
) -> M:
    """Freezes the model and puts a `LoRA` around its chosen Linear layers; returns the model.

    Arguments:
        model: changed in place. Make the optimizer afterwards.
        rank, alpha, dropout: as for `LoRA`.
        targets: names of Linear layers, such as "linear1", or patterns of their paths, such as "blocks.0.*";
            those of queries and values in attention unless said otherwise, as in the paper's section 4.2.

    Raises:
        ConfigError: for a target that fits no Linear layer; it suggests the nearest name.

    Example:
        >>> from chainrule import nn
        >>> model = nn.add_lora(nn.MultiHeadAttention(16, 2), rank=1)
        >>> sum(p.size for p in model.parameters() if p.requires_grad)
        64
    """
    places = list(_children(model, Linear))
    for target in targets:
        if not any(_fits(path, target) for path, *_ in places):
            names = sorted({path.rpartition(".")[2] for path, *_ in places})
            raise ConfigError(
                f"No Linear layer of {type(model).__name__} is called {target!r}.{suggest(target, names)}",
                fix=f"targets among {', '.join(names)}" if names else "a model with Linear layers",
            )
    model.freeze()
    for path, parent, name, layer in places:
        if any(_fits(path, target) for target in targets):
            setattr(parent, name, LoRA(layer, rank, alpha, dropout).train(layer.training))
    return model


def merge_lora(model: M) -> M:
    """Replaces every `LoRA` below the model by its merged Linear layer; returns the model, frozen as it was."""
    for _, parent, name, layer in list(_children(model, LoRA)):
        setattr(parent, name, layer.merge().freeze())
    return model


def lora_state(model: Module) -> dict[str, np.ndarray]:
    """What `LoRA` layers learned, by path, to be saved apart from the model they belong to.

    A model made and loaded as that one was, with `add_lora` called alike, takes it over by `load_state_dict(state,
    strict=False)`.

    Example:
        >>> from chainrule import nn
        >>> sorted(nn.lora_state(nn.add_lora(nn.Sequential(nn.Linear(8, 8)), 2, targets=["0"])))
        ['0.lora_a', '0.lora_b']
    """
    return {
        f"{path}.{name}" if path else name: np.array(getattr(layer, name).numpy())
        for path, layer in model.named_modules()
        if isinstance(layer, LoRA)
        for name in ("lora_a", "lora_b")
    }


def _children(model: Module, kind: Any) -> Iterator[tuple[str, Module, str, Any]]:
    """All layers of a kind that another one holds: path, holder, name there, layer."""
    for path, parent in model.named_modules():
        if kind is Linear and isinstance(parent, LoRA):
            continue  # its base has an adapter already
        for name, child in parent.children():
            if isinstance(child, kind):
                yield _joined(path, parent._place(name)), parent, name, child


def _fits(path: str, target: str) -> bool:
    return fnmatchcase(path.rpartition(".")[2], target) or fnmatchcase(path, target)
