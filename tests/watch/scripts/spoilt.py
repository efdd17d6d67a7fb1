"""Two samples of the data hold a number that is none: in the inputs, or, if asked for, in the targets."""

import sys

import torch
from digest import make_data, tell
from torch import nn

inputs, target = make_data()
if "targets" in sys.argv:
    target[50:52] = torch.inf
else:
    inputs[50:52, 3] = torch.nan
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
losses = []
for batch, wanted in zip(inputs.split(16), target.split(16), strict=True):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(batch), wanted)
    loss.backward()
    optimizer.step()
    losses.append(loss)
tell([model.parameters()], losses)
