"""An optimizer for each parameter, which steps as soon as its gradient is there."""

import torch
from digest import make_data, tell
from torch import nn

inputs, target = make_data()
model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
optimizers = {each: torch.optim.SGD([each], lr=0.1) for each in model.parameters()}


def step(parameter):
    optimizers[parameter].step()
    optimizers[parameter].zero_grad()


for each in model.parameters():
    each.register_post_accumulate_grad_hook(step)
losses = []
for _ in range(15):
    loss = nn.functional.mse_loss(model(inputs), target)
    loss.backward()
    losses.append(loss)
tell([model.parameters()], losses)
