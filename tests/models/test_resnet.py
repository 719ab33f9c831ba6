"""ResNet: the paper's sizes, shortcuts, the plain network, weights of PyTorch, and bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import losses, models, nn, optim
from chainrule.errors import ConfigError, ShapeError


def count(model: nn.Module) -> int:
    return sum(p.size for p in model.parameters())


@pytest.mark.parametrize(("depth", "millions"), [(20, 0.27), (32, 0.46), (56, 0.85)])
def test_has_as_many_weights_as_the_paper_says(depth: int, millions: float) -> None:
    # table 6 of the paper, for 32 × 32 × 3 and 10 classes
    assert round(count(models.ResNet(depth, (32, 32, 3), 10)) / 1e6, 2) == millions


def test_has_as_many_layers_with_weights_as_its_depth() -> None:
    layers = [m for _, m in models.ResNet(32, (8, 8, 1), 10).named_modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(layers) == 32


def test_halves_twice_and_takes_odd_sizes() -> None:
    model = models.ResNet(8, (9, 7, 2), 3, width=4)
    seen: dict[str, Any] = {}
    with nn.watch(lambda path, layer, inputs, output: seen.update({path: output.shape})):
        assert model(cr.ones((2, 9, 7, 2))).shape == (2, 3)
    assert [seen[f"layer{i}"] for i in (1, 2, 3)] == [(2, 9, 7, 4), (2, 5, 4, 8), (2, 3, 2, 16)]


def test_shortcuts() -> None:
    a = models.ResNet(8, (8, 8, 1), 3)
    b = models.ResNet(8, (8, 8, 1), 3, shortcut="B")
    plain = models.ResNet(8, (8, 8, 1), 3, residual=False)
    assert count(a) == count(plain)
    assert count(b) - count(a) == 16 * 32 + 32 * 64 + 2 * (32 + 64)
    for model in (a, b, plain):  # with F = 0, a residual block hands on relu(x), filled up with zeros
        for _, module in model.named_modules():
            if isinstance(module, nn.BatchNorm):
                module.weight.assign(cr.zeros(module.num_features))
    x = cr.tensor(np.abs(np.random.default_rng(0).normal(size=(1, 4, 4, 16))))
    assert (a.layer1(x).numpy() == x.numpy()).all()
    halved = a.layer2(x).numpy()
    assert (halved[..., :16] == x.numpy()[:, ::2, ::2]).all() and not halved[..., 16:].any()
    assert not plain.layer1(x).numpy().any()


def test_training_is_the_same_compiled() -> None:
    images = np.random.default_rng(0).normal(size=(6, 8, 8, 1))
    labels = np.arange(6) % 3

    def train(compiled: bool) -> list[Any]:
        cr.random.seed(0)
        model = models.ResNet(8, (8, 8, 1), 3, width=4).to("float64")
        optimizer = optim.Momentum(model.parameters(), lr=0.05)

        def step(x: Any, y: Any) -> Any:
            loss = losses.cross_entropy(model(x), y)
            optimizer.minimize(loss)
            return loss

        run = cr.compile(step) if compiled else step
        history = [float(run(cr.asarray(images), labels)) for _ in range(3)]
        return [history, *model.state_dict().values()]

    for a, b in zip(train(True), train(False), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"depth": 18}, "6·n \\+ 2, got 18.*\n.*14, or 20"),
        ({"depth": 2}, "6·n \\+ 2, got 2.*\n.*8, or 20"),
        ({"shortcut": "C"}, "shortcut"),
        ({"shape": (28, 28)}, "shape \\(H, W, C\\)"),
    ],
)
def test_bad_options(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        models.ResNet(**{"depth": 20, "shape": (28, 28, 1), "out_features": 10, **options})


def test_channels_first_are_seen() -> None:
    with pytest.raises(ShapeError, match=r"conv1.*channels come first"):
        models.ResNet(8, (32, 32, 3), 10)(cr.ones((2, 3, 32, 32)))


@pytest.mark.torch
@pytest.mark.parametrize("shortcut", ["A", "B"])
def test_weights_of_pytorch_give_the_same_outputs_and_gradients(shortcut: str) -> None:
    torch = pytest.importorskip("torch")
    tnn, f = torch.nn, torch.nn.functional

    class Block(tnn.Module):
        def __init__(self, before: int, after: int, stride: int) -> None:
            super().__init__()
            self.conv1 = tnn.Conv2d(before, after, 3, stride, 1, bias=False)
            self.bn1 = tnn.BatchNorm2d(after)
            self.conv2 = tnn.Conv2d(after, after, 3, 1, 1, bias=False)
            self.bn2 = tnn.BatchNorm2d(after)
            self.stride, self.more, self.shortcut = stride, after - before, None
            if stride != 1 and shortcut == "B":
                self.shortcut = tnn.Sequential(tnn.Conv2d(before, after, 1, stride, bias=False), tnn.BatchNorm2d(after))

        def forward(self, x: Any) -> Any:
            y = self.bn2(self.conv2(f.relu(self.bn1(self.conv1(x)))))
            if self.shortcut is not None:
                x = self.shortcut(x)
            elif self.stride != 1:
                x = f.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more))
            return f.relu(y + x)

    class Net(tnn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = tnn.Conv2d(2, 4, 3, 1, 1, bias=False)
            self.bn1 = tnn.BatchNorm2d(4)
            self.layer1 = tnn.Sequential(Block(4, 4, 1))
            self.layer2 = tnn.Sequential(Block(4, 8, 2))
            self.layer3 = tnn.Sequential(Block(8, 16, 2))
            self.fc = tnn.Linear(16, 3)

        def forward(self, x: Any) -> Any:
            x = self.layer3(self.layer2(self.layer1(f.relu(self.bn1(self.conv1(x))))))
            return self.fc(x.mean((2, 3)))

    torch.manual_seed(0)
    theirs = Net().double()
    ours = models.ResNet(8, (7, 8, 2), 3, width=4, shortcut=shortcut).to("float64")
    nn.load_pytorch(ours, theirs.state_dict())
    images = np.random.default_rng(0).normal(size=(5, 7, 8, 2))
    expected = theirs(torch.tensor(np.moveaxis(images, -1, 1)))
    y = ours(cr.asarray(images))
    np.testing.assert_allclose(y.numpy(), expected.detach().numpy(), rtol=1e-6, atol=1e-9)
    (y * y).sum().backward()
    (expected * expected).sum().backward()
    first = theirs.conv1.weight.grad.permute(2, 3, 1, 0).numpy()
    np.testing.assert_allclose(ours.conv1.weight.grad.numpy(), first, rtol=1e-6, atol=1e-9)
    variance = theirs.state_dict()["layer3.0.bn1.running_var"].numpy()
    np.testing.assert_allclose(ours.layer3[0].bn1.running_var.numpy(), variance, rtol=1e-6)
