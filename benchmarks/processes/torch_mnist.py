"""MNIST by PyTorch: 10 epochs of fused AdamW in one cycle, saved; prints the test accuracy."""

import os
import sys
from pathlib import Path

import torch
from mnist_files import read
from torch import nn

EPOCHS, BATCH, RATE = 10, 128, 3e-3
torch.set_num_threads(len(os.sched_getaffinity(0)))
torch.manual_seed(0)
x, y = map(torch.from_numpy, read("train"))
model = nn.Sequential(
    nn.Linear(784, 256), nn.ReLU(), nn.Dropout(0.2), nn.Linear(256, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 10)
)
rule = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.01, fused=True)
schedule = torch.optim.lr_scheduler.OneCycleLR(
    rule, RATE, total_steps=EPOCHS * -(-len(x) // BATCH), cycle_momentum=False
)  # fmt: skip
for _ in range(EPOCHS):
    for rows in torch.randperm(len(x)).split(BATCH):
        rule.zero_grad()
        nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
        rule.step()
        schedule.step()
torch.save(model.state_dict(), Path(sys.argv[1]) / "torch-mnist.pt")
model.eval()
with torch.no_grad():
    images, labels = map(torch.from_numpy, read("t10k"))
    print(f"{(model(images).argmax(1) == labels).double().mean():.4f}")
