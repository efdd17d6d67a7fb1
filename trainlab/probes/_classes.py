"""Class numbers from what a network puts out, and from targets in any shape."""

from __future__ import annotations

import torch
from torch import Tensor

from trainlab.numerics import to_double
from trainlab.step import Batch


def decide(output: Tensor, loss: str) -> Tensor:
    """`[run, sample]` class numbers from `[run, sample, output]`; or both with steps between."""
    if output.shape[-1] > 1:
        return output.argmax(dim=-1)
    return (output[..., 0] > (0.0 if loss == "bce_logits" else 0.5)).long()


def find_shares(output: Tensor, loss: str) -> Tensor:
    """The network's output as a share of 1 for each class, `[..., output]` to `[..., class]`, float64."""
    output = to_double(output)
    if output.shape[-1] == 1:
        share = output.sigmoid() if loss == "bce_logits" else output
        return torch.cat([1 - share, share], dim=-1)
    if loss == "cross_entropy":
        return output.softmax(dim=-1)
    return output.sigmoid() if loss == "bce_logits" else output


def fit_samples(output: Tensor, target: Tensor) -> Tensor:
    """`[run, sample]`: what each sample adds to R2, whose mean over the samples is R2: 1 - squared error / mean squared spread."""
    error = to_double(output - target).square().flatten(2).sum(dim=2)
    spread = to_double(target - target.mean(dim=0)).square().sum() / len(target)
    return 1 - error / spread


def read_classes(part: Batch) -> Tensor:
    """`[sample]` class numbers, or `[sample, step]`, whatever shape the loss takes them in."""
    assert part.target is not None
    if not part.target.is_floating_point():
        return part.target
    return part.target.argmax(dim=-1) if part.target.shape[-1] > 1 else part.target[..., 0].long()
