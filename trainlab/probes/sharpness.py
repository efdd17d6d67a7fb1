"""What the loss does when the weights are moved by a given length, at random, or by an adversary."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from trainlab.numerics import norm_rows
from trainlab.probes._facts import time_call, visit
from trainlab.probes._spectrum import find_size, find_spectrum, is_defined
from trainlab.step import Evaluation, Objective

RADIUS = 0.05
DRAWS = 16
CLIMBS = 10
NAMES = ("sharp_radius", "sharp_random", "sharp_worst", "sharp_adversarial")


def evaluate(evaluation: Evaluation, number: float = RADIUS) -> dict[str, Tensor]:
    """On a sphere around the point.

    Args:
        evaluation: the end.
        number: its radius, as a share of the norm of the weights.

    Returns:
        sharp_radius: `[run]`: the radius itself.
        sharp_random: `[run]`: mean loss in random directions; sharp_worst: the highest of them.
        sharp_adversarial: `[run]`: the highest loss that climbing along the gradient finds, starting also from the direction of the
            highest curvature (Foret et al., 2021, take one such step).
    """
    return visit(evaluation, lambda objective: _measure(objective, number))


def forecast(evaluation: Evaluation) -> tuple[float, int]:
    """What is drawn, and what is climbed; the curvatures are known by then."""
    objective = evaluation.objective(0)
    seen, felt = time_call(lambda: objective.measure(objective.at)), time_call(lambda: objective.differentiate(objective.at))
    climbs = 3 * CLIMBS
    return (DRAWS + climbs) * seen + (climbs + 1) * felt, 0


def _measure(objective: Objective, radius: float) -> dict[str, Tensor]:
    if not is_defined(objective):
        return {name: torch.tensor(math.nan, dtype=torch.float64) for name in NAMES}
    length = radius * find_size(objective.at)
    drawn = torch.randn(DRAWS, len(objective.at), generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(objective.at)
    losses = [objective.measure(objective.at + length * each / each.norm()) for each in drawn]
    high = find_spectrum(objective).high
    starts = (objective.differentiate(objective.at), high, -high)
    climbed = [_climb(objective, start, length) for start in starts]
    found = (length, sum(losses) / DRAWS, max(losses), max([*climbed, *losses]))
    return {name: torch.tensor(value, dtype=torch.float64) for name, value in zip(NAMES, found, strict=True)}


def _climb(objective: Objective, direction: Tensor, length: float) -> float:
    """The highest loss on the way: from each place on the sphere on to where the gradient there points."""
    highest = -math.inf
    for _ in range(CLIMBS):
        norm = float(norm_rows(direction[None])[0])
        if not norm or not math.isfinite(norm):
            break
        place = objective.at + length / norm * direction
        highest = max(highest, objective.measure(place))
        direction = objective.differentiate(place)
    return highest
