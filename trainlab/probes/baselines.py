"""The training loss of the best constant and of the best linear predictor: what any network should beat."""

from __future__ import annotations

import torch
from torch import Tensor

from trainlab.losses import LOSSES
from trainlab.step import Batch, Evaluation


def evaluate(evaluation: Evaluation) -> dict[str, Tensor]:
    """`constant_loss` and `linear_loss` `[run]`: the same number for every run of a stack; NaN where it is not defined.

    The constant is the mean for `mse`, the class shares for the losses of classes. The linear one is least squares for `mse`,
    logistic regression for the losses of classes.
    """
    runs = len(evaluation.flat)
    constant, linear = _baselines(evaluation.train, evaluation.loss)
    return {
        "constant_loss": torch.full((runs,), constant, dtype=torch.float64),
        "linear_loss": torch.full((runs,), linear, dtype=torch.float64),
    }


def _baselines(part: Batch, loss: str) -> tuple[float, float]:
    if part.target is None or part.inputs.dim() != 2:
        return torch.nan, torch.nan
    inputs, target = part.inputs.cpu().double(), part.target.cpu()
    if loss == "mse":
        target = target.double()
        design = torch.cat([inputs, torch.ones(len(inputs), 1, dtype=torch.float64)], dim=1)
        fitted = design @ torch.linalg.lstsq(design, target, driver="gelsd").solution
        return float((target - target.mean(dim=0)).square().mean()), float((target - fitted).square().mean())
    if loss in ("bce", "bce_logits") and target.shape[1] == 1:
        shares = torch.full_like(target, float(target.mean()))
        return float(LOSSES["bce"](shares, target)), _logistic_loss(inputs, target[:, 0])
    if loss == "cross_entropy":
        shares = torch.bincount(target).double() / len(target)
        return float(-torch.xlogy(shares, shares).sum()), _logistic_loss(inputs, target)
    return torch.nan, torch.nan


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
