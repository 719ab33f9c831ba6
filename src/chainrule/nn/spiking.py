"""Point neurons in time: leaky integrate-and-fire, which spikes, and the leaky rate unit."""

from __future__ import annotations

import math
from typing import Any

from chainrule import ops
from chainrule.errors import ConfigError, ShapeError
from chainrule.graph import Tensor
from chainrule.nn import activations
from chainrule.nn.module import Module

__all__ = ["LeakyIntegrateAndFire", "LeakyRate"]


def _decay(beta: float, tau: float | None, dt: float) -> float:
    if tau is not None:
        if not tau > 0 or not dt > 0:
            raise ConfigError(f"A time constant and a time step are above 0, got tau={tau} and dt={dt}.")
        return math.exp(-dt / tau)
    if not 0 <= beta <= 1:
        raise ConfigError(f"beta, what is left of the membrane's value after a step, is from 0 to 1, got {beta}.")
    return float(beta)


def _by_time(layer: Module, x: Tensor) -> Tensor:
    if x.ndim < 2:
        raise ShapeError(f"{layer.label()} got {x.shape}: it takes batches of sequences, (N, T, …).")
    return ops.permute_dims(x, (1, 0, *range(2, x.ndim)))


def _spike(x: Tensor, sharpness: float) -> Tensor:
    """1 where x ≥ 0, else 0, with the gradient of x / (1 + k|x|): that of a step is 0 wherever there is one."""
    slope = x / (1.0 + sharpness * ops.abs(x))
    return ops.astype(x >= 0, x.dtype) + (slope - slope.detach())


class LeakyIntegrateAndFire(Module):
    """Neurons that add up their input, leak, and spike at a threshold:

    uₜ = β·uₜ₋₁ + xₜ − θ·sₜ₋₁, sₜ = 1 where uₜ ≥ θ, else 0.

    A step function has no useful derivative, so backwards ds/du is taken as 1 / (1 + k·|u − θ|)², the surrogate
    gradient of a fast sigmoid. It is not the derivative of what the layer computes (finite differences will not find
    it); it is what makes networks of spiking neurons train.

    Arguments:
        beta: β, what is left of u after a step.
        tau, dt: the time constant of the membrane and the length of a step, in the same unit; they give
            β = exp(−dt / tau) instead.
        threshold: θ.
        reset: after a spike, "subtract" takes θ off u; "zero" forgets u: uₜ = β·uₜ₋₁·(1 − sₜ₋₁) + xₜ.
        sharpness: k, how narrowly the surrogate is centred on the threshold.

    Shapes:
        x (N, T, …), the input of each step → spikes (N, T, …) and the membrane u (N, T, …).

    Raises:
        ConfigError: for arguments out of range.
        ShapeError: for inputs without axes for batch and time.

    Source: Neftci, Mostafa & Zenke, "Surrogate Gradient Learning in Spiking Neural Networks" (2019), equations 4 and 5;
    the surrogate: Zenke & Ganguli, "SuperSpike" (2018). The gradient flows through the reset too.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> spikes, membrane = nn.LeakyIntegrateAndFire(beta=0.5)(cr.tensor([[[0.75], [0.75], [0.0], [0.0]]]))
        >>> spikes[0, :, 0].tolist(), membrane[0, :, 0].tolist()
        ([0.0, 1.0, 0.0, 0.0], [0.75, 1.125, -0.4375, -0.21875])
    """

    def __init__(
        self,
        beta: float = 0.9,
        *,
        tau: float | None = None,
        dt: float = 1.0,
        threshold: float = 1.0,
        reset: str = "subtract",
        sharpness: float = 10.0,
    ) -> None:
        super().__init__()
        self.beta = _decay(beta, tau, dt)
        if not threshold > 0 or not sharpness >= 0:
            raise ConfigError(f"threshold is above 0 and sharpness not below, got {threshold} and {sharpness}.")
        if reset not in ("subtract", "zero"):
            raise ConfigError(f"reset is 'subtract' or 'zero', got {reset!r}.")
        self.threshold, self.reset, self.sharpness = float(threshold), reset, float(sharpness)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        inputs = _by_time(self, x)

        def step(state: tuple[Tensor, Tensor], x: Tensor) -> Any:
            u, s = state
            u = self.beta * u - self.threshold * s + x if self.reset == "subtract" else self.beta * u * (1.0 - s) + x
            s = _spike(u - self.threshold, self.sharpness)
            return (u, s), (s, u)

        nothing = ops.zeros(inputs.shape[1:], dtype=x.dtype)
        _, (spikes, membrane) = ops.scan(step, (nothing, nothing), inputs)
        return _by_time(self, spikes), _by_time(self, membrane)

    def extra_repr(self) -> str:
        return f"beta={self.beta:.4g}, threshold={self.threshold:g}, reset={self.reset!r}"


class LeakyRate(Module):
    """Neurons with a rate instead of spikes: uₜ = β·uₜ₋₁ + (1 − β)·xₜ, yₜ = φ(uₜ), a leaky membrane that follows its
    input.

    Arguments:
        beta, tau, dt: as of `LeakyIntegrateAndFire`.
        activation: φ, by its name: what rate a membrane's value gives.

    Shapes:
        x (N, T, …) → rates (N, T, …).

    Source: Dayan & Abbott, "Theoretical Neuroscience" (2001), section 7.2, with Euler's exact step for a constant
    input.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.LeakyRate(beta=0.5)(cr.ones((1, 3, 1)))[0, :, 0].tolist()
        [0.5, 0.75, 0.875]
    """

    def __init__(
        self, beta: float = 0.9, *, tau: float | None = None, dt: float = 1.0, activation: str = "relu"
    ) -> None:
        super().__init__()
        self.beta = _decay(beta, tau, dt)
        self.activation = activations.activation(activation)

    def forward(self, x: Tensor) -> Tensor:
        inputs = _by_time(self, x)

        def step(u: Tensor, x: Tensor) -> Any:
            u = self.beta * u + (1.0 - self.beta) * x
            return u, u

        _, membrane = ops.scan(step, ops.zeros(inputs.shape[1:], dtype=x.dtype), inputs)
        return self.activation(_by_time(self, membrane))

    def extra_repr(self) -> str:
        return f"beta={self.beta:.4g}"
