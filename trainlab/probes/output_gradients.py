"""How large the gradient is at what the modules put out, before training and where the last gradient was taken."""

from __future__ import annotations

import torch
from torch import Tensor

from trainlab.probes._facts import spread_samples
from trainlab.step import Evaluation

SAMPLES = 512


def evaluate_start(evaluation: Evaluation) -> dict[str, Tensor]:
    """`initial-gradient-square`: what `evaluate` calls `output-gradient-square`, at the initial weights."""
    return {"initial-gradient-square": evaluate(evaluation)["output-gradient-square"]}


def evaluate(evaluation: Evaluation) -> dict[str, Tensor]:
    """`output-gradient-square`: `[run, module]`, on at most 512 training samples, evenly spread; see `Evaluation.output_gradients`.

    The mean square, over samples and units, of the gradient of the mean loss with respect to the output: what the mean square of
    the outputs is on the way forward. NaN for a module that the network does not call, or that puts out no tensor of numbers.
    """
    batch = spread_samples(evaluation.train, SAMPLES)
    rows = [[_average(gradients.get(name)) for name in evaluation.kinds] for gradients in evaluation.output_gradients(batch)]
    return {"output-gradient-square": torch.tensor(rows, dtype=torch.float64)}


def _average(gradient: Tensor | None) -> float:
    return float("nan") if gradient is None else float(gradient.cpu().double().square().mean())
