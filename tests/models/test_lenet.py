"""LeNet: shapes, options, learning, and bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import losses, models, nn, optim
from chainrule.errors import ConfigError, ShapeError


def test_options() -> None:
    model = models.LeNet((8, 12, 3), 5, channels=(4, 6, 8), kernel_size=3, hidden=16, dropout=0.5, batch_norm=True)
    assert model(cr.ones((2, 8, 12, 3))).shape == (2, 5)
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds == ["Conv2d", "BatchNorm", "ReLU", "MaxPool2d"] * 3 + [
        "Flatten",
        "Linear",
        "ReLU",
        "Dropout",
        "Linear",
    ]
    assert models.LeNet((8, 8, 1), 1, squeeze=True)(cr.ones((2, 8, 8, 1))).shape == (2,)


def test_learns_where_a_bright_spot_is() -> None:
    rng = np.random.default_rng(0)
    places = rng.integers(0, 4, 64)
    images = rng.normal(0.0, 0.3, (64, 8, 8, 1)).astype(np.float32)
    for image, place in zip(images, places, strict=True):
        image[1 + 4 * (place // 2) : 4 + 4 * (place // 2), 1 + 4 * (place % 2) : 4 + 4 * (place % 2)] += 1.0
    cr.random.seed(0)
    model = models.LeNet((8, 8, 1), 4, channels=(4, 8), kernel_size=3, hidden=16, dropout=0.1)
    optimizer = optim.Adam(model.parameters(), lr=0.01)

    @cr.compile
    def step(x: Any, y: Any) -> Any:
        loss = losses.cross_entropy(model(x), y)
        optimizer.minimize(loss)
        return loss

    history = [float(step(images, places)) for _ in range(40)]
    assert history[0] > 1.0 and history[-1] < 0.1
    model.eval()
    assert (model(images).numpy().argmax(axis=1) == places).mean() > 0.95


def test_bad_input() -> None:
    with pytest.raises(ConfigError, match="cannot be halved 2 times"):
        models.LeNet((28, 3, 1), 10)
    with pytest.raises(ConfigError, match=r"channels come first.*\n.*\(28, 20, 3\)"):
        models.LeNet((3, 28, 20), 10)
    with pytest.raises(ConfigError, match="shape \\(H, W, C\\), got \\(28, 28\\)"):
        models.LeNet((28, 28), 10)
    with pytest.raises(ShapeError, match=r"layers\.0.*channels come first"):
        models.LeNet((28, 28, 3), 10)(cr.ones((2, 3, 28, 28)))


@pytest.mark.torch
def test_the_same_network_of_pytorch() -> None:
    torch = pytest.importorskip("torch")
    tnn = torch.nn

    torch.manual_seed(0)
    theirs = tnn.Sequential(
        tnn.Conv2d(1, 3, 5, padding="same"), tnn.ReLU(), tnn.MaxPool2d(2),
        tnn.Conv2d(3, 4, 5, padding="same"), tnn.ReLU(), tnn.MaxPool2d(2),
        tnn.Flatten(), tnn.Linear(16, 6), tnn.ReLU(), tnn.Linear(6, 2),
    ).double()  # fmt: skip
    model = models.LeNet((9, 8, 1), 2, channels=(3, 4), hidden=6).to("float64")
    state = theirs.state_dict()
    # Flattened, channels come first there and last here.
    state["7.weight"] = state["7.weight"].reshape(6, 4, 2, 2).permute(0, 2, 3, 1).reshape(6, 16)
    nn.load_pytorch(model.layers, state)
    images = np.random.default_rng(0).normal(size=(3, 9, 8, 1))
    expected = theirs(torch.tensor(np.moveaxis(images, -1, 1))).detach().numpy()
    np.testing.assert_allclose(model(cr.asarray(images)).numpy(), expected, rtol=1e-6)
