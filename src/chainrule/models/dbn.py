"""The deep belief network: a stack of restricted Boltzmann machines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from chainrule import nn
from chainrule.errors import ConfigError
from chainrule.graph import Tensor, as_tensor, no_grad
from chainrule.models.mlp import MLP
from chainrule.models.rbm import RBM

__all__ = ["DBN"]


class DBN(nn.Module):
    """RBMs one on the other, the hidden units of each the visible ones of the next; trained greedily from below, then
    sampled from, or fine-tuned as a perceptron of many layers.

    Each RBM is trained on the features of those below, which stay as they are: with enough units, adding a layer raises
    a bound on the log-likelihood of the data (section 4 of the paper).

    Arguments:
        visible: units at the bottom.
        hidden: units of each layer above.
        visible_units: of the bottom; all others are binary.
        chains: persistent chains of every RBM, see `RBM`.

    Shapes:
        v (N, visible) → the probabilities of the units at the top (N, hidden[-1]).

    Source: Hinton, Osindero & Teh, "A Fast Learning Algorithm for Deep Belief Nets" (2006), sections 4 and 5; Hinton &
    Salakhutdinov, "Reducing the Dimensionality of Data with Neural Networks" (2006).

    Example:
        >>> import numpy as np, chainrule as cr
        >>> from chainrule import models, optim
        >>> v = np.eye(6, dtype=np.float32).repeat(10, axis=0)
        >>> dbn = models.DBN(6, [8, 4])
        >>> for number, rbm in enumerate(dbn.layers):
        ...     features = dbn.features(v, number).numpy()
        ...     loss, rule = models.ContrastiveDivergence(rbm), optim.SGD(rbm.parameters(), lr=0.1)
        ...     run = cr.Trainer(rbm, loss, rule, progress=False).fit((features, features), epochs=2, batch_size=20)
        >>> dbn.to_mlp(10)(v).shape  # to be trained with labels
        (60, 10)
    """

    def __init__(
        self, visible: int, hidden: Sequence[int], *, visible_units: str = "binary", chains: int = 0, dtype: Any = None
    ) -> None:
        super().__init__()
        if not hidden:
            raise ConfigError("A deep belief network has at least one hidden layer.", fix="DBN(784, [500, 500])")
        below, layers = visible, []
        for number, units in enumerate(hidden):
            kind = visible_units if number == 0 else "binary"
            layers.append(RBM(below, units, visible_units=kind, chains=chains, dtype=dtype))
            below = units
        self.layers = nn.ModuleList(layers)

    @property
    def _machines(self) -> list[RBM]:
        return cast(list[RBM], list(self.layers))

    def forward(self, v: Any) -> Tensor:
        return self.features(v, len(self._machines))

    def features(self, v: Any, layer: int) -> Tensor:
        """What the RBM of this number sees: v itself for 0, else the probabilities of the units below it."""
        v = as_tensor(v)
        for rbm in self._machines[:layer]:
            v = rbm.hidden_probabilities(v)
        return v

    def sample(self, count: int, steps: int = 1000) -> Tensor:
        """Samples of visible units, (count, visible): the RBM at the top runs for this many steps from noise, and its
        state passes down once; at the bottom the mean is given.
        """
        with no_grad():
            *below, top = self._machines
            if not below:
                return top.visible_mean(top.sample_hidden(top.sample(count, steps)))
            state = top.sample(count, steps)
            for rbm in reversed(below[1:]):
                state = rbm.sample_visible(state)
            return below[0].visible_mean(state)

    def to_mlp(self, out_features: int, *, dropout: float = 0.0) -> MLP:
        """A perceptron with sigmoid units that starts from copies of the weights and hidden biases, and from a last
        layer of its own (zeros, so that fine-tuning begins from what was learned and not from noise).
        """
        first = self._machines[0]
        widths = [rbm.hidden for rbm in self._machines]
        model = MLP(first.visible, widths, out_features, activation="sigmoid", dropout=dropout)
        linear = [layer for layer in model.layers if isinstance(layer, nn.Linear)]
        for layer, rbm in zip(linear, self._machines, strict=False):  # the last one has no machine
            layer.weight.assign(rbm.weight.detach())
            assert layer.bias is not None
            layer.bias.assign(rbm.hidden_bias.detach())
        linear[-1].weight.assign(linear[-1].weight.detach() * 0.0)
        return model
