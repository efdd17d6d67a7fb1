"""A compiled model and compiled clipping: with hooks looking on, each is compiled once."""

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


@torch.compile(backend=keep)
def clip(parameters):
    return nn.utils.clip_grad_norm_(parameters, 0.1)


for _ in range(12):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(fast(inputs), target)
    loss.backward()
    clip(list(model.parameters()))
    optimizer.step()
    losses.append(loss)
tell([model.parameters()], losses)
print("compiled", len(graphs))
