"""Drawings: what is in them, that they are safe and well-formed, that nothing overlaps, that large ones stay small."""

from __future__ import annotations

import itertools
import time
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.graph import SCOPE, draw, draw_layers
from chainrule.graph.layout import Place, arrange
from chainrule.graph.picture import Frame
from chainrule.graph.svg import _size

SVG = "{http://www.w3.org/2000/svg}"


class layer:
    """The scope of a layer, as modules set it."""

    def __init__(self, *path):
        self.path = path

    def __enter__(self):
        self.token = SCOPE.set((*SCOPE.get(), *self.path))

    def __exit__(self, *exception):
        SCOPE.reset(self.token)


def variable(shape, name):
    return cr.Variable(np.full(shape, 0.1), name=name, requires_grad=True)


@pytest.fixture
def network():
    """Two residual blocks of two layers each and a head, as the scopes of a model would show them."""
    x = cr.ones((4, 3))
    h = x
    for block in range(2):
        with layer("blocks", str(block)):
            with layer("first"):
                y = cr.tanh(h @ variable((3, 3), f"blocks.{block}.first.weight"))
            with layer("second"):
                y = y @ variable((3, 3), f"blocks.{block}.second.weight")
                y = y + variable((3,), f"blocks.{block}.second.bias")
            h = h + y
    with layer("head"):
        out = h @ variable((3, 2), "head.weight")
    return x, out


def titles(drawing, kind=None):
    return [box.title for box in drawing.picture.boxes if kind is None or box.kind == kind]


# -- what is drawn ---------------------------------------------------------------------------------------------------


def test_operations_shapes_dtypes_lines_and_leaves():
    x = cr.tensor([[1.0, 2.0]], requires_grad=True)
    w, data = variable((2, 3), "w"), cr.ones((3,))
    y = cr.sum(cr.exp(x @ w) * data, axis=1)
    drawing = draw(y, names={"x": x})
    kinds = {box.title: box.kind for box in drawing.picture.boxes}
    assert kinds == {
        "x": "input", "w": "parameter", "data": "data",
        "matmul": "operation", "exp": "operation", "multiply": "operation", "sum": "operation",
    }  # fmt: skip
    by_title = {box.title: box for box in drawing.picture.boxes}
    assert by_title["matmul"].details == ["float32 (1, 3)"]
    assert by_title["sum"].details[0] == "axis=1" and by_title["sum"].result
    assert by_title["w"].details == ["float32 (2, 3)"]
    assert "test_draw.py:" in by_title["exp"].source
    arrows = {(a.source.title, a.target.title) for a in drawing.picture.arrows}
    assert arrows == {
        ("x", "matmul"), ("w", "matmul"), ("matmul", "exp"), ("exp", "multiply"), ("data", "multiply"),
        ("multiply", "sum"),
    }  # fmt: skip


def test_plain_numbers_are_named_and_single_values_shown():
    x = cr.tensor(2.0, requires_grad=True)
    box = draw(x * 3.0).picture.boxes[-1]
    assert box.details == ["x2=3", "float32 () = 6"]


def test_a_shared_input_is_drawn_once():
    x = cr.tensor([1.0], requires_grad=True)
    drawing = draw(cr.sin(x) * x + x)
    assert titles(drawing, "input") == ["input"]
    assert sum(a.source.kind == "input" for a in drawing.picture.arrows) == 3


def test_a_leaf_alone_and_a_result_without_a_graph():
    leaf = cr.tensor([1.0], requires_grad=True)
    assert titles(draw(leaf)) == ["input"]
    with cr.no_grad():
        assert titles(draw(leaf * 2.0)) == ["data"]
    assert ElementTree.fromstring(draw(leaf).svg) is not None


def test_several_results():
    x = cr.tensor([1.0], requires_grad=True)
    drawing = draw([cr.sin(x), cr.cos(x)])
    assert [box.title for box in drawing.picture.boxes if box.result] == ["sin", "cos"]


def test_after_backward():
    x = cr.tensor([1.0, 2.0], requires_grad=True)
    y = cr.exp(x).sum()
    y.backward()
    assert "float32 (2)" in draw(y).text


def test_layers_stand_in_frames(network):
    _, out = network
    drawing = draw(out)
    (blocks,) = [item for item in drawing.picture.root.items if isinstance(item, Frame)][:1]
    assert [item.scope for item in blocks.items] == [("blocks", "0"), ("blocks", "1")]
    inner = blocks.items[0]
    assert isinstance(inner, Frame)
    assert [item.scope[-1] for item in inner.items if isinstance(item, Frame)] == ["first", "second"]
    assert {"weight", "bias"} == {box.title for box in inner.boxes() if box.kind == "parameter"}


def test_depth_closes_layers(network):
    _, out = network
    assert titles(draw(out, depth=0), "layer") == ["blocks · 10 operations"]
    assert titles(draw(out, depth=1), "layer") == ["0 · 5 operations", "1 · 5 operations"]
    closed = draw(out, depth=0).picture.boxes
    assert [box.details for box in closed if box.kind == "layer"] == [["42 parameters", "float32 (4, 3)"]]
    with pytest.raises(cr.errors.ConfigError, match="depth"):
        draw(out, depth=-1)


def test_the_network_by_layers(network):
    x, out = network
    drawing = draw_layers(out, names={"x": x})
    assert titles(drawing, "layer") == [
        "first · matmul, tanh", "second · matmul, add", "first · matmul, tanh", "second · matmul, add", "head · matmul",
    ]  # fmt: skip
    assert titles(drawing, "operation") == ["add", "add"]  # the residual sums
    assert titles(drawing, "data") == ["x"] and not titles(drawing, "parameter")
    second = next(box for box in drawing.picture.boxes if box.title.startswith("second"))
    assert second.details == ["weight (3, 3)  bias (3)", "12 parameters", "float32 (4, 3)"]


def test_layers_are_called_what_they_are(network):
    _, out = network
    kinds = {"blocks.0": "Residual", "blocks.0.first": "Dense", "head": "Linear"}
    drawing = draw_layers(out, kinds=kinds)
    assert titles(drawing, "layer")[0] == "first · Dense" and titles(drawing, "layer")[-1] == "head · Linear"
    assert "layer blocks.0<" in drawing.svg and ">0 · Residual<" in drawing.svg
    assert 'label="0 · Residual"' in drawing.dot


def test_parameters_buffers_and_constants_are_told_apart():
    w = variable((3,), "norm.weight")
    mean = cr.Variable(np.zeros(3), name="norm.mean")
    x = cr.tensor(np.ones((2, 3)), requires_grad=True)
    with layer("norm"):
        y = (x - mean) * (w * cr.tensor([1.0, 2.0, 3.0]))
    kinds = {box.title: box.kind for box in draw(y, names={"x": x}).picture.boxes if box.is_leaf}
    assert kinds == {"x": "input", "mean": "buffer", "weight": "parameter", "data": "data"}
    drawing = draw_layers(y, names={"x": x})
    assert titles(drawing) == ["x", "norm · subtract, multiply"]  # a layer keeps its constants to itself
    assert "3 parameters, 3 fixed" in drawing.text and drawing.picture.parameters == 3


def test_a_layer_that_runs_twice_is_drawn_twice():
    w = variable((3, 3), "w")
    h = cr.ones((1, 3))
    for _ in range(3):
        with layer("cell"):
            h = cr.tanh(h @ w)
        h = h * 2.0
    drawing = draw_layers(h)
    assert len(titles(drawing, "layer")) == 3
    assert titles(drawing, "parameter") == ["w"]  # shared, so outside of all three


def test_large_graphs_are_cut_short():
    w = variable((2, 2), "w")
    h = cr.ones((1, 2))
    for _ in range(2000):
        h = cr.tanh(h @ w)
    start = time.perf_counter()
    drawing = draw(h)
    assert len(drawing.svg) < 100_000
    assert time.perf_counter() - start < 5.0
    (early,) = [box for box in drawing.picture.boxes if box.kind == "earlier"]
    assert early.title == "3,961 earlier operations" and early.details[0] == "1,981 matmul, 1,980 tanh"
    assert drawing.picture.operations == 4000
    assert len(draw(h, depth=0).picture.boxes) > 200  # asked for more


# -- formats ---------------------------------------------------------------------------------------------------------


def test_svg_is_well_formed_accessible_and_alone(network):
    _, out = network
    svg = draw(out, title="A network").svg
    root = ElementTree.fromstring(svg)
    assert root.get("role") == "img" and root.get("aria-label") == "A network"
    assert root.findtext(f"{SVG}title") == "A network"
    description = root.findtext(f"{SVG}desc") or ""
    assert "matmul from data and weight" in description
    style = root.findtext(f"{SVG}style") or ""
    assert "prefers-color-scheme: dark" in style
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "") and "script" not in svg
    assert all(g.find(f"{SVG}title") is not None for g in root.findall(f"{SVG}g"))


def test_names_from_outside_are_escaped():
    evil = '<script>alert("&")</script>]]>'
    w = variable((2,), evil)
    with layer(evil):
        y = w * 2.0 + variable((2,), 'a"\\n\\')
    for drawing in (draw(y, title=evil), draw_layers(y), draw(y, depth=0)):
        assert "<script" not in drawing.svg
        ElementTree.fromstring(drawing.svg)
        assert drawing.dot.count('"') % 2 == 0 or '\\"' in drawing.dot
    root = ElementTree.fromstring(draw(y).svg)
    assert any(evil in "".join(text.itertext()) for text in root.iter(f"{SVG}text"))


def test_control_characters_do_not_break_the_document():
    y = variable((2,), "bell\x07\x00and\ud800more") * 2.0
    ElementTree.fromstring(draw(y).svg)


def test_text(network):
    x, out = network
    text = draw(out, "text", names={"x": x}).text
    lines = text.splitlines()
    assert lines[0] == "Computation graph: 11 operations, 48 parameters"
    assert "[1]" in lines[3] and "data x" in lines[3] and "float32 (4, 3)" in lines[3]
    first = next(line for line in lines if " matmul " in line)
    assert "[1] [2]" in first and "blocks.0.first" in first and "test_draw.py:" in first
    assert lines[-1].startswith("[") and "*" in lines[-1]
    assert str(draw(out, "text")) == draw(out).text


def test_text_keeps_the_order_of_inputs():
    a, b = cr.tensor(3.0, requires_grad=True), cr.tensor(2.0, requires_grad=True)
    c = cr.exp(b)
    text = draw(a - c, names={"a": a, "b": b}).text
    rows = [line.split() for line in text.splitlines()[3:]]
    numbers = {row[2] if row[1] == "input" else row[1]: row[0] for row in rows}
    assert f"{numbers['a']} {numbers['exp']}" in next(line for line in text.splitlines() if "subtract" in line)


def test_dot(network):
    _, out = network
    dot = draw(out).dot
    assert dot.startswith("digraph") and dot.count("{") == dot.count("}")
    assert 'label="blocks"' in dot and 'label="first"' in dot
    assert dot.count(" -> ") == len(draw(out).picture.arrows)


def test_saving(tmp_path, network):
    _, out = network
    drawing = draw(out)
    assert drawing.save(tmp_path / "a.svg").read_text() == drawing.svg == drawing._repr_svg_()
    assert drawing.save(str(tmp_path / "a.gv")).read_text() == drawing.dot
    assert drawing.save(tmp_path / "a.txt").read_text() == drawing.text
    draw(out, "dot", tmp_path / "plain")
    assert (tmp_path / "plain").read_text() == drawing.dot
    with pytest.raises(cr.errors.ConfigError, match=r"a\.png"):
        drawing.save(tmp_path / "a.png")
    with pytest.raises(cr.errors.ConfigError, match="jpeg"):
        draw(out, "jpeg")
    with pytest.raises(cr.errors.ConfigError, match="float"):
        draw([3.0])  # type: ignore[list-item]


# -- layout ----------------------------------------------------------------------------------------------------------


def overlap(a: Place, b: Place) -> bool:
    return a.x < b.x + b.width and b.x < a.x + a.width and a.y < b.y + b.height and b.y < a.y + a.height


def inside(a: Place, b: Place) -> bool:
    return b.x <= a.x and b.y <= a.y and a.x + a.width <= b.x + b.width and a.y + a.height <= b.y + b.height


def check_layout(picture):
    layout = arrange(picture, {id(box): _size(box) for box in picture.boxes})
    places = [layout.boxes[id(box)] for box in picture.boxes]
    page = Place(0.0, 0.0, layout.width, layout.height)
    assert all(inside(place, page) for place in [*places, *layout.frames.values()])
    assert not any(overlap(a, b) for i, a in enumerate(places) for b in places[:i])

    def frames(frame, outer):
        own = layout.frames.get(id(frame), page)
        assert inside(own, outer)
        for item in frame.items:
            if isinstance(item, Frame):
                frames(item, own)
            else:
                assert inside(layout.boxes[id(item)], own)
        members = {id(box) for box in frame.boxes()}
        for box in picture.boxes:
            if id(box) not in members and frame.scope:
                assert not overlap(layout.boxes[id(box)], own)

    frames(picture.root, page)
    for arrow, points in layout.routes:
        source, target = layout.boxes[id(arrow.source)], layout.boxes[id(arrow.target)]
        assert points[0][1] == pytest.approx(source.y + source.height)
        assert source.x <= points[0][0] <= source.x + source.width
        assert points[-1][1] == pytest.approx(target.y)
        assert target.x <= points[-1][0] <= target.x + target.width
        assert all(y1 <= y2 + 1e-6 for (_, y1), (_, y2) in itertools.pairwise(points))  # never upwards


def test_the_layout_of_a_network(network):
    _, out = network
    for drawing in (draw(out), draw(out, depth=0), draw(out, depth=1), draw_layers(out)):
        check_layout(drawing.picture)


@given(
    st.lists(
        st.tuples(
            st.lists(st.integers(0, 30), min_size=1, max_size=3),
            st.lists(st.sampled_from(["a", "b", "c"]), max_size=3),
        ),
        min_size=1,
        max_size=14,
    )
)
@settings(max_examples=40)
def test_the_layout_of_any_graph(steps):
    tensors = [cr.tensor([1.0], requires_grad=True), variable((1,), "w")]
    for sources, path in steps:
        with layer(*path):
            tensors.append(cr.concat([tensors[s % len(tensors)] for s in sources])[:1])
    for drawing in (draw(tensors[-1]), draw(tensors[-1], depth=0), draw_layers(tensors[-1])):
        check_layout(drawing.picture)
        ElementTree.fromstring(drawing.svg)
        assert drawing.text and drawing.dot


def test_a_graph_can_be_drawn_after_backward():
    w = variable((2, 2), "w")
    loss = cr.tanh(cr.ones((1, 2)) @ w).sum()
    before = draw(loss, format="text").text
    loss.backward()
    assert draw(loss, format="text").text == before
