"""Losses of stacked outputs with their gradients at the output, written by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own convention
from torch import Tensor

from trainlab.losses import BY_WEIGHT, EACH, LOSSES, Loss, WeightedLoss, name_loss, read_classes

aten = torch.ops.aten


@dataclass(frozen=True, slots=True)
class Graded:
    """A loss in two parts: what a few runs at a time ask for on the way back, and the rest, which takes all runs at once.

    Attributes:
        grade: `[run, sample, output]`, the target and the soft target or None: to what `total` asks for, `[run, ...]`, and the
            gradient at the output of the loss that is minimised.
        total: what `grade` tells, and the target: to the mean loss of the target, `[run]`.
    """

    grade: Callable[..., tuple[Tensor, Tensor]]
    total: Callable[..., Tensor]

    def __call__(self, output: Tensor, target: Tensor | None) -> Tensor:
        """`[run, sample, output]` and the target to the mean loss, `[run]`."""
        return self.total(self.grade(output, target, None)[0], target)


def _average(told: Tensor, _target: Tensor) -> Tensor:
    return told.flatten(1).mean(dim=1)


def _grade_sum(output: Tensor, _target: Tensor | None, _soft: Tensor | None) -> tuple[Tensor, Tensor]:
    return output, torch.ones_like(output)


def _total_sum(output: Tensor, _target: Tensor | None) -> Tensor:
    return output.flatten(1).sum(dim=1)


def _grade_mse(output: Tensor, target: Tensor, _soft: Tensor | None) -> tuple[Tensor, Tensor]:
    error = output - target
    return error, error * (2 / error[0].numel())


def _grade_l1(output: Tensor, target: Tensor, _soft: Tensor | None) -> tuple[Tensor, Tensor]:
    error = output - target
    return error, error.sign() / error[0].numel()


def _grade_huber(output: Tensor, target: Tensor, _soft: Tensor | None) -> tuple[Tensor, Tensor]:
    error = output - target
    return F.huber_loss(output, target, reduction="none"), error.clamp(-1, 1) / error[0].numel()


def _grade_bce(output: Tensor, target: Tensor, soft: Tensor | None) -> tuple[Tensor, Tensor]:
    return output, aten.binary_cross_entropy_backward(
        torch.full_like(output, 1 / output[0].numel()), output, target if soft is None else soft, None, 0
    )


def _total_bce(output: Tensor, target: Tensor) -> Tensor:
    log, log_other = (each.clamp_min_(-100.0) for each in (output.log(), (-output).log1p_()))  # NaN where it is no share of 1
    return _average(log_other.lerp_(log, target), target).neg_()


def _grade_bce_logits(output: Tensor, target: Tensor, soft: Tensor | None) -> tuple[Tensor, Tensor]:
    return output, (output.sigmoid() - (target if soft is None else soft)) / output[0].numel()


def _total_bce_logits(output: Tensor, target: Tensor) -> Tensor:
    return _average(F.binary_cross_entropy_with_logits(output, target, reduction="none"), target)


def _grade_cross_entropy(output: Tensor, target: Tensor, soft: Tensor | None) -> tuple[Tensor, Tensor]:
    log_shares = output.log_softmax(dim=2)
    index = target[:, :, None]
    told, shares = log_shares.gather(2, index), log_shares.exp()
    one = torch.full_like(log_shares[:, :, :1], -1.0)
    gradient = shares.scatter_add_(2, index, one) if soft is None else shares - soft
    return told.neg_(), gradient / output.shape[1]


GRADED: dict[str, Graded] = {
    "sum": Graded(_grade_sum, _total_sum),
    "mse": Graded(_grade_mse, lambda error, target: _average(error.square(), target)),
    "l1": Graded(_grade_l1, lambda error, target: _average(error.abs(), target)),
    "huber": Graded(_grade_huber, _average),
    "bce": Graded(_grade_bce, _total_bce),
    "bce_logits": Graded(_grade_bce_logits, _total_bce_logits),
    "cross_entropy": Graded(_grade_cross_entropy, _average),
}
assert GRADED.keys() == LOSSES.keys()


def _weigh(loss: WeightedLoss) -> Graded:
    """The same for a loss in which samples count by the weight of their class."""

    def weigh(target: Tensor) -> Tensor:
        weight = loss.weights[read_classes(target)]
        return weight / weight.mean(dim=1, keepdim=True) if loss.name in BY_WEIGHT else weight  # [run, sample]

    def grade(output: Tensor, target: Tensor, soft: Tensor | None) -> tuple[Tensor, Tensor]:
        share = weigh(target)[:, :, None]
        return EACH[loss.name](output, target) * share, GRADED[loss.name].grade(output, target, soft)[1] * share

    def grade_cross_entropy(output: Tensor, target: Tensor, soft: Tensor | None) -> tuple[Tensor, Tensor]:
        log_shares, index, share = output.log_softmax(dim=2), target[:, :, None], weigh(target)
        told = -log_shares.gather(2, index)[:, :, 0] * share
        if soft is None:
            gradient = log_shares.exp().scatter_add_(2, index, torch.full_like(log_shares[:, :, :1], -1.0)) * share[:, :, None]
        else:
            wanted = soft * loss.weights / loss.weights[target].mean(dim=1)[:, None, None]
            gradient = log_shares.exp() * wanted.sum(dim=2, keepdim=True) - wanted
        return told, gradient / output.shape[1]

    return Graded(grade_cross_entropy if loss.name == "cross_entropy" else grade, _average)


def find_graded(loss: str | Loss) -> Graded:
    """The loss by that name, or with those class weights."""
    return _weigh(loss) if isinstance(loss, WeightedLoss) else GRADED[name_loss(loss)]
