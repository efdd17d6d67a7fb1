"""What the loss does along the direction of the lowest curvature: at a saddle, the way out."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from trainlab.probes._facts import visit
from trainlab.probes._spectrum import find_scale, find_size, find_spectrum, find_step, is_defined
from trainlab.step import Evaluation, Objective

SIZES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Steps, in units of the one that would change the loss by all of itself if the curvature stayed as it is."""

SHORTER = 3  # times a tenth of them is tried, where the loss rises at once: a way down may be narrow
FURTHEST = 10.0  # of that unit, in sizes of the weights
FEW = 16  # weights of which each is told


def evaluate(evaluation: Evaluation) -> dict[str, Tensor]:
    """Along the unit eigenvector of the lowest eigenvalue, turned the way that leads lower.

    Returns:
        escape_loss: `[run]`: the lowest loss of the steps tried; escape_step: the step that leads there.
        escape_slope: `[run]`: of the loss along that direction at the point itself.
        escape-steps: `[run, step]`; escape-loss: the loss there; escape-back: after as large a step the other way.
        escape-shares: `[run, parameter]`: of the squared length of the direction.
        escape-direction: `[run, weight]`: the direction itself; for networks of few weights.
    """
    return visit(evaluation, lambda objective: _measure(objective, evaluation.layout.sizes))


def _measure(objective: Objective, sizes: tuple[int, ...]) -> dict[str, Tensor]:
    if not is_defined(objective):
        return {"escape_loss": torch.tensor(math.nan, dtype=torch.float64)}
    spectrum = find_spectrum(objective)
    direction = spectrum.low
    unit = _round(find_step(find_scale(objective), spectrum.lowest, FURTHEST * find_size(objective.at)))
    steps, ahead, behind = _walk(objective, direction, unit)
    here = objective.measure(objective.at)
    for shorter in range(1, SHORTER + 1):
        if min(*ahead, *behind) < here:
            break
        steps, ahead, behind = _walk(objective, direction, unit / 10**shorter)
    lower, other = min(ahead), min(behind)
    is_tie = math.isclose(lower, other, rel_tol=1e-6)
    if direction[direction.abs().argmax()] < 0 if is_tie else not lower <= other:
        direction, ahead, behind = -direction, behind, ahead
    best = min(range(len(steps)), key=lambda at: ahead[at] if math.isfinite(ahead[at]) else math.inf)
    slope = float(objective.differentiate(objective.at) @ direction)
    shares = torch.stack([each.square().sum() for each in torch.split(direction, list(sizes))])
    found = {
        "escape_loss": torch.tensor(ahead[best], dtype=torch.float64),
        "escape_step": torch.tensor(steps[best], dtype=torch.float64),
        "escape_slope": torch.tensor(slope, dtype=torch.float64),
        "escape-steps": torch.tensor(steps, dtype=torch.float64),
        "escape-loss": torch.tensor(ahead, dtype=torch.float64),
        "escape-back": torch.tensor(behind, dtype=torch.float64),
        "escape-shares": shares,
    }
    return found | ({"escape-direction": direction} if len(direction) <= FEW else {})


def _walk(objective: Objective, direction: Tensor, unit: float) -> tuple[list[float], list[float], list[float]]:
    """Steps, and the losses there, one way and the other."""
    steps = [float(f"{size * unit:.6g}") for size in SIZES]
    ahead, behind = ([objective.measure(objective.at + sign * step * direction) for step in steps] for sign in (1, -1))
    return steps, ahead, behind


def _round(step: float) -> float:
    """The nearest of 1, 2 and 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return float(f"{min((1, 2, 5, 10), key=lambda digit: abs(math.log(step / power / digit))) * power:.6g}")
