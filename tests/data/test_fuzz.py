"""Random, truncated and mutated files: every reader gives data or a chainrule error, nothing else."""

from __future__ import annotations

import gzip
import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from chainrule import data, errors
from chainrule.data.idx import parse_idx


def bytes_of(write: Any) -> bytes:
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue()


TABLE = pl.DataFrame(
    {
        "a": [i * 0.5 for i in range(40)],
        "b": [["x", "y", None][i % 3] for i in range(40)],
        "y": [i % 2 for i in range(40)],
    }
)
IDX_IMAGES = bytes([0, 0, 8, 3]) + np.array([8, 3, 3], ">u4").tobytes() + bytes(range(72))
IDX_LABELS = bytes([0, 0, 8, 1]) + np.array([8], ">u4").tobytes() + bytes([0, 1] * 4)
SEEDS: dict[str, bytes] = {
    "t.csv": TABLE.write_csv().encode(),
    "q.csv": b'name,n,y\n"Smith, J",1.5,no\n"O""Hara",2.5,yes\n' * 3,
    "t.tsv": TABLE.write_csv(separator="\t").encode(),
    "z.csv.gz": gzip.compress(TABLE.write_csv().encode()),
    "u.csv": TABLE.write_csv().encode("utf-16"),
    "t.parquet": bytes_of(TABLE.write_parquet),
    "t.arrow": bytes_of(TABLE.write_ipc),
    "t.npz": bytes_of(lambda f: np.savez(f, x=np.arange(40.0).reshape(20, 2), y=np.arange(20) % 2)),
    "s.npz": bytes_of(
        lambda f: np.savez(f, x=np.arange(80.0).reshape(20, 4), lengths=np.arange(20) % 4 + 1, y=np.arange(20) % 2)
    ),
    "c.npz": bytes_of(lambda f: np.savez_compressed(f, images=np.zeros((8, 3, 3), np.uint8), labels=np.arange(8) % 2)),
}
PICTURES = {
    "png": bytes_of(lambda f: Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3)).save(f, "PNG")),
    "jpg": bytes_of(lambda f: Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3)).save(f, "JPEG")),
    "gif": bytes_of(lambda f: Image.fromarray(np.arange(16, dtype=np.uint8).reshape(4, 4)).save(f, "GIF")),
    "bmp": bytes_of(lambda f: Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3)).save(f, "BMP")),
    "tif": bytes_of(lambda f: Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3)).save(f, "TIFF")),
    "webp": bytes_of(lambda f: Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3)).save(f, "WEBP")),
}


@st.composite
def spoiled(draw: Any, content: bytes) -> bytes:
    """The bytes cut off, with some changed, a piece removed, doubled or filled with noise; mostly near the two ends."""
    raw = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        if not raw:
            break
        end = min(len(raw), 64)
        place = draw(st.integers(0, len(raw) - 1) | st.integers(0, end - 1) | st.integers(len(raw) - end, len(raw) - 1))
        kind = draw(st.sampled_from(["cut", "set", "flip", "drop", "double", "noise", "huge"]))
        if kind == "cut":
            del raw[place:]
        elif kind == "set":
            raw[place] = draw(st.sampled_from([0, 1, 10, 13, 34, 44, 127, 128, 255]))
        elif kind == "flip":
            raw[place] ^= 1 << draw(st.integers(0, 7))
        elif kind == "drop":
            del raw[place : place + draw(st.integers(1, 20))]
        elif kind == "double":
            raw[place:place] = raw[place : place + draw(st.integers(1, 40))]
        elif kind == "noise":
            raw[place:place] = draw(st.binary(max_size=20))
        else:
            raw[place : place + 4] = b"\xff\xff\xff\x7f"
    return bytes(raw)


def attempt(source: Any) -> None:
    """Prepare the source; what comes out is finite data or a chainrule error."""
    try:
        prepared = data.prepare(source)
    except errors.ChainruleError:
        return
    for part in (prepared.train, prepared.validation, prepared.test):
        for array in part.inputs if part is not None else ():
            assert np.isfinite(array).all()


@pytest.mark.parametrize("name", SEEDS)
@settings(max_examples=60)
@given(choice=st.data())
def test_spoiled_files(name, choice):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(choice.draw(spoiled(SEEDS[name])))
        attempt(path)


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".csv.gz", ".parquet", ".arrow", ".npz"])
@settings(max_examples=40)
@given(content=st.binary(max_size=200))
def test_random_bytes(ending, content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"t{ending}"
        path.write_bytes(content)
        attempt(path)


@settings(max_examples=150)
@given(st.text(alphabet=st.sampled_from('abc019.,;\t|"\n\r -?é'), max_size=120))
@example('"')
@example('a,y\n"1",\n')
@example("\ufeff\n,\n,")
@example("a\n\n\n1\n2\n1\n2\n")
def test_random_tables(text):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        path.write_bytes(text.encode())
        attempt(path)


@given(st.binary(max_size=60) | spoiled(IDX_IMAGES))
@settings(max_examples=200)
def test_idx_bytes(raw):
    try:
        array = parse_idx(raw, "x")
    except errors.DataError:
        return
    assert array.nbytes <= len(raw)


@given(spoiled(IDX_IMAGES), st.just(IDX_LABELS) | spoiled(IDX_LABELS), st.booleans())
@settings(max_examples=60)
def test_idx_folders(images, labels, gz):
    with tempfile.TemporaryDirectory() as folder:
        for name, raw in [("train-images-idx3-ubyte", images), ("train-labels-idx1-ubyte", labels)]:
            Path(folder, name + ".gz" * gz).write_bytes(gzip.compress(raw) if gz else raw)
        attempt(folder)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow warns of odd metadata before it reads or refuses
@pytest.mark.parametrize("ending", PICTURES)
@settings(max_examples=40)
@given(choice=st.data())
def test_spoiled_images(ending, choice):
    with tempfile.TemporaryDirectory() as folder:
        for i, name in enumerate(["a", "b"]):
            Path(folder, name).mkdir()
            for k in range(3):
                Path(folder, name, f"{k}.{ending}").write_bytes(PICTURES[ending])
            Path(folder, name, f"{9 + i}.{ending}").write_bytes(choice.draw(spoiled(PICTURES[ending])))
        attempt(folder)


@given(
    st.dictionaries(
        st.text(max_size=3),
        st.lists(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.binary(max_size=2),
            max_size=30,
        ),
        max_size=4,
    )
)
@settings(max_examples=150)
def test_random_dicts(table):
    attempt(table)


@given(
    st.lists(st.lists(st.floats() | st.integers(), min_size=2, max_size=2), max_size=12),
    st.lists(st.integers() | st.floats() | st.text(max_size=2), max_size=12),
)
@settings(max_examples=100)
def test_random_arrays(x, y):
    attempt((x, y))
