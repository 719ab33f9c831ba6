"""MNIST by chainrule: 10 epochs of AdamW in one cycle, saved; prints the test accuracy."""

import sys
from pathlib import Path

from mnist_files import read

import chainrule as cr
from chainrule import losses, metrics, nn, optim

EPOCHS, BATCH, RATE = 10, 128, 3e-3
x, y = read("train")
cr.random.seed(0)
model = nn.Sequential(
    nn.Linear(784, 256), nn.ReLU(), nn.Dropout(0.2), nn.Linear(256, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 10)
)
rule = optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.01, dialect="pytorch")
schedule = optim.OneCycle(RATE, EPOCHS * -(-len(x) // BATCH), dialect="pytorch")
trainer = cr.Trainer(
    model, losses.CrossEntropy(), rule, metrics=[metrics.Accuracy()], schedule=schedule, progress=False
)  # fmt: skip
trainer.fit((x, y), epochs=EPOCHS, batch_size=BATCH, out=Path(sys.argv[1]) / "chainrule-mnist")
print(f"{trainer.evaluate(read('t10k'))['accuracy']:.4f}")
