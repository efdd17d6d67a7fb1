"""What a network with dropout says when dropout stays on: the mean of many passes, and how far they lie apart."""

from __future__ import annotations

import torch
from torch import Tensor

from trainlab.numerics import to_double
from trainlab.probes._classes import find_shares, fit_samples, read_classes
from trainlab.step import Evaluation

PASSES = 50
DROPS = {"Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout"}


def evaluate(evaluation: Evaluation) -> dict[str, Tensor]:
    """MC dropout (Gal & Ghahramani, 2016) on the test part; nothing without dropout, or without a test part with a target.

    Of targets at every step nothing either.

    Returns:
        mc_passes: `[run]`: how many.
        mc_test_accuracy: `[run]`: of the class with the highest mean share; for numbers mc_test_r2, of the mean.
        mc-correct: `[run, sample]`, 1 where that class is right; for numbers mc-fit, see `test-fit` of the probe `accuracy`.
        mc-sure: `[run, sample]`: mean share of the class that the network at rest chooses; for classes.
        rest-sure: `[run, sample]`: its share in one pass without dropout.
        mc-spread: `[run, sample]`: standard deviation over the passes of that share, or of the number (the first of several).
    """
    part = evaluation.test
    if not DROPS & set(evaluation.kinds.values()) or part is None or part.target is None:
        return {}
    still = evaluation.predict(part)
    if still.dim() != 3:
        return {}
    numbers = evaluation.task == "regression"
    at_rest = to_double(still) if numbers else find_shares(still, evaluation.loss)
    chosen = torch.zeros_like(at_rest[..., :1]).long() if numbers else at_rest.argmax(dim=2, keepdim=True)
    total, seen = torch.zeros_like(at_rest), []
    for number in range(PASSES):
        output = evaluation.predict(part, stochastic=number)
        told = to_double(output) if numbers else find_shares(output, evaluation.loss)
        total += told
        seen.append(told.gather(2, chosen)[..., 0])
    mean, spread = total / PASSES, torch.stack(seen).std(dim=0)
    passes = torch.full((len(evaluation.flat),), float(PASSES))
    if numbers:
        fit = fit_samples(mean, part.target)
        return {"mc_passes": passes, "mc_test_r2": fit.mean(dim=1), "mc-fit": fit, "mc-spread": spread}
    right = (mean.argmax(dim=2) == read_classes(part)).double()
    return {
        "mc_passes": passes,
        "mc_test_accuracy": right.mean(dim=1),
        "mc-correct": right,
        "mc-sure": mean.gather(2, chosen)[..., 0],
        "rest-sure": at_rest.gather(2, chosen)[..., 0],
        "mc-spread": spread,
    }
