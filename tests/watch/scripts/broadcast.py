"""Every prediction is compared with every target."""

import torch
from digest import make_data, tell
from torch import nn

inputs, target = make_data()
model = nn.Linear(8, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
losses = []
for _ in range(5):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(inputs), target.squeeze(1))
    loss.backward()
    optimizer.step()
    losses.append(loss)
tell([model.parameters()], losses)
