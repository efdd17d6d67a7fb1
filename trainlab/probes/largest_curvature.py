"""How sharp the place is where a run has stopped: the largest eigenvalue of the Hessian alone, in less time than `curvature`."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from trainlab.probes._lanczos import find_ends
from trainlab.probes._spectrum import FEWEST, ROOM, USUAL, WHOLE, find_spectrum
from trainlab.step import Evaluation, Objective

TOLERANCE = 1e-3  # of the eigenvalue: the seeds of a run differ by far more
MOST = 100  # products with the Hessian


def evaluate(evaluation: Evaluation) -> dict[str, Tensor]:
    """`sharpness`: `[run]`, of the loss that was minimised, on the training part; see `trainlab.step.Objective`."""
    found = [_measure(evaluation.objective(run)) for run in range(len(evaluation.flat))]
    return {"sharpness": torch.tensor(found, dtype=torch.float64)}


def _measure(objective: Objective) -> float:
    size = len(objective.at)
    if not torch.isfinite(objective.at).all():
        return math.nan
    if size <= WHOLE:
        return find_spectrum(objective).highest
    start = torch.randn(size, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(objective.at)
    room = max(FEWEST, min(USUAL, ROOM // size))
    return float(find_ends(objective.curve, start, tolerance=TOLERANCE, most=MOST, room=room).values[-1])
