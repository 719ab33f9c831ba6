"""MNIST by a wide MLP in the precision that is named; prints the losses of the last epoch and of the test images.

The weights decay so strongly that the loss comes to rest above 0, where a hundredth of it is more than chance.
"""

import sys
from pathlib import Path

from mnist_files import read

import chainrule as cr
from chainrule import losses, nn, optim

EPOCHS, BATCH, RATE = 8, 512, 1e-3
x, y = read("train")
cr.random.seed(0)
model = nn.Sequential(
    nn.Linear(784, 1024), nn.ReLU(), nn.Dropout(0.2), nn.Linear(1024, 1024), nn.ReLU(), nn.Dropout(0.2),
    nn.Linear(1024, 10),
)  # fmt: skip
rule = optim.AdamW(model.parameters(), lr=RATE, weight_decay=10.0, dialect="pytorch")
schedule = optim.OneCycle(RATE, EPOCHS * -(-len(x) // BATCH))
trainer = cr.Trainer(model, losses.CrossEntropy(), rule, schedule=schedule, precision=sys.argv[2], progress=False)
run = trainer.fit((x, y), epochs=EPOCHS, batch_size=BATCH, out=Path(sys.argv[1]) / sys.argv[2])
print(f"{run.history[-1]['train']['loss']:.5f} {trainer.evaluate(read('t10k'))['loss']:.5f}")
