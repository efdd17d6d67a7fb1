"""Regularisers on stacked rows: the proximal step of L1, the max-norm constraint, smoothed labels."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own convention
from torch import Tensor

from trainlab.step import Layout


def shrink(flat: Tensor, threshold: Tensor, layout: Layout) -> Tensor:
    """The proximal step of an L1 penalty: w <- sign(w) max(|w| - threshold, 0) on weight matrices and filters.

    A subgradient step would never land on 0; this does. Biases and the scales of normalisations are left alone.

    Args:
        flat: `[run, total]` parameters after the optimizer's step.
        threshold: `[run, total]` or `[run, 1]`: strength times the step that the optimizer makes on each weight. 0 changes nothing.
        layout: of the rows.
    """
    after = flat.clone()
    for part, limit, shape in zip(layout.split(after), layout.split(threshold.expand_as(flat)), layout.shapes, strict=True):
        if len(shape) > 1:
            # What is smaller than the threshold, less itself; 0 is added so that no threshold leaves -0 alone, too
            part.sub_(part.clamp(-limit, limit).add_(0.0))
    return after


def mark_weights(layout: Layout, like: Tensor) -> Tensor:
    """`[1, total]`, true where a number belongs to a weight matrix or filter."""
    parts = [torch.full((size,), len(shape) > 1) for shape, size in zip(layout.shapes, layout.sizes, strict=True)]
    return torch.cat(parts)[None].to(like.device)


def limit_norms(flat: Tensor, limit: Tensor, layout: Layout) -> Tensor:
    """Max-norm: the weights into each unit, w <- w limit/|w| where |w| exceeds the limit (Srebro et al., 2004).

    Args:
        flat: `[run, total]` parameters.
        limit: `[run]`; infinity changes nothing.
        layout: of the rows. A unit is a row of a matrix, or one filter; parameters of one dimension are left alone.
    """
    parts = []
    for part, shape in zip(layout.split(flat), layout.shapes, strict=True):
        if len(shape) < 2:
            parts.append(part)
            continue
        units = part.reshape(len(part), shape[0], -1)  # [run, unit, weight]
        norm = torch.linalg.vector_norm(units, dim=2, keepdim=True)
        bound = limit[:, None, None]
        parts.append((units * torch.where(norm > bound, bound / norm, 1.0)).flatten(1))
    return torch.cat(parts, dim=1)


def smooth(target: Tensor, share: Tensor, *, classes: int) -> Tensor:
    """Labels of which a share is spread evenly over the classes (Szegedy et al., 2016).

    Args:
        target: `[run, sample]` class numbers, `[run, sample, class]` one-hot rows, or `[run, sample, 1]` zeros and ones; each may
            have steps behind the sample.
        share: `[run]`.
        classes: number of classes; for a single output, two.

    Returns:
        `[run, sample, class]`, or `[run, sample, 1]` for a single output, with the steps between.
    """
    if not target.is_floating_point():
        target = F.one_hot(target, classes)
    spread = share.view(-1, *[1] * (target.dim() - 1))
    return target * (1 - spread) + spread / (classes if target.shape[-1] > 1 else 2)
