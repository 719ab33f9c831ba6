"""LeNet: convolutions and pooling, then dense layers, for small images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chainrule import nn
from chainrule.data.shapes import channels_first
from chainrule.errors import ConfigError

__all__ = ["LeNet"]


class LeNet(nn.Module):
    """Convolutions, each followed by an activation and by max pooling that halves the image, then one hidden layer.

    Arguments:
        shape: of one image, (H, W, C).
        out_features: units of the output; with `squeeze` a single unit gives (N,) instead of (N, 1).
        channels: filters of each convolution.
        kernel_size: of the filters; the image keeps its size under them.
        hidden: units of the dense layer.
        activation: after the convolutions and the dense layer.
        dropout: before the output.
        batch_norm: whether each convolution is normalised.

    Shapes:
        (N, H, W, C) → (N, out_features).

    Raises:
        ConfigError: for a shape that is not (H, W, C), or too small to be halved once for each convolution.

    Differs from the paper: ReLU, max pooling, every filter sees all channels, and the output is linear.

    Source: LeCun et al., "Gradient-Based Learning Applied to Document Recognition" (1998), section II.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import models
        >>> models.LeNet((28, 28, 1), 10)(cr.zeros((2, 28, 28, 1))).shape
        (2, 10)
    """

    def __init__(
        self,
        shape: Sequence[int],
        out_features: int,
        *,
        channels: Sequence[int] = (32, 64),
        kernel_size: int = 5,
        hidden: int = 128,
        activation: str = "relu",
        dropout: float = 0.0,
        batch_norm: bool = False,
        squeeze: bool = False,
    ) -> None:
        super().__init__()
        height, width, before = image_shape(shape)
        if min(height, width) < 2 ** len(channels):
            raise ConfigError(
                f"Images of {height} × {width} cannot be halved {len(channels)} times.",
                fix="larger images, or fewer channels=, one number for each convolution; model mlp takes any size",
            )
        layers: list[nn.Module] = []
        for filters in channels:
            layers.append(nn.Conv2d(before, filters, kernel_size, padding="same", bias=not batch_norm))
            if batch_norm:
                layers.append(nn.BatchNorm(filters))
            layers += [nn.activation(activation), nn.MaxPool2d(2)]
            height, width, before = height // 2, width // 2, filters
        layers += [nn.Flatten(), nn.Linear(height * width * before, hidden), nn.activation(activation)]
        if dropout:
            layers.append(nn.Dropout(dropout))
        layers.append(nn.Linear(hidden, out_features))
        self.layers = nn.Sequential(*layers)
        self.squeeze = squeeze and out_features == 1

    def forward(self, x: Any) -> Any:
        y = self.layers(x)
        return y[:, 0] if self.squeeze else y


def image_shape(shape: Sequence[int]) -> tuple[int, int, int]:
    """(H, W, C), or an error."""
    if len(shape) != 3 or min(shape) < 1:
        raise ConfigError(f"An image has the shape (H, W, C), got {tuple(shape)}.", fix="(28, 28, 1), say")
    if channels_first(shape):
        raise ConfigError(
            f"An image has the shape (H, W, C), got {tuple(shape)}, where channels come first.",
            fix=f"{(*shape[1:], shape[0])}, and np.moveaxis(x, 1, -1) of the images",
        )
    return shape[0], shape[1], shape[2]
