"""Two optimizers that step parts of one model after the same backward pass; with `turns`, each after one of its own."""

import sys

import torch
from digest import make_data, tell
from torch import nn

inputs, target = make_data()
model = nn.Sequential(nn.Linear(8, 16), nn.LayerNorm(16), nn.ReLU(), nn.Linear(16, 1))
matrices = torch.optim.SGD([each for each in model.parameters() if each.dim() > 1], lr=0.002, momentum=0.9, foreach=True)
vectors = torch.optim.AdamW([each for each in model.parameters() if each.dim() < 2], lr=0.01, foreach=True)
scaler = torch.amp.GradScaler("cpu", enabled="scaled" in sys.argv, init_scale=2.0**127)
losses = []
for batch in torch.arange(64).repeat(3).split(16):
    for together in [[matrices], [vectors]] if "turns" in sys.argv else [[vectors, matrices]]:
        model.zero_grad()
        loss = 50 * nn.functional.binary_cross_entropy_with_logits(model(inputs[batch]), target[batch])
        scaler.scale(loss).backward()
        for optimizer in together:
            scaler.step(optimizer)
        scaler.update()
        losses.append(loss)
tell([model.parameters()], losses)
