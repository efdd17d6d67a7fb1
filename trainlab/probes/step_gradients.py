"""How much of the gradient gets back to each time step, `[run, step]`."""

from __future__ import annotations

from torch import Tensor

from trainlab.probes._facts import spread_samples
from trainlab.step import Evaluation

SAMPLES = 128


def evaluate(evaluation: Evaluation) -> dict[str, Tensor]:
    """`step-gradients` on at most 128 training samples, evenly spread; see `Evaluation.step_norms`. Nothing without sequences."""
    norms = evaluation.step_norms(spread_samples(evaluation.train, SAMPLES))
    return {} if norms is None else {"step-gradients": norms}
