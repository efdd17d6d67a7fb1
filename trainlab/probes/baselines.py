"""The training loss of the best constant and of the best linear predictor: what any network should beat."""

from __future__ import annotations

import torch
from torch import Tensor

from trainlab.losses import LOSSES
from trainlab.step import Batch, Evaluation


def evaluate(evaluation: Evaluation) -> dict[str, Tensor]:
    """`constant_loss` and `linear_loss` `[run]`: the same number for every run of a stack; NaN where it is not defined.

    The constant is the mean for `mse`, the class shares for the losses of classes. The linear one is least squares for `mse`,
    logistic regression for the losses of classes; of images and sequences it sees all numbers at once. There is none for tokens,
    for targets at every step, and where it has as many weights as samples, so that it would fit anything.
    """
    runs = len(evaluation.flat)
    constant, linear = _baselines(evaluation.train, evaluation.loss)
    return {
        "constant_loss": torch.full((runs,), constant, dtype=torch.float64),
        "linear_loss": torch.full((runs,), linear, dtype=torch.float64),
    }


def _baselines(part: Batch, loss: str) -> tuple[float, float]:
    if part.target is None:
        return torch.nan, torch.nan
    target = part.target.cpu()
    if loss == "mse":
        target = target.double()
        constant = float((target - target.mean(dim=0)).square().mean())
    elif loss in ("bce", "bce_logits") and target.shape[-1] == 1:
        constant = float(LOSSES["bce"](torch.full_like(target, float(target.mean())), target))
    elif loss == "cross_entropy":
        shares = torch.bincount(target.flatten()).double() / target.numel()
        constant = float(-torch.xlogy(shares, shares).sum())
    else:
        return torch.nan, torch.nan
    inputs = part.inputs.cpu().flatten(1)
    every_step = target.dim() > (1 if loss == "cross_entropy" else 2)
    if every_step or not inputs.is_floating_point() or inputs.shape[1] + 1 >= len(inputs):
        return constant, torch.nan
    if loss == "mse":
        return constant, _square_loss(inputs.double(), target)
    return constant, _logistic_loss(inputs.double(), target if loss == "cross_entropy" else target[:, 0])


def _square_loss(inputs: Tensor, target: Tensor) -> float:
    """Mean squared error of the least-squares fit."""
    design = torch.cat([inputs, torch.ones(len(inputs), 1, dtype=torch.float64)], dim=1)
    fitted = design @ torch.linalg.lstsq(design, target, driver="gelsd").solution
    return float((target - fitted).square().mean())


def _logistic_loss(inputs: Tensor, classes: Tensor) -> float:
    """Log loss of scikit-learn's logistic regression, barely regularised, on scaled features."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss

    classes = classes.long()
    if int(classes.min()) == int(classes.max()):
        return 0.0
    spread = inputs.std(dim=0)
    scaled = ((inputs - inputs.mean(dim=0)) / torch.where(spread > 0, spread, 1.0)).numpy()
    model = LogisticRegression(C=1e3, max_iter=200).fit(scaled, classes.numpy())
    return float(log_loss(classes.numpy(), model.predict_proba(scaled), labels=model.classes_))
