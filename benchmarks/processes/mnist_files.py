"""MNIST's images, standardised, and labels, as both scripts read them."""

import gzip
import os
from pathlib import Path

import numpy as np


def read(part: str) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 784) and labels (N,) of "train" or "t10k"."""
    folder = Path(os.environ["CHAINRULE_DATA"]) / "mnist"
    images = gzip.decompress((folder / f"{part}-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((folder / f"{part}-labels-idx1-ubyte.gz").read_bytes())
    x = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 784).astype(np.float32)
    x = (x / 255 - np.float32(0.1307)) / np.float32(0.3081)
    return x, np.frombuffer(labels, np.uint8, offset=8).astype(np.int64)
