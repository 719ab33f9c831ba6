"""Module: what belongs to it, its state, its modes, its path in nodes and errors."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import init, nn
from chainrule.errors import CheckpointError, ConfigError, DtypeError, ShapeError
from chainrule.graph.random import Stream


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(init.ones((4,)))
        self.count = nn.Buffer(init.zeros(()))
        self.noise = Stream(3)
        self.inner = nn.Linear(4, 4)
        self.heads = nn.ModuleDict({"a": nn.Linear(4, 2), "b": nn.Linear(4, 1)})
        self.rest = nn.ModuleList([nn.ReLU(), nn.Linear(4, 4, bias=False)])
        self.width = 4
        self._plain = [1, 2]

    def forward(self, x: Any) -> Any:
        return self.heads["a"](self.rest[1](self.rest[0](self.inner(x * self.scale))))


def test_attributes_register_parameters_buffers_streams_and_modules() -> None:
    model = Block()
    assert [name for name, _ in model.named_parameters()] == [
        "scale", "inner.weight", "inner.bias", "heads.a.weight", "heads.a.bias", "heads.b.weight", "heads.b.bias",
        "rest.1.weight",
    ]  # fmt: skip
    assert [name for name, _ in model.named_buffers()] == ["count", "noise"]
    assert [name for name, _ in model.named_modules()] == [
        "", "inner", "heads", "heads.a", "heads.b", "rest", "rest.0", "rest.1",
    ]  # fmt: skip
    assert [name for name, _ in model.children()] == ["inner", "heads", "rest"]
    assert all(p.name == name for name, p in model.named_parameters())
    assert len(list(model.parameters())) == 8 and len(list(model.buffers())) == 2


def test_names_follow_a_module_into_its_parents() -> None:
    inner = nn.Sequential(nn.Linear(2, 2))
    outer = nn.Sequential(nn.ReLU(), inner)
    assert [p.name for p in outer.parameters()] == ["1.0.weight", "1.0.bias"]


def test_a_class_may_leave_out_the_call_of_its_base() -> None:
    class Bare(nn.Module):
        def __init__(self) -> None:
            self.layer = nn.Linear(2, 3)

        def forward(self, x: Any) -> Any:
            return self.layer(x)

    assert Bare()(cr.ones((1, 2))).shape == (1, 3)
    assert Bare().training


@pytest.mark.parametrize("hidden", [[nn.ReLU()], (nn.Linear(1, 1),), {"a": nn.ReLU()}, [nn.Parameter([1.0])]])
def test_a_plain_list_of_modules_is_refused(hidden: Any) -> None:
    model = nn.ReLU()
    with pytest.raises(ConfigError, match="would not be trained or saved"):
        model.layers = hidden


def test_shared_parameters_and_modules_count_once() -> None:
    shared = nn.Linear(3, 3)
    model = nn.Sequential(shared, nn.ReLU(), shared)
    assert len(list(model.parameters())) == 2
    assert list(model.state_dict()) == ["0.weight", "0.bias"]
    assert len(list(model.modules())) == 3
    tied = nn.Linear(3, 3)
    tied.weight = shared.weight
    assert len(list(nn.Sequential(shared, tied).parameters())) == 3


def test_a_deep_model_needs_no_recursion() -> None:
    model: nn.Module = nn.Identity()
    for _ in range(2000):
        outer = nn.Module()
        vars(outer)["inner"] = model
        model = outer
    assert sum(1 for _ in model.modules()) == 2001


def test_state_round_trip_copies_and_keeps_dtypes() -> None:
    model, other = Block(), Block()
    state = model.state_dict()
    assert set(state) == {n for n, _ in model.named_parameters()} | {"count", "noise"}
    other.load_state_dict(state)
    x = cr.ones((2, 4))
    np.testing.assert_array_equal(model(x).numpy(), other(x).numpy())
    state["scale"][:] = 7.0
    model.scale.assign(cr.zeros((4,)))
    assert other.scale.tolist() == [1.0] * 4  # neither the dictionary nor the model it came from reaches it
    wide = nn.Linear(2, 2, dtype="float64")
    exact = {"weight": np.full((2, 2), 0.1), "bias": np.full(2, 1 / 3)}
    wide.load_state_dict(exact)
    assert wide.weight.dtype == cr.float64 and wide.weight.tolist() == exact["weight"].tolist()


def test_a_state_that_does_not_fit_is_refused_as_a_whole() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    before = model.state_dict()
    wrong = {**before, "0.wieght": before["0.weight"], "2.bias": np.zeros(5, np.float32)}
    del wrong["0.weight"]
    with pytest.raises(CheckpointError) as caught:
        model.load_state_dict(wrong)
    message = str(caught.value)
    assert "missing: 0.weight (2, 3)" in message
    assert "unexpected: 0.wieght. Did you mean '0.weight'?" in message
    assert "wrong shape: 2.bias is (1,) in the model and (5,) in the state" in message
    with pytest.raises(CheckpointError, match=r"wrong dtype: 2\.bias"):
        model.load_state_dict({**before, "2.bias": np.zeros(1, np.int32)})
    for key, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[key])
    model.load_state_dict({"2.bias": np.ones(1, np.float32), "other": np.zeros(1)}, strict=False)
    assert model[2].bias.tolist() == [1.0]
    with pytest.raises(CheckpointError, match="wrong shape"):
        model.load_state_dict({"2.bias": np.ones(2, np.float32)}, strict=False)


def test_modes_reach_all_modules() -> None:
    model = Block()
    assert model.eval() is model and not any(m.training for m in model.modules())
    assert model.train() is model and all(m.training for m in model.modules())


def test_freezing_takes_parameters_out_of_gradients() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    model[0].freeze()
    assert [p.requires_grad for p in model.parameters()] == [False, False, True, True]
    model(cr.ones((1, 2))).sum().backward()
    assert [p.grad is None for p in model.parameters()] == [True, True, False, False]
    model.zero_grad()
    assert all(p.grad is None for p in model.parameters())
    assert all(p.requires_grad for p in model.unfreeze().parameters())


def test_to_changes_floating_state_only() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5), nn.BatchNorm(2))
    model.to("float64")
    assert {p.dtype.name for p in model.parameters()} == {"float64"}
    assert model[1].stream.state.dtype == cr.uint32
    assert model(cr.ones((3, 2), dtype="float64")).dtype == cr.float64
    with pytest.raises(DtypeError, match="floating"):
        model.to("int32")


def test_apply_goes_from_the_inside_out() -> None:
    seen: list[str] = []
    model = nn.Sequential(nn.Sequential(nn.ReLU()), nn.Tanh())
    model.apply(lambda m: seen.append(type(m).__name__))
    assert seen[-1] == "Sequential" and seen.index("ReLU") < len(seen) - 1 and len(seen) == 4


def test_a_copy_shares_nothing() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
    model[0].weight.requires_grad = False
    twin = copy.deepcopy(model)
    before = twin.state_dict()
    model[0].weight.assign(cr.zeros((2, 2)))
    model(cr.ones((4, 2)))
    assert all((twin.state_dict()[k] == before[k]).all() for k in before)
    assert [p.name for p in twin.parameters()] == ["0.weight", "0.bias"]
    assert not twin[0].weight.requires_grad and not twin[0].bias.penalised
    tied = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    tied[1].weight = tied[0].weight
    again = copy.deepcopy(tied)
    assert again[0].weight is again[1].weight


def test_nodes_and_errors_know_the_path() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.Residual(nn.Linear(8, 8), nn.ReLU()), nn.Linear(8, 3))
    y = model(cr.ones((2, 4)))
    assert y.node is not None and y.node.scope == "2"
    scopes = {node.scope for node in cr.graph.nodes_of([y])}
    assert scopes == {"0", "1", "1.inner.0", "1.inner.1", "2"}
    with pytest.raises(ShapeError, match=r"layer '0' \(Linear\(4, 8\)\) got \(2, 5\): its in_features should be 5"):
        model(cr.ones((2, 5)))
    assert cr.exp(cr.tensor(1.0, requires_grad=True)).node.scope == ""


def test_mismatched_layers_name_the_layer_and_what_would_fit() -> None:
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(128, 10))
    with pytest.raises(ShapeError) as caught:
        model(cr.ones((32, 64)))
    message = str(caught.value)
    assert "layer '2' (Linear(128, 10)) got (32, 64): its in_features should be 64" in message
    assert "Linear(64, 10)" in message


def test_an_error_from_an_operation_says_in_which_layer_and_of_what() -> None:
    class Wrong(nn.Module):
        def forward(self, x: Any) -> Any:
            return x + cr.ones((7,))

    with pytest.raises(ShapeError) as caught:
        nn.Sequential(nn.Identity(), Wrong())(cr.ones((2, 3)))
    assert "layer '1' (Wrong()) given float32 (2, 3)" in str(caught.value)
    assert "test_module.py" in str(caught.value)


def test_numpy_arrays_are_taken_in() -> None:
    assert nn.Linear(2, 1)(np.ones((3, 2))).dtype == cr.float32


def test_calling_a_module_without_forward_says_so() -> None:
    with pytest.raises(ConfigError, match="Module has no forward"):
        nn.Module()(cr.ones(()))


def test_representation_is_like_pytorchs() -> None:
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Sequential(nn.Dropout(0.2)))
    assert repr(model) == (
        "Sequential(\n  (0): Linear(in_features=64, out_features=128, bias=True)\n  (1): ReLU()\n"
        "  (2): Sequential(\n    (0): Dropout(p=0.2)\n  )\n)"
    )


def test_summary_leaves_the_model_as_it_was() -> None:
    model = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm(6), nn.Dropout(0.5), nn.Linear(6, 2))
    model[3].freeze()
    model[2].eval()
    before = model.state_dict()
    table = model.summary((5, 4))
    assert "1      BatchNorm   (5, 6)          12" in table
    assert "56 parameters, 14 of them frozen, 224 B" in table
    assert [m.training for m in model.modules()] == [True, True, True, False, True]
    assert all((model.state_dict()[k] == before[k]).all() for k in before)
    unused = nn.Sequential(nn.Linear(1, 1))
    vars(unused)["spare"] = nn.Linear(1, 1)
    unused.forward = lambda x: unused[0](x)
    assert "not used" in unused.summary((1, 1))


def test_watchers_see_every_layer_eagerly_and_compiled() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())

    def means(x: Any) -> dict[str, Any]:
        seen: dict[str, Any] = {}
        with nn.watch(lambda path, module, inputs, outputs: seen.update({path or "all": outputs.mean()})):
            model(x)
        return seen

    x = cr.ones((4, 2))
    eager, compiled = means(x), cr.compile(means)(x)
    assert list(eager) == ["0", "1", "all"]
    for key, value in eager.items():
        assert float(compiled[key]) == pytest.approx(float(value), rel=1e-5)


def test_containers() -> None:
    model = nn.Sequential(nn.Linear(2, 3))
    model.append(nn.ReLU())
    model[0] = nn.Linear(2, 5)
    assert len(model) == 2 and [type(m).__name__ for m in model] == ["Linear", "ReLU"]
    assert model[-1] is model[1]
    head = model[:1]
    assert len(head) == 1 and head[0] is model[0] and head(cr.ones((1, 2))).shape == (1, 5)
    with pytest.raises(ConfigError, match=r"fix: ReLU\(\)"):
        nn.Sequential(nn.ReLU)  # type: ignore[arg-type]
    table = nn.ModuleDict({"x": nn.ReLU()})
    assert "x" in table and "y" not in table and table.keys() == ["x"] and len(table) == 1
    assert table.items()[0][1] is table.values()[0]
    for name in ("a.b", "", "_x", "keys"):
        with pytest.raises(ConfigError, match="cannot be called"):
            table[name] = nn.ReLU()
    with pytest.raises(KeyError):
        table["y"]
    assert len(nn.ModuleList().extend([nn.ReLU(), nn.Tanh()])) == 2


def test_no_module_is_made_inside_a_compiled_function() -> None:
    @cr.compile
    def careless(x: Any) -> Any:
        return nn.Linear(2, 2)(x)

    with pytest.raises(cr.errors.CompileError, match="made inside a compiled function"):
        careless(cr.ones((1, 2)))


def test_layers_in_lists_and_dictionaries_have_their_whole_path():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.steps = nn.ModuleList([nn.Linear(2, 2)])
            self.steps.append(nn.Linear(2, 2))
            self.heads = nn.ModuleDict({"mean": nn.Linear(2, 1)})

        def forward(self, x):
            for step in self.steps:
                x = step(x)
            return self.heads["mean"](x)

    seen = []
    with nn.watch(lambda path, *_: seen.append(path)):
        Two()(cr.ones((1, 2)))
    assert seen == ["steps.0", "steps.1", "heads.mean", ""]
