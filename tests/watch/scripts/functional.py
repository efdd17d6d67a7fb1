"""Gradients of torch.func, which no hook sees."""

import torch
from digest import make_data, tell

inputs, target = make_data()
weight = torch.zeros(8, 1)
slope = torch.func.grad(lambda each: ((inputs @ each - target) ** 2).mean())
for _ in range(5):
    weight = weight - 0.1 * slope(weight)
tell([(weight,)], [])
