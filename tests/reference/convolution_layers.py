"""Convolutions and pooling: one or two of each family for the committed table; options at random are tested live."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule import nn
from reference.layers import F8, _case


def _channels_first(theirs: Callable[..., Any]) -> Callable[..., Any]:
    """PyTorch's function on x with the channels first."""

    def on_ours(torch: Any, f: Any, x: Any, p: Any) -> Any:
        return torch.movedim(theirs(f, torch.movedim(x, -1, 1), p), 1, -1)

    return on_ours


def _kernel(weight: Any) -> Any:
    return weight.permute(-1, -2, *range(weight.ndim - 2))


CASES = [
    _case(
        "conv1d_dilated",
        lambda: nn.Conv1d(2, 3, 3, padding="same", dilation=2, dtype=F8),
        _channels_first(lambda f, x, p: f.conv1d(x, _kernel(p["weight"]), p["bias"], padding="same", dilation=2)),
        (2, 6, 2),
    ),
    _case(
        "conv2d_strided_groups",
        lambda: nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=1, groups=2, dtype=F8),
        _channels_first(
            lambda f, x, p: f.conv2d(x, _kernel(p["weight"]), p["bias"], stride=(2, 1), padding=1, groups=2)
        ),
        (2, 5, 4, 4),
    ),
    _case(
        "conv3d_depthwise",
        lambda: nn.Conv3d(2, 2, 2, groups=2, bias=False, dtype=F8),
        _channels_first(lambda f, x, p: f.conv3d(x, _kernel(p["weight"]), groups=2)),
        (2, 3, 3, 3, 2),
    ),
    _case(
        "conv_transpose2d",
        lambda: nn.ConvTranspose2d(3, 2, 3, stride=2, padding=1, output_padding=1, dtype=F8),
        _channels_first(
            lambda f, x, p: f.conv_transpose2d(
                x, p["weight"].permute(2, 3, 0, 1), p["bias"], stride=2, padding=1, output_padding=1
            )
        ),
        (2, 3, 3, 3),
    ),
    _case("max_pool2d", lambda: nn.MaxPool2d(2), _channels_first(lambda f, x, p: f.max_pool2d(x, 2)), (2, 4, 6, 2)),
    _case(
        "max_pool2d_overlapping",
        lambda: nn.MaxPool2d(3, 2, 1, ceil_mode=True),
        _channels_first(lambda f, x, p: f.max_pool2d(x, 3, 2, 1, ceil_mode=True)),
        (2, 6, 6, 2),
    ),
    _case(
        "avg_pool2d_ceil",
        lambda: nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False),
        _channels_first(lambda f, x, p: f.avg_pool2d(x, 3, 2, 1, True, False)),
        (2, 6, 6, 2),
    ),
    _case(
        "adaptive_avg_pool2d",
        lambda: nn.AdaptiveAvgPool2d((3, 2)),
        _channels_first(lambda f, x, p: f.adaptive_avg_pool2d(x, (3, 2))),
        (2, 7, 4, 2),
    ),
    _case(
        "adaptive_max_pool2d",
        lambda: nn.AdaptiveMaxPool2d((3, 2)),
        _channels_first(lambda f, x, p: f.adaptive_max_pool2d(x, (3, 2))),
        (2, 7, 4, 2),
    ),
    _case("global_avg_pool", nn.GlobalAvgPool, lambda torch, f, x, p: x.mean((1, 2)), (2, 3, 4, 2)),
    _case("global_max_pool", nn.GlobalMaxPool, lambda torch, f, x, p: x.amax((1, 2)), (2, 3, 4, 2)),
]
