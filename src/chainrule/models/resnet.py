"""Residual networks for small images, and the same without skips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chainrule import nn, ops
from chainrule.errors import ConfigError
from chainrule.models.lenet import image_shape

__all__ = ["ResNet"]


class ResNet(nn.Module):
    """A 3×3 convolution, three stages of residual blocks of width, 2·width and 4·width channels, the second and third
    halving the image, then the mean of every channel and a linear layer.

    A block is y = relu(x + norm(conv(relu(norm(conv(x)))))), with 3×3 convolutions.

    Arguments:
        depth: layers with weights, 6·n + 2 for n blocks in each stage: 20, 32, 44, 56, 110.
        shape: of one image, (H, W, C).
        out_features: units of the output; with `squeeze` a single unit gives (N,) instead of (N, 1).
        width: channels of the first stage.
        residual: whether blocks add x; without, it is the plain network that the paper compares with, which at 56
            layers hardly trains.
        shortcut: how x passes where a stage begins: "A" takes every second place and fills up with zero channels,
            without weights; "B" is a 1×1 convolution.

    Shapes:
        (N, H, W, C) → (N, out_features).

    Raises:
        ConfigError: for another depth, shortcut or shape.

    Layers have the names of PyTorch's ResNets (conv1, bn1, layer1.0.conv1, …, fc), for `nn.load_pytorch`.

    Source: He et al., "Deep Residual Learning for Image Recognition" (2015), section 4.2.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import models
        >>> models.ResNet(20, (32, 32, 3), 10)(cr.zeros((2, 32, 32, 3))).shape
        (2, 10)
    """

    def __init__(
        self,
        depth: int,
        shape: Sequence[int],
        out_features: int,
        *,
        width: int = 16,
        residual: bool = True,
        shortcut: str = "A",
        squeeze: bool = False,
    ) -> None:
        super().__init__()
        blocks, rest = divmod(depth - 2, 6)
        if blocks < 1 or rest:
            raise ConfigError(f"The depth is 6·n + 2, got {depth}.", fix=f"{max(8, 6 * blocks + 2)}, or 20, 32, 56")
        if shortcut not in ("A", "B"):
            raise ConfigError(f'The shortcut is "A" (zeros) or "B" (projection), got {shortcut!r}.')
        channels = image_shape(shape)[2]
        self.conv1 = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm(width)

        def stage(before: int, after: int, stride: int) -> nn.Sequential:
            first = _Block(before, after, stride, residual, shortcut)
            return nn.Sequential(first, *(_Block(after, after, 1, residual, shortcut) for _ in range(blocks - 1)))

        self.layer1 = stage(width, width, 1)
        self.layer2 = stage(width, 2 * width, 2)
        self.layer3 = stage(2 * width, 4 * width, 2)
        self.pool = nn.GlobalAvgPool()
        self.fc = nn.Linear(4 * width, out_features)
        self.squeeze = squeeze and out_features == 1

    def forward(self, x: Any) -> Any:
        x = ops.relu(self.bn1(self.conv1(x)))
        y = self.fc(self.pool(self.layer3(self.layer2(self.layer1(x)))))
        return y[:, 0] if self.squeeze else y


class _Block(nn.Module):
    """Two convolutions and the way around them."""

    def __init__(self, before: int, after: int, stride: int, residual: bool, shortcut: str) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm(after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm(after)
        self.stride, self.more, self.residual = stride, after - before, residual
        project = residual and shortcut == "B" and (stride != 1 or before != after)
        self.shortcut = (
            nn.Sequential(nn.Conv2d(before, after, 1, stride=stride, bias=False), nn.BatchNorm(after))
            if project
            else None
        )

    def forward(self, x: Any) -> Any:
        y = self.bn2(self.conv2(ops.relu(self.bn1(self.conv1(x)))))
        return ops.relu(y + self._around(x)) if self.residual else ops.relu(y)

    def _around(self, x: Any) -> Any:
        if self.shortcut is not None:
            return self.shortcut(x)
        if self.stride != 1:
            x = x[:, :: self.stride, :: self.stride]
        if self.more:
            x = ops.concat([x, ops.zeros((*x.shape[:-1], self.more), dtype=x.dtype)], axis=-1)
        return x
