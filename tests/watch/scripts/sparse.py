"""Sparse gradients of an embedding."""

import torch
from digest import make_data, tell
from torch import nn

_, target = make_data()
table = nn.EmbeddingBag(20, 4, sparse=True)
head = nn.Linear(4, 1)
optimizer = torch.optim.SGD([*table.parameters(), *head.parameters()], lr=0.1)
words = torch.randint(20, (64, 3))
losses = []
for _ in range(12):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(head(table(words)), target)
    loss.backward()
    optimizer.step()
    losses.append(loss)
tell([table.parameters(), head.parameters()], losses)
