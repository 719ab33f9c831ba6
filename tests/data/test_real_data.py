"""Real data: MNIST, Adult and Titanic, read as they were published, with features that reach published scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from chainrule import data, metrics


def flat(dataset: data.Dataset, cardinalities: list[int]) -> np.ndarray:
    """Numbers and one-hot categories side by side."""
    parts = [dataset.inputs[0]]
    if len(dataset.inputs) > 1:
        parts += [np.eye(c, dtype=np.float32)[dataset.inputs[1][:, j]] for j, c in enumerate(cardinalities)]
    return np.concatenate(parts, axis=1)


@pytest.fixture(scope="module")
def adult(real_data: Path) -> data.Prepared:
    return data.prepare(real_data / "tabular" / "adult-train.csv", test=real_data / "tabular" / "adult-test.csv")


def test_adult_is_understood(adult):
    assert adult.summary["rows"] == {"train": 27677, "validation": 4884, "test": 16281}
    assert adult.preprocessing.input_description == {
        "kind": "table",
        "numeric": 6,
        "categories": [10, 17, 8, 16, 7, 6, 3, 42],
        "outputs": 1,
    }
    text = "\n".join(adult.messages)
    assert "no header line" in text
    assert "target: column 'column_15', the last one" in text
    assert "2 classes, <=50K (24,720), >50K (7,841), so binary" in text
    assert "column 'column_2' (category): 1,544 of 27,677 missing" in text
    assert "column 'column_11' (number): heavy-tailed (0 to 99,999" in text
    assert "'>50K.' is taken as the class '>50K'" in text
    assert adult.test is not None
    assert adult.test.target is not None
    assert np.bincount(adult.test.target).tolist() == [12435, 3846]


def test_adult_features_reach_the_published_scores(adult):
    linear_model = pytest.importorskip("sklearn.linear_model")
    cardinalities = adult.preprocessing.input_description["categories"]
    model = linear_model.LogisticRegression(max_iter=1000)
    model.fit(flat(adult.train, cardinalities), adult.train.target)
    score = model.predict_proba(flat(adult.test, cardinalities))[:, 1]
    assert metrics.accuracy(score, adult.test.target) > 0.85
    assert metrics.roc_auc(score, adult.test.target) > 0.903


@pytest.mark.slow
def test_adult_features_with_a_network(adult):
    network = pytest.importorskip("sklearn.neural_network")
    cardinalities = adult.preprocessing.input_description["categories"]
    model = network.MLPClassifier(
        (64,), max_iter=30, early_stopping=True, learning_rate_init=2e-3, alpha=1e-3, random_state=0
    )
    model.fit(flat(adult.train, cardinalities), adult.train.target)
    score = model.predict_proba(flat(adult.test, cardinalities))[:, 1]
    assert metrics.accuracy(score, adult.test.target) > 0.855
    assert metrics.roc_auc(score, adult.test.target) > 0.905


def test_adult_rows_without_a_target_and_in_another_order(adult, real_data, tmp_path):
    lines = (real_data / "tabular" / "adult-test.csv").read_text().splitlines()[:50]
    (tmp_path / "new.csv").write_text("\n".join(line.rsplit(",", 1)[0] for line in lines))
    dataset, messages = adult.preprocessing.transform(tmp_path / "new.csv")
    assert messages == []
    assert adult.test is not None
    for a, b in zip(dataset.inputs, adult.test[:50].inputs, strict=True):
        np.testing.assert_array_equal(a, b)
    names = [f"column_{i}" for i in range(14, 0, -1)]
    cells = [line.split(", ")[13::-1] for line in lines]
    (tmp_path / "turned.csv").write_text("\n".join(",".join(row) for row in [names, *cells]))
    turned, _ = adult.preprocessing.transform(tmp_path / "turned.csv")
    for a, b in zip(turned.inputs, dataset.inputs, strict=True):
        np.testing.assert_array_equal(a, b)


def test_titanic_with_defaults(real_data):
    linear_model = pytest.importorskip("sklearn.linear_model")
    prepared = data.prepare(real_data / "tabular" / "titanic.csv")
    text = "\n".join(prepared.messages)
    assert "target: column 'survived', by its name" in text
    assert "column 'alive' is left out (answer)" in text
    assert "column 'embark_town' is left out (same): says the same as column 'embarked'" in text
    assert "column 'age' (number)" in text
    assert prepared.test is not None
    cardinalities = prepared.preprocessing.input_description["categories"]
    model = linear_model.LogisticRegression(max_iter=1000)
    model.fit(flat(prepared.train, cardinalities), prepared.train.target)
    score = model.predict_proba(flat(prepared.test, cardinalities))[:, 1]
    assert 0.75 < metrics.accuracy(score, prepared.test.target) < 0.92  # above it would be the answer in disguise


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_mnist(real_data, name):
    prepared = data.prepare(real_data / name)
    assert prepared.summary["rows"] == {"train": 51000, "validation": 9000, "test": 10000}
    assert prepared.preprocessing.input_description == {"kind": "image", "shape": [28, 28, 1], "outputs": 10}
    x = prepared.train.inputs[0]
    assert x.dtype == np.float32
    assert abs(float(x.mean(dtype=np.float64))) < 1e-3
    assert abs(float(x.std(dtype=np.float64)) - 1) < 1e-3
    assert prepared.validation is not None
    assert prepared.validation.target is not None
    shares = np.bincount(prepared.validation.target) / 9000
    assert prepared.train.target is not None
    np.testing.assert_allclose(shares, np.bincount(prepared.train.target) / 51000, atol=2e-3)


def test_ratings_as_a_plain_table(real_data):
    path = real_data / "movielens" / "ml-100k" / "u.data"
    prepared = data.prepare(path, separator="\t", target="column_3", task="regression")
    assert prepared.summary["rows"]["train"] == 70000
    assert prepared.train.task == "regression"


def test_latin_text_of_real_life(real_data):
    from chainrule import errors

    path = real_data / "movielens" / "ml-100k" / "u.item"
    with pytest.raises(errors.DataError, match=r"u\.item is not utf-8"):
        data.load(path, separator="|")
