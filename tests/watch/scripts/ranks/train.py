"""Each rank learns from its share of the data: `torchrun --nproc-per-node 2 train.py [FAULT]`."""

import sys

import torch
import torch.distributed as dist
from digest import make_data, tell
from torch import nn
from torch.nn.parallel import DistributedDataParallel

fault = sys.argv[1] if len(sys.argv) > 1 else ""
dist.init_process_group("gloo")
rank = dist.get_rank()
inputs, target = make_data()
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 1))
model = model if fault == "unwrapped" else DistributedDataParallel(model)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
torch.manual_seed(rank)
losses = []
for epoch in range(4):
    for batch in torch.randperm(32).split(8):
        if fault == "crash" and rank and epoch:
            raise ValueError("rank 1 has had enough")
        optimizer.zero_grad()
        places = 2 * batch + rank
        loss = nn.functional.binary_cross_entropy_with_logits(model(inputs[places]), target[places])
        loss.backward()
        optimizer.step()
        losses.append(loss)
for turn in range(dist.get_world_size()):
    if turn == rank:
        print(rank, end=" ")
        tell([model.state_dict().values()], losses)
        sys.stdout.flush()
    dist.barrier()
dist.destroy_process_group()
