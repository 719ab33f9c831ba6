"""One eager step of a small MLP by PyTorch; prints how long the import took."""

import time

started = time.perf_counter()
import numpy as np  # noqa: E402 (what is measured)
import torch  # noqa: E402
from torch import nn  # noqa: E402

print(f"{time.perf_counter() - started:.2f} s")
x = torch.from_numpy(np.random.default_rng(0).normal(size=(32, 64)).astype(np.float32))
y = torch.arange(32) % 10
model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))
rule = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
loss = nn.functional.cross_entropy(model(x), y)
loss.backward()
rule.step()
loss.item()
