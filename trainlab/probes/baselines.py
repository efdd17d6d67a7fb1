"""Training loss and accuracy of the best constant and of the best linear predictor: what any network should beat."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import torch
from torch import Tensor

from trainlab.losses import BY_WEIGHT, LOSSES, WeightedLoss, find_weights
from trainlab.probes._classes import decide, read_classes
from trainlab.probes._facts import repeat
from trainlab.step import Batch, Evaluation


def evaluate(evaluation: Evaluation) -> dict[str, Tensor]:
    """The same numbers for every run of a stack; NaN where they are not defined.

    The constant is the mean for `mse`, the class shares for the losses of classes. The linear one is least squares for `mse`,
    logistic regression for the losses of classes; where classes have weights, so have their samples here. Of images and sequences
    it sees all numbers at once. There is none for tokens, for targets at every step, where it has as many weights as samples, so
    that it would fit anything, and where the data hold numbers that are not finite.

    Returns:
        constant_loss, linear_loss: `[run]`.
        constant_accuracy, linear_accuracy: `[run]`: for classes, the share right: of the most frequent class, of the linear
            predictor.
    """
    part = evaluation.train
    constant, linear = _find_losses(part, evaluation.loss, evaluation.task, find_weights(evaluation.judge))
    facts = {"constant_loss": constant.loss, "linear_loss": linear.loss}
    if evaluation.task in ("binary", "multiclass") and part.target is not None:
        facts |= {"constant_accuracy": constant.accuracy, "linear_accuracy": linear.accuracy}
    return repeat(facts, len(evaluation.flat))


class Fit(NamedTuple):
    """How well a predictor does on the data it was fitted to."""

    loss: float = torch.nan
    accuracy: float = torch.nan


def _find_losses(part: Batch, loss: str, task: str, weights: Tensor | None) -> tuple[Fit, Fit]:
    """The constant predictor, and the linear one."""
    if part.target is None or task == "none":
        return Fit(), Fit()
    target = part.target.cpu()
    classes = None if task == "regression" else read_classes(part).cpu()
    shares = None if classes is None else torch.bincount(classes.flatten()).double() / classes.numel()
    right = torch.nan if shares is None else float(shares.max())
    known = None if weights is None or classes is None else weights.cpu().double()
    sizes = None if known is None else known[classes]
    if known is not None and shares is not None:
        shares = shares * known[: len(shares)]
        shares = shares / shares.sum()
    if loss == "mse":
        target = target.double()
        constant = Fit(_square(target - _average(target, sizes), sizes), right)
    elif loss in ("bce", "bce_logits") and target.shape[-1] == 1:
        judge = LOSSES["bce"] if known is None else WeightedLoss(name="bce", weights=known.to(target))
        constant = Fit(float(judge(torch.full_like(target, float(_average(target, sizes))), target)), right)
    elif loss == "cross_entropy" and shares is not None:
        constant = Fit(abs(float(torch.xlogy(shares, shares).sum())), right)  # never -0
    else:
        return Fit(accuracy=right), Fit()
    inputs = part.inputs.cpu().flatten(1)
    every_step = target.dim() > (1 if loss == "cross_entropy" else 2)
    if every_step or not inputs.is_floating_point() or inputs.shape[1] + 1 >= len(inputs):
        return constant, Fit()
    if not bool(torch.isfinite(inputs).all() & torch.isfinite(target).all()):
        return constant, Fit()
    if loss == "mse":
        return constant, _fit_squares(inputs.double(), target, classes, sizes)
    assert classes is not None
    linear = _fit_logistic(inputs.double(), classes, sizes)
    whole = 1.0 if sizes is None or loss in BY_WEIGHT else float(sizes.mean())
    return constant, Fit(whole * linear.loss, linear.accuracy)


def _average(values: Tensor, sizes: Tensor | None) -> Tensor:
    """Mean over the samples, which count by their sizes."""
    if sizes is None:
        return values.mean(dim=0)
    sizes = sizes.reshape(*sizes.shape, *[1] * (values.dim() - sizes.dim()))
    return (values * sizes).sum(dim=0) / sizes.sum(dim=0)


def _square(errors: Tensor, sizes: Tensor | None) -> float:
    """Their mean square."""
    each = errors.square()
    return float(each.mean() if sizes is None else _average(each.flatten(1).mean(dim=1), sizes))


def _fit_squares(inputs: Tensor, target: Tensor, classes: Tensor | None, sizes: Tensor | None) -> Fit:
    """Least squares."""
    design = torch.cat([inputs, torch.ones(len(inputs), 1, dtype=torch.float64)], dim=1)
    scale = torch.ones(1, 1).double() if sizes is None else sizes.sqrt()[:, None]
    fitted = design @ torch.linalg.lstsq(scale * design, scale * target, driver="gelsd").solution
    right = torch.nan if classes is None else float((decide(fitted, "mse") == classes).double().mean())
    return Fit(_square(target - fitted, sizes), right)


def _fit_logistic(inputs: Tensor, classes: Tensor, sizes: Tensor | None) -> Fit:
    """scikit-learn's logistic regression, barely regularised, on scaled features."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss

    if int(classes.min()) == int(classes.max()):
        return Fit(0.0, 1.0)
    spread = inputs.std(dim=0)
    scaled = ((inputs - inputs.mean(dim=0)) / torch.where(spread > 0, spread, 1.0)).numpy()
    counted = None if sizes is None else sizes.numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # close to the best is enough for a yardstick
        model = LogisticRegression(C=1e3, max_iter=200).fit(scaled, classes.numpy(), counted)
    shares = model.predict_proba(scaled)
    right = float((model.classes_[shares.argmax(axis=1)] == classes.numpy()).mean())
    return Fit(float(log_loss(classes.numpy(), shares, sample_weight=counted, labels=model.classes_)), right)
