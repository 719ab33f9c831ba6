"""The restricted Boltzmann machine, and contrastive divergence, which trains it."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import init, nn, ops
from chainrule.errors import ConfigError, ShapeError
from chainrule.graph import Tensor, as_tensor, no_grad
from chainrule.graph.random import Stream, default_stream
from chainrule.losses import Loss

__all__ = ["RBM", "ContrastiveDivergence"]

_UNITS = ("binary", "gaussian")


class RBM(nn.Module):
    """A layer of visible and a layer of hidden units that are 0 or 1, with p(v, h) ∝ exp(−E(v, h)) and
    E(v, h) = −a·v − b·h − v·W·h; Gaussian visible units have ½‖v − a‖² in place of −a·v.

    Summing over h gives p(v) ∝ exp(−F(v)), with the free energy F(v) = −a·v − Σⱼ softplus(bⱼ + (v·W)ⱼ). Units of one
    layer do not depend on each other when the other layer is known: p(hⱼ = 1 | v) = σ(bⱼ + (v·W)ⱼ), and p(vᵢ = 1 | h) =
    σ(aᵢ + (W·h)ᵢ), or vᵢ from N(aᵢ + (W·h)ᵢ, 1).

    Arguments:
        visible, hidden: units of the two layers.
        visible_units: "binary" for numbers from 0 to 1, taken as probabilities; "gaussian" for numbers that are
            standardised to a variance of 1.
        chains: chains of samples that are kept from step to step, for persistent contrastive divergence; 0 for none.
        stream: of the samples; a stream of the model's own unless it is given.
        dtype: of the parameters; float32 unless said otherwise.

    Shapes:
        v (N, visible) → the probabilities of the hidden units (N, hidden), which serve as features. weight (visible,
        hidden) is first drawn from N(0, 0.01²), visible_bias (visible,) and hidden_bias (hidden,) are 0 (Hinton 2010,
        section 8); `fit_visible_bias` starts from the data.

    Source: Smolensky, "Information Processing in Dynamical Systems" (1986); Hinton, "Training Products of Experts by
    Minimizing Contrastive Divergence" (2002); Hinton, "A Practical Guide to Training Restricted Boltzmann Machines"
    (2010); Salakhutdinov & Hinton, "Reducing the Dimensionality of Data with Neural Networks" (2006) for Gaussian
    units.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> from chainrule import models, optim
        >>> cr.random.seed(0)
        >>> v = np.repeat(np.array([[1, 1, 0, 0], [0, 0, 1, 1]], np.float32), 50, axis=0)
        >>> rbm = models.RBM(4, 2)
        >>> loss = models.ContrastiveDivergence(rbm)
        >>> trainer = cr.Trainer(rbm, loss, optim.SGD(rbm.parameters(), lr=0.5), progress=False)
        >>> run = trainer.fit((v, v), epochs=50, batch_size=20)
        >>> bool(np.mean((rbm.reconstruct(v).numpy() > 0.5) == v) > 0.9)
        True
    """

    def __init__(
        self,
        visible: int,
        hidden: int,
        *,
        visible_units: str = "binary",
        chains: int = 0,
        stream: Stream | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        for name, count in (("visible", visible), ("hidden", hidden)):
            if count < 1:
                raise ConfigError(f"{name} is a number of units, at least 1, got {count!r}.")
        if visible_units not in _UNITS:
            raise ConfigError(f"visible_units is {visible_units!r}.", fix=f"one of {', '.join(_UNITS)}")
        if chains < 0:
            raise ConfigError(f"chains is a number of chains, 0 for none, got {chains!r}.")
        self.visible, self.hidden, self.visible_units = visible, hidden, visible_units
        self.weight = nn.Parameter(init.normal((visible, hidden), std=0.01, dtype=dtype))
        self.visible_bias = nn.Parameter(init.zeros((visible,), dtype=dtype), penalised=False)
        self.hidden_bias = nn.Parameter(init.zeros((hidden,), dtype=dtype), penalised=False)
        self.stream = Stream(int(default_stream().integers(0, 2**32))) if stream is None else stream
        self.chains = nn.Buffer(self._noise(chains)) if chains else None

    def forward(self, v: Any) -> Tensor:
        return self.hidden_probabilities(v)

    # -- the distribution ---------------------------------------------------------------------------------------------

    def free_energy(self, v: Any) -> Tensor:
        """F(v), (N, visible) → (N,): −log of the unnormalised p(v)."""
        v = self._rows(v)
        hidden = ops.softplus(ops.linear(v, self.weight, self.hidden_bias)).sum(axis=-1)
        if self.visible_units == "gaussian":
            return 0.5 * ops.square(v - self.visible_bias).sum(axis=-1) - hidden
        return -(v @ self.visible_bias) - hidden

    def hidden_probabilities(self, v: Any) -> Tensor:
        """p(h = 1 | v), (N, visible) → (N, hidden)."""
        return ops.sigmoid(ops.linear(self._rows(v), self.weight, self.hidden_bias))

    def visible_mean(self, h: Any) -> Tensor:
        """The mean of v given h, (N, hidden) → (N, visible): for binary units p(v = 1 | h)."""
        mean = ops.linear(as_tensor(h), self.weight.mT, self.visible_bias)
        return mean if self.visible_units == "gaussian" else ops.sigmoid(mean)

    def reconstruct(self, v: Any) -> Tensor:
        """The mean of the visible units given the probabilities of the hidden ones given v, without chance."""
        return self.visible_mean(self.hidden_probabilities(v))

    # -- samples ------------------------------------------------------------------------------------------------------

    def sample_hidden(self, v: Any) -> Tensor:
        """h from p(h | v), zeros and ones."""
        return self._coins(self.hidden_probabilities(v))

    def sample_visible(self, h: Any) -> Tensor:
        """v from p(v | h)."""
        mean = self.visible_mean(h)
        if self.visible_units == "gaussian":
            return mean + self.stream.normal(mean.shape, dtype=mean.dtype)
        return self._coins(mean)

    def gibbs(self, v: Any, steps: int = 1) -> Tensor:
        """v after some steps of the chain v → h → v, of which p(v) is the stationary distribution; nothing is
        recorded.
        """
        if steps < 1:
            raise ConfigError(f"A chain takes at least one step, got {steps!r}.")
        with no_grad():
            v = self._rows(v)
            for _ in range(steps):
                v = self.sample_visible(self.sample_hidden(v))
        return v

    def sample(self, count: int, steps: int = 1000) -> Tensor:
        """Samples from p(v), (count, visible): chains of this many steps from noise."""
        return self.gibbs(self._noise(count), steps)

    def _noise(self, count: int) -> Tensor:
        shape, dtype = (count, self.visible), self.weight.dtype
        if self.visible_units == "gaussian":
            return self.stream.normal(shape, dtype=dtype)
        return ops.astype(self.stream.uniform(shape) < 0.5, dtype)

    def _coins(self, p: Tensor) -> Tensor:
        return ops.astype(self.stream.uniform(p.shape, dtype=p.dtype) < p, p.dtype)

    def _rows(self, v: Any) -> Tensor:
        v = as_tensor(v)
        if v.ndim != 2 or v.shape[1] != self.visible:
            raise ShapeError(
                f"{self.label()} got {v.shape}, expected (N, {self.visible}).",
                fix=f"v.reshape(len(v), -1), and RBM({v.shape[-1] if v.ndim else 1}, {self.hidden})",
            )
        return v

    # -- beginning ----------------------------------------------------------------------------------------------------

    def fit_visible_bias(self, v: Any) -> None:
        """Starts the visible biases where the units alone explain the data: log p/(1 − p) of how often each is on, or
        the mean of Gaussian ones (Hinton 2010, section 8.1).
        """
        mean = self._rows(v).numpy().mean(axis=0, dtype=np.float64)
        if self.visible_units == "binary":
            p = np.clip(mean, 1e-3, 1.0 - 1e-3)  # a unit that is never on would start at −∞
            mean = np.log(p / (1.0 - p))
        self.visible_bias.assign(mean.astype(self.visible_bias.dtype))

    def extra_repr(self) -> str:
        return f"{self.visible}, {self.hidden}, visible_units={self.visible_units!r}"


class ContrastiveDivergence(Loss):
    """mean F(v) − mean F(ṽ): the free energy of the data against that of samples ṽ from the model, whose gradient
    trains an `RBM`.

    The gradient of the negative log-likelihood is ∇F(v) − E_p[∇F(ṽ)], with the expectation over the model's own
    distribution p. It is not ∇(F(v) − E_p[F(ṽ)]): p depends on the parameters too, so the expectation and the gradient
    do not interchange. The samples are therefore taken as constants, and only F is differentiated; what comes out as
    the number of this loss is no likelihood, hovers around 0, and can rise while the model gets better.

    Samples that have reached p would make the gradient exact. CD-k takes k steps from the data instead, which is biased
    and cheap; persistent chains (`RBM(…, chains=100)`) go on from where the last update left them, and reach p while
    the learning rate is small.

    Arguments:
        rbm: the machine, which is also the model that is trained; its features, the outputs, are not used.
        k: steps of the chain in each update.

    To be called with the model's outputs and the visible units as the target: `trainer.fit((v, v))`, without a
    validation part, whose loss would choose an epoch by chance. Persistent chains move in training only; evaluation
    takes k steps from the data.

    Source: Hinton, "Training Products of Experts by Minimizing Contrastive Divergence" (2002); Tieleman, "Training
    Restricted Boltzmann Machines using Approximations to the Likelihood Gradient" (2008).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import models
        >>> rbm = models.RBM(6, 3, chains=10)
        >>> v = cr.ones((4, 6))
        >>> models.ContrastiveDivergence(rbm, k=5)(rbm(v), v).shape
        ()
    """

    name = "contrastive_divergence"

    def __init__(self, rbm: RBM, k: int = 1) -> None:
        if k < 1:
            raise ConfigError(f"k is a number of steps, at least 1, got {k!r}.")
        self.options = {"k": k}
        self.rbm = rbm
        self.k = k

    def __call__(self, outputs: Any, target: Any, *, weights: Any = None) -> Tensor:
        v = as_tensor(target)
        energies = self.rbm.free_energy(v)
        chains = self.rbm.chains if self.rbm.training else None
        samples = self.rbm.gibbs(v if chains is None else chains, self.k)
        if chains is not None:
            chains.assign(samples)
        if weights is None:
            data = energies.mean()
        else:
            weights = as_tensor(weights)
            data = (energies * weights).sum() / weights.sum()
        return data - self.rbm.free_energy(samples).mean()
