"""Bad input of every kind, as a person would come upon it: one message that says what, where and how to fix it."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule import errors, losses, nn
from cli.conftest import Outcome, Type, passengers


def refused(outcome: Outcome, *words: str) -> None:
    """Exit code 2, nothing on standard output, and one message on standard error that holds these words."""
    assert outcome.code == 2, (outcome.code, outcome.out, outcome.err)
    lines = [line for line in outcome.err.splitlines() if not line.startswith("noted: ")]
    assert sum(line.startswith("error: ") for line in lines) == 1, outcome.err
    assert lines[0].startswith("error: "), outcome.err
    assert "Traceback" not in outcome.err
    assert "came upon an error of its own" not in outcome.err
    assert "  fix: " in outcome.err, outcome.err
    for word in words:
        assert word in outcome.err, (word, outcome.err)


# -- data ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [["train"], ["data"], ["evaluate", "passengers"], ["predict", "passengers"]])
def test_a_missing_file(command: list[str], chainrule: Type, runs: Path) -> None:
    refused(chainrule(*command, "pasengers.csv"), "no file", "'pasengers.csv'")
    assert sorted(p.name for p in runs.iterdir()) == ["cars", "digits", "passengers"]


def test_a_bundled_name_that_is_nearly_right(chainrule: Type) -> None:
    refused(chainrule("train", "digit"), "Did you mean 'digits'?")


@pytest.mark.parametrize("command", [["train"], ["data"], ["evaluate", "passengers"], ["predict", "passengers"]])
def test_an_empty_file(command: list[str], chainrule: Type, runs: Path) -> None:
    Path("empty.csv").write_text("")
    refused(chainrule(*command, "empty.csv"), "empty.csv is empty")
    Path("header.csv").write_text("age,sex,port,fare,survived\n")
    refused(chainrule(*command, "header.csv"), "header.csv", "rows")


def test_one_class_only(chainrule: Type) -> None:
    Path("one.csv").write_text("a,b,target\n" + "".join(f"{i},{i % 3},yes\n" for i in range(30)))
    refused(chainrule("train", "one.csv"), "'yes' in all 30 rows", "one.csv")


def test_text_in_a_column_of_numbers(chainrule: Type, runs: Path) -> None:
    lines = passengers().splitlines()
    lines[41] = "twenty,male,S,10.00,no"
    Path("typo.csv").write_text("\n".join(lines) + "\n")
    for command in (["train"], ["evaluate", "passengers"], ["predict", "passengers"]):
        refused(chainrule(*command, "typo.csv"), "'twenty'", "age", "42")


def test_a_target_that_is_not_there(chainrule: Type, runs: Path) -> None:
    refused(chainrule("train", "passengers.csv", "--target", "surived"), "'surived'", "Did you mean 'survived'?")
    Path("blind.csv").write_text("age,sex,port,fare\n30,male,S,10\n")
    refused(chainrule("evaluate", "passengers", "blind.csv"), "no target column 'survived'")


def test_a_column_that_training_had_is_missing(chainrule: Type, runs: Path) -> None:
    Path("new.csv").write_text("age,gender,port,fare\n30,male,S,10\n")
    refused(chainrule("predict", "passengers", "new.csv"), "no column 'sex'", "there are: age, gender, port, fare")


def test_labels_out_of_range(chainrule: Type, runs: Path) -> None:
    Path("test.csv").write_text("age,sex,port,fare,survived\n30,male,S,10,no\n31,male,S,10,perhaps\n")
    refused(chainrule("evaluate", "passengers", "test.csv"), "'perhaps'", "line 3", "no, yes")
    x = np.zeros((4, 8, 8, 1), np.float32)
    np.savez("labels.npz", x=x, y=np.array([0, 3, 10, 9]))
    refused(chainrule("evaluate", "digits", "labels.npz"), "10", "row")


def test_nan_in_arrays_is_refused_and_in_tables_it_is_missing(chainrule: Type) -> None:
    x = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    y = np.arange(60) % 2
    x[17, 2] = np.nan
    np.savez("holes.npz", x=x, y=y)
    refused(chainrule("train", "holes.npz"), "row 17")
    lines = passengers().splitlines()
    lines[5] = "NaN,male,S,10.00,no"
    Path("holes.csv").write_text("\n".join(lines) + "\n")
    assert "missing" in chainrule("data", "holes.csv").out


def test_inputs_of_another_shape(chainrule: Type, runs: Path) -> None:
    np.savez("large.npz", x=np.zeros((4, 28, 28, 1), np.float32), y=np.arange(4))
    refused(chainrule("evaluate", "digits", "large.npz"), "(4, 28, 28, 1)", "(N, 8, 8, 1)")
    refused(chainrule("predict", "digits", "passengers.csv"), "passengers.csv")


@pytest.mark.parametrize("command", [["train"], ["train", "--model", "resnet"], ["predict", "digits"]])
def test_images_with_channels_first(command: list[str], chainrule: Type, runs: Path) -> None:
    np.savez("pytorch.npz", x=np.zeros((20, 3, 8, 9), np.float32), y=np.arange(20) % 2)
    refused(chainrule(*command, "pytorch.npz"), "(20, 3, 8, 9): the 3 channels come first", "makes (20, 8, 9, 3)")


def test_images_too_small_for_the_network(chainrule: Type) -> None:
    np.savez("tiny.npz", x=np.random.default_rng(0).random((40, 2, 3, 1), np.float32), y=np.arange(40) % 2)
    refused(chainrule("train", "tiny.npz", "--model", "lenet"), "2 × 3 cannot be halved 2 times", "mlp")


def test_images_of_different_sizes(chainrule: Type, folder: Path) -> None:
    from PIL import Image

    for kind in ("light", "dark"):
        (folder / "photos" / kind).mkdir(parents=True)
        for i in range(10):
            Image.new("L", (8, 8) if i else (11, 9), 200 if kind == "light" else 40).save(
                folder / "photos" / kind / f"{i}.png"
            )
    seen = chainrule("data", "photos")
    assert seen.code == 0 and "2 of 20 images (11×9) were resized to 8×8" in " ".join(seen.out.split())
    sizes = np.empty(2, object)
    sizes[:] = [np.zeros((8, 8)), np.zeros((8, 9))]
    np.savez("sizes.npz", x=sizes, y=np.arange(2))
    refused(chainrule("train", "sizes.npz"), "sizes.npz")


def test_sequences_longer_than_in_training(chainrule: Type) -> None:
    draw = np.random.default_rng(0)
    np.savez("steps.npz", x=draw.random((40, 5, 2), np.float32), y=np.arange(40) % 2)
    np.savez("longer.npz", x=draw.random((4, 7, 2), np.float32), y=np.arange(4) % 2)
    options = ("--epochs", 1, "--width", 4, "--layers", 1, "--heads", 2, "--quiet")
    assert chainrule("train", "steps.npz", "--model", "transformer", *options).code == 0
    refused(chainrule("predict", "steps", "longer.npz"), "(4, 7, 2)", "(N, 5, 2)")


def test_an_edge_that_leads_outside_of_the_graph(chainrule: Type) -> None:
    nodes = np.arange(9)
    masks = {f"{part}_mask": nodes % 3 == i for i, part in enumerate(("train", "val", "test"))}
    np.savez("friends.npz", features=np.eye(9), label=nodes % 2, edge=[[0, 1], [3, 9]], **masks)
    refused(chainrule("train", "friends.npz"), "3 → 9", "nodes are 0 to 8", "row 1")


# -- runs and weights ------------------------------------------------------------------------------------------------

USES = [["evaluate", "digits"], ["predict", "digits", "digits"], ["graph", "digits"], ["gradcheck", "digits"]]


@pytest.mark.parametrize("use", USES, ids=lambda use: use[0])
def test_truncated_weights(use: list[str], chainrule: Type, runs: Path) -> None:
    weights = runs / "digits" / "model.safetensors"
    whole = weights.read_bytes()
    for size in (0, 5, 100, len(whole) - 1):
        weights.write_bytes(whole[:size])
        refused(chainrule(*use), "model.safetensors", "not a whole safetensors file")


@pytest.mark.parametrize("use", USES, ids=lambda use: use[0])
def test_weights_of_another_shape(use: list[str], chainrule: Type, runs: Path) -> None:
    from safetensors.numpy import load_file, save_file

    weights = runs / "digits" / "model.safetensors"
    tensors = load_file(weights)
    name = next(name for name, x in tensors.items() if x.shape == (64, 16))
    save_file({**tensors, name: np.zeros((64, 17), np.float32)}, weights)
    refused(chainrule(*use), name, "(64, 17)", "(64, 16)")


def test_weights_of_another_model(chainrule: Type, runs: Path) -> None:
    shutil.copy(runs / "cars" / "model.safetensors", runs / "digits" / "model.safetensors")
    refused(chainrule("evaluate", "digits"), "model.safetensors")


class _Trap:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch sprung",)


@pytest.mark.parametrize("use", USES, ids=lambda use: use[0])
def test_a_pickle_under_another_name_is_refused_unopened(use: list[str], chainrule: Type, runs: Path) -> None:
    for protocol in (0, 2, 5):
        (runs / "digits" / "model.safetensors").write_bytes(pickle.dumps(_Trap(), protocol))
        refused(chainrule(*use), "model.safetensors")
        assert not Path("sprung").exists()
    assert "is a pickle" in chainrule(*use).err


def test_a_damaged_snapshot_falls_back_to_the_one_before(chainrule: Type, runs: Path) -> None:
    checkpoints = runs / "digits" / "checkpoints"
    newest = max(checkpoints.iterdir())
    newest.write_bytes(newest.read_bytes()[:1000])
    if len(list(checkpoints.iterdir())) == 1:
        refused(chainrule("train", "--resume", "runs/digits", "--epochs", 3), "no snapshot")
    else:
        assert chainrule("train", "--resume", "runs/digits", "--epochs", 3).code == 0


def test_going_on_with_data_that_have_changed(chainrule: Type, runs: Path) -> None:
    Path("passengers.csv").write_text(passengers(121))
    words = "not what they were"
    refused(chainrule("train", "--resume", "runs/passengers", "--epochs", 20, "--quiet"), words)
    refused(chainrule("evaluate", "passengers"), words)


def test_a_folder_that_is_no_run(chainrule: Type, runs: Path) -> None:
    Path("empty").mkdir()
    for command in (["evaluate"], ["report"], ["train", "--resume"]):
        refused(chainrule(*command, "empty"), "empty is not the folder of a run", "runs/digits")
    refused(chainrule("predict", "digist", "digits"), "There is no run 'digist'", "Did you mean")


@pytest.mark.parametrize("name", ["config.toml", "preprocessing.json"])
@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"{", b"[data]\nsource = 3\n", b'{"format": 99}'])
def test_a_damaged_file_of_a_run(name: str, content: bytes, chainrule: Type, runs: Path) -> None:
    (runs / "digits" / name).write_bytes(content)
    outcome = chainrule("evaluate", "digits")
    assert outcome.code == 2, outcome.err
    assert "Traceback" not in outcome.err
    assert outcome.err.count("error: ") == 1


def test_a_run_without_weights_says_how_to_get_them(chainrule: Type, runs: Path) -> None:
    (runs / "digits" / "model.safetensors").unlink()
    refused(chainrule("evaluate", "digits"), "has no weights yet", "chainrule train --resume")


# -- options ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--epochs", "0"], "epochs must be 1 or more"),
        (["--lr", "-1"], "lr must be above 0"),
        (["--lr", "nan"], "lr must be above 0"),
        (["--dropout", "1.5"], "dropout must be from 0 to 0.99"),
        (["--batch-size", "-4"], "batch_size must be"),
        (["--hidden", "64,x"], "--hidden takes the units"),
        (["--hidden", "-3"], "--hidden takes the units"),
        (["--hidden", "99999999999"], "--hidden takes from 1 to"),
        (["--activation", "relo"], "Did you mean 'relu'"),
        (["--optimizer", "adamm"], "Did you mean 'adam"),
        (["--schedule", "cosin"], "Did you mean 'cosine'"),
        (["--schedule", "constant", "--end-factor", "0.1"], "has no end_factor, which one-cycle and cosine and linear"),
        (["--balance", "resampel"], "Did you mean 'resample'"),
        (["--warmup", "2"], "warmup must be from 0 to 1"),
        (["--schedule", "step", "--milestones", "a half"], "--milestones takes shares"),
        (["--schedule", "step", "--milestones", "30,60"], "milestones must be shares"),
        (["--model", "mpl"], "Did you mean 'mlp'"),
        (["--task", "clasification"], "task"),
        (["--type", "age"], "--type takes a column and its kind"),
        (["--validation", "1.5"], "validation must be"),
        (["--target", "digit"], "no columns"),
        (["--config", "none.toml"], "none.toml cannot be read"),
        (["--test", "none.csv"], "none.csv"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_option(options: list[str], words: str, chainrule: Type, folder: Path) -> None:
    outcome = chainrule("train", "digits", *options)
    assert outcome.code == 2, (outcome.code, outcome.err)
    assert outcome.err.count("error: ") == 1
    assert words in outcome.err
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[trainer\nepochs = 1", "is not TOML"),
        ("[trianer]\nepochs = 1", "Did you mean 'trainer'"),
        ("[trainer]\nepoch = 1", "Did you mean 'epochs'?"),
        ('[trainer]\nepochs = "many"', "trainer.epochs must be int"),
        ("trainer = 3", "[trainer] must be a table"),
    ],
)
def test_a_wrong_config_file(text: str, words: str, chainrule: Type) -> None:
    Path("plan.toml").write_text(text)
    outcome = chainrule("train", "digits", "--config", "plan.toml")
    assert outcome.code == 2
    assert words in outcome.err
    assert "plan.toml" in outcome.err


# -- places to write -------------------------------------------------------------------------------------------------


def test_a_file_stands_where_the_folder_should_be(chainrule: Type, runs: Path) -> None:
    Path("file").write_text("")
    refused(chainrule("train", "xor", "--out", "file/run"), "file/run cannot be made")
    refused(chainrule("train", "xor", "--out", "file"), "file cannot be made")
    refused(chainrule("predict", "digits", "digits", "--out", "file/p.csv"), "file")
    refused(chainrule("predict", "digits", "digits", "--out", "none/p.csv"), "no folder none")
    refused(chainrule("graph", "digits", "--out", "runs"), "runs is a folder")
    shutil.rmtree("runs")
    Path("runs").write_text("")
    refused(chainrule("train", "xor"), "runs/xor cannot be made")


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 kB."""
    place = tmp_path / "small"
    place.mkdir()
    try:
        command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
        mounting = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("needs the command mount")
    if mounting.returncode:
        pytest.skip("needs the right to mount")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk(chainrule: Type, mounted: Path) -> None:
    outcome = chainrule("train", "digits", "--epochs", 1, "--out", mounted / "run", "--quiet")
    refused(outcome, "the disk is full", "free some space")
    assert not list((mounted / "run").rglob("*.part"))


def test_predictions_for_a_full_disk_leave_the_old_ones(chainrule: Type, runs: Path, mounted: Path) -> None:
    out = mounted / "predictions.csv"
    out.write_text("old\n")
    refused(chainrule("predict", "digits", "digits", "--out", out), "the disk is full")
    assert [(p.name, p.read_text()) for p in mounted.iterdir()] == [("predictions.csv", "old\n")]


def test_no_right_to_write(chainrule: Type, runs: Path, mounted: Path) -> None:
    shutil.copytree(runs / "cars" / "checkpoints", mounted / "checkpoints")
    for name in ("config.toml", "preprocessing.json", "model.safetensors"):
        shutil.copy(runs / "cars" / name, mounted / name)
    subprocess.run(["mount", "-o", "remount,ro", str(mounted)], check=True)
    refused(chainrule("train", "xor", "--out", mounted / "run"), "cannot be made: Read-only file system")
    refused(chainrule("predict", "digits", "digits", "--out", mounted / "p.csv"), "no permission")
    refused(chainrule("report", mounted), "cannot be written")
    refused(chainrule("train", "--resume", mounted, "--epochs", 13), "cannot be written")


def test_no_right_to_read(chainrule: Type, runs: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("the superuser may read everything")
    Path("passengers.csv").chmod(0)
    refused(chainrule("train", "passengers.csv"), "passengers.csv", "ermission")


# -- mistakes that a program makes, in the words of the same errors --------------------------------------------------


def test_a_column_against_a_row_of_targets() -> None:
    with pytest.raises(errors.ShapeError, match=r"\(32, 1\).*\(32,\)"):
        losses.mse(cr.zeros((32, 1)), cr.zeros((32,)))


def test_layers_whose_sizes_do_not_fit_name_the_layer_and_what_would_fit() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(9, 2))
    with pytest.raises(errors.ShapeError, match=r"'2'.*9") as caught:
        model(cr.zeros((5, 4)))
    assert "8" in str(caught.value)


def test_a_program_that_prints_a_message_ends_with_code_2(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "chainrule", "train", "missing.csv"],
        capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith("error: no file or folder 'missing.csv'")
