"""LBFGS, which calls its closure several times a step."""

import torch
from digest import make_data, tell
from torch import nn

inputs, target = make_data()
model = nn.Linear(8, 1)
optimizer = torch.optim.LBFGS(model.parameters(), max_iter=4)
losses = []


def closure():
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(inputs), target)
    loss.backward()
    losses.append(loss)
    return loss


for _ in range(12):
    optimizer.step(closure)
tell([model.parameters()], losses)
