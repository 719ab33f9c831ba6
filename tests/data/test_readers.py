"""Readers of IDX folders, NumPy archives and image folders, and what they refuse."""

from __future__ import annotations

import gzip
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chainrule import data, errors
from chainrule.data.idx import parse_idx


def idx(array: np.ndarray) -> bytes:
    code = {"u1": 8, "i1": 9, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}[array.dtype.str[1:]]
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, code, array.ndim]) + sizes + array.astype(array.dtype.newbyteorder(">")).tobytes()


def mnist_like(folder: Path, *, gz: bool = True, test: bool = True, rows: int = 60) -> Path:
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    for part in ["train", "t10k"] if test else ["train"]:
        files = {
            f"{part}-images-idx3-ubyte": rng.integers(0, 256, (rows, 5, 4), np.uint8),
            f"{part}-labels-idx1-ubyte": (np.arange(rows) % 3).astype(np.uint8),
        }
        for name, array in files.items():
            raw = idx(array)
            (folder / (name + ".gz" * gz)).write_bytes(gzip.compress(raw) if gz else raw)
    return folder


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "i4", "f4", "f8"])
def test_idx_values_of_every_type(dtype):
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    back = parse_idx(idx(array), "x")
    np.testing.assert_array_equal(back, array)
    assert back.dtype.isnative


@pytest.mark.parametrize("gz", [True, False])
def test_idx_folder(tmp_path, gz):
    prepared = data.prepare(mnist_like(tmp_path / "m", gz=gz))
    assert prepared.train.inputs[0].shape == (51, 5, 4, 1)
    assert prepared.train.inputs[0].dtype == np.float32
    assert prepared.summary["rows"] == {"train": 51, "validation": 9, "test": 60}
    assert prepared.preprocessing.input_description == {"kind": "image", "shape": [5, 4, 1], "outputs": 3}
    alone = data.prepare(mnist_like(tmp_path / "n", test=False))
    assert alone.summary["rows"] == {"train": 42, "validation": 9, "test": 9}
    dataset, messages = prepared.preprocessing.transform(tmp_path / "m", has_target=True)
    assert len(dataset) == 60
    assert any("its test part is taken" in message for message in messages)


def test_idx_faults(tmp_path):
    good = idx(np.zeros((3, 2, 2), np.uint8))
    for raw, word in [
        (b"", "starts with nothing"),
        (b"\x00\x00\x07\x03" + good[4:], "magic number"),
        (b"\x1f\x00\x08\x03" + good[4:], "magic number"),
        (good[:6], "ends within its header"),
        (good[:-1], "12 bytes, but holds 11 bytes"),
        (good + b"x", "12 bytes, but holds 13 bytes"),
        (b"\x00\x00\x08\x03" + b"\xff" * 12, "but holds 0 bytes"),
    ]:
        with pytest.raises(errors.DataError, match=word):
            parse_idx(raw, "x")
    folder = mnist_like(tmp_path / "m")
    images = folder / "train-images-idx3-ubyte.gz"
    images.write_bytes(images.read_bytes()[:100])
    with pytest.raises(errors.DataError, match="damaged gzip file"):
        data.prepare(folder)
    folder = mnist_like(tmp_path / "n")
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(np.zeros(3, np.uint8))))
    with pytest.raises(errors.DataError, match=r"labels of shape \(3,\) for 60 images"):
        data.prepare(folder)
    folder = mnist_like(tmp_path / "o")
    (folder / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(errors.DataError, match="no target to train on"):
        data.prepare(folder)
    with pytest.raises(errors.DataError, match="name its folder"):
        data.prepare(images)


def test_a_gzip_bomb_is_refused(tmp_path, monkeypatch):
    from chainrule.data import files

    monkeypatch.setattr(files, "MAX_BYTES", 1000)
    with pytest.raises(errors.DataError, match="more than 1,000 bytes"):
        files.unpack_gzip(gzip.compress(b"0" * 100_000), "bomb.gz", 1000)


def test_npz_with_each_choice_of_keys(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)), np.arange(40) % 2
    for keys in [("x", "y"), ("X", "Y"), ("data", "target"), ("inputs", "targets")]:
        np.savez(tmp_path / "t.npz", allow_pickle=False, **dict(zip(keys, (x, y), strict=True)))
        assert data.prepare(tmp_path / "t.npz").train.inputs[0].shape == (28, 3)
    np.savez_compressed(tmp_path / "t.npz", x_train=x, y_train=y, x_test=x[:8], y_test=y[:8])
    assert data.prepare(tmp_path / "t.npz").summary["rows"] == {"train": 34, "validation": 6, "test": 8}
    np.savez(tmp_path / "t.npz", images=rng.random((40, 4, 4)), labels=np.array(["cat", "dog"] * 20))
    prepared = data.prepare(tmp_path / "t.npz")
    assert prepared.train.inputs[0].shape == (28, 4, 4, 1)
    assert prepared.train.classes == ["cat", "dog"]
    np.savez(tmp_path / "t.npz", x=x, y=np.eye(3)[np.arange(40) % 3])
    prepared = data.prepare(tmp_path / "t.npz")
    assert prepared.train.classes == ["0", "1", "2"]
    assert any("one-hot" in message for message in prepared.messages)
    np.savez(tmp_path / "p.npz", x=x)
    assert len(prepared.preprocessing.transform(tmp_path / "p.npz")[0]) == 40
    np.save(tmp_path / "p.npy", np.asfortranarray(x))
    np.testing.assert_array_equal(
        prepared.preprocessing.transform(tmp_path / "p.npy")[0].inputs[0],
        prepared.preprocessing.transform(x)[0].inputs[0],
    )


def test_npz_faults(tmp_path):
    path = tmp_path / "t.npz"
    np.savez(path, x=np.array([{"code": 1}], dtype=object), y=np.zeros(1))
    with pytest.raises(errors.DataError, match="pickled Python objects"):
        data.prepare(path)
    np.savez(path, a=np.zeros((4, 2)), b=np.zeros(4))
    with pytest.raises(errors.DataError, match=r"holds a \(4, 2\), b \(4,\)"):
        data.prepare(path)
    path.write_bytes(b"not a zip")
    with pytest.raises(errors.DataError, match="no readable NumPy archive"):
        data.prepare(path)
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 8), }"
    header += b" " * (117 - len(header)) + b"\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + b"0" * 64)
    with pytest.raises(errors.DataError, match="claims the shape"):
        data.prepare(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", b"0" * 50_000_000)
    archive_bytes = bytearray(path.read_bytes())
    place = archive_bytes.rfind(b"PK\x01\x02")
    archive_bytes[place + 24 : place + 28] = struct.pack("<I", 2**31)  # a lie about the unpacked size
    path.write_bytes(archive_bytes)
    with pytest.raises(errors.DataError, match="refused"):
        data.prepare(path)


def pictures(folder: Path, size: tuple[int, int] = (6, 5), mode: str = "RGB", count: int = 10) -> Path:
    rng = np.random.default_rng(0)
    for i, name in enumerate(["cats", "dogs"]):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for k in range(count):
            shape = (size[1], size[0], 3) if mode == "RGB" else (size[1], size[0])
            pixels = (rng.integers(0, 100, shape) + 100 * i).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{k}.png")
    return folder


def test_folder_of_class_folders(tmp_path):
    prepared = data.prepare(pictures(tmp_path / "p"))
    assert prepared.train.inputs[0].shape == (14, 5, 6, 3)
    assert prepared.train.classes == ["cats", "dogs"]
    assert prepared.train.task == "binary"
    gray = data.prepare(pictures(tmp_path / "g", mode="L"))
    assert gray.train.inputs[0].shape == (14, 5, 6, 1)


def test_folders_train_and_test(tmp_path):
    pictures(tmp_path / "p" / "train")
    pictures(tmp_path / "p" / "test", size=(8, 8), count=3)
    prepared = data.prepare(tmp_path / "p")
    assert prepared.summary["rows"] == {"train": 18, "validation": 2, "test": 6}
    assert any("6 of 6 images (8×8) were resized to 6×5" in message for message in prepared.messages)


def test_images_of_other_sizes_and_kinds(tmp_path):
    folder = pictures(tmp_path / "p")
    Image.fromarray(np.full((50, 40), 7, np.uint8)).save(folder / "cats" / "big.jpg")
    Image.fromarray(np.full((5, 6), 40_000, np.uint16)).save(folder / "dogs" / "deep.png")
    (folder / "dogs" / "notes.txt").write_text("not an image")
    prepared = data.prepare(folder, validation=0, test_fraction=0)
    messages = "\n".join(prepared.messages)
    assert "1 of 22 images (40×50) were resized to 6×5" in messages
    assert "2 grey images among coloured ones" in messages
    assert "1 file that is no image was left out" in messages
    loaded = data.load(folder).train.inputs  # pyright: ignore[reportAttributeAccessIssue]
    assert (loaded[10] == 7).all()
    assert any((image == 40_000 >> 8).all() for image in loaded)


def test_images_alone_to_predict_from(tmp_path):
    fitted = data.prepare(pictures(tmp_path / "p")).preprocessing
    dataset, messages = fitted.transform(tmp_path / "p" / "cats")
    assert len(dataset) == 10
    Image.fromarray(np.full((50, 40), 7, np.uint8)).save(tmp_path / "one.png")
    dataset, messages = fitted.transform(tmp_path / "one.png")
    assert dataset.inputs[0].shape == (1, 5, 6, 3)
    assert any("as in training" in message for message in messages)


def test_image_faults(tmp_path):
    folder = pictures(tmp_path / "p")
    whole = (folder / "cats" / "0.png").read_bytes()
    (folder / "cats" / "0.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(errors.DataError, match=r"0\.png is no readable image"):
        data.prepare(folder)
    (folder / "cats" / "0.png").write_bytes(b"no image at all")
    with pytest.raises(errors.DataError, match=r"0\.png is no readable image"):
        data.prepare(folder)
    (folder / "cats" / "0.png").write_bytes(whole)
    (folder / "mice").mkdir()
    with pytest.raises(errors.DataError, match="'mice' holds no images"):
        data.prepare(folder)
    with pytest.raises(errors.DataError, match="one folder per class"):
        data.prepare(folder / "cats")
    with pytest.raises(errors.DataError, match=r"neither IDX files nor class folders with images, but p\n"):
        data.prepare(tmp_path)  # images lie deeper, but `p` is no class


def test_class_folders_called_by_numbers_are_classes_even_if_few(tmp_path):
    folder = pictures(tmp_path / "p", count=3)
    for number, name in enumerate(("cats", "dogs")):
        (folder / name).rename(folder / str(number + 7))
    prepared = data.prepare(folder, validation=0, test_fraction=0)
    assert prepared.train.classes == ["7", "8"]


@pytest.mark.parametrize("side", [9_000, 30_000])
def test_decompression_bombs_are_refused(tmp_path, side):
    """A header that claims many pixels is enough to be refused; nothing is decoded."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")
    folder = pictures(tmp_path / "p")
    (folder / "cats" / "bomb.png").write_bytes(bomb)
    with pytest.raises(errors.DataError, match=r"bomb\.png has .* pixels|bomb\.png is no readable image: Image size"):
        data.prepare(folder)


def test_arrays_in_memory():
    rng = np.random.default_rng(0)
    x = rng.normal(3, 2, (60, 4))
    prepared = data.prepare((x, np.array(["a", "b", "c"] * 20)))
    assert prepared.preprocessing.input_description == {"kind": "table", "numeric": 4, "categories": [], "outputs": 3}
    assert np.abs(prepared.train.inputs[0].mean(axis=0)).max() < 1e-5
    signs = data.prepare((x, np.array([-1, 1] * 30)))
    assert signs.train.classes == ["-1", "1"]
    sequences = data.prepare((rng.normal(size=(60, 7, 2)), rng.normal(size=60)))
    assert sequences.preprocessing.input_description == {"kind": "array", "shape": [7, 2], "outputs": 1}
    assert sequences.train.task == "regression"
    column = data.prepare((x, rng.normal(size=(60, 1))))
    assert column.train.target is not None
    assert column.train.target.shape == (42,)
    named = data.prepare({"x_train": x, "y_train": [0, 1] * 30, "x_test": x[:6], "y_test": [0, 1] * 3})
    assert named.summary["rows"]["test"] == 6


def test_constant_and_huge_columns():
    x = np.stack([np.full(40, 7.0), np.arange(40.0), np.arange(40) * 1e30, np.full(40, 1e-30)], axis=1)
    prepared = data.prepare((x, [0, 1] * 20))
    assert np.isfinite(prepared.train.inputs[0]).all()
    assert (prepared.train.inputs[0][:, 0] == 0).all()
    with pytest.raises(errors.DataError, match="float32"):
        data.prepare((x * 1e30, [0, 1] * 20))


def test_a_dataset_keeps_its_classes_and_task():
    dataset = data.Dataset(
        np.random.default_rng(0).normal(size=(60, 2)), [0, 1, 2] * 20, classes=["low", "mid", "high"]
    )
    assert data.prepare(dataset).train.classes == ["low", "mid", "high"]
    counts = data.Dataset(np.zeros((60, 2)), [1.0, 2.0, 3.0] * 20)
    assert data.prepare(counts).train.task == "regression"
    two = data.Dataset((np.zeros((4, 2)), np.zeros((4, 1), np.int32)), [0, 1, 0, 1])
    with pytest.raises(errors.DataError, match="prepared already"):
        data.prepare(two)
