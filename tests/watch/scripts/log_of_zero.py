"""A logarithm that comes to be taken of 0 in the fifth update."""

import torch
from digest import make_data, tell
from torch import nn

inputs, target = make_data()
model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1), nn.Sigmoid())
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
losses = []
for step in range(8):
    optimizer.zero_grad()
    share = model(inputs) * (step != 4)
    loss = -(target * share.log() + (1 - target) * (1 - share).log()).mean()
    loss.backward()
    optimizer.step()
    losses.append(loss)
tell([model.parameters()], losses)
