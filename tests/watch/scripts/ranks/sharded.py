"""Each rank holds a part of every weight; one bias is too short for both."""

import torch
import torch.distributed as dist
from digest import make_data, tell
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard


def main():
    dist.init_process_group("gloo")
    rank, mesh = dist.get_rank(), init_device_mesh("cpu", (dist.get_world_size(),))
    inputs, target = make_data()
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 1))
    for part in (*model[::2], model):
        fully_shard(part, mesh=mesh)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for batch in torch.arange(32).split(4):
        optimizer.zero_grad()
        places = 2 * batch + rank
        loss = nn.functional.binary_cross_entropy_with_logits(model(inputs[places]), target[places])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.3)
        optimizer.step()
        losses.append(loss)
    whole = [each.grad.full_tensor().norm().item() for each in model.parameters()]
    for turn in range(dist.get_world_size()):
        if turn == rank:
            print(rank, *whole, end=" ")
            tell([[each.to_local().detach() for each in model.parameters()]], losses)
        dist.barrier()
    dist.destroy_process_group()


main()
