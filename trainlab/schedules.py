"""Learning-rate schedules: the factor on the rate at each update."""

from __future__ import annotations

from trainlab.config.training import Schedule


def factor(schedule: Schedule, *, update: int, epoch: int) -> float:  # noqa: ARG001  # each schedule reads the clock it needs
    """What the rate is multiplied with at `update` of `epoch`, both counted from 0."""
    return 1.0
