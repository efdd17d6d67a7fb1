"""Mini-batches, dropout, batch norm, a schedule, clipping by norm, an evaluation after each epoch."""

import torch
from digest import make_data, tell
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

inputs, target = make_data()
model = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 1))
optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)
losses = []
for _ in range(4):
    model.train()
    for batch, wanted in DataLoader(TensorDataset(inputs, target), batch_size=16, shuffle=True):
        optimizer.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(model(batch), wanted)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        losses.append(loss)
    schedule.step()
    model.eval()
    with torch.no_grad():
        losses += [nn.functional.binary_cross_entropy_with_logits(model(part), target[:32]) for part in inputs.split(32)]
tell([model.state_dict().values()], losses)
