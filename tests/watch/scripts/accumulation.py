"""Gradients of four batches make an update of a fused optimizer."""

import torch
from digest import make_data, tell
from torch import nn

inputs, target = make_data()
model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, fused=True)
losses = []
for _ in range(14):
    for batch, wanted in zip(inputs.split(16), target.split(16), strict=True):
        loss = nn.functional.mse_loss(model(batch), wanted) / 4
        loss.backward()
        losses.append(loss)
    optimizer.step()
    optimizer.zero_grad()
tell([model.parameters()], losses)
