"""Training loss and accuracy of the best constant and of the best linear predictor: what any network should beat."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import torch
from torch import Tensor

from trainlab.losses import LOSSES
from trainlab.probes._classes import decide, read_classes
from trainlab.probes._facts import repeat
from trainlab.step import Batch, Evaluation


def evaluate(evaluation: Evaluation) -> dict[str, Tensor]:
    """The same numbers for every run of a stack; NaN where they are not defined.

    The constant is the mean for `mse`, the class shares for the losses of classes. The linear one is least squares for `mse`,
    logistic regression for the losses of classes; of images and sequences it sees all numbers at once. There is none for tokens,
    for targets at every step, where it has as many weights as samples, so that it would fit anything, and where the data hold
    numbers that are not finite.

    Returns:
        constant_loss, linear_loss: `[run]`.
        constant_accuracy, linear_accuracy: `[run]`: for classes, the share right: of the most frequent class, of the linear
            predictor.
    """
    part = evaluation.train
    constant, linear = _find_losses(part, evaluation.loss, evaluation.task)
    facts = {"constant_loss": constant.loss, "linear_loss": linear.loss}
    if evaluation.task in ("binary", "multiclass") and part.target is not None:
        facts |= {"constant_accuracy": constant.accuracy, "linear_accuracy": linear.accuracy}
    return repeat(facts, len(evaluation.flat))


class Fit(NamedTuple):
    """How well a predictor does on the data it was fitted to."""

    loss: float = torch.nan
    accuracy: float = torch.nan


def _find_losses(part: Batch, loss: str, task: str) -> tuple[Fit, Fit]:
    """The constant predictor, and the linear one."""
    if part.target is None or task == "none":
        return Fit(), Fit()
    target = part.target.cpu()
    classes = None if task == "regression" else read_classes(part).cpu()
    shares = None if classes is None else torch.bincount(classes.flatten()).double() / classes.numel()
    right = torch.nan if shares is None else float(shares.max())
    if loss == "mse":
        target = target.double()
        constant = Fit(float((target - target.mean(dim=0)).square().mean()), right)
    elif loss in ("bce", "bce_logits") and target.shape[-1] == 1:
        constant = Fit(float(LOSSES["bce"](torch.full_like(target, float(target.mean())), target)), right)
    elif loss == "cross_entropy" and shares is not None:
        constant = Fit(float(-torch.xlogy(shares, shares).sum()), right)
    else:
        return Fit(accuracy=right), Fit()
    inputs = part.inputs.cpu().flatten(1)
    every_step = target.dim() > (1 if loss == "cross_entropy" else 2)
    if every_step or not inputs.is_floating_point() or inputs.shape[1] + 1 >= len(inputs):
        return constant, Fit()
    if not bool(torch.isfinite(inputs).all() & torch.isfinite(target).all()):
        return constant, Fit()
    if loss == "mse":
        return constant, _fit_squares(inputs.double(), target, classes)
    assert classes is not None
    return constant, _fit_logistic(inputs.double(), classes)


def _fit_squares(inputs: Tensor, target: Tensor, classes: Tensor | None) -> Fit:
    """Least squares."""
    design = torch.cat([inputs, torch.ones(len(inputs), 1, dtype=torch.float64)], dim=1)
    fitted = design @ torch.linalg.lstsq(design, target, driver="gelsd").solution
    right = torch.nan if classes is None else float((decide(fitted, "mse") == classes).double().mean())
    return Fit(float((target - fitted).square().mean()), right)


def _fit_logistic(inputs: Tensor, classes: Tensor) -> Fit:
    """scikit-learn's logistic regression, barely regularised, on scaled features."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss

    if int(classes.min()) == int(classes.max()):
        return Fit(0.0, 1.0)
    spread = inputs.std(dim=0)
    scaled = ((inputs - inputs.mean(dim=0)) / torch.where(spread > 0, spread, 1.0)).numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # close to the best is enough for a yardstick
        model = LogisticRegression(C=1e3, max_iter=200).fit(scaled, classes.numpy())
    shares = model.predict_proba(scaled)
    right = float((model.classes_[shares.argmax(axis=1)] == classes.numpy()).mean())
    return Fit(float(log_loss(classes.numpy(), shares, labels=model.classes_)), right)
