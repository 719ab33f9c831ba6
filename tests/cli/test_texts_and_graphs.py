"""Language models and graph networks from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cli.conftest import Type
from data.test_graph_samples import archive

PROSE = "It was the best of times, it was the worst of times;\nit was the age of wisdom.\n" * 12


def test_a_language_model_from_text_to_text(chainrule: Type, folder: Path) -> None:
    (folder / "novel.txt").write_text(PROSE)
    options = ("--epochs", 2, "--width", 16, "--layers", 1, "--heads", 2, "--context", 8)
    outcome = chainrule("train", "novel.txt", *options)
    assert outcome.code == 0, outcome.err
    for words in ("a text of 948 characters, 20 different", "the next of the characters", "perplexity", "generate"):
        assert words in outcome.out, words
    samples = [json.loads(line) for line in (folder / "runs/novel/samples.jsonl").read_text().splitlines()]
    assert [sample["epoch"] for sample in samples] == [1, 2]
    assert set(samples[0]["text"]) <= set(PROSE)
    written = chainrule("generate", "novel", "--prompt", "it was", "--length", 30, "--top-k", 3)
    assert written.code == 0, written.err
    assert written.out.startswith("it was")
    assert len(written.out) == 6 + 30 + 1
    assert chainrule("generate", "novel", "--length", 30).out == chainrule("generate", "novel", "--length", 30).out
    scored = chainrule("evaluate", "novel", "--format", "json")
    scores = json.loads(scored.out)
    assert scores["perplexity"] == pytest.approx(np.exp(scores["loss"]))


@pytest.mark.parametrize("model", ["lstm", "gru", "rnn"])
def test_recurrent_language_models(chainrule: Type, folder: Path, model: str) -> None:
    (folder / "novel.txt").write_text(PROSE)
    options = ("--model", model, "--epochs", 1, "--width", 8, "--layers", 1, "--context", 8, "--quiet")
    assert chainrule("train", "novel.txt", *options).code == 0
    assert len(chainrule("generate", "novel", "--length", 9).out) == 10


def test_wrong_use_of_a_language_model(chainrule: Type, folder: Path) -> None:
    (folder / "novel.txt").write_text(PROSE)
    (folder / "empty.txt").write_text("")
    options = ("--epochs", 1, "--width", 16, "--layers", 1, "--heads", 2, "--context", 8, "--quiet")
    assert chainrule("train", "novel.txt", *options).code == 0
    for words, said in (
        (("generate", "novel", "--prompt", "Ω"), "the character 'Ω', which the training text did not have"),
        (("generate", "novel", "--prompt", ""), "The prompt is empty"),
        (("generate", "novel", "--top-p", "2"), "top_p lies above 0 and up to 1, got 2"),
        (("predict", "novel", "novel.txt"), "A language model writes text."),
        (("train", "empty.txt"), "empty.txt is empty"),
        (("train", "novel.txt", "--context", "5000"), "too few for pieces of 5000"),
        (("train", "novel.txt", "--model", "lenet"), "takes data of the kind image, and these are of the kind text"),
        (("train", "novel.txt", "--hidden", "8"), "has no option hidden"),
        (("train", "novel.txt", "--model", "lstm", "--heads", "2"), "The model lstm has no option heads"),
    ):
        outcome = chainrule(*words)
        assert outcome.code == 2, (words, outcome)
        assert said in " ".join(outcome.err.split()), (words, outcome.err)
    assert chainrule("train", "digits", "--epochs", 1, "--hidden", "8", "--quiet").code == 0
    assert "is no language model" in chainrule("generate", "digits").err


@pytest.mark.parametrize("model", ["gcn", "sage", "gat"])
def test_a_graph_network(chainrule: Type, folder: Path, model: str) -> None:
    archive(folder)
    outcome = chainrule("train", "friends.npz", "--model", model, "--epochs", 80, "--width", 8)
    assert outcome.code == 0, outcome.err
    for words in ("a graph, 3 features at each node", "10 to learn from · 10 to watch", "accuracy 100"):
        assert words in outcome.out, (words, outcome.out)
    predicted = chainrule("predict", "friends", "friends.npz").out.splitlines()
    assert predicted[0] == "prediction,probability_0,probability_1,probability_2"
    assert [line[0] for line in predicted[1:]] == [str(i // 10) for i in range(30)]
    assert "truth" in chainrule("evaluate", "friends", "friends.npz").out


@pytest.mark.parametrize("model", ["lstm", "transformer"])
def test_sequences(chainrule: Type, folder: Path, model: str) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(120) % 2
    x = rng.normal(0, 0.3, (120, 12, 2)) + np.sin(np.arange(12) * (1 + y[:, None]))[..., None]
    np.savez(folder / "waves.npz", x=x, y=y)
    options = ("--model", model, "--width", 16, "--layers", 1, "--epochs", 15, "--lr", 0.01)
    outcome = chainrule("train", "waves.npz", *options)
    assert outcome.code == 0, outcome.err
    assert "arrays of shape (12, 2)" in outcome.out
    scores = json.loads(chainrule("evaluate", "waves", "--format", "json").out)
    assert scores["accuracy"] > 0.8


def test_images_changed_at_random_and_what_is_refused(chainrule: Type, folder: Path) -> None:
    options = ("--model", "resnet", "--layers", 8, "--width", 4, "--epochs", 1, "--augment", "shift", "--quiet")
    assert chainrule("train", "digits", *options).code == 0
    assert 'augment = [\n    "shift",\n]' in (folder / "runs/digits/config.toml").read_text()
    for words, said in (
        (("--model", "resnet", "--augment", "flop"), "There is no augmentation 'flop'. Did you mean 'flip'?"),
        (("--model", "resnet", "--layers", "21"), "The depth is 6·n + 2, got 21"),
        (("--model", "gcn"), "takes data of the kind graph, and these are of the kind image"),
        (("--model", "resnt"), "There is no model 'resnt'. Did you mean 'resnet'"),
        (("--accumulate", "0"), "trainer.accumulate must be 1 or more"),
    ):
        outcome = chainrule("train", "digits", *words)
        assert outcome.code == 2, words
        assert said in " ".join(outcome.err.split()), outcome.err
