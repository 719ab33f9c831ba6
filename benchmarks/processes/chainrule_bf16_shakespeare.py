"""A transformer on Shakespeare's plays, letter by letter, in the precision that is named; prints the losses of the last
100 steps and of a tenth that was kept for tests.
"""

import os
import sys
from pathlib import Path

import numpy as np

import chainrule as cr
from chainrule import data, losses, models, optim

STEPS, BATCH, LENGTH, RATE = 1000, 16, 128, 2e-3
letters = np.frombuffer((Path(os.environ["CHAINRULE_DATA"]) / "text" / "tiny-shakespeare.txt").read_bytes(), np.uint8)
known, tokens = np.unique(letters, return_inverse=True)
first, last = np.split(tokens, [len(tokens) * 9 // 10])
cr.random.seed(0)
model = models.TransformerLanguageModel(
    len(known), width=128, layers=4, heads=4, context=LENGTH, positions="learned", tie_weights=False
)
trainer = cr.Trainer(
    model, losses.CrossEntropy(), optim.Adam(model.parameters(), lr=RATE),
    schedule=optim.OneCycle(RATE, STEPS), precision=sys.argv[2], progress=False,
)  # fmt: skip
pieces = data.TextSamples(first, LENGTH, per_epoch=100 * BATCH)
run = trainer.fit(pieces, epochs=STEPS // 100, batch_size=BATCH, out=Path(sys.argv[1]) / sys.argv[2])
print(f"{run.history[-1]['train']['loss']:.5f} {trainer.evaluate(data.TextSamples(last, LENGTH))['loss']:.5f}")
