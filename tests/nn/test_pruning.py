"""Pruning: the smallest weights are 0 in exact shares, and stay 0 whatever trains, loads or copies them."""

from __future__ import annotations

import copy
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule import data, losses, models, nn, optim, train
from chainrule.errors import CheckpointError, ConfigError

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(32, 6)).astype(np.float32), RNG.integers(0, 3, 32)


def make(seed: int = 0) -> nn.Sequential:
    cr.random.seed(seed)
    return nn.Sequential(nn.Linear(6, 16), nn.LayerNorm(16), nn.ReLU(), nn.Linear(16, 3))


def zeros(model: nn.Module) -> dict[str, np.ndarray]:
    return {path: p.numpy() == 0 for path, p in model.named_parameters() if p.penalised}


def same_zeros(model: nn.Module, before: dict[str, np.ndarray]) -> bool:
    return all((now == before[path]).all() for path, now in zeros(model).items())


@given(st.integers(0, 2**16), st.floats(0, 1, exclude_max=True), st.sampled_from(["global", "layer"]), st.booleans())
def test_the_smallest_go_in_exact_shares_also_among_equals(seed: int, share: float, scope: str, ties: bool) -> None:
    rng = np.random.default_rng(seed)
    model: Any = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 5))
    for layer in model:
        layer.weight.assign(rng.integers(-2, 3, layer.weight.shape) if ties else rng.normal(size=layer.weight.shape))
    before = [layer.weight.numpy().copy() for layer in model]
    biases = [layer.bias.numpy().copy() for layer in model]
    nn.prune(model, share, scope=scope)
    groups = [[0, 1]] if scope == "global" else [[0], [1]]
    for group in groups:
        old = np.concatenate([before[i].ravel() for i in group])
        mask = np.concatenate([model[i].weight_mask.numpy().ravel() for i in group])
        assert (~mask).sum() == round(share * mask.size)
        assert np.abs(old[~mask]).max(initial=0) <= np.abs(old[mask]).min(initial=np.inf)
        new = np.concatenate([model[i].weight.numpy().ravel() for i in group])
        np.testing.assert_array_equal(new, np.where(mask, old, 0))
    for layer, bias in zip(model, biases, strict=True):
        np.testing.assert_array_equal(layer.bias.numpy(), bias)


def test_of_equal_ones_the_first_go() -> None:
    model = nn.Linear(40, 5)
    sizes = RNG.permutation(np.repeat([1.0, 2.0, 3.0], [50, 100, 50]))
    model.weight.assign((sizes * RNG.choice([-1.0, 1.0], 200)).reshape(40, 5))
    nn.prune(model, 0.5)
    expected = (sizes == 1) | ((sizes == 2) & (np.cumsum(sizes == 2) <= 50))
    np.testing.assert_array_equal(model.weight.numpy().ravel() == 0, expected)


def test_scopes_differ_where_one_layer_is_larger() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model[1].weight.assign(RNG.uniform(1, 2, (4, 4)))
    model[0].weight.assign(RNG.uniform(10, 20, (4, 4)))
    assert nn.sparsity(nn.prune(copy.deepcopy(model), 0.5)) == {"0.weight": 0.0, "1.weight": 1.0, "": 0.5}
    alike = nn.prune(copy.deepcopy(model), 0.5, scope="layer")
    assert nn.sparsity(alike) == {"0.weight": 0.5, "1.weight": 0.5, "": 0.5}


def test_again_means_of_all_weights_and_never_fewer() -> None:
    model = nn.prune(make(), 0.5)
    half = zeros(model)
    assert same_zeros(nn.prune(model, 0.5), half) and same_zeros(nn.prune(model, 0.2), half)
    model[0].weight.assign(model[0].weight * 0.0)  # zeros that are not pruned take no one's place
    assert sum((~p.mask.numpy()).sum() for p in model.parameters() if p.mask is not None) == 72
    nn.prune(model, 0.5)
    assert sum((~p.mask.numpy()).sum() for p in model.parameters() if p.mask is not None) == 72
    nn.prune(nn.prune(model, 0.75), 0.75)
    masks = [model[i].weight_mask.numpy() for i in (0, 3)]
    assert sum((~m).sum() for m in masks) == 108
    assert all(not m[half[path]].any() for m, path in zip(masks, half, strict=True))


def test_chosen_by_name_and_a_shared_weight_once() -> None:
    model = nn.prune(make(), 0.5, names="3")
    assert nn.sparsity(model)["0.weight"] == 0 and nn.sparsity(model)["3.weight"] == 0.5
    nn.prune(model, 0.25, names=["0.*"])
    assert nn.sparsity(model)["0.weight"] == 0.25
    language = models.TransformerLanguageModel(20, width=16, layers=1, heads=2, context=8)
    nn.prune(language, 0.5, names=["*.linear?", "*_proj"])
    assert {path.rpartition(".")[2] for path, _ in language.named_buffers() if "mask" in path} == {"weight_mask"}
    assert language.tokens.weight.mask is None
    inner = nn.Linear(4, 4)
    shared = nn.prune(nn.Sequential(inner, nn.Sequential(inner)), 0.5)
    assert nn.sparsity(shared) == {"0.weight": 0.5, "": 0.5}
    assert sorted(shared.state_dict()) == ["0.bias", "0.weight", "0.weight_mask"]


RULES: list[Any] = [
    lambda p: optim.SGD(p, lr=0.1, weight_decay=0.1),
    lambda p: optim.Momentum(p, lr=0.05, momentum=0.9, weight_decay=0.01),
    lambda p: optim.Nesterov(p, lr=0.05),
    lambda p: optim.Adam(p, lr=0.01, weight_decay=0.01, clip_norm=1.0),
    lambda p: optim.AdamW(p, lr=0.01, weight_decay=0.1, dialect="pytorch"),
    lambda p: optim.Lion(p, lr=0.01),
    lambda p: optim.Adafactor(p, lr=0.01),
    lambda p: optim.ASGD(p, lr=0.05),
]


@pytest.mark.parametrize(
    "rule", RULES, ids=["sgd", "momentum", "nesterov", "adam", "adamw", "lion", "adafactor", "asgd"]
)
@pytest.mark.parametrize("how", [lambda f: f, cr.compile], ids=["eager", "compiled"])
def test_zeros_stay_zero_while_the_others_learn(rule: Any, how: Any) -> None:
    """The optimizer and its compiled step are older than the pruning: its moving averages push pruned weights."""
    model = make()
    optimizer = rule(model.parameters())
    step = how(lambda x, y: optimizer.minimize(losses.cross_entropy(model(x), y)))
    for _ in range(5):
        step(X, Y)
    before = zeros(nn.prune(model, 0.7))
    assert sum(z.sum() for z in before.values()) == round(0.7 * 144)
    weights = model.state_dict()
    found = [float(step(X, Y)) for _ in range(50)]
    assert found[-1] < found[0]
    for path, mask in before.items():
        now = model.state_dict()[path]
        assert not now[mask].any() and (now != weights[path])[~mask].mean() > 0.9


def test_a_compiled_step_follows_that_runs_no_layer() -> None:
    layer = nn.Linear(6, 3, bias=False)
    optimizer = optim.SGD(layer.parameters(), lr=0.1)
    step = cr.compile(lambda x, y: optimizer.minimize(losses.cross_entropy(x @ layer.weight, y)))
    step(cr.asarray(X), Y)
    nn.prune(layer, 0.5)
    step(cr.asarray(X), Y)
    assert (layer.weight.numpy() == 0).sum() == 9
    nn.remove_masks(layer)
    step(cr.asarray(X), Y)
    assert layer.weight.numpy().all()


def test_updates_are_those_of_a_model_without_the_pruned_weights() -> None:
    """Whole columns pruned: the smaller model, without these inputs, takes the same steps, and so do clipped norms."""
    model = nn.Sequential(nn.Linear(6, 3, dtype="float64"))
    weight = RNG.normal(size=(6, 3)) + 3
    weight[3:] = RNG.normal(size=(3, 3)) * 1e-3
    model[0].weight.assign(weight)
    nn.prune(model, 0.5)
    assert not model[0].weight.numpy()[3:].any()
    small = nn.Sequential(nn.Linear(3, 3, dtype="float64"))
    small[0].weight.assign(weight[:3])
    x = X.astype(np.float64)
    for m, inputs in ((model, x), (small, x[:, :3])):
        optimizer = optim.Momentum(m.parameters(), lr=0.1, weight_decay=0.01, clip_norm=0.1)
        for _ in range(10):
            optimizer.minimize(losses.cross_entropy(m(cr.asarray(inputs)), Y))
    np.testing.assert_allclose(model[0].weight.numpy()[:3], small[0].weight.numpy(), rtol=1e-12)


def test_the_gradient_still_says_what_a_pruned_weight_would_change() -> None:
    model, plain = nn.prune(make(), 0.5), make()
    plain.load_state_dict(model.state_dict(), strict=False)
    for m in (model, plain):
        losses.cross_entropy(m(X), Y).backward()
    np.testing.assert_array_equal(model[0].weight.grad.numpy(), plain[0].weight.grad.numpy())
    pruned, g = ~model[0].weight_mask.numpy(), model[0].weight.grad.numpy()
    assert g[pruned].any()
    norm = float(optim.clip_grad_norm([model[0].weight], 1e6))  # as in updates, what is pruned does not count
    np.testing.assert_allclose(norm, np.linalg.norm(g[~pruned]), rtol=1e-6)


@pytest.mark.parametrize("lazy", [True, False])
@pytest.mark.parametrize("how", [lambda f: f, cr.compile], ids=["eager", "compiled"])
def test_rows_of_an_embedding_stay_pruned(how: Any, lazy: bool) -> None:
    cr.random.seed(0)
    model = nn.Sequential(nn.Embedding(12, 4), nn.Linear(4, 3))
    optimizer = optim.Adam(model.parameters(), lr=0.01, weight_decay=0.01, clip_norm=0.5, lazy=lazy)
    step = how(lambda ids, y: optimizer.minimize(losses.cross_entropy(model(ids), y)))
    ids = RNG.integers(0, 8, 32)
    step(ids, Y)
    before = zeros(nn.prune(model, 0.5, scope="layer"))
    held = model[0].weight.numpy().copy()
    for _ in range(20):
        step(ids, Y)
    assert same_zeros(model, before)
    rows = (held != model[0].weight.numpy()).any(axis=1)
    assert rows[:8].sum() > 5 and rows[8:].any() != lazy


def test_trainer_average_penalty_and_steps_by_hand_keep_the_zeros() -> None:
    model = make()
    average = optim.EMA(model, decay=0.9)
    average.update()
    before = zeros(nn.prune(model, 0.6))
    trainer = train.Trainer(
        model,
        losses.cross_entropy,
        optim.AdamW(model.parameters(), lr=0.01),
        accumulate=2,
        penalty=losses.ElasticNet(l2=1e-3),
        progress=False,
    )
    trainer.fit((X, Y), epochs=15, batch_size=8)
    assert same_zeros(model, before)
    average.copy_to(model)
    assert same_zeros(model, before)
    model[0].weight.assign(np.ones((6, 16)))
    model[3].weight.assign(model[3].weight + 1.0)
    assert same_zeros(model, before)
    assert (model[0].weight.numpy() == ~before["0.weight"]).all()


def test_saved_and_loaded_and_copied(tmp_path: Path) -> None:
    model = nn.prune(make(), 0.6)
    expected = model(X).numpy()
    train.save_weights(model, tmp_path / "model.safetensors")
    other = nn.prune(make(1), 0.9)  # its own smallest weights and more of them
    train.load_weights(other, tmp_path / "model.safetensors")
    np.testing.assert_array_equal(other(X).numpy(), expected)
    for m in (other, copy.deepcopy(model)):
        before = zeros(m)
        optimizer = optim.Momentum(m.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.minimize(losses.cross_entropy(m(X), Y))
        assert same_zeros(m, before) and (m(X).numpy() != expected).any()
    np.testing.assert_array_equal(model(X).numpy(), expected)  # the copy has masks of its own
    copied = copy.deepcopy(model)
    assert copied[0].weight.mask is copied[0].weight_mask is not model[0].weight_mask
    plain = make(1)
    with pytest.raises(CheckpointError, match=r"unexpected: 0\.weight_mask"):
        plain.load_state_dict(model.state_dict())
    plain.load_state_dict(model.state_dict(), strict=False)
    np.testing.assert_array_equal(plain(X).numpy(), expected)


def test_without_masks_it_is_the_plain_model() -> None:
    model, paths = make(), list(make().state_dict())
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    step = cr.compile(lambda x, y: optimizer.minimize(losses.cross_entropy(model(x), y)))
    nn.prune(model, 0.5)
    step(X, Y)
    expected, before = model(X).numpy(), zeros(model)
    assert nn.remove_masks(model) is model
    assert list(model.state_dict()) == paths
    np.testing.assert_array_equal(model(X).numpy(), expected)
    make(1).load_state_dict(model.state_dict())
    step(X, Y)
    assert not same_zeros(model, before)


def test_digits_are_recognised_with_a_fifth_of_the_weights_after_fine_tuning() -> None:
    digits = data.bundled("digits")
    order = np.random.default_rng(0).permutation(len(digits))
    images, labels = digits.inputs[0].reshape(-1, 64)[order] / np.float32(16), np.asarray(digits.target)[order]
    cr.random.seed(0)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = optim.Adam(model.parameters(), lr=0.005)
    step = cr.compile(lambda x, y: optimizer.minimize(losses.cross_entropy(model(x), y)))

    def learn(epochs: int) -> None:
        for start in [*range(0, 1280, 64)] * epochs:
            step(images[start : start + 64], labels[start : start + 64])

    def accuracy() -> float:
        return float((model(images[1280:]).numpy().argmax(axis=1) == labels[1280:]).mean())

    learn(12)
    full, size = accuracy(), len(zlib.compress(b"".join(p.numpy().tobytes() for p in model.parameters())))
    nn.prune(model, 0.8)
    cut = accuracy()
    learn(4)
    assert full > 0.93
    assert cut < full - 0.02
    assert accuracy() > full - 0.015
    assert abs(nn.sparsity(model)[""] - 0.8) < 1e-4
    assert len(zlib.compress(b"".join(p.numpy().tobytes() for p in model.parameters()))) < 0.4 * size


def test_bad_input_is_explained() -> None:
    for share in (-0.1, 1.0, 2, True, float("nan"), "0.5", None):
        with pytest.raises(ConfigError, match="share of weights to prune"):
            nn.prune(make(), share)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"no scope 'globl'.*Did you mean 'global'"):
        nn.prune(make(), 0.5, scope="globl")
    for empty in (nn.ReLU(), nn.LayerNorm(4)):
        with pytest.raises(ConfigError, match="no weights to prune"):
            nn.prune(empty, 0.5)
        with pytest.raises(ConfigError, match="no weights to prune"):
            nn.sparsity(empty)
    model = make()
    with pytest.raises(ConfigError, match=r"called '0\.wieght'.*Did you mean '0\.weight'"):
        nn.prune(model, 0.5, names=["3", "0.wieght"])
    with pytest.raises(ConfigError, match="No names"):
        nn.prune(model, 0.5, names=[])
    assert list(model.state_dict()) == list(make().state_dict())  # nothing has happened
