"""A loss scale that begins too high: the first steps are skipped; then clipping, of unscaled gradients."""

import sys

import torch
from digest import make_data, tell
from torch import nn

inputs, target = make_data()
target = 64 * target
model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01, fused="fused" in sys.argv)
scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127, growth_interval=1000)
losses = []
for _ in range(20):
    optimizer.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = model(inputs)
    loss = nn.functional.mse_loss(output.float(), target)
    scaler.scale(loss).backward()
    if "fused" not in sys.argv:
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 0.1)
    scaler.step(optimizer)
    scaler.update()
    losses.append(loss)
tell([model.parameters()], losses)
