"""A training to be killed and resumed: dropout, batch norm, Adam, shuffling, a schedule and a ragged last batch.

python resumable.py FOLDER [--resume] [--kill-at STEP] [--kill-writing]
"""

import argparse
import os
import signal
from pathlib import Path

import numpy as np

import chainrule as cr
from chainrule import losses, metrics, nn, optim
from chainrule.train import events, files


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--kill-at", type=int)
    parser.add_argument("--kill-writing", action="store_true")
    options = parser.parse_args()

    rng = np.random.default_rng(0)
    x = rng.normal(size=(310, 6)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] > 0).astype(np.int32)
    cr.random.seed(3)
    model = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 2))
    trainer = cr.Trainer(
        model,
        losses.CrossEntropy(),
        optim.Adam(model.parameters(), lr=1e-2),
        metrics=[metrics.Accuracy()],
        schedule=lambda step: 1e-2 / (1 + step / 50),
        seed=5,
        progress=False,
    )

    def kill(event: events.Event) -> None:
        if isinstance(event, events.StepsDone) and options.kill_at and event.step >= options.kill_at:
            if options.kill_writing:
                # the next file is cut short by the kill: half of it is on the disk under its temporary name
                def half(path: Path, content: bytes) -> None:
                    path.with_name(f".{path.name}.{os.getpid()}.part").write_bytes(content[: len(content) // 2])
                    os.kill(os.getpid(), signal.SIGKILL)

                files.write_atomic = half
            else:
                os.kill(os.getpid(), signal.SIGKILL)

    trainer.callbacks.append(kill)
    run = trainer.fit(
        (x, y),
        (x[:50], y[:50]),
        epochs=10,
        batch_size=32,
        out=options.folder,
        resume=options.resume,
        checkpoint_every=3,
    )
    assert run.steps == 100


if __name__ == "__main__":
    main()
