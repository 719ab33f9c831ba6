"""Models by name, built to fit a description of the data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chainrule.errors import ConfigError, suggest
from chainrule.models.gat import GAT
from chainrule.models.gcn import GCN
from chainrule.models.lenet import LeNet
from chainrule.models.mlp import MLP
from chainrule.models.recurrent_classifier import RecurrentClassifier
from chainrule.models.recurrent_language_model import RecurrentLanguageModel
from chainrule.models.resnet import ResNet
from chainrule.models.sage import GraphSAGE
from chainrule.models.table import TableNetwork
from chainrule.models.transformer_classifier import TransformerClassifier
from chainrule.models.transformer_language_model import TransformerLanguageModel
from chainrule.nn import Module, RandomFlip, RandomShift, Sequential

__all__ = ["MODELS", "Architecture", "build"]

Description = dict[str, Any]


@dataclass(frozen=True)
class Architecture:
    """A model that can be asked for by name.

    Attributes:
        make: `make(description, **options)`, where the description is `Preprocessing.input_description`.
        kinds: of data that it takes: table, image, array (sequences of one length), sequence (of several), text, graph.
        options: what can be chosen, with the usual choice; None is chosen by the size of the data.
        about: what it is, in a few words.
    """

    make: Callable[..., Module]
    kinds: tuple[str, ...]
    options: dict[str, Any]
    about: str


def _mlp(given: Description, hidden: list[int], **options: Any) -> Module:
    outputs, squeeze = given["outputs"], given["outputs"] == 1
    if given["kind"] != "table":
        return MLP(tuple(given["shape"]), hidden, outputs, squeeze=squeeze, **options)
    if not given["categories"]:
        return MLP(given["numeric"], hidden, outputs, squeeze=squeeze, **options)
    return TableNetwork(given["numeric"], given["categories"], hidden, outputs, squeeze=squeeze, **options)


def _linear(given: Description) -> Module:
    return _mlp(given, [])


def _augmented(model: Module, augment: list[str]) -> Module:
    """The model behind layers that change its images while it trains."""
    layers = {"flip": RandomFlip, "shift": RandomShift}
    for name in augment:
        if name not in layers:
            raise ConfigError(f"There is no augmentation {name!r}.{suggest(name, layers)}", fix="flip, shift, or both")
    return Sequential(*(layers[name]() for name in augment), model) if augment else model


def _lenet(given: Description, augment: list[str], **options: Any) -> Module:
    outputs = given["outputs"]
    return _augmented(LeNet(tuple(given["shape"]), outputs, squeeze=outputs == 1, **options), augment)


def _resnet(residual: bool) -> Callable[..., Module]:
    def make(given: Description, layers: int, width: int, augment: list[str]) -> Module:
        outputs = given["outputs"]
        model = ResNet(layers, tuple(given["shape"]), outputs, width=width, residual=residual, squeeze=outputs == 1)
        return _augmented(model, augment)

    return make


def _recurrent(cell: str) -> Callable[..., Module]:
    def make(given: Description, width: int, layers: int, dropout: float) -> Module:
        if given["kind"] == "text":
            return RecurrentLanguageModel(given["vocabulary"], cell=cell, width=width, layers=layers, dropout=dropout)
        return RecurrentClassifier(
            _sequence(given)[1], given["outputs"], cell=cell, width=width, layers=layers, dropout=dropout,
            squeeze=given["outputs"] == 1,
        )  # fmt: skip

    return make


def _transformer(given: Description, **options: Any) -> Module:
    if given["kind"] == "text":
        return TransformerLanguageModel(given["vocabulary"], context=given["context"], **options)
    length, features = _sequence(given)
    return TransformerClassifier(
        given["outputs"], features=features, context=length, squeeze=given["outputs"] == 1, **options
    )


def _sequence(given: Description) -> tuple[int, int]:
    if len(given["shape"]) != 2:
        raise ConfigError(
            f"A model of sequences takes arrays (N, T, C), got (N, {', '.join(map(str, given['shape']))}).",
            fix="reshape each sample to (steps, features)",
        )
    return given["shape"][0], given["shape"][1]


def _graph(kind: Callable[..., Module]) -> Callable[..., Module]:
    def make(given: Description, **options: Any) -> Module:
        return kind(given["features"], [options.pop("width")], given["outputs"], **options)

    return make


_PERCEPTRON = {"hidden": None, "activation": "relu", "dropout": 0.2, "batch_norm": False}
_IMAGE: dict[str, Any] = {"augment": []}
_RESNET = _IMAGE | {"layers": 20, "width": 16}
_SEQUENCES = ("text", "array", "sequence")
_RECURRENT = {"width": None, "layers": None, "dropout": 0.0}

MODELS: dict[str, Architecture] = {
    "mlp": Architecture(_mlp, ("table", "image", "array"), _PERCEPTRON, "multi-layer perceptron"),
    "linear": Architecture(_linear, ("table", "image", "array"), {}, "linear or logistic regression"),
    "lenet": Architecture(
        _lenet, ("image",), _IMAGE | {"dropout": 0.4, "batch_norm": True}, "convolutions with pooling, a hidden layer"
    ),
    "resnet": Architecture(_resnet(True), ("image",), _RESNET, "residual network: 20, 32, 56 …"),
    "plain": Architecture(
        _resnet(False), ("image",), _RESNET, "the same without skips, to see what they do"
    ),
    "rnn": Architecture(_recurrent("rnn"), _SEQUENCES, _RECURRENT, "recurrent network"),
    "lstm": Architecture(_recurrent("lstm"), _SEQUENCES, _RECURRENT, "long short-term memory"),
    "gru": Architecture(_recurrent("gru"), _SEQUENCES, _RECURRENT, "gated recurrent units"),
    "transformer": Architecture(
        _transformer, _SEQUENCES, {"width": None, "layers": None, "heads": 4, "dropout": 0.0},
        "of a text: GPT style; of sequences: an encoder",
    ),
    "gcn": Architecture(_graph(GCN), ("graph",), {"width": 16, "dropout": 0.5}, "graph convolutional network"),
    "sage": Architecture(_graph(GraphSAGE), ("graph",), {"width": 64, "dropout": 0.5}, "GraphSAGE"),
    "gat": Architecture(_graph(GAT), ("graph",), {"width": 8, "heads": 8, "dropout": 0.6}, "graph attention network"),
}  # fmt: skip
"""Every architecture by name."""


def build(name: str, description: Description, **options: Any) -> Module:
    """The model of this name for data of this description.

    Arguments:
        name: in `MODELS`.
        description: `Preprocessing.input_description`: kind of input, its sizes, and the number of outputs.
        options: those that the architecture has.

    Raises:
        ConfigError: for a name that does not exist, a kind of data that the model does not take, or an option that it
            does not have; it says what would fit.

    Example:
        >>> from chainrule import models
        >>> model = models.build("mlp", {"kind": "table", "numeric": 3, "categories": [], "outputs": 2}, hidden=[8])
        >>> type(model).__name__
        'MLP'
    """
    if name not in MODELS:
        raise ConfigError(f"There is no model {name!r}.{suggest(name, MODELS)}", fix=f"one of {', '.join(MODELS)}")
    chosen, kind = MODELS[name], description["kind"]
    if kind not in chosen.kinds:
        fitting = [other for other, found in MODELS.items() if kind in found.kinds]
        raise ConfigError(
            f"The model {name} takes data of the kind {' or '.join(chosen.kinds)}, and these are of the kind {kind}.",
            fix=f"--model {' or '.join(fitting)}",
        )
    unknown = sorted(options.keys() - chosen.options.keys())
    if unknown:
        raise ConfigError(
            f"The model {name} has no option {', '.join(unknown)}.",
            fix=f"it has {', '.join(chosen.options)}" if chosen.options else "leave it out; it has none",
        )
    return chosen.make(description, **options)
