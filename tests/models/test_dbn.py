"""Deep belief networks: stacks of machines, what passes up and down, and what fine-tuning begins from."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule import losses, models, nn, optim
from chainrule.errors import ConfigError


def test_layers_and_features() -> None:
    cr.random.seed(0)
    dbn = models.DBN(6, [5, 4, 3], visible_units="gaussian", chains=7)
    machines = list(dbn.layers)
    assert [(m.visible, m.hidden, m.visible_units) for m in machines if isinstance(m, models.RBM)] == [
        (6, 5, "gaussian"),
        (5, 4, "binary"),
        (4, 3, "binary"),
    ]
    v = cr.asarray(np.random.default_rng(0).normal(size=(2, 6)).astype(np.float32))
    np.testing.assert_array_equal(dbn.features(v, 0).numpy(), v.numpy())
    h = machines[1](machines[0](v))
    np.testing.assert_array_equal(dbn.features(v, 2).numpy(), h.numpy())
    np.testing.assert_array_equal(dbn(v).numpy(), machines[2](h).numpy())


def test_the_perceptron_computes_what_the_machines_do() -> None:
    cr.random.seed(0)
    dbn = models.DBN(6, [5, 4])
    rng = np.random.default_rng(0)
    for parameter in dbn.parameters():
        parameter.assign(rng.normal(size=parameter.shape).astype(np.float32))
    mlp = dbn.to_mlp(3)
    v = cr.asarray(rng.random((7, 6)).astype(np.float32))
    assert mlp(v).numpy().tolist() == np.zeros((7, 3)).tolist()  # nothing said yet
    linear = [layer for layer in mlp.layers if isinstance(layer, nn.Linear)]
    linear[-1].weight.assign(np.eye(4, 3, dtype=np.float32))
    np.testing.assert_allclose(mlp(v).numpy(), dbn(v).numpy()[:, :3], rtol=1e-6)
    before = dbn.state_dict()
    optimizer = optim.SGD(mlp.parameters(), lr=1.0)
    optimizer.minimize(losses.cross_entropy(mlp(v), np.zeros(7, np.int64)))
    for path, value in dbn.state_dict().items():  # copies: fine-tuning leaves the machines as they are
        np.testing.assert_array_equal(value, before[path])


def test_each_layer_explains_what_those_below_leave() -> None:
    """Greedy training of two layers makes the patterns of the data, and few others, when it is sampled."""
    cr.random.seed(0)
    rng = np.random.default_rng(0)
    patterns = np.array([[1, 1, 1, 0, 0, 0, 0, 0], [0, 0, 0, 1, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0, 1, 1]], np.float32)
    v = patterns[rng.integers(0, 3, 400)]
    dbn = models.DBN(8, [12, 6], chains=40)
    for number, rbm in enumerate(dbn.layers):
        assert isinstance(rbm, models.RBM)
        features = dbn.features(v, number).numpy()
        rbm.fit_visible_bias(features)
        rule = optim.SGD(rbm.parameters(), lr=0.05)
        trainer = cr.Trainer(rbm, models.ContrastiveDivergence(rbm), rule, progress=False)
        trainer.fit((features, features), epochs=120, batch_size=40)
    made = dbn.sample(500, 100).numpy() > 0.5
    known = (made[:, None] == patterns[None]).all(axis=2)
    assert known.any(axis=1).mean() > 0.6  # 3 of 256 states: by chance 0.01


def test_one_layer_samples_too() -> None:
    assert models.DBN(3, [2]).sample(4, 5).shape == (4, 3)
    with pytest.raises(ConfigError, match="at least one hidden layer"):
        models.DBN(3, [])
