"""Losses: what a run minimises, and the shape of target and output that each one needs."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own convention
from torch import Tensor, nn

from trainlab import targets
from trainlab.config.loss import PythonLoss
from trainlab.errors import UserError
from trainlab.structure import Structure


def bce_each(output: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy of each number, NaN where the output is no share of 1.

    torch raises there, and one diverged run would take those that train beside it along. Under autocast in float32, where torch
    computes it in float32 on a CPU and refuses it on a GPU.
    """
    kind = output.device.type
    if torch.is_autocast_enabled(kind):
        with torch.autocast(kind, enabled=False):
            return bce_each(output.float(), target)
    valid = (output >= 0) & (output <= 1)
    return torch.where(valid, F.binary_cross_entropy(torch.where(valid, output, 0.5), target, reduction="none"), torch.nan)


def _bce(output: Tensor, target: Tensor) -> Tensor:
    return bce_each(output, target).mean()


def _sum(output: Tensor, target: Tensor | None) -> Tensor:  # noqa: ARG001  # one signature for all losses
    return output.sum()


def _cross_entropy(output: Tensor, target: Tensor) -> Tensor:
    """torch's, where classes come last: `[sample, class]`, or `[sample, step, class]`; the target as numbers or as shares."""
    if output.dim() == 2:
        return F.cross_entropy(output, target)
    return F.cross_entropy(output.flatten(0, -2), target.flatten(0, -2) if target.is_floating_point() else target.flatten())


IGNORED = -100  # torch's default for `ignore_index`
Loss = Callable[..., Tensor]
"""`(output, target) -> mean loss`; the target is None for `sum`, which reads none."""

LOSSES: dict[str, Loss] = {
    "sum": _sum,
    "mse": F.mse_loss,
    "l1": F.l1_loss,
    "huber": F.huber_loss,
    "bce": _bce,
    "bce_logits": F.binary_cross_entropy_with_logits,
    "cross_entropy": _cross_entropy,
}


EACH: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": lambda output, target: (output - target).square(),
    "l1": lambda output, target: (output - target).abs(),
    "huber": lambda output, target: F.huber_loss(output, target, reduction="none"),
    "bce": bce_each,
    "bce_logits": lambda output, target: F.binary_cross_entropy_with_logits(output, target, reduction="none"),
}
"""Losses that are a mean over numbers, before the mean."""

BY_WEIGHT = frozenset({"cross_entropy", "mse", "l1"})
"""Where torch divides by the sum of the weights; by the number of samples in the others."""


@dataclass(frozen=True, slots=True, eq=False)
class WeightedLoss:
    """A loss in which a sample counts by the weight of its class: what torch's own computes with `weight`.

    Attributes:
        name: a key of LOSSES, but for `sum`.
        weights: `[class]`.
    """

    name: str
    weights: Tensor

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """The weighted mean. A target that is smoothed counts by its largest share."""
        weight = self.weights[read_classes(target)]  # [sample], or [sample, step]
        if self.name != "cross_entropy":
            each = EACH[self.name](output, target).mean(dim=-1)
        elif target.is_floating_point():
            each = -(output.log_softmax(dim=-1) * target * self.weights).sum(dim=-1)
            return each.mean() / weight.mean()
        else:
            each = -output.log_softmax(dim=-1).gather(-1, target.unsqueeze(-1)).squeeze(-1)
        found = (each * weight).mean()
        return found / weight.mean() if self.name in BY_WEIGHT else found


def read_classes(target: Tensor) -> Tensor:
    """Class numbers, `[...]`, of a target in any shape that a loss takes: numbers, one 0 or 1, or a share for each class."""
    if not target.is_floating_point():
        return target
    return target.argmax(dim=-1) if target.shape[-1] > 1 else (target[..., 0] > 0.5).long()


def balance(classes: Tensor, count: int) -> Tensor:
    """`[class]`: what makes all classes that there are count alike, with a mean of 1 over the samples; 1 for those without any.

    Args:
        classes: of the samples, whole numbers of any shape.
        count: how many classes there may be.
    """
    sizes = torch.bincount(classes.flatten(), minlength=count).double()
    return torch.where(sizes > 0, sizes.sum() / ((sizes > 0).sum() * sizes), 1.0)


def find_loss(loss: str | Loss) -> Loss:
    """The function of that name; one that is weighted, or of the user's own, is that already."""
    return LOSSES[loss] if isinstance(loss, str) else loss


def name_loss(loss: str | Loss) -> str:
    """Its name, weighted or not; `python` for one of the user's own."""
    if isinstance(loss, WeightedLoss):
        return loss.name
    return loss if isinstance(loss, str) else "python"


def find_weights(loss: str | Loss) -> Tensor | None:
    """`[class]`; None where all classes count alike."""
    return loss.weights if isinstance(loss, WeightedLoss) else None


class OwnLoss:
    """A loss of the user's own: what it sees is what the network returned, and the target as the data have it."""

    def __init__(self, loss: Callable[..., Any], returned: Structure, goal: Structure | None) -> None:
        self._loss, self._returned, self._goal = loss, returned, goal

    def __call__(self, output: Tensor, target: Tensor | None) -> Tensor:
        """A number."""
        found: Tensor = self._loss(*self.show(output, target))
        return found

    def show(self, output: Tensor, target: Tensor | None) -> tuple[Any, Any]:
        """What it sees of rows of outputs and of targets."""
        seen = None if target is None or self._goal is None else self._goal.unpack(target, output.dtype)
        return self._returned.unpack(output), seen


def load_loss(spec: PythonLoss, device: torch.device, dtype: torch.dtype) -> Callable[..., Any]:
    """What the target is: a class called with its arguments, or a function to be called with them.

    Raises:
        UserError: there is none, or it fails.
    """
    made = targets.find(spec.target, "loss.target")
    if isinstance(made, type):
        made = targets.call(made, spec.args, "loss", spec.target)
    elif isinstance(made, nn.Module):
        if spec.args:
            raise UserError("this loss exists already and takes no arguments", key="loss.args", value=spec.target)
    elif callable(made):
        targets.check_call(made, spec.args, "loss", spec.target, None, None)
        return functools.partial(made, **spec.args) if spec.args else made
    if not callable(made):
        raise UserError(
            f"must be a function of output and target, not a {type(made).__name__}", key="loss.target", value=spec.target
        )
    return made.to(device=device, dtype=dtype) if isinstance(made, nn.Module) else made


def count_outputs(loss: str, task: str, classes: int, targets: int) -> int | None:
    """Output units that `loss` needs on data of this kind; None if any number will do.

    Args:
        loss: a key of LOSSES.
        task: see `trainlab.report.Trace.task`.
        classes: number of classes, 0 for regression.
        targets: numbers to predict a sample, for regression.
    """
    if loss == "sum":
        return classes or targets or None
    if task == "regression":
        return targets
    if task == "binary" and loss != "cross_entropy":
        return 1
    return classes


def check_task(target: Tensor | None, *, loss: str, task: str) -> None:
    """Whether a loss that compares classes has some.

    Raises:
        UserError: the target is numbers.
    """
    if task != "regression" or loss not in ("cross_entropy", "bce", "bce_logits") or target is None:
        return
    low, why = float(target.min()), ""
    if low < 0 and bool((target == target.round()).all()):
        why = f": classes are numbers from 0 on, and the target holds {low:g}"
        why += ", which torch leaves out of the loss, as a function of your own may do" * (low == IGNORED)
    raise UserError(f"{loss} needs classes, and these data have numbers to predict{why}", key="loss", value=loss)


def shape_target(target: Tensor | None, *, loss: str, task: str, outputs: int, classes: int, dtype: torch.dtype) -> Tensor | None:
    """The target as `loss` wants it.

    Class numbers `[sample]` (int64) for cross-entropy; otherwise `[sample, output]` numbers: a single 0 or 1 for two classes and
    one output, one-hot rows for more. A target for every step has the steps between: `[sample, step]`, `[sample, step, output]`.

    Raises:
        UserError: loss and data do not go together.
    """
    if loss == "sum":
        return None
    if task == "none" or target is None:
        raise UserError("these data have no target, so only the loss `sum` is possible, or one of your own", key="loss", value=loss)
    check_task(target, loss=loss, task=task)
    if loss == "cross_entropy":
        return target.long()
    if task == "regression":
        return target.to(dtype).reshape(len(target), -1) if target.dim() < 3 else target.to(dtype)
    if outputs == 1:
        if task == "multiclass" and loss in ("bce", "bce_logits"):
            raise UserError(f"one output can tell two classes apart, and these data have {classes}", key="model.outputs", value="1")
        return target.to(dtype).unsqueeze(-1)
    return F.one_hot(target.long(), outputs).to(dtype)
