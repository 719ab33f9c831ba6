"""The digits MLP by chainrule: 50 epochs of Adam, saved; prints the test accuracy."""

import sys
from pathlib import Path

import chainrule as cr
from chainrule import data, losses, metrics, nn, optim

prepared = data.prepare("digits", seed=0)
cr.random.seed(0)
model = nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))
trainer = cr.Trainer(
    model, losses.CrossEntropy(), optim.Adam(model.parameters(), lr=1e-3), metrics=[metrics.Accuracy()], progress=False
)
trainer.fit(prepared.train, epochs=50, batch_size=32, out=Path(sys.argv[1]) / "chainrule")
print(f"{trainer.evaluate(prepared.test)['accuracy']:.3f}")
