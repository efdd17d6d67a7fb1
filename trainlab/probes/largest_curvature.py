"""How sharp the place is where a run has stopped: the largest eigenvalue of the Hessian alone, in less time than `curvature`."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from trainlab.probes._facts import visit
from trainlab.probes._spectrum import WHOLE, find_spectrum, forecast_ends, forecast_spectrum, is_defined, search_ends
from trainlab.step import Evaluation, Objective

TOLERANCE = 1e-3  # of the eigenvalue: the seeds of a run differ by far more
MOST = 100  # products with the Hessian


def evaluate(evaluation: Evaluation) -> dict[str, Tensor]:
    """`sharpness`: `[run]`, of the loss that was minimised, on the training part; see `trainlab.step.Objective`."""
    return visit(evaluation, lambda objective: {"sharpness": torch.tensor(_measure(objective), dtype=torch.float64)})


def forecast(evaluation: Evaluation) -> tuple[float, int]:
    """Of the spectrum, or of its ends alone."""
    objective = evaluation.objective(0)
    return forecast_spectrum(objective) if len(objective.at) <= WHOLE else forecast_ends(objective, MOST)


def _measure(objective: Objective) -> float:
    if not is_defined(objective):
        return math.nan
    if len(objective.at) <= WHOLE:
        return find_spectrum(objective).highest
    return float(search_ends(objective, tolerance=TOLERANCE, most=MOST).values[-1])
