"""The digits MLP by PyTorch: 50 epochs of fused Adam, saved; prints the test accuracy."""

import sys
from pathlib import Path

import torch

from chainrule import data

torch.set_num_threads(2)
torch.manual_seed(0)
prepared = data.prepare("digits", seed=0)
x, y = torch.from_numpy(prepared.train.inputs[0]), torch.from_numpy(prepared.train.target).long()
model = torch.nn.Sequential(
    torch.nn.Flatten(),
    torch.nn.Linear(64, 128),
    torch.nn.ReLU(),
    torch.nn.Linear(128, 64),
    torch.nn.ReLU(),
    torch.nn.Linear(64, 10),
)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
for _ in range(50):
    for rows in torch.randperm(len(x)).split(32):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
        optimizer.step()
torch.save(model.state_dict(), Path(sys.argv[1]) / "torch.pt")
with torch.no_grad():
    right = model(torch.from_numpy(prepared.test.inputs[0])).argmax(1).numpy() == prepared.test.target
print(f"{right.mean():.3f}")
