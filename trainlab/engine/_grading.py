"""Losses of stacked outputs with their gradients at the output, written by hand."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own convention
from torch import Tensor

from trainlab.losses import BY_WEIGHT, EACH, LOSSES, Loss, WeightedLoss, name_loss, read_classes

aten = torch.ops.aten


def _loss_sum(output: Tensor, _target: Tensor | None, _soft: Tensor | None) -> tuple[Tensor, Tensor]:
    return output.sum(dim=(1, 2)), torch.ones_like(output)


def _loss_mse(output: Tensor, target: Tensor, _soft: Tensor | None) -> tuple[Tensor, Tensor]:
    error = output - target
    return error.square().mean(dim=(1, 2)), error * (2 / error[0].numel())


def _loss_l1(output: Tensor, target: Tensor, _soft: Tensor | None) -> tuple[Tensor, Tensor]:
    error = output - target
    return error.abs().mean(dim=(1, 2)), error.sign() / error[0].numel()


def _loss_huber(output: Tensor, target: Tensor, _soft: Tensor | None) -> tuple[Tensor, Tensor]:
    error = output - target
    loss = F.huber_loss(output, target, reduction="none").mean(dim=(1, 2))
    return loss, error.clamp(-1, 1) / error[0].numel()


def _loss_bce(output: Tensor, target: Tensor, soft: Tensor | None) -> tuple[Tensor, Tensor]:
    log, log_other = (each.clamp_min_(-100.0) for each in (output.log(), (-output).log1p_()))  # NaN where it is no share of 1
    loss = log_other.lerp_(log, target).mean(dim=(1, 2)).neg_()
    return loss, aten.binary_cross_entropy_backward(
        torch.full_like(output, 1 / output[0].numel()), output, target if soft is None else soft, None, 0
    )


def _loss_bce_logits(output: Tensor, target: Tensor, soft: Tensor | None) -> tuple[Tensor, Tensor]:
    loss = F.binary_cross_entropy_with_logits(output, target, reduction="none").mean(dim=(1, 2))
    return loss, (output.sigmoid() - (target if soft is None else soft)) / output[0].numel()


def _loss_cross_entropy(output: Tensor, target: Tensor, soft: Tensor | None) -> tuple[Tensor, Tensor]:
    log_shares = output.log_softmax(dim=2)
    index = target[:, :, None]
    shares = log_shares.exp()
    one = torch.full_like(log_shares[:, :, :1], -1.0)
    gradient = shares.scatter_add_(2, index, one) if soft is None else shares - soft
    return -log_shares.gather(2, index)[:, :, 0].mean(dim=1), gradient / output.shape[1]


GradedLoss = Callable[..., tuple[Tensor, Tensor]]
"""`[run, sample, output]`, the target and the soft target or None: to the mean loss of the target, `[run]`, and the gradient at
the output of the loss that is minimised."""

GRADED: dict[str, GradedLoss] = {
    "sum": _loss_sum,
    "mse": _loss_mse,
    "l1": _loss_l1,
    "huber": _loss_huber,
    "bce": _loss_bce,
    "bce_logits": _loss_bce_logits,
    "cross_entropy": _loss_cross_entropy,
}
assert GRADED.keys() == LOSSES.keys()


def _weigh(loss: WeightedLoss) -> GradedLoss:
    """The same for a loss in which samples count by the weight of their class."""

    def weigh(target: Tensor) -> Tensor:
        weight = loss.weights[read_classes(target)]
        return weight / weight.mean(dim=1, keepdim=True) if loss.name in BY_WEIGHT else weight  # [run, sample]

    def grade(output: Tensor, target: Tensor, soft: Tensor | None) -> tuple[Tensor, Tensor]:
        share = weigh(target)[:, :, None]
        each = EACH[loss.name](output, target) * share
        return each.mean(dim=(1, 2)), GRADED[loss.name](output, target, soft)[1] * share

    def grade_cross_entropy(output: Tensor, target: Tensor, soft: Tensor | None) -> tuple[Tensor, Tensor]:
        log_shares, index, share = output.log_softmax(dim=2), target[:, :, None], weigh(target)
        told = -log_shares.gather(2, index)[:, :, 0] * share
        if soft is None:
            gradient = log_shares.exp().scatter_add_(2, index, torch.full_like(log_shares[:, :, :1], -1.0)) * share[:, :, None]
        else:
            wanted = soft * loss.weights / loss.weights[target].mean(dim=1)[:, None, None]
            gradient = log_shares.exp() * wanted.sum(dim=2, keepdim=True) - wanted
        return told.mean(dim=1), gradient / output.shape[1]

    return grade_cross_entropy if loss.name == "cross_entropy" else grade


def find_graded(loss: str | Loss) -> GradedLoss:
    """The loss by that name, or with those class weights."""
    return _weigh(loss) if isinstance(loss, WeightedLoss) else GRADED[name_loss(loss)]
