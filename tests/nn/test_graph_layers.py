"""Layers on graphs: against the papers' formulas with dense matrices in plain NumPy, and what no order may change."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule import nn
from chainrule.errors import ConfigError, DtypeError, LabelError, ShapeError

LAYERS: dict[str, Any] = {
    "gcn": lambda: nn.GCNConv(3, 4, dtype="float64"),
    "gcn without loops": lambda: nn.GCNConv(3, 4, add_self_loops=False, dtype="float64"),
    "gcn plain": lambda: nn.GCNConv(3, 2, False, False, False, dtype="float64"),
    "sage mean": lambda: nn.SAGEConv(3, 4, dtype="float64"),
    "sage mean, narrow": lambda: nn.SAGEConv(3, 2, normalize=True, dtype="float64"),
    "sage sum": lambda: nn.SAGEConv(3, 2, "sum", bias=False, root_weight=False, dtype="float64"),
    "sage max": lambda: nn.SAGEConv(3, 4, "max", dtype="float64"),
    "sage pool": lambda: nn.SAGEConv(3, 2, "max", project=True, dtype="float64"),
    "gat": lambda: nn.GATConv(3, 4, dtype="float64"),
    "gat heads": lambda: nn.GATConv(3, 2, heads=3, dtype="float64"),
    "gat mean": lambda: nn.GATConv(3, 4, 2, False, negative_slope=0.5, add_self_loops=False, dtype="float64"),
}


def made(name: str) -> Any:
    """The layer with parameters, biases too, that are all different."""
    cr.random.seed(3)
    layer = LAYERS[name]()
    rng = np.random.default_rng(5)
    for parameter in layer.parameters():
        parameter.assign(cr.asarray(rng.normal(size=parameter.shape)))
    return layer


def of(layer: nn.Module) -> dict[str, Any]:
    return {path.replace(".", "_"): v.numpy() for path, v in layer.named_parameters()}


def adjacency(edges: np.ndarray, nodes: int, weights: np.ndarray | None = None) -> np.ndarray:
    a = np.zeros((nodes, nodes))
    np.add.at(a, (edges[:, 1], edges[:, 0]), 1.0 if weights is None else weights)
    return a


def gcn_in_numpy(layer: nn.GCNConv, x: np.ndarray, a: np.ndarray) -> np.ndarray:
    p = of(layer)
    a = a + np.eye(len(a)) * layer.add_self_loops
    if layer.normalize:
        d = a.sum(axis=1)
        r = np.diag(np.where(d == 0, 0.0, 1.0 / np.sqrt(np.where(d == 0, 1.0, d))))
        a = r @ a @ r
    return a @ x @ p["lin_weight"] + p.get("bias", 0.0)


def sage_in_numpy(layer: nn.SAGEConv, x: np.ndarray, a: np.ndarray) -> np.ndarray:
    p = of(layer)
    xs = x if layer.lin is None else np.maximum(x @ p["lin_weight"] + p["lin_bias"], 0.0)
    rows = []
    for i in range(len(x)):
        met = np.repeat(xs, a[i].astype(int), axis=0)
        reduce = {"mean": np.mean, "sum": np.sum, "max": np.max}[layer.aggr]
        row = (reduce(met, axis=0) if len(met) else np.zeros(3)) @ p["lin_l_weight"] + p.get("lin_l_bias", 0.0)
        rows.append(row + x[i] @ p.get("lin_r_weight", np.zeros_like(p["lin_l_weight"])))
    y = np.array(rows)
    return y / np.linalg.norm(y, axis=1, keepdims=True) if layer.normalize else y


def gat_in_numpy(layer: nn.GATConv, x: np.ndarray, a: np.ndarray) -> np.ndarray:
    p = of(layer)
    a = a + np.eye(len(a)) * layer.add_self_loops
    width = layer.out_channels
    heads = []
    for k in range(layer.heads):
        h = x @ p["lin_weight"][:, k * width : (k + 1) * width]
        out = np.zeros_like(h)
        for i in range(len(x)):
            pair = np.concatenate([p["att_dst"][0, k], p["att_src"][0, k]])  # the paper's a for [h_i, h_j]
            e = np.array([np.concatenate([h[i], h[j]]) @ pair for j in range(len(x))])
            e = np.where(e > 0, e, layer.negative_slope * e)
            share = a[i] * np.exp(e - e.max())  # an edge that is there twice counts twice
            out[i] = (share / share.sum() if share.any() else share) @ h
        heads.append(out)
    y = np.concatenate(heads, axis=1) if layer.concat else np.mean(heads, axis=0)
    return y + p["bias"]


def in_numpy(layer: Any, x: np.ndarray, edges: np.ndarray) -> np.ndarray:
    formula = {nn.GCNConv: gcn_in_numpy, nn.SAGEConv: sage_in_numpy, nn.GATConv: gat_in_numpy}[type(layer)]
    return formula(layer, x, adjacency(edges, len(x)))


@st.composite
def graphs(draw: Any) -> tuple[np.ndarray, np.ndarray]:
    """Features and edges: with nodes without any, with edges twice and from a node to itself, or with no edge."""
    nodes = draw(st.integers(1, 6))
    ids = st.integers(0, nodes - 1)
    edges = draw(st.lists(st.tuples(ids, ids), max_size=12))
    seed = draw(st.integers(0, 1000))
    return np.random.default_rng(seed).normal(size=(nodes, 3)), np.array(edges, np.int32).reshape(-1, 2)


@pytest.mark.parametrize("name", LAYERS)
@settings(max_examples=20)
@given(graph=graphs())
def test_against_the_formula_of_the_paper(name: str, graph: tuple[np.ndarray, np.ndarray]) -> None:
    x, edges = graph
    layer = made(name)
    np.testing.assert_allclose(layer(cr.asarray(x), edges).numpy(), in_numpy(layer, x, edges), rtol=1e-9, atol=1e-12)


EDGES = np.array([[0, 1], [1, 0], [1, 2], [2, 1], [3, 1], [0, 3], [4, 4], [0, 1]], np.int32)  # nothing arrives at 5


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_against_differences_of_the_formula(name: str) -> None:
    """Of the formula in NumPy, so that forward and backward are checked against something that shares no code."""
    layer = made(name)
    x = np.random.default_rng(0).normal(size=(6, 3))
    weights = np.cos(np.arange(in_numpy(layer, x, EDGES).size))
    given = cr.asarray(x)
    given.requires_grad = True
    layer.zero_grad()
    (layer(given, EDGES).reshape((-1,)) * weights).sum().backward()

    def slope(change: Any) -> float:
        return (change(1e-6) - change(-1e-6)) / 2e-6

    def of_input(entry: tuple[int, ...], step: float) -> float:
        moved = x.copy()
        moved[entry] += step
        return float(in_numpy(layer, moved, EDGES).reshape(-1) @ weights)

    def of_parameter(parameter: Any, entry: tuple[int, ...], step: float) -> float:
        before = parameter.numpy().copy()
        moved = before.copy()
        moved[entry] += step
        parameter.assign(cr.asarray(moved))
        value = float(in_numpy(layer, x, EDGES).reshape(-1) @ weights)
        parameter.assign(cr.asarray(before))
        return value

    for entry in np.ndindex(x.shape):
        assert given.grad.numpy()[entry] == pytest.approx(slope(lambda s, e=entry: of_input(e, s)), rel=1e-6, abs=1e-7)
    for path, parameter in layer.named_parameters():
        grad = parameter.grad.numpy()
        for entry in np.ndindex(parameter.shape):
            wanted = slope(lambda s, p=parameter, e=entry: of_parameter(p, e, s))
            assert grad[entry] == pytest.approx(wanted, rel=1e-6, abs=1e-7), (path, entry)


@pytest.mark.parametrize("name", LAYERS)
@settings(max_examples=15)
@given(graph=graphs(), seed=st.integers(0, 100))
def test_nodes_and_edges_in_another_order(name: str, graph: tuple[np.ndarray, np.ndarray], seed: int) -> None:
    x, edges = graph
    layer = made(name)
    rng = np.random.default_rng(seed)
    new = rng.permutation(len(x))  # node i is called new[i] afterwards
    moved = np.empty_like(x)
    moved[new] = x
    y = layer(cr.asarray(moved), new[edges][rng.permutation(len(edges))].reshape(-1, 2)).numpy()
    np.testing.assert_allclose(y[new], layer(cr.asarray(x), edges).numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", LAYERS)
def test_the_same_compiled_with_edges_known_and_unknown(name: str) -> None:
    layer = made(name)
    x = cr.asarray(np.random.default_rng(0).normal(size=(6, 3)))
    y = layer(x, EDGES).numpy()
    np.testing.assert_allclose(cr.compile(lambda x: layer(x, EDGES))(x).numpy(), y, rtol=1e-9)
    for dtype in (np.int8, np.uint8, np.int64):
        z = cr.compile(lambda x, e: layer(x, e))(x, EDGES.astype(dtype))
        np.testing.assert_allclose(z.numpy(), y, rtol=1e-9)


@pytest.mark.parametrize(
    ("name", "run"),
    [*((name, lambda f: f) for name in LAYERS), *((name, cr.compile) for name in ("gcn", "sage mean", "gat heads"))],
)
def test_sparse_features_are_dense_ones_with_zeros(name: str, run: Any) -> None:
    layer = made(name)
    rng = np.random.default_rng(2)
    x = cr.asarray(rng.normal(size=(6, 3)) * (rng.random((6, 3)) < 0.4))
    sparse = nn.SparseRows(x)
    np.testing.assert_array_equal(sparse.dense().numpy(), x.numpy())
    parameters = list(layer.parameters())

    def slopes(features: Any) -> Any:
        layer.zero_grad()
        y = layer(features, EDGES)
        y.sum().backward()
        return y, *[p.grad for p in parameters]

    found = [[r.numpy() for r in run(lambda features=features: slopes(features))()] for features in (x, sparse)]
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-12)


def test_edges_of_few_bits_in_a_large_graph() -> None:
    layer = made("gat")
    x = cr.asarray(np.random.default_rng(0).normal(size=(300, 3)))
    np.testing.assert_array_equal(layer(x, EDGES.astype(np.uint8)).numpy(), layer(x, EDGES).numpy())


def test_weights_of_edges() -> None:
    layer = made("gcn")
    rng = np.random.default_rng(1)
    x, weights = rng.normal(size=(6, 3)), rng.random(len(EDGES))
    wanted = gcn_in_numpy(layer, x, adjacency(EDGES, 6, weights))
    np.testing.assert_allclose(layer(cr.asarray(x), EDGES, weights).numpy(), wanted, rtol=1e-5)
    ones = layer(cr.asarray(x), EDGES, cr.ones(len(EDGES), dtype="float64"))
    np.testing.assert_allclose(ones.numpy(), layer(cr.asarray(x), EDGES).numpy(), rtol=1e-12)
    cr.gradcheck(lambda w: layer(cr.asarray(x), EDGES, w), weights)


def test_attention_adds_up_to_one_and_is_left_out_in_training() -> None:
    layer = nn.GATConv(3, 4, heads=2, dropout=0.5)
    x = cr.ones((6, 3))  # every neighbour says the same, so any attention gives that
    layer.eval()
    y = layer(x, EDGES).numpy()
    np.testing.assert_allclose(y, np.broadcast_to(layer.lin(x).numpy(), y.shape), rtol=1e-5)
    layer.train()
    first, second = layer(x, EDGES).numpy(), layer(x, EDGES).numpy()
    assert (first != second).any() and (first != y).any()


@pytest.mark.parametrize("name", LAYERS)
def test_edges_outside_the_graph_are_named(name: str) -> None:
    layer = made(name)
    x = cr.ones((3, 3), dtype="float64")
    with pytest.raises(LabelError, match=r"edge 1 → 3 in row 2; the graph has the nodes 0 to 2"):
        layer(x, np.array([[0, 1], [1, 0], [1, 3]]))
    with pytest.raises(LabelError, match=r"edge -1 → 0 in row 0"):
        layer(x, np.array([[-1, 0]]))
    y = cr.compile(lambda x, e: layer(x, e))(x, np.array([[0, 1], [-1, 2]])).numpy()
    assert np.isnan(y[2]).all() and not np.isnan(y[:2]).any()  # unknown while compiling: nan where it arrives


@pytest.mark.parametrize("name", LAYERS)
def test_what_does_not_fit_is_an_error(name: str) -> None:
    layer = made(name)
    x = cr.ones((3, 3), dtype="float64")
    with pytest.raises(ShapeError, match=r"expected \(nodes, 3\)") as caught:
        layer(cr.ones((3, 5), dtype="float64"), EDGES[:2])
    assert "in_channels=5" in str(caught.value)
    with pytest.raises(ShapeError, match=r"edges\.T"):
        layer(x, EDGES[:3].T)
    with pytest.raises(DtypeError, match="integers"):
        layer(x, EDGES[:2].astype(np.float32))
    with pytest.raises(DtypeError, match="computes in float64"):
        layer(cr.ones((3, 3)), EDGES[:2])


def test_options_that_do_not_exist() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'mean'"):
        nn.SAGEConv(3, 2, "meen")
    with pytest.raises(ShapeError, match="weights of shape"):
        nn.GCNConv(3, 2)(cr.ones((3, 3)), EDGES[:2], np.ones(3))
    with pytest.raises(ConfigError, match="heads"):
        nn.GATConv(3, 2, heads=0)


def test_names_and_layouts_of_other_libraries_load() -> None:
    layer = nn.GATConv(3, 2, heads=2)
    model = nn.ModuleDict({"conv": layer})
    state = {
        "conv.lin.weight": np.ones((4, 3), np.float32),
        "conv.att_src": np.ones((1, 2, 2), np.float32),
        "conv.att_dst": np.ones((1, 2, 2), np.float32),
        "conv.bias": np.zeros(4, np.float32),
    }
    nn.load_pytorch(model, state)
    assert layer.lin.weight.shape == (3, 4)


def test_sparse_rows() -> None:
    x = nn.SparseRows(np.array([[0.0, 2.0], [0.0, 0.0], [3.0, 0.0]]))
    assert (x.rows.tolist(), x.columns.tolist(), x.values.tolist()) == ([0, 2], [1, 0], [2.0, 3.0])
    assert x.map(lambda v: v * 2.0).dense().tolist() == [[0.0, 4.0], [0.0, 0.0], [6.0, 0.0]]
    with pytest.raises(ShapeError, match=r"cannot be multiplied with \(3, 1\)"):
        x @ cr.ones((3, 1))
    with pytest.raises(ShapeError, match="holds a matrix"):
        nn.SparseRows(np.zeros(3))
