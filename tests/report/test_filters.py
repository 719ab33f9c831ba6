"""Pictures of filters and feature maps: the numbers that are there, as images that a browser can show."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

import chainrule as cr
from chainrule import models, nn, report
from chainrule.errors import ConfigError, ShapeError
from chainrule.report.tiles import SIGNED, painted

SVG = "{http://www.w3.org/2000/svg}"


def read(path: Path) -> tuple[list[np.ndarray], str]:
    """The images of a picture, and all of its words."""
    root = ElementTree.parse(path).getroot()
    found = [image.attrib["href"].removeprefix("data:image/png;base64,") for image in root.iter(f"{SVG}image")]
    images = [np.asarray(Image.open(io.BytesIO(base64.b64decode(text)))) for text in found]
    return images, " ".join(root.itertext())


def test_each_filter_of_a_convolution_is_an_image_of_its_weights(tmp_path: Path) -> None:
    layer = nn.Conv2d(1, 6, 3, bias=False)
    weight = np.zeros((3, 3, 1, 6), np.float32)
    for k in range(6):
        weight[k // 3, k % 3, 0, k] = 1.0 if k % 2 else -1.0
    layer.weight.assign(weight)
    images, text = read(report.filters(layer, tmp_path / "filters.svg"))
    assert len(images) == 7  # and the scale
    assert "6 filters of 3 × 3" in text
    ends = painted(np.array([0.0, 0.5, 1.0]), SIGNED)
    for k in range(6):
        assert images[k].shape == (3, 3, 3)
        np.testing.assert_array_equal(images[k][k // 3, k % 3], ends[2 if k % 2 else 0])
        assert (images[k].reshape(9, 3) == ends[1]).all(axis=1).sum() == 8


def test_filters_of_colours_are_in_colour(tmp_path: Path) -> None:
    layer = nn.Conv2d(3, 2, 2, bias=False)
    weight = np.zeros((2, 2, 3, 2), np.float32)
    weight[0, 0, 0, 0] = weight[1, 1, 2, 1] = 1.0
    layer.weight.assign(weight)
    images, _ = read(report.filters(layer, tmp_path / "filters.svg"))
    assert len(images) == 2
    assert images[0][0, 0].tolist() == [255, 128, 128] and images[1][1, 1].tolist() == [128, 128, 255]
    assert images[0][1, 1].tolist() == [128, 128, 128]


def test_units_of_a_perceptron_see_the_whole_image_and_only_the_strongest_are_shown(tmp_path: Path) -> None:
    model = models.MLP((6, 4, 1), [100], 3)
    images, text = read(report.filters(model, tmp_path / "filters.svg", shape=(6, 4, 1)))
    assert len(images) == 65 and images[0].shape == (6, 4, 3)
    assert "100 units that see 6 × 4, the 64 strongest" in text
    square, _ = read(report.filters(models.MLP(64, [5], 3), tmp_path / "square.svg"))
    assert square[0].shape == (8, 8, 3)


def test_feature_maps_are_those_of_the_layers_and_nothing_is_changed(tmp_path: Path) -> None:
    cr.random.seed(0)
    model = models.LeNet((28, 28, 1), 10, dropout=0.5, batch_norm=True)
    x = np.random.default_rng(0).normal(size=(28, 28, 1)).astype(np.float32)
    before = model.state_dict()
    images, text = read(report.feature_maps(model, x, tmp_path / "maps.svg"))
    assert model.training
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    for words in ("input", "28 × 28 × 1", "Conv2d", "28 × 28 × 32", "MaxPool2d", "Linear"):
        assert words in text
    assert "Dropout" not in text and "Flatten" not in text  # which change nothing
    model.eval()
    first = next(layer for layer in model.modules() if isinstance(layer, nn.Conv2d))
    made = first(x[None]).numpy()[0]
    shown = np.sort(np.argsort(-made.std(axis=(0, 1)), kind="stable")[:12])
    scale = np.quantile(np.abs(made), 0.998)
    for k, channel in enumerate(shown):
        np.testing.assert_array_equal(images[1 + k], painted(0.5 + 0.5 * made[..., channel] / scale, SIGNED))


def test_a_deep_network_is_shown_in_part(tmp_path: Path) -> None:
    model = models.ResNet(20, (16, 16, 3), 4, width=4)
    x = np.random.default_rng(0).uniform(size=(1, 16, 16, 3)).astype(np.float32)
    images, text = read(report.feature_maps(model, x, tmp_path / "maps.svg"))
    assert images[0].shape == (16, 16, 3)  # in colour
    assert 16 <= len(images) <= 17 * 12
    assert "conv1" in text or "layers.0" in text or "stem" in text


def test_an_image_without_any_contrast_and_a_layer_that_is_silent(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())
    for parameter in model.parameters():
        parameter.assign(np.zeros(parameter.shape, np.float32))
    images, _ = read(report.feature_maps(model, np.zeros((5, 5, 1)), tmp_path / "maps.svg"))
    assert all(image.dtype == np.uint8 for image in images)
    read(report.filters(model, tmp_path / "filters.svg"))


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match=r"of one image, got an array of shape \(2, 8, 8, 1\)"):
        report.feature_maps(nn.Conv2d(1, 2, 3), np.zeros((2, 8, 8, 1)), tmp_path / "maps.svg")
    with pytest.raises(ConfigError, match="sees 7 numbers, which are no square image"):
        report.filters(nn.Linear(7, 2), tmp_path / "filters.svg")
    with pytest.raises(ConfigError, match=r"sees 7 numbers, not an image of shape \(2, 2, 1\)"):
        report.filters(nn.Linear(7, 2), tmp_path / "filters.svg", shape=(2, 2, 1))
    with pytest.raises(ConfigError, match="no layer whose weights"):
        report.filters(nn.ReLU(), tmp_path / "filters.svg")
    assert not list(tmp_path.iterdir())
