"""LoRA: nothing changes at first, merged is unmerged, only the adapters learn and are saved."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule import losses, models, nn, optim
from chainrule.errors import ConfigError

TOKENS = np.random.default_rng(0).integers(0, 20, (4, 8))


def make(seed: int = 0, **options: Any) -> models.TransformerLanguageModel:
    cr.random.seed(seed)
    return models.TransformerLanguageModel(20, width=16, layers=2, heads=2, context=8, **options)


def trained(model: nn.Module, steps: int = 5) -> list[float]:
    optimizer = optim.Adam((p for p in model.parameters() if p.requires_grad), lr=0.05)

    @cr.compile
    def step(x: Any, y: Any) -> Any:
        loss = losses.cross_entropy(model(x), y)
        optimizer.minimize(loss)
        return loss

    return [float(step(TOKENS[:, :-1], TOKENS[:, 1:])) for _ in range(steps)]


@given(st.integers(0, 2**16), st.integers(1, 6), st.integers(1, 6), st.booleans(), st.floats(0.5, 8.0), st.data())
def test_it_starts_as_its_base_and_merges_into_one_layer(
    seed: int, inputs: int, outputs: int, bias: bool, alpha: float, data: Any
) -> None:
    rank = data.draw(st.integers(1, min(inputs, outputs)))
    cr.random.seed(seed)
    layer = nn.LoRA(nn.Linear(inputs, outputs, bias, dtype="float64"), rank, alpha)
    x = cr.random.normal((3, inputs), dtype="float64")
    np.testing.assert_array_equal(layer(x).numpy(), layer.base(x).numpy())
    assert not layer.lora_b.numpy().any() and layer.lora_a.numpy().any()
    layer.lora_b.assign(cr.random.normal(layer.lora_b.shape, dtype="float64"))
    expected = layer.base(x).numpy() + alpha / rank * (x.numpy() @ layer.lora_a.numpy() @ layer.lora_b.numpy())
    np.testing.assert_allclose(layer(x).numpy(), expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(layer.merge()(x).numpy(), expected, rtol=1e-9, atol=1e-12)


def test_only_the_adapters_learn() -> None:
    model = make()
    nn.add_lora(model, 2, alpha=4)
    before = model.state_dict()
    found = trained(model)
    assert found[-1] < found[0]
    changed = {path for path, value in model.state_dict().items() if (value != before[path]).any()}
    assert changed == set(nn.lora_state(model))
    assert len(changed) == 2 * 2 * 2  # A and B of queries and values in two blocks
    assert all(".q_proj." in path or ".v_proj." in path for path in changed)


def test_the_adapters_alone_are_saved_and_bring_the_model_back() -> None:
    model = nn.add_lora(make(), 2)
    trained(model)
    saved = nn.lora_state(model)
    again = nn.add_lora(make(), 2)
    assert (again(cr.asarray(TOKENS)).numpy() != model(cr.asarray(TOKENS)).numpy()).any()
    again.load_state_dict(saved, strict=False)
    np.testing.assert_array_equal(again(cr.asarray(TOKENS)).numpy(), model(cr.asarray(TOKENS)).numpy())


def test_a_merged_model_computes_the_same_with_the_layers_it_had() -> None:
    model = nn.add_lora(make(), 2, targets=["linear?", "*.out_proj"])
    trained(model)
    before = model(cr.asarray(TOKENS)).numpy()
    paths = set(make().state_dict())
    nn.merge_lora(model)
    assert set(model.state_dict()) == paths
    np.testing.assert_allclose(model(cr.asarray(TOKENS)).numpy(), before, rtol=1e-4, atol=1e-5)


def test_few_of_the_weights_are_trained() -> None:
    model = nn.add_lora(models.TransformerLanguageModel(65), 4)
    learned = sum(p.size for p in model.parameters() if p.requires_grad)
    assert learned == sum(value.size for value in nn.lora_state(model).values())
    assert learned <= 0.02 * sum(p.size for p in model.parameters())


def test_adapters_are_added_once_and_dropout_is_theirs_alone() -> None:
    model = nn.add_lora(nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4)), 1, targets=["0"], dropout=0.5)
    assert isinstance(model[0], nn.LoRA) and isinstance(model[1], nn.Linear)
    with pytest.raises(ConfigError, match="No Linear layer"):
        nn.add_lora(model, 1, targets=["0"])
    x = cr.ones((8, 4))
    model[0].lora_b.assign(cr.ones((1, 4)))
    assert (model(x).numpy() != model(x).numpy()).any()
    model.eval()
    np.testing.assert_array_equal(model(x).numpy(), model(x).numpy())


def test_bad_input_is_explained() -> None:
    with pytest.raises(ConfigError, match="at most 3"):
        nn.LoRA(nn.Linear(3, 8), 4)
    with pytest.raises(ConfigError, match="beside a Linear layer"):
        nn.LoRA(nn.ReLU(), 1)  # type: ignore[arg-type]
    model = make()
    with pytest.raises(ConfigError, match="Did you mean 'q_proj'"):
        nn.add_lora(model, 1, targets=["q_projection"])
    assert all(p.requires_grad for p in model.parameters())  # nothing has happened
