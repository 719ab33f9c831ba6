"""The page of a run: sound HTML, every section for every kind of run, nothing from outside, nothing half written."""

import base64
import hashlib
import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chainrule import report
from chainrule.errors import RunError
from chainrule.report import reading, writer

KINDS = ["classification", "binary", "regression", "interrupted", "empty"]
SECTIONS = ["curves", "predictions", "layers", "network", "data", "settings", "again"]
VOID = {"meta", "br", "hr", "img", "input", "link"}


class Walker(HTMLParser):
    """Walks a page and fails where an element is closed that is not open."""

    def __init__(self):
        super().__init__()
        self.open = []
        self.elements = []
        self.ids = []
        self.text = []

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> names an attribute twice: {names}"
        self.elements.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes another element, at line {self.getpos()[0]}"

    def handle_data(self, data):
        if not self.open or self.open[-1] not in {"script", "style"}:
            self.text.append(data)


def walk(page: str) -> Walker:
    walker = Walker()
    walker.feed(page)
    walker.close()
    assert walker.open == [], f"never closed: {walker.open}"
    assert len(walker.ids) == len(set(walker.ids)), "an id is used twice"
    return walker


def words_of(page: str) -> str:
    return re.sub(r"\s+", " ", " ".join(walk(page).text)).replace("\u202f", " ")


def written(folder: Path) -> str:
    return report.write(folder).read_text("utf-8")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_run_gives_a_sound_page_with_every_section(make_run, kind):
    path = report.write(make_run(kind))
    assert path.name == "report.html"
    walker = walk(path.read_text("utf-8"))
    assert set(SECTIONS) <= set(walker.ids)
    links = [attrs["href"] for tag, attrs in walker.elements if tag == "a"]
    assert links == [f"#{name}" for name in SECTIONS]
    for tag, attrs in walker.elements:
        assert "onclick" not in attrs
        if attrs.get("role") == "img":
            assert attrs.get("aria-label"), f"<{tag}> is a picture without words"


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_asks_for_nothing_from_outside(make_run, kind):
    page = written(make_run(kind))
    for _, attrs in walk(page).elements:
        for name, value in attrs.items():
            if name in {"src", "href", "srcset", "action", "data", "xlink:href", "poster"}:
                assert value.startswith("#"), f"{name}={value}"
    assert set(re.findall(r"https?://[^\"'\s<]+", page)) <= {"http://www.w3.org/2000/svg"}
    assert all(target.startswith("#") for target in re.findall(r"url\(\s*[\"']?([^)\"']*)", page))
    assert "@import" not in page
    assert "default-src 'none'" in page


def test_only_the_pages_own_script_may_run(make_run):
    page = written(make_run("classification"))
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    assert len(scripts) == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page


def test_classification_shows_score_baseline_confusion_and_layers(make_run):
    folder = make_run("classification")
    page = written(folder)
    text = words_of(page)
    accuracy = json.loads((folder / "summary.json").read_text())["test"]["accuracy"]
    for expected in (
        "digits",
        f"{100 * accuracy:.1f} %",
        "360 test examples",
        "95 % interval",
        "17,226 parameters",
        "3.1 s",
        "Learned well",
        "Always answering the most common class",
        "Confusion matrix",
        "Gradient scale",
        "0 Linear",
        "best: 18",
        "Learning rate",
        "train 1,168",
        "pixels scaled to 0..1",
        "chainrule train digits --seed 0",
        "0.10.2",
    ):
        assert expected in text, expected
    assert page.count('class="right') == 10
    assert 'class="drawing-box"' in page


def test_binary_shows_columns_and_overfitting_metrics(make_run):
    text = words_of(written(make_run("binary")))
    for expected in (
        "titanic.csv",
        "ROC AUC 0.861",
        "Age",
        "177",
        "standardised",
        "survived taken for died (15)",
        "7 numbers and 2 categories",
        "left out: different",
        "549",
    ):
        assert expected in text, expected
    assert "Training stopped by itself after 24 epochs" in text


def test_regression_shows_residuals_and_a_grid_for_many_layers(make_run):
    page = written(make_run("regression"))
    text = words_of(page)
    for expected in ("R²", "root mean squared error 0.45", "Predicted against true", "Residuals", "it vanishes"):
        assert expected in text, expected
    assert page.count('class="chart grid"') == 3
    assert 'class="guide"' in page


def test_an_interrupted_run_says_what_is_missing(make_run):
    text = words_of(written(make_run("interrupted")))
    assert "Unfinished" in text
    assert "summary.json is not in the run folder" in text
    assert "its records end after 6 of 20 epochs" in text
    assert "metrics.jsonl: line 7 could not be read" in text
    assert "on the validation data, epoch 6" in text


def test_the_page_says_what_can_be_done_next(make_run):
    folder = make_run("interrupted")
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "step-00000040.safetensors").write_bytes(b"")
    text = words_of(written(folder))
    assert f"chainrule train --resume {folder}" in text
    assert "chainrule predict" not in text
    done = make_run("classification")
    (done / "model.safetensors").write_bytes(b"")
    text = words_of(written(done))
    assert f"chainrule predict {done} NEW_DATA" in text
    assert "--resume" not in text


def test_an_empty_run_is_sentences_only(make_run):
    text = words_of(written(make_run("empty")))
    for name in ("summary.json", "metrics.jsonl", "layers.jsonl", "graph.svg", "preprocessing.json", "config.toml"):
        assert f"{name} is not in the run folder" in text
    assert "Nothing to judge yet" in text
    assert "The command that made this run was not recorded." in text


def test_an_epoch_written_again_after_a_resume_counts_once(make_run):
    lines = [{"epoch": k, "train": {"loss": loss}} for k, loss in ((1, 3.0), (2, 2.5), (2, 2.0), (3, 1.0))]
    folder = make_run("empty", metrics_jsonl="\n".join(map(json.dumps, lines)))
    assert [mapping["train"]["loss"] for mapping in reading.read(folder).epochs] == [3.0, 2.0, 1.0]


def test_statuses_are_told_apart(make_run):
    folder = make_run("classification")
    summary = json.loads((folder / "summary.json").read_text())
    for status, said in {
        "interrupted": "Training was interrupted after 20 epochs",
        "stopped": "Training stopped by itself",
        "finished": "All 20 epochs ran",
        "else": "20 epochs ran",
    }.items():
        (folder / "summary.json").write_text(json.dumps({**summary, "status": status}))
        assert said in words_of(written(folder))


def test_overfitting_breaking_down_and_guessing_are_named(make_run):
    def epochs(train, validation):
        lines = zip(train, validation, strict=True)
        return "".join(
            json.dumps({"event": "epoch", "epoch": k, "train": {"loss": t}, "validation": {"loss": v}}) + "\n"
            for k, (t, v) in enumerate(lines, start=1)
        )

    over = epochs([1, 0.6, 0.4, 0.2, 0.1, 0.05], [1, 0.8, 0.7, 0.8, 0.95, 1.1])
    assert "After epoch 3 the validation loss rose" in words_of(written(make_run("classification", metrics_jsonl=over)))
    nan = float("nan")
    broke = words_of(written(make_run("classification", metrics_jsonl=epochs([1, nan, nan], [1, 2, nan]))))
    assert "Broke down" in broke
    assert "In epoch 2 the loss was no longer a finite number" in broke
    summary = {"status": "finished", "test": {"accuracy": 0.5}, "test_predictions": {"confusion": [[30, 10], [9, 2]]}}
    assert "No better than guessing" in words_of(written(make_run("binary", summary_json=summary)))
    rare = {
        "status": "finished",
        "test": {"loss": 0.5, "balanced_accuracy": 0.76, "accuracy": 0.76},
        "test_predictions": {"confusion": [[730, 230], [10, 30]]},
    }
    balanced = '[data]\nsource = "rare.csv"\n[trainer]\nepochs = 20\nbalance = "weights"\n'
    page = words_of(written(make_run("binary", summary_json=rare, config_toml=balanced)))
    assert "76.0 % balanced accuracy" in page and "Learned" in page and "one of the 2 would have 50.0 %" in page
    assert "No better than guessing" in words_of(written(make_run("binary", summary_json=rare)))
    backwards = {"test": {"rmse": 2.0}, "test_predictions": {"target": [1, 2, 3], "prediction": [3, 2, 1]}}
    assert "No better than the mean" in words_of(written(make_run("regression", summary_json=backwards)))


def test_gradients_that_vanish_or_explode_and_dead_units_are_named(make_run):
    def page(first, last, zero):
        layers = (("0", "Linear", first, None), ("1", "ReLU", None, zero), ("2", "Linear", last, None))
        lines = [
            {"epoch": epoch, "layer": path, "kind": kind, "activation_zero": zeros}
            | ({} if gradient is None else {"gradient_rms": {"weight": gradient}})
            for epoch in (1, 2)
            for path, kind, gradient, zeros in layers
        ]
        return words_of(written(make_run("classification", layers_jsonl="".join(json.dumps(v) + "\n" for v in lines))))

    vanishing = page(1e-9, 1e-3, 0.95)
    assert "1,000,000 times smaller than in the last" in vanishing and "vanishes" in vanishing
    assert "More than nine in ten outputs are zero in 1 ReLU" in vanishing and "dead" in vanishing
    exploding = page(1.0, 1e-5, 0.5)
    assert "explodes on its way back" in exploding and "nine in ten" not in exploding
    assert "neither vanishes nor explodes" in page(1e-3, 2e-3, 0.5)
    assert "No gradient reaches 0 Linear" in page(0.0, 1e-3, 0.5)


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "{{ 7 * 7 }}",
    "<!--",
    "]]>",
    "\ud800 lone surrogate",
    "a" * 500,
    "\x00\x07",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(make_run, name):
    folder = make_run(
        "binary",
        config_toml=f"[data]\nsource = {json.dumps('x')}\n[model]\nname = 'a'\n",
        metrics_jsonl=json.dumps({"epoch": 1, "train": {"loss": 1.0, name: 0.5}, "validation": {name: 0.4}}),
        layers_jsonl=json.dumps({"epoch": 1, "layer": name, "kind": name, "gradient_rms": {name: 0.1}}),
        graph_svg=f"<svg xmlns='http://www.w3.org/2000/svg'><title>{name}</title></svg>",
        summary_json={
            "status": name,
            "test": {name: 0.5, "accuracy": 0.7},
            "test_predictions": {"confusion": [[3, 1], [1, 3]], "classes": [name, name + "2"]},
            "data": {
                "columns": [{"name": name, "kind": name, "values": [name], name: name}],
                "classes": [{"name": name, name: name}],
                "input": {name: name},
                "messages": [name],
                name: name,
                "rows": {name: 3},
            },
            "reproduce": name,
        },
    )
    page = written(folder)
    walker = walk(page)
    tags = [tag for tag, _ in walker.elements]
    assert tags.count("img") == 0
    assert not any(attribute.startswith("on") for _, attrs in walker.elements for attribute in attrs)
    assert len(re.findall(r"<script>", page)) == 1
    for data in re.findall(r'<script type="application/json">(.*?)</script>', page, flags=re.DOTALL):
        json.loads(data)
    assert "49" not in words_of(page)


@pytest.mark.parametrize("name", HOSTILE[:8])
def test_hostile_regression_layers_and_toml_stay_text(make_run, name):
    toml = "\n".join(f"[{json.dumps(key)}]\n{json.dumps(name)} = {json.dumps(name)}" for key in ("data", name))
    many = "".join(json.dumps({"epoch": 1, "layer": f"{name}{k}", "activation_std": 1.0 + k}) + "\n" for k in range(12))
    page = written(make_run("regression", config_toml=toml, layers_jsonl=many))
    assert not any(attribute.startswith("on") for _, attrs in walk(page).elements for attribute in attrs)
    assert len(re.findall(r"<script>", page)) == 1


def test_the_same_run_gives_the_same_bytes(make_run):
    folder = make_run("classification")
    assert report.write(folder).read_bytes() == report.write(folder).read_bytes()


def test_pages_are_small(make_run):
    assert report.write(make_run("classification")).stat().st_size < 150_000
    long = "".join(
        json.dumps({"epoch": k, "train": {"loss": 1 / k, "accuracy": 0.5}, "validation": {"loss": 2 / k}}) + "\n"
        for k in range(1, 20_001)
    )
    assert report.write(make_run("regression", metrics_jsonl=long)).stat().st_size < 400_000


def test_a_failed_write_keeps_the_old_page_and_leaves_nothing_behind(make_run, monkeypatch):
    folder = make_run("classification")
    before = report.write(folder).read_bytes()
    names = sorted(p.name for p in folder.iterdir())

    def full(*_):
        raise OSError(28, "No space left on device")

    for function in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, function, full)
            with pytest.raises(RunError, match="No space left on device"):
                report.write(folder)
        assert (folder / "report.html").read_bytes() == before
        assert sorted(p.name for p in folder.iterdir()) == names


def test_a_stopped_write_leaves_nothing_behind(make_run, monkeypatch):
    folder = make_run("empty")

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", stop)
    with pytest.raises(KeyboardInterrupt):
        report.write(folder)
    assert list(folder.iterdir()) == []


def test_no_folder_or_a_file_is_explained(tmp_path):
    with pytest.raises(RunError, match="There is no run folder"):
        report.write(tmp_path / "nowhere")
    file = tmp_path / "config.toml"
    file.write_text("")
    with pytest.raises(RunError, match="is a file") as caught:
        report.write(file)
    assert str(tmp_path) in str(caught.value)


def test_files_too_large_or_unreadable_become_sentences(make_run, monkeypatch):
    monkeypatch.setattr(reading, "LARGEST_DRAWING", 10)
    assert "graph.svg has 0 MB, too much" in words_of(written(make_run("classification")))
    folder = make_run("binary")
    (folder / "layers.jsonl").unlink()
    (folder / "layers.jsonl").mkdir()
    (folder / "summary.json").write_text("{")
    text = words_of(written(folder))
    assert "layers.jsonl cannot be read" in text
    assert "summary.json is damaged" in text


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def shaped(*names: str):
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, values))


SUMMARY = shaped("status", "best_epoch", "epochs", "steps", "seconds", "parameters", "test", "data", "test_predictions")
PREDICTIONS = shaped("confusion", "classes", "target", "prediction")
DATA = shaped("rows", "columns", "classes", "input", "messages")
EPOCH = shaped("event", "step", "seconds", "learning_rate", "samples_per_second", "train", "validation")
LAYER = shaped("kind", "activation_std", "activation_zero", "gradient_rms", "update_ratio")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    summary=values | SUMMARY,
    predictions=PREDICTIONS,
    data=DATA,
    epoch=values | EPOCH,
    layer=values | LAYER,
    svg=st.text(max_size=40),
)
def test_any_json_gives_a_sound_page(tmp_path, summary, predictions, data, epoch, layer, svg):
    if isinstance(summary, dict):
        summary = {"test_predictions": predictions, "data": data, **summary}
    records = [{"epoch": 3, **part} if isinstance(part, dict) else part for part in (epoch, layer)]
    if isinstance(records[1], dict):
        records[1]["layer"] = "1"
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    (tmp_path / "metrics.jsonl").write_text(json.dumps(records[0]))
    (tmp_path / "layers.jsonl").write_text(json.dumps(records[1]))
    (tmp_path / "graph.svg").write_text(svg, "utf-8", errors="replace")
    walk(writer.render(reading.read(tmp_path)))


def test_numbers_at_the_edge_of_floats_do_not_stop_the_page(make_run):
    huge = {"target": [1e308, -1e308, 0.0, 5e-324], "prediction": [-1e308, 1e308, 1.0, 0.0]}
    far = {"activation_std": 1e308, "gradient_rms": {"weight": 5e-324}, "update_ratio": 1e308}
    layers = "".join(json.dumps({"epoch": 1, "layer": str(k), **far}) + "\n" for k in range(3))
    folder = make_run(
        "regression", summary_json={"test_predictions": huge, "test": {"mae": 1e308}}, layers_jsonl=layers
    )
    lines = [{"epoch": k, "train": {"loss": value}} for k, value in enumerate((1e308, -1e308, 5e-324), start=1)]
    (folder / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)))
    walk(written(folder))


@given(content=st.binary(max_size=60))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_give_a_sound_page(tmp_path, content):
    for name in ("config.toml", "preprocessing.json", "metrics.jsonl", "layers.jsonl", "summary.json", "graph.svg"):
        (tmp_path / name).write_bytes(content)
    walk(writer.render(reading.read(tmp_path)))
