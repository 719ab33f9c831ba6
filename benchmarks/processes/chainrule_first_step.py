"""One step of a small MLP by chainrule's Trainer; prints how long the import took."""

import time

started = time.perf_counter()
import numpy as np  # noqa: E402 (what is measured)

import chainrule as cr  # noqa: E402
from chainrule import losses, nn, optim  # noqa: E402

print(f"{time.perf_counter() - started:.2f} s")
x, y = np.random.default_rng(0).normal(size=(32, 64)).astype(np.float32), np.arange(32) % 10
model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))
trainer = cr.Trainer(model, losses.CrossEntropy(), optim.Adam(model.parameters(), lr=1e-3), progress=False)
trainer.fit((x, y), epochs=1, batch_size=32)
