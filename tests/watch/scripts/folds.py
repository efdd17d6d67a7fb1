"""One model after the other, each let go of when the next is made."""

import weakref

import torch
from digest import make_data, tell
from torch import nn

inputs, target = make_data()
losses, gone = [], []
for _ in range(3):
    model = nn.Linear(8, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    gone.append(weakref.ref(model))
    for _ in range(4):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(inputs), target)
        loss.backward()
        optimizer.step()
    losses.append(loss.item())
    del model, optimizer, loss
tell([], losses)
print("gone", [each() is None for each in gone])
