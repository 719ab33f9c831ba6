"""The parts of the page on their own: drawings made safe, scales, charts, words."""

import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chainrule.report import charts, drawing, words
from chainrule.report.charts import Series
from chainrule.report.scales import Scale, span

SVG = 'xmlns="http://www.w3.org/2000/svg"'


@pytest.mark.parametrize(
    "inside",
    [
        "<script>alert(1)</script>",
        '<a href="javascript:alert(1)"><text>x</text></a>',
        '<image href="http://example.org/x.png"/>',
        '<use href="http://example.org/x.svg#y"/>',
        '<foreignObject><body xmlns="http://www.w3.org/1999/xhtml"><img src="x"/></body></foreignObject>',
        '<rect onclick="alert(1)" width="1"/>',
        '<rect fill="url(http://example.org/x)"/>',
        '<rect style="fill: url(http://example.org/x)"/>',
        '<rect style="position: fixed"/>',
        "<style>@import 'http://example.org/x.css';</style>",
        "<style>.a { background: url(http://example.org/x) }</style>",
        "<style>@font-face { src: url(http://example.org/x) }</style>",
        '<animate attributeName="href" to="javascript:alert(1)"/>',
        '<set attributeName="onload" to="alert(1)"/>',
        "<style>.a { fill: red } &lt;/style>&lt;script>alert(1)&lt;/script></style>",
        '<?xml-stylesheet href="http://example.org/x.css"?>',
        "<!-- http://example.org/ -->",
    ],
)
def test_nothing_in_a_drawing_can_run_or_reach_out(inside):
    clean = drawing.sanitise(f"<svg {SVG}>{inside}<circle r='3'/></svg>")
    assert '<circle r="3"' in clean
    for word in ("script", "alert", "example.org", "import", "onclick", "href", "fixed", "foreignObject", "<a"):
        assert word not in clean, clean


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not a drawing",
        "<html><body/></html>",
        "<svg",
        '<!DOCTYPE svg [<!ENTITY a "aaaa">]><svg>&a;</svg>',
        '<!doctype svg [<!entity % a "x">]><svg/>',
        '<svg xmlns="http://example.org/other"><rect/></svg>',
    ],
)
def test_what_is_no_plain_drawing_is_refused(text):
    assert drawing.sanitise(text) == ""


def test_a_drawing_keeps_its_shapes_order_words_and_inner_references():
    clean = drawing.sanitise(
        f'<svg {SVG} viewBox="0 0 9 9"><style>.box, text {{ fill: #eee; stroke: var(--line) }} '
        "@media (prefers-color-scheme: dark) { .box { fill: #222 } }</style>"
        '<defs><marker id="a b"><path d="M0 0"/></marker></defs>'
        '<g><rect class="box" width="3"/><text>1 &lt; 2 &amp; <tspan>more</tspan> tail</text></g>'
        '<path marker-end="url(#tip)" d="M1 1"/></svg>'
    )
    assert clean.index("<rect") < clean.index("<text") < clean.index("marker-end")
    assert 'viewBox="0 0 9 9"' in clean
    assert 'class="drawing-box"' in clean
    assert 'marker-end="url(#drawing-tip)"' in clean
    assert "1 &lt; 2 &amp; <tspan>more</tspan> tail" in clean
    assert ".network .drawing-box, .network text { fill: #eee; stroke: var(--line) }" in clean
    assert "@media (prefers-color-scheme: dark) { .network .drawing-box { fill: #222 } }" in clean


def test_a_drawing_nested_a_hundred_thousand_deep_does_not_exhaust_the_stack():
    deep = "<g>" * 100_000 + "</g>" * 100_000
    clean = drawing.sanitise(f"<svg {SVG}>{deep}<circle/></svg>")
    assert clean == "" or clean.count("<g") <= drawing.DEEPEST


numbers = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(numbers, max_size=20), st.sampled_from([True, False, None]))
@example([2.2e-311], True)
def test_scales_hold_their_values_and_ticks_lie_inside(data, log):
    scale = span(data, log=log)
    assert scale.low < scale.high
    for value in data:
        assert 0 <= scale.place(value) <= 1
    ticks = scale.ticks(5)
    assert len(ticks) <= 12
    for value, label in ticks:
        assert scale.low - 1e-6 * abs(scale.low) <= value <= scale.high + 1e-6 * abs(scale.high) or value == 0
        assert label


@given(st.floats(min_value=1e-300, max_value=1e300))
def test_numbers_in_words_say_the_number(value):
    text = words.number(value).replace("−", "-").replace(",", "")
    if "×" in text:
        mantissa, power = text.split(" × 10")
        text = mantissa + "e" + power.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
    assert float(text) == pytest.approx(value, rel=6e-3)


def test_words_for_scores():
    assert words.value("accuracy", 0.978) == "97.8\u202f%"
    assert words.value("accuracy", 0.99876) == "99.88\u202f%"
    assert words.value("roc_auc", 0.91234) == "0.9123"
    assert words.value("top_3_accuracy", 0.5) == "50.0\u202f%"
    assert words.value("average_precision", 0.5) == "0.5"
    assert words.metric("my_own_score") == "my own score"
    assert words.duration(0.5) == "0.50 s"
    assert words.duration(None) == "–"
    assert words.listing(["a"]) == "a"


def test_long_curves_are_thinned_but_keep_their_spikes():
    n = 20_000
    losses = [1 / (k + 1) for k in range(n)]
    losses[12_345] = 7.0
    chart = charts.lines("Loss", list(map(float, range(n))), [Series("training", "train", losses)])
    values = json.loads(chart.values)
    assert len(values["x"]) <= charts.MOST_POINTS + 2
    assert 7.0 in values["series"][0]["y"]


def test_gaps_break_the_line_and_lonely_points_still_show():
    series = [Series("a", "train", [1.0, None, 2.0, 3.0, None])]
    chart = charts.lines("Loss", [1.0, 2.0, 3.0, 4.0, 5.0], series)
    path = next(d for style, d in chart.paths if style == "line train")
    assert path.count("M") == 2
    assert "h0" in path
    one = charts.lines("Loss", [1.0], [Series("a", "train", [0.5])], mark=(1.0, "best: 1"))
    assert one.marks == [(50.0, "best: 1")]


def test_a_histogram_counts_every_value_once_and_parts_high_from_low():
    data = [math.sin(k) for k in range(500)]
    values = json.loads(charts.histogram("Residuals", data, x_label="x", center=0.0).values)
    assert sum(values["y"]) == 500
    assert min(abs(edge) for edge in values["x"]) < 1e-9
    same = json.loads(charts.histogram("Residuals", [2.0] * 9, x_label="x", center=0.0).values)
    assert sum(same["y"]) == 9


def test_zero_on_a_logarithmic_axis_lies_on_the_floor():
    assert Scale(1e-4, 1.0, log=True).place(0.0) == 0.0
    chart = charts.lines("Gradient", [1.0, 2.0], [Series("a", "r0", [0.0, 1e-3])], log=True)
    assert next(d for style, d in chart.paths if style == "line r0").startswith("M0.0 1000.0")


def test_data_for_the_script_cannot_end_it():
    chart = charts.lines("x", [1.0], [Series("</script><script>alert(1)</script>", "train", [1.0])])
    assert "<" not in chart.values
    assert json.loads(chart.values)["series"][0]["name"] == "</script><script>alert(1)</script>"
