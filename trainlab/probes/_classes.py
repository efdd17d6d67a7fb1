"""Class numbers from what a network puts out, and from targets in any shape."""

from __future__ import annotations

from torch import Tensor

from trainlab.step import Batch


def decide(output: Tensor, loss: str) -> Tensor:
    """`[run, sample]` class numbers from `[run, sample, output]`; or both with steps between."""
    if output.shape[-1] > 1:
        return output.argmax(dim=-1)
    return (output[..., 0] > (0.0 if loss == "bce_logits" else 0.5)).long()


def read_classes(part: Batch) -> Tensor:
    """`[sample]` class numbers, or `[sample, step]`, whatever shape the loss takes them in."""
    assert part.target is not None
    if not part.target.is_floating_point():
        return part.target
    return part.target.argmax(dim=-1) if part.target.shape[-1] > 1 else part.target[..., 0].long()
