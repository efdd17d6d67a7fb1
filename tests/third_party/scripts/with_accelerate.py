"""A loop of one's own under Accelerate, which gathers gradients over two batches."""

import torch
from accelerate import Accelerator
from digest import make_data, tell
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
data = TensorDataset(*make_data())
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 1))
optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
model, optimizer, batches = accelerator.prepare(model, optimizer, DataLoader(data, batch_size=8, shuffle=True))
losses = []
for _ in range(6):
    model.train()
    for inputs, target in batches:
        with accelerator.accumulate(model):
            loss = nn.functional.binary_cross_entropy_with_logits(model(inputs), target)
            accelerator.backward(loss)
            if accelerator.sync_gradients:
                accelerator.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss)
    model.eval()
    with torch.no_grad():
        losses += [model(inputs).mean() for inputs, _ in batches]
tell([model.state_dict().values()], losses)
