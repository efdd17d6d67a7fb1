"""A compiled model, with hooks looking on, is compiled once."""

import torch
from digest import make_data, tell
from torch import nn

inputs, target = make_data()
graphs = []


def keep(graph, _):
    graphs.append(graph)
    return graph


model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
fast = torch.compile(model, backend=keep)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
losses = []
for _ in range(12):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(fast(inputs), target)
    loss.backward()
    optimizer.step()
    losses.append(loss)
tell([model.parameters()], losses)
print("compiled", len(graphs))
