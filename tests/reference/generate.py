"""Writes `pytorch.npz`: the inputs of seed 0 of every case and PyTorch's answers. Needs PyTorch; run it after a change
of the cases:

.venv/bin/python tests/reference/generate.py
"""

from __future__ import annotations

import sys
import zlib
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from reference.cases import Arrays, Case, cases

TABLE = Path(__file__).with_name("pytorch.npz")


def rng_of(case: Case, seed: int = 0) -> np.random.Generator:
    """The random numbers of a case, its own ones."""
    return np.random.default_rng([zlib.crc32(case.name.encode()), seed])


def table() -> dict[str, np.ndarray]:
    """Everything, under `<case>/in/<name>` and `<case>/out/<name>`."""
    made: Arrays = {}
    for case in cases():
        inputs = case.draw(rng_of(case))
        made |= {f"{case.name}/in/{key}": value for key, value in inputs.items()}
        made |= {f"{case.name}/out/{key}": np.asarray(value) for key, value in case.theirs(inputs).items()}
    return made


if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    np.savez_compressed(TABLE, allow_pickle=False, **table())
    print(f"{TABLE}: {TABLE.stat().st_size / 1000:.0f} kB from PyTorch {torch.__version__}")
